"""Norm balls."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import arrays

from casemate.core.errors import UsageError
from casemate.threats.evasion import L2, Linf

POINTS = arrays("float32", (3, 5), elements=st.floats(0, 1, width=32))
MOVES = arrays("float32", (3, 5), elements=st.floats(-3, 3, width=32))


@pytest.mark.parametrize("kind", [Linf, L2])
@given(origin=POINTS, move=MOVES, eps=st.floats(0, 2))
def test_a_projection_lies_in_ball_and_box_and_leaves_points_inside_alone(kind, origin, move, eps) -> None:
    ball, start = kind(eps), torch.from_numpy(origin)
    found = ball.project(start + torch.from_numpy(move), start, (0.0, 1.0))
    assert bool((found >= 0).all())
    assert bool((found <= 1).all())
    assert bool((ball.distance(found, start) <= eps + 1e-5).all())
    torch.testing.assert_close(ball.project(found, start, (0.0, 1.0)), found, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", [Linf, L2])
@given(noise=arrays("float32", (3, 5), elements=st.floats(-1, 1, width=32)), eps=st.floats(0, 2))
def test_starts_lie_inside_or_on_the_surface(kind, noise, eps) -> None:
    ball, drawn = kind(eps), torch.from_numpy(noise)
    still = torch.zeros(3, 5)
    assert bool((ball.distance(ball.start(drawn), still) <= eps * (1 + 1e-5)).all())
    far = ball.distance(ball.start(drawn, onto=True), still)
    moved = drawn.abs().amax(1) > 1e-6
    torch.testing.assert_close(far[moved], torch.full_like(far[moved], eps), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", [Linf, L2])
def test_the_ascent_is_the_steepest_of_unit_length(kind) -> None:
    torch.manual_seed(0)
    slope, ball = torch.randn(4, 6), kind(1.0)
    best = ball.ascent(slope)
    rise = (best * slope).sum(1)
    for _ in range(200):
        other = ball.start(torch.rand(4, 6) * 2 - 1, onto=True)
        assert bool(((other * slope).sum(1) <= rise + 1e-5).all())


@pytest.mark.parametrize("eps", [-0.1, float("nan"), float("inf")])
def test_impossible_radii_are_refused(eps: float) -> None:
    with pytest.raises(UsageError, match="radius"):
        Linf(eps)
