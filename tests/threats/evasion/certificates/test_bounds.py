"""Bounds are sound on every kind of network, in the order that theory says, and equal by windows and by whole rows."""

from __future__ import annotations

from itertools import pairwise
from unittest import mock

import pytest
import torch
from tests.threats.evasion.certificates.networks import KINDS, corners, inside, made
from torch import nn

from casemate.threats.evasion.certificates import crown as crown_module
from casemate.threats.evasion.certificates.crown import crown, intermediate
from casemate.threats.evasion.certificates.intervals import ibp
from casemate.threats.evasion.certificates.margins import margins
from casemate.threats.evasion.certificates.read import read


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_point_of_the_box_leaves_the_bounds(kind: object, seed: int) -> None:
    module = made(kind, seed, gain=1.5)
    _, low, high = corners(6, 0.1, seed)
    boxes = [method(module, low, high) for method in (ibp, crown)]
    for draw in range(200):
        logits = module(inside(low, high, draw)).double()
        for below, above in boxes:
            assert bool(((below <= logits) & (logits <= above)).all())


@pytest.mark.parametrize("kind", KINDS)
def test_each_method_is_at_least_as_tight_as_the_one_before_and_sound(kind: object) -> None:
    module = made(kind, 3, gain=2.5)
    x, low, high = corners(8, 0.1)
    labels = module(x).argmax(1)
    found = [margins(module, low, high, labels, method) for method in ("ibp", "crown", "alpha-crown")]
    for looser, tighter in pairwise(found):
        assert bool((tighter >= looser).all())
    assert bool((found[1] > found[0]).any())
    assert bool((found[2] > found[1]).any())
    for draw in range(300):
        logits = module(inside(low, high, draw)).double()
        distance = logits.gather(1, labels[:, None]) - logits
        distance.scatter_(1, labels[:, None], torch.inf)
        assert bool((found[2] <= distance).all())


def test_the_walk_down_the_margin_does_not_pass_the_bound() -> None:
    module = made(KINDS[1], 5, gain=2.0)
    x, low, high = corners(16, 0.1)
    labels = module(x).argmax(1)
    bound = margins(module, low, high, labels, "alpha-crown")
    for other in range(3):
        moved = x.clone()
        for _ in range(60):
            moved.requires_grad_()
            logits = module(moved)
            distance = logits.gather(1, labels[:, None])[:, 0] - logits[:, other]
            (slope,) = torch.autograd.grad(distance.sum(), moved)
            moved = (moved.detach() - 0.01 * slope.sign()).clamp(low, high)
        logits = module(moved).double()
        distance = logits.gather(1, labels[:, None])[:, 0] - logits[:, other]
        there = labels != other
        assert bool((bound[there, other] <= distance[there]).all())


@pytest.mark.parametrize("kind", KINDS[1:])
def test_windows_and_whole_rows_give_the_same_bounds(kind: object) -> None:
    graph = read(made(kind, 1), (1, 8, 8))
    _, low, high = corners(3, 0.1)
    box = (low.double(), high.double())
    by_windows = intermediate(graph, box)
    with mock.patch.object(crown_module, "windowed", return_value=False):
        by_rows = intermediate(graph, box)
    for place in graph.rectified:
        for one, other in zip(by_windows.box[place], by_rows.box[place], strict=True):
            assert torch.allclose(one, other, rtol=0, atol=1e-9)
    assert any(crown_module.windowed(graph, place) for place in graph.rectified[1:])


def test_linear_bounds_of_a_linear_network_are_exact() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Linear(10, 3)).double()
    weight = (module[2].weight @ module[1].weight).detach()
    bias = (module[2].weight @ module[1].bias + module[2].bias).detach()
    _, low, high = corners(2, 0.1)
    exact = torch.where(weight[None] > 0, low.double().flatten(1)[:, None], high.double().flatten(1)[:, None])
    below, _ = crown(module, low, high)
    wanted = (exact * weight[None]).sum(2) + bias
    assert bool((below <= wanted).all())
    assert torch.allclose(below, wanted, atol=1e-4)


def test_a_point_is_bounded_by_what_float32_may_round() -> None:
    """The slack is real: it covers float32 in any order of summation, and is small."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 400), nn.ReLU(), nn.Linear(400, 400), nn.ReLU(), nn.Linear(400, 3)
    )
    exact = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 400), nn.ReLU(), nn.Linear(400, 400), nn.ReLU(), nn.Linear(400, 3)
    )
    exact.load_state_dict(module.state_dict())
    exact.double()
    x, _, _ = corners(2000, 0.0)
    below, above = crown(module, x, x)
    with torch.no_grad():
        values, truth = module(x).double(), exact(x.double())
    assert bool((values != truth).any())
    for each in (values, truth):
        assert bool(((below <= each) & (each <= above)).all())
    assert float((above - below).max()) < 1e-2
    assert float((above - below).min()) > float((values - truth).abs().max())
    # another order of summation is another float32 result, and inside too
    order = torch.randperm(64, generator=torch.Generator().manual_seed(1))
    module[1].weight.data = module[1].weight.data[:, order]
    with torch.no_grad():
        shuffled = module(x.flatten(1)[:, order]).double()
    assert bool((shuffled != values).any())
    assert bool(((below <= shuffled) & (shuffled <= above)).all())
