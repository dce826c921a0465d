"""Few changed coordinates: what pruning and the greedy search take back, and that both only help."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from casemate.targets import TorchClassifier
from casemate.threats.evasion.criteria import Misclassified
from casemate.threats.evasion.norms.attacks import MinimumEnsemble, SigmaZero
from casemate.threats.evasion.norms.greedy import GreedySearch
from casemate.threats.evasion.norms.nearest import search
from casemate.threats.evasion.norms.pruning import pruned
from tests.threats.evasion.networks import digits


def sums(weight: list[float], lack: float) -> TorchClassifier:
    """Class 1 where the weighted sum exceeds ``lack``."""
    module = nn.Linear(len(weight), 2)
    with torch.no_grad():
        module.weight[:] = torch.tensor([[0.0] * len(weight), weight])
        module.bias[:] = torch.tensor([lack, 0.0])
    return TorchClassifier(module, 2)


def test_changes_that_are_not_needed_are_taken_back_and_the_rest_goes_to_the_edge() -> None:
    target = sums([1.0, 0.2, 0.2, -3.0, 0.9], 1.5)
    origin = torch.zeros(1, 5)
    example = torch.tensor([[0.8, 0.6, 0.6, 0.0, 0.7]])
    found = pruned(target, origin, example, torch.tensor([0]), criterion=Misclassified())
    assert found.tolist() == [[1.0, 0.0, 0.0, 0.0, 1.0]]


def test_an_example_that_the_edge_would_break_is_pruned_as_it_is() -> None:
    class Band(nn.Module):
        """Class 1 where the first coordinate is about a half."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            inside = 0.1 - (x[:, 0] - 0.5).abs()
            return torch.stack([torch.zeros_like(inside), inside], 1)

    origin, example = torch.zeros(1, 3), torch.tensor([[0.5, 0.3, 0.0]])
    found = pruned(TorchClassifier(Band(), 2), origin, example, torch.tensor([0]), criterion=Misclassified())
    assert found.tolist() == [[0.5, 0.0, 0.0]]


def test_wide_examples_are_left_alone_and_no_question_is_asked_for_them() -> None:
    target = sums([0.1] * 100, 1.0)
    origin, example = torch.zeros(2, 100), torch.ones(2, 100)
    before = target.usage.forwards
    assert torch.equal(pruned(target, origin, example, torch.zeros(2).long(), criterion=Misclassified()), example)
    assert target.usage.forwards - before == 2


def test_the_greedy_search_finds_the_fewest_coordinates_of_a_sum() -> None:
    weight = np.random.default_rng(0).uniform(0, 1, 40)
    need = int(np.searchsorted(np.cumsum(np.sort(weight)[::-1]), 4.0, side="right")) + 1
    target = sums(weight.tolist(), 4.0)
    walk = GreedySearch(target, Misclassified(), steps=20)
    found = search("greedy", [walk], target, "L0", torch.zeros(1, 40), [0])
    assert found.distance.tolist() == [need]


def test_refining_takes_coordinates_from_what_sigma_zero_finds() -> None:
    scene = digits()
    target = TorchClassifier(scene.module, 10)
    plain = SigmaZero(steps=100).evaluate(target, scene.x[:80], scene.y[:80])
    more = MinimumEnsemble(norm="L0", steps=100).evaluate(target, scene.x[:80], scene.y[:80])
    held = plain.correct.numpy()
    assert more.gradients <= plain.gradients
    assert more.distance[held].mean() < plain.distance[held].mean()
