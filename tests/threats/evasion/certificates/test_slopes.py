"""The ascent over slopes and multipliers: sound for any of them, and as high as a linear program allows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from tests.threats.evasion.certificates.networks import KINDS, corners, inside, made
from torch import Tensor, nn

from casemate.threats.evasion.certificates.crown import intermediate
from casemate.threats.evasion.certificates.intervals import Bounds
from casemate.threats.evasion.certificates.read import read
from casemate.threats.evasion.certificates.rows import Rows
from casemate.threats.evasion.certificates.slopes import Found, Pair, ascend, refine

MARGIN = torch.tensor([[1.0, -1.0]], dtype=torch.float64)


def network(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)).requires_grad_(False)


def bounded(module: nn.Sequential, signs: Tensor, steps: int) -> Found:
    """The margin over [0, 1]^3 under splits of the 8 rectifiers."""
    pair = Pair.of(read(module, (3,)))
    bounds = intermediate(pair.exact, (torch.zeros(1, 3).double(), torch.ones(1, 3).double()))
    low, high = bounds.box[1]
    box = (torch.where(signs > 0, low.clamp_min(0), low), torch.where(signs < 0, high.clamp_max(0), high))
    place, pulls = len(pair.exact.nodes) - 1, {1: torch.zeros(1, 8)}
    return ascend(
        pair,
        place,
        Rows(MARGIN, None),
        bounds.box[0],
        {1: box},
        bounds.lost,
        steps=steps,
        signs={1: signs},
        pulls=pulls,
    )


@pytest.mark.parametrize("seed", range(8))
def test_with_every_rectifier_split_the_bound_is_that_of_the_linear_program(seed: int) -> None:
    module = network(seed)
    first, last = ((each.weight.double().numpy(), each.bias.double().numpy()) for each in (module[0], module[2]))
    inner = np.full(3, 0.5) @ first[0].T + first[1]
    active = np.sign(inner)
    gate = active > 0
    cost = (last[0][0] - last[0][1]) @ (first[0] * gate[:, None])
    constant = (last[0][0] - last[0][1]) @ (first[1] * gate) + last[1][0] - last[1][1]
    solved = linprog(cost, A_ub=-active[:, None] * first[0], b_ub=active * first[1], bounds=[(0, 1)] * 3)
    exact = solved.fun + constant
    signs = torch.from_numpy(active[None].astype(np.int8))
    found = float(bounded(module, signs, 300).bound)
    assert exact - 0.02 < found <= exact + 1e-9
    assert float(bounded(module, signs, 0).bound) <= found


def test_multipliers_raise_the_bound_and_no_point_that_obeys_the_splits_is_below_it() -> None:
    gained = 0
    for seed in range(6):
        module = network(seed)
        x = torch.rand(20_000, 3, generator=torch.Generator().manual_seed(seed))
        inner, logits = module[0](x), module(x)
        signs = torch.zeros(1, 8, dtype=torch.int8)
        signs[0, :3] = torch.tensor([1, -1, 1], dtype=torch.int8) * inner.mean(0).sign()[:3].to(torch.int8)
        obeying = ((inner * signs) >= 0).all(1)
        free, bent = bounded(module, signs, 0), bounded(module, signs, 100)
        assert float(bent.bound) >= float(free.bound)
        gained += float(bent.bound) > float(free.bound) + 1e-3
        if bool(obeying.any()):
            assert float(bent.bound) <= float((logits[:, 0] - logits[:, 1])[obeying].min())
    assert gained >= 3


@pytest.mark.parametrize("kind", KINDS[1:])
def test_refined_bounds_are_narrower_and_hold(kind: object) -> None:
    module = made(kind, 2, gain=2.0)
    pair = Pair.of(read(module, (1, 8, 8)))
    _, low, high = corners(1, 0.1)
    bounds = intermediate(pair.exact, (low.double(), high.double()))
    before = {place: (box[0].clone(), box[1].clone()) for place, box in bounds.box.items()}
    for place in pair.exact.rectified:
        refine(pair, bounds, place, 15)
    narrower = 0
    for place in pair.exact.rectified:
        assert bool((bounds.box[place][0] >= before[place][0]).all())
        assert bool((bounds.box[place][1] <= before[place][1]).all())
        narrower += int((bounds.box[place][0] > before[place][0]).sum())
    assert narrower > 0
    for draw in range(200):
        values = pair.exact.values(inside(low, high, draw).double())
        for place in pair.exact.rectified:
            assert bool(((bounds.box[place][0] <= values[place]) & (values[place] <= bounds.box[place][1])).all())


def test_refining_ends_when_its_time_is_over() -> None:
    pair = Pair.of(read(made(KINDS[1], 2, gain=2.0), (1, 8, 8)))
    _, low, high = corners(1, 0.1)
    bounds = intermediate(pair.exact, (low.double(), high.double()))
    before: Bounds = Bounds({place: (box[0].clone(), box[1].clone()) for place, box in bounds.box.items()}, {})
    refine(pair, bounds, pair.exact.rectified[-1], 15, until=0.0)
    assert all(torch.equal(bounds.box[place][0], before.box[place][0]) for place in pair.exact.rectified)
