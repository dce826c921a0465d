"""ONNX models as targets: the same verdicts as the torch module they came from."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from casemate.core.errors import TargetError
from casemate.custody import load
from casemate.targets import OnnxClassifier, TorchClassifier
from casemate.threats.evasion import PGD, Linf, Square
from tests.threats.evasion.networks import digits


def exported(module: nn.Sequential, *, inputs: int = 1) -> bytes:
    """The digits network, operator by operator."""
    weights = {name: numpy_helper.from_array(value.numpy(), name) for name, value in module.state_dict().items()}
    nodes = [
        helper.make_node("Conv", ["x", "0.weight", "0.bias"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("Gemm", ["c", "3.weight", "3.bias"], ["d"], transB=1),
        helper.make_node("Relu", ["d"], ["e"]),
        helper.make_node("Gemm", ["e", "5.weight", "5.bias"], ["logits"], transB=1),
    ]
    given = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, 8, 8]) for name in ("x", "unused")[:inputs]
    ]
    answer = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 10])]
    graph = helper.make_graph(nodes, "digits", given, answer, list(weights.values()))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def session(model: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def test_square_gives_the_same_verdicts_as_on_the_module() -> None:
    scene = digits()
    module = TorchClassifier(scene.module, 10)
    model = OnnxClassifier(session(exported(scene.module)), 10)
    torch.testing.assert_close(model.logits(scene.x), module.logits(scene.x), atol=1e-4, rtol=1e-4)
    attack = Square(Linf(0.08), queries=200)
    first, other = (attack.evaluate(each, scene.x[:100], scene.y[:100]) for each in (module, model))
    assert torch.equal(first.broken, other.broken)
    assert other.forwards > 0
    assert other.gradients == 0


def test_gradients_are_refused_with_a_way_out() -> None:
    scene = digits()
    with pytest.raises(TargetError, match="has no gradients") as caught:
        PGD(Linf(0.1)).evaluate(OnnxClassifier(session(exported(scene.module)), 10), scene.x[:5], scene.y[:5])
    assert "Square" in caught.value.next_step


def test_models_that_cannot_be_used_are_named() -> None:
    model = session(exported(digits().module))
    with pytest.raises(TargetError, match="bytes is no inference session"):
        OnnxClassifier(b"\x08\x08", 10)
    with pytest.raises(TargetError, match="2 inputs"):
        OnnxClassifier(session(exported(digits().module, inputs=2)), 10)
    with pytest.raises(TargetError, match="answered"):
        OnnxClassifier(model, 3).logits(digits().x[:2])
    with pytest.raises(TargetError, match="refused inputs"):
        OnnxClassifier(model, 10).logits(torch.rand(2, 3, 8, 8))


def test_a_model_that_the_guard_loaded_is_attacked(tmp_path: Path) -> None:
    scene = digits()
    (tmp_path / "model.onnx").write_bytes(exported(scene.module))
    target = OnnxClassifier(load(tmp_path / "model.onnx").model, 10)
    assert bool(Square(Linf(0.2), queries=50).evaluate(target, scene.x[:20], scene.y[:20]).broken.any())
