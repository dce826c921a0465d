"""The last layers alone: better at equal epsilon when the others have learned from public data, and all as before."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from casemate.core.errors import TargetError, UsageError
from casemate.privacy.dp import PrivacyWarning, PrivateTraining
from casemate.privacy.dp.sgd.tuning import only_last
from casemate.stats.paired import paired_difference

TRAINING = PrivateTraining(epsilon=1.0, delta=1e-4, epochs=20, batch=200)
SMALL = PrivateTraining(epsilon=4.0, delta=1e-3, epochs=1, batch=40, layers=1)


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 5),
    )


def pretrained(x: torch.Tensor, y: torch.Tensor) -> nn.Sequential:
    """Without privacy, on what is public."""
    module = network()
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
    for _ in range(10):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()
            optimizer.step()
    return module


def test_digits_five_to_nine_after_zero_to_four_in_public() -> None:
    found = load_digits()
    x, y = torch.tensor(found.data / 16, dtype=torch.float32), torch.tensor(found.target)
    torch.manual_seed(0)
    tuned, scratch = pretrained(x[y < 5], y[y < 5]), network()
    tuned[-1] = nn.Linear(512, 5)
    x, y = x[y > 4], y[y > 4] - 5
    rows = torch.randperm(len(x))
    train, test = rows[:600], rows[600:]
    first = tuned[1].weight.clone()
    with warnings.catch_warnings(action="ignore", category=PrivacyWarning):
        one = replace(TRAINING, layers=1, seed=0).fit(tuned, x[train], y[train])
        other = replace(TRAINING, seed=0).fit(scratch, x[train], y[train])
    assert one.certificate.epsilon == other.certificate.epsilon
    assert (one.certificate.settings["layers"], other.certificate.settings["layers"]) == (1, "all")
    assert torch.equal(tuned[1].weight, first)
    with torch.no_grad():
        right = [(each(x[test]).argmax(1) == y[test]).numpy() for each in (scratch, tuned)]
    scratch_only, tuned_only = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    assert paired_difference(scratch_only, tuned_only, len(test)).low > 0
    assert right[1].mean() > 0.7


def test_what_was_trained_before_is_trained_afterwards_even_after_an_error() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 2))
    module[2].bias.requires_grad_(False)
    before = [each.requires_grad for each in module.parameters()]
    saw = []
    module[2].register_forward_hook(lambda *given: saw.append(given[2].requires_grad))
    old = copy.deepcopy(module.state_dict())
    SMALL.fit(module, torch.rand(80, 3), torch.arange(80) % 2)
    assert set(saw) == {False}  # the frozen part goes forward without gradients
    changed = {name for name, each in module.state_dict().items() if not torch.equal(each, old[name])}
    assert changed == {"3.weight", "3.bias"}
    assert [each.requires_grad for each in module.parameters()] == before
    with pytest.raises(TargetError, match="shapes"):
        SMALL.fit(module, torch.rand(80, 7), torch.arange(80) % 2)
    assert [each.requires_grad for each in module.parameters()] == before


def test_as_many_layers_as_there_are() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    for layers, names in ((1, {"2"}), (2, {"1", "2"}), (3, {"0", "1", "2"}), (None, {"0", "1", "2"})):
        with only_last(module, layers):
            assert {name[0] for name, each in module.named_parameters() if each.requires_grad} == names
    with pytest.raises(UsageError, match="4 layers cannot be trained of 3"), only_last(module, 4):
        pass
    with pytest.raises(UsageError, match="last 0 layers"):
        PrivateTraining(epsilon=1.0, delta=1e-5, layers=0)
