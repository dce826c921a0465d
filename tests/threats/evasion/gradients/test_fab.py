"""The projections of FAB, against linear and quadratic programs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize

from casemate.threats.evasion.gradients.fab import nearest_l2, nearest_linf


def scenes(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    points = rng.random((count, 7))
    points[::3] = points[::3].round()  # in corners of the box, where coordinates have no room
    slope = rng.standard_normal((count, 7)) * 10.0 ** rng.integers(-2, 3, (count, 1))
    slope[::5, :3] = 0
    most = np.where(slope > 0, slope * (1 - points), -slope * points).sum(1)
    rise = most * rng.uniform(0.05, 0.95, count)
    return points, slope, rise


@pytest.mark.parametrize("sign", [1, -1])
def test_the_move_is_the_one_of_a_linear_program(sign: int) -> None:
    points, slope, rise = scenes(60)
    given = [torch.tensor(each) for each in (points, sign * slope, sign * rise)]
    moves = nearest_linf(*given, (0.0, 1.0)).numpy()
    for i in range(60):
        # minimize t subject to -t <= move <= t, slope @ move >= rise, the box
        found = linprog(
            np.r_[np.zeros(7), 1.0],
            A_ub=np.vstack([np.c_[np.eye(7), -np.ones(7)], np.c_[-np.eye(7), -np.ones(7)], np.r_[-slope[i], 0]]),
            b_ub=np.r_[np.zeros(14), -rise[i]],
            bounds=[*zip(-points[i], 1 - points[i], strict=True), (0, None)],
        )
        assert slope[i] @ moves[i] == pytest.approx(rise[i], rel=1e-5)
        assert np.abs(moves[i]).max() == pytest.approx(found.fun, rel=1e-5, abs=1e-9)
        assert ((points[i] + moves[i] >= -1e-9) & (points[i] + moves[i] <= 1 + 1e-9)).all()


def test_the_euclidean_move_is_the_one_of_a_quadratic_program() -> None:
    points, slope, rise = scenes(20)
    slope /= np.abs(slope).max(axis=1, keepdims=True)
    rise = np.where(slope > 0, slope * (1 - points), -slope * points).sum(1) * 0.5
    moves = nearest_l2(*(torch.tensor(each) for each in (points, slope, rise)), (0.0, 1.0)).numpy()
    for i in range(20):
        found = minimize(
            lambda move: move @ move,
            moves[i] * 0,
            jac=lambda move: 2 * move,
            bounds=list(zip(-points[i], 1 - points[i], strict=True)),
            constraints={"type": "ineq", "fun": lambda move, i=i: slope[i] @ move - rise[i]},
            method="SLSQP",
            options={"ftol": 1e-12, "maxiter": 500},
        )
        assert slope[i] @ moves[i] == pytest.approx(rise[i], rel=1e-5)
        assert moves[i] @ moves[i] <= found.fun * (1 + 1e-4) + 1e-9


def test_where_the_box_allows_no_such_rise_everything_goes_as_far_as_it_can() -> None:
    points, slope = torch.tensor([[0.25, 0.5]]), torch.tensor([[1.0, -2.0]])
    for nearest in (nearest_linf, nearest_l2):
        torch.testing.assert_close(
            nearest(points, slope, torch.tensor([99.0]), (0.0, 1.0)), torch.tensor([[0.75, -0.5]])
        )
        assert torch.isfinite(nearest(points, slope * 0, torch.tensor([1.0]), (0.0, 1.0))).all()
