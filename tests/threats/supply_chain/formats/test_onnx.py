"""ONNX: real models are clean, and every way out of the graph or of the folder is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.networks import assert_clean, assert_found, field, message, scan

FLOAT = TensorProto.FLOAT
REAL = sorted(Path(onnx.__file__).parent.rglob("backend/test/data/**/*.onnx"))


def model(nodes: list[Any] | None = None, **options: Any) -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    functions = options.pop("functions", [])
    initializers = options.pop("initializer", [numpy_helper.from_array(np.ones((2, 3), np.float32), "w")])
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])] if nodes is None else nodes
    graph = helper.make_graph(nodes, "g", [value("x", FLOAT, [2, 3])], [value("y", FLOAT, [2, 3])], initializers)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], functions=functions)
    for key, each in options.items():
        helper.set_model_props(made, {key: each})
    return made


def external(location: str, *, dims: tuple[int, ...] = (2, 3), **entries: str) -> onnx.TensorProto:
    tensor = TensorProto(name="w", data_type=FLOAT, dims=dims, data_location=TensorProto.EXTERNAL)
    for key, value in ({"location": location} | entries).items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def outside(location: str, **entries: str) -> bytes:
    return bytes(model(initializer=[external(location, **entries)]).SerializeToString())


@pytest.mark.parametrize("path", REAL[:: max(1, len(REAL) // 40)], ids=lambda path: path.parent.name + path.name)
def test_models_of_onnx_itself_are_clean(path: Path) -> None:
    found = assert_clean(path.read_bytes(), "onnx")
    assert found.about["operators"]


def test_a_tensor_of_its_own_is_clean_and_must_fit_its_shape() -> None:
    tensor = numpy_helper.from_array(np.arange(6, dtype=np.int64).reshape(2, 3), "t")
    assert_clean(tensor.SerializeToString(), "onnx-tensor")
    tensor.raw_data = tensor.raw_data + b"payload."
    assert_found(tensor.SerializeToString(), "onnx.tensor")


def test_external_data_in_the_folder_is_claimed() -> None:
    found = assert_clean(outside("weights.bin", offset="4096", length="24"), "onnx")
    assert [(each.path, each.at, each.count) for each in found.claims] == [("weights.bin", 4096, 24)]


PATHS = (
    "../../../etc/passwd", "/etc/passwd", "..\\..\\windows\\win.ini", "C:\\secrets", "file:///etc/passwd",
    "https://evil.example/w", "%2e%2e/%2e%2e/etc/passwd", "%252e%252e%252fetc/passwd", "a/../../b", "w.bin\0.png", "",
    "~/.ssh/id_rsa", "weights/..", " ",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_external_data_outside_the_folder_is_malicious(path: str) -> None:
    assert_found(outside(path, length="24"), "onnx.path", Verdict.MALICIOUS)


def test_external_data_hidden_in_an_attribute_of_a_subgraph_is_found() -> None:
    inner = helper.make_node("Constant", [], ["c"], value=external("../x"))
    branch = helper.make_graph([inner], "b", [], [helper.make_tensor_value_info("c", FLOAT, [2, 3])])
    node = helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    assert_found(model([node]).SerializeToString(), "onnx.path", Verdict.MALICIOUS)


@pytest.mark.parametrize(
    "entries",
    [{"length": "23"}, {"length": "1e3"}, {"offset": "-8", "length": "24"}, {"length": "24", "mode": "w"},
     {"length": "9" * 30}, {"offset": " 4", "length": "24"}],
)  # fmt: skip
def test_external_data_that_does_not_fit_is_found(entries: dict[str, str]) -> None:
    assert_found(outside("w.bin", **entries), "onnx.external")


def test_external_data_that_overlap_or_repeat_a_key_are_found() -> None:
    first, second = external("w", offset="0", length="24"), external("w", offset="8", length="24")
    second.name = "v"
    assert_found(model(initializer=[first, second]).SerializeToString(), "onnx.external")
    same = external("w", offset="0", length="24")
    assert_clean(model(initializer=[first, same]).SerializeToString(), "onnx")
    first.external_data.add(key="location", value="other")
    assert_found(model(initializer=[first]).SerializeToString(), "onnx.external")


def function(domain: str, name: str, *calls: tuple[str, str]) -> onnx.FunctionProto:
    nodes = [helper.make_node(each, ["a"], ["b"], domain=at) for at, each in calls]
    return helper.make_function(domain, name, ["a"], ["b"], nodes, [helper.make_opsetid("", 20)])


NODE = helper.make_node
ATTACKS: dict[str, tuple[Callable[[], Any], str]] = {
    "custom domain": (lambda: model([NODE("Run", ["x"], ["y"], domain="evil.ops")]), "onnx.operator"),
    "custom operator in a known domain": (lambda: model([NODE("Exec", ["x"], ["y"])]), "onnx.operator"),
    "python operator": (lambda: model([NODE("PythonOp", ["x"], ["y"], domain="com.microsoft")]), "onnx.code"),
    "python of the extensions": (lambda: model([NODE("PyOp", ["x"], ["y"], domain="ai.onnx.contrib")]), "onnx.code"),
    "any aten function": (lambda: model([NODE("ATen", ["x"], ["y"], domain="org.pytorch.aten")]), "onnx.code"),
    "compiled context": (lambda: model([NODE("EPContext", [], ["y"], domain="com.microsoft")]), "onnx.context"),
    "function over an operator": (lambda: model(functions=[function("", "Relu", ("", "Exp"))]), "onnx.shadow"),
    "custom operator in a function": (
        lambda: model([NODE("F", ["x"], ["y"], domain="me")], functions=[function("me", "F", ("evil", "Run"))]),
        "onnx.operator",
    ),
    "functions that call each other": (
        lambda: model(functions=[function("me", "F", ("me", "G")), function("me", "G", ("me", "F"))]),
        "onnx.recursion",
    ),
    "runtime settings": (lambda: model(ort_config='{"session_options": {}}'), "onnx.configures"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_found(name: str) -> None:
    build, fact = ATTACKS[name]
    assert_found(build().SerializeToString(), fact)
    assert scan(build().SerializeToString(), deny=False).verdict is not Verdict.CLEAN


def test_a_function_of_the_model_is_judged_by_its_body() -> None:
    made = model([NODE("F", ["x"], ["y"], domain="me")], functions=[function("me", "F", ("", "Relu"))])
    assert_clean(made.SerializeToString(), "onnx")


def test_a_tensor_or_attribute_that_says_two_things_is_found() -> None:
    made = model()
    made.graph.initializer[0].float_data.extend([1.0] * 6)
    assert_found(made.SerializeToString(), "onnx.tensor")
    node = NODE("Cast", ["x"], ["y"], to=1)
    node.attribute[0].s = b"two"
    assert_found(model([node]).SerializeToString(), "onnx.attribute")
    twice = model()
    twice.opset_import.add(domain="", version=7)
    assert_found(twice.SerializeToString(), "onnx.opset")
    again = model().SerializeToString()
    assert_found(
        again + message((7, bytes(model([NODE("Exec", ["x"], ["y"])]).graph.SerializeToString()))), "onnx.operator"
    )


def test_a_graph_for_training_is_told_and_judged() -> None:
    made = model()
    made.training_info.add().algorithm.CopyFrom(model([NODE("Run", ["x"], ["y"], domain="evil")]).graph)
    assert_found(made.SerializeToString(), "onnx.operator")


def test_fields_that_onnx_does_not_have_are_not_covered() -> None:
    data = model().SerializeToString()
    for extra in (message((200, b"payload")), message((19, 7)), b"\x9b\x06\x0a\x02hi\x9c\x06"):
        found = scan(data + extra)
        assert found.verdict is Verdict.UNREADABLE
        assert found.covered == len(data)
    for cut in range(9, len(data), 7):
        assert scan(data[:cut]).verdict is not Verdict.CLEAN, cut


def test_the_encoder_of_these_tests_agrees_with_protobuf() -> None:
    assert field(1, "ab") == onnx.OperatorSetIdProto(domain="ab").SerializeToString()
    assert field(2, -1) == onnx.OperatorSetIdProto(version=-1).SerializeToString()
