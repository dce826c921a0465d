"""Networks from weights and code: built, carried to other processes, and refused with a reason."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from casemate.core.errors import TargetError, UsageError
from casemate.targets.network import Network, NetworkBackend, network_classifier, weights_of

CODE = """\
import torch

class Own(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(6, 3)

    def forward(self, inputs):
        return self.layer(inputs.flatten(1))

def build():
    return Own()

def number():
    return 3

def broken():
    raise RuntimeError("no such luck")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "network.py").write_text(CODE)
    return tmp_path


def weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "layer.weight": rng.normal(size=(3, 6)).astype(np.float32),
        "layer.bias": rng.normal(size=3).astype(np.float32),
    }


def test_rows_are_answered_as_the_tensors_they_are(folder: Path) -> None:
    target = network_classifier(Network.named("network.py:build", folder), weights(), ("a", "b", "c"), (1, 2, 3))
    rows = pd.DataFrame(np.random.default_rng(1).random((5, 6)))
    logits = rows.to_numpy(dtype=np.float32) @ weights()["layer.weight"].T + weights()["layer.bias"]
    assert target.labels(rows).tolist() == logits.argmax(1).tolist()
    shifted = np.log(target.scores(rows)) - logits  # by one number a row
    assert np.allclose(shifted, shifted[:, :1], atol=1e-5)
    assert target.meter.used == 5 * 2


def test_it_travels_to_another_process_though_its_class_lies_in_a_file(folder: Path) -> None:
    backend = network_classifier(Network.named("network.py:build", folder), weights(), ("a", "b", "c"), (6,)).backend
    again = copy.deepcopy(backend)  # asks it for what another process would get
    assert isinstance(again, NetworkBackend)
    assert again.shape == (6,)
    rows = pd.DataFrame(np.random.default_rng(1).random((5, 6)))
    assert np.array_equal(again.logits(rows), backend.logits(rows))


def test_a_trained_one_keeps_its_code(folder: Path) -> None:
    backend = network_classifier(Network.named("network.py:build", folder), weights(), ("a", "b", "c"), (6,)).backend
    assert isinstance(backend, NetworkBackend)
    with torch.no_grad():
        backend.model.layer.bias += 1
    made = backend.trained(backend.model)
    assert made.network == backend.network
    assert np.array_equal(weights_of(made.model)["layer.bias"], weights()["layer.bias"] + 1)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("network.py:number", "returned int"),
        ("network.py:broken", "raised RuntimeError"),
        ("network.py:missing", "raised AttributeError"),
    ],
)
def test_code_that_makes_no_network_is_said(folder: Path, name: str, says: str) -> None:
    with pytest.raises(TargetError, match=says):
        Network.named(name, folder).build(weights())


def test_weights_of_another_network_are_said(folder: Path) -> None:
    with pytest.raises(TargetError, match="weights are not those of"):
        Network.named("network.py:build", folder).build({"layer.weight": np.zeros((3, 5), dtype=np.float32)})


@pytest.mark.parametrize("text", ["network.py", "gone.py:build", "network.py:1x", ":build"])
def test_a_name_that_names_nothing_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(UsageError, match="names no function"):
        Network.named(text, folder)
