"""Decision-based attacks on an ONNX model: the same verdicts as on the torch module it came from."""

from __future__ import annotations

import numpy as np
import pytest

from casemate.targets import OnnxClassifier, TorchClassifier
from casemate.threats.evasion.decisions.attacks import HopSkipJump, NormalSearch
from tests.targets.test_onnx import exported, session
from tests.threats.evasion.networks import digits


@pytest.mark.parametrize("attack", [NormalSearch((200, 400)), HopSkipJump((200, 400))])
def test_onnx_and_torch_give_the_same_verdicts(attack) -> None:
    scene = digits()
    onnx, torch = (
        attack.evaluate(target, scene.x[:30], scene.y[:30])
        for target in (OnnxClassifier(session(exported(scene.module)), 10), TorchClassifier(scene.module, 10))
    )
    assert (onnx.correct == torch.correct).all()
    assert (np.isfinite(onnx.distance) == np.isfinite(torch.distance)).all()
    assert np.isclose(onnx.distance, torch.distance, rtol=0.02).mean() >= 0.7  # roundings send some walks elsewhere
    assert onnx.median == pytest.approx(torch.median, rel=0.1)
