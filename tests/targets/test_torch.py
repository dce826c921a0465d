"""Torch modules as targets."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from casemate.core.errors import MissingPartError, TargetError
from casemate.targets.torch import torch_classifier

ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(10, 4)), columns=list("abcd"))


@pytest.fixture
def module() -> Any:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3))


@pytest.mark.torch
def test_scores_are_the_modules_softmax_in_evaluation_mode(module: Any) -> None:
    torch = pytest.importorskip("torch")
    target = torch_classifier(module, ["a", "b", "c"], batch=3)
    scores = target.scores(ROWS)
    assert module.training  # as it was
    module.eval()
    with torch.no_grad():
        logits = module(torch.tensor(ROWS.to_numpy(), dtype=torch.float32))
    np.testing.assert_allclose(scores, torch.softmax(logits, 1).numpy(), atol=1e-6)
    assert target.labels(ROWS).tolist() == logits.argmax(1).tolist()
    assert target.meter.used == 2 * len(ROWS)
    assert target.model is module


@pytest.mark.torch
def test_inputs_normalize_for_everyone(module: Any) -> None:
    images = torch_classifier(module, ["a", "b", "c"], inputs=lambda rows: rows.to_numpy() * 2)
    plain = torch_classifier(module, ["a", "b", "c"])
    np.testing.assert_allclose(images.scores(ROWS), plain.scores(ROWS * 2), atol=1e-6)


@pytest.mark.torch
def test_a_module_that_raises_is_a_target_error(module: Any) -> None:
    with pytest.raises(TargetError, match="RuntimeError"):
        torch_classifier(module, ["a", "b", "c"]).scores(ROWS[["a", "b"]])


@pytest.mark.torch
def test_only_modules() -> None:
    pytest.importorskip("torch")
    with pytest.raises(TargetError, match="not a torch module"):
        torch_classifier(lambda rows: rows, ["a", "b"])


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingPartError, match=r"casemate\[torch\]"):
        torch_classifier(object(), ["a", "b"])
