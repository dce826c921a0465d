"""Branch and bound against an independent oracle: the mixed-integer program of the network, solved by HiGHS."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from scipy.optimize import Bounds, LinearConstraint, milp
from tests.threats.evasion.certificates.networks import KINDS, balanced, made
from torch import nn

from casemate.threats.evasion.certificates.branch import Search
from casemate.threats.evasion.certificates.certify import certify


def smallest_margin(module: nn.Sequential, x: np.ndarray, label: int, other: int, eps: float) -> float:
    """The exact smallest margin in the ball, by the big-M encoding of Tjeng et al. 2019, arXiv:1711.07356."""
    layers = [
        (each.weight.double().numpy(), each.bias.double().numpy()) for each in module if isinstance(each, nn.Linear)
    ]
    low, high = np.clip(x - eps, 0, 1).astype(float), np.clip(x + eps, 0, 1).astype(float)
    lower, upper, whole = list(low), list(high), [0] * len(x)
    rows, least, most = [], [], []
    before = list(range(len(x)))
    for weight, bias in layers[:-1]:
        center, radius = weight @ ((low + high) / 2) + bias, np.abs(weight) @ ((high - low) / 2)
        bottom, top = center - radius, center + radius
        after = list(range(len(lower), len(lower) + len(bias)))
        gates = list(range(after[-1] + 1, after[-1] + 1 + len(bias)))
        lower += [0.0] * 2 * len(bias)
        upper += [max(each, 0.0) for each in top] + [1.0] * len(bias)
        whole += [0] * len(bias) + [1] * len(bias)
        for unit in range(len(bias)):
            row = {column: -value for column, value in zip(before, weight[unit], strict=True)}
            # y >= z; y <= z - bottom (1 - gate); y <= top gate
            rows.append({**row, after[unit]: 1.0})
            least.append(bias[unit])
            most.append(np.inf)
            floor, roof = min(bottom[unit], 0.0), max(top[unit], 0.0)
            rows.append({**row, after[unit]: 1.0, gates[unit]: -floor})
            least.append(-np.inf)
            most.append(bias[unit] - floor)
            rows.append({after[unit]: 1.0, gates[unit]: -roof})
            least.append(-np.inf)
            most.append(0.0)
        low, high, before = np.maximum(bottom, 0), np.maximum(top, 0), after
    matrix = np.zeros((len(rows), len(lower)))
    for at, row in enumerate(rows):
        matrix[at, list(row)] = list(row.values())
    weight, bias = layers[-1]
    cost = np.zeros(len(lower))
    cost[before] = weight[label] - weight[other]
    solved = milp(
        cost, constraints=LinearConstraint(matrix, least, most), integrality=whole, bounds=Bounds(lower, upper)
    )
    assert solved.success
    return float(solved.fun + bias[label] - bias[other])


def test_verdicts_are_those_of_the_mixed_integer_program() -> None:
    methods: Counter[str] = Counter()
    for seed, gain in ((0, 2.5), (2, 4.0)):
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 3))
        for layer in module.requires_grad_(False):
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(gain)
        balanced(module, torch.rand(200, 6))
        x = torch.rand(6, 6)
        labels = module(x).argmax(1)
        for eps in (0.05, 0.1):
            for at, found in enumerate(certify(module, x, labels, eps, seconds=60)):
                wrong = [each for each in range(3) if each != int(labels[at])]
                exact = min(smallest_margin(module, x[at].numpy(), int(labels[at]), each, eps) for each in wrong)
                assert found.margin <= exact + 1e-6
                if found.method == "undecided":
                    assert abs(exact) < 0.05
                else:
                    assert found.certified == (exact > 0)
                methods[found.method] += 1
    assert methods["branch and bound"] >= 2
    assert methods["counterexample"] >= 8
    assert methods["undecided"] <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_branch_and_bound_contradicts_no_attack(kind: object) -> None:
    module = made(kind, 11, gain=2.0)
    x = torch.rand(10, 1, 8, 8, generator=torch.Generator().manual_seed(4))
    labels = module(x).argmax(1)
    verdicts = set()
    for eps in (0.03, 0.1):
        found = certify(module, x, labels, eps, seconds=60, search=Search(domains=200))
        low, high = (x - eps).clamp_min(0), (x + eps).clamp_max(1)
        for draw in range(300):
            noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(draw))
            points = low + (high - low) * (noise.round() if draw % 2 else noise)
            right = module(points).argmax(1) == labels
            assert all(bool(ok) for ok, each in zip(right, found, strict=True) if each.certified)
        for at, each in enumerate(found):
            if each.example is not None:
                moved = torch.from_numpy(each.example)
                assert float((moved.double() - x[at].double()).abs().max()) <= eps
                assert 0 <= float(moved.min()) <= float(moved.max()) <= 1
                assert int(module(moved[None]).argmax()) != int(labels[at])
        verdicts |= {each.method for each in found}
    assert "counterexample" in verdicts
    assert verdicts & {"ibp", "crown-ibp", "crown", "alpha-crown", "branch and bound"}
