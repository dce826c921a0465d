"""Sums under one budget: noise as large as the shares ask for, never more than the budget, on whole numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from casemate.core.errors import DataError
from casemate.privacy.dp.accounting.accountant import Accountant
from casemate.privacy.dp.accounting.events import Gaussian, Laplace
from casemate.privacy.dp.curves import delta_of
from casemate.privacy.dp.linear.descent import Budget
from casemate.privacy.dp.noise import SeededEntropy
from casemate.privacy.dp.sums import NoisySums, Query

SHARES = (0.2, 0.5, 0.3)
BOUNDS = (1.0, 3e5, 2.0**27)


@pytest.mark.parametrize("budget", [Budget(1.0), Budget(1.0, 1e-6), Budget(0.05, 1e-9), Budget(12.0)])
def test_noise_is_what_the_accountant_asks_for(budget: Budget) -> None:
    """Each query's noise over its bound, told to the accountant, spends the budget and hardly less."""
    ask, accountant = NoisySums(budget, SeededEntropy(0)), Accountant()
    for share, bound in zip(SHARES, BOUNDS, strict=True):
        said = ask(Query(np.zeros(50), bound, share))
        scale = float(said.deviation[0]) / (math.sqrt(2) if budget.pure else 1.0)
        accountant = accountant.compose((Laplace if budget.pure else Gaussian)(scale / bound))
    if budget.pure:
        assert 0.999 * budget.epsilon < accountant.pure <= budget.epsilon
    else:
        assert 0.98 * budget.epsilon < accountant.epsilon(budget.delta) <= budget.epsilon
    with pytest.raises(DataError, match="spent"):
        ask(Query(np.zeros(1), 1.0, 0.01))


@pytest.mark.parametrize("budget", [Budget(1.0), Budget(1.0, 1e-6)])
def test_answers_have_the_noise_that_they_say(budget: Budget) -> None:
    ask = NoisySums(budget, SeededEntropy(3))
    weights = np.where(np.arange(6000) % 2, 1.0, math.sqrt(2))
    total = np.arange(6000) * 1e5
    said = ask(Query(total, 2.0**22, 1.0, weights))
    noise = (said.total - total) / said.deviation
    assert kstest(noise * (math.sqrt(2) if budget.pure else 1), "laplace" if budget.pure else "norm").pvalue > 1e-3
    assert said.deviation[0] * math.sqrt(2) == pytest.approx(said.deviation[1])


@given(
    pure=st.booleans(),
    bound=st.floats(1.0, 2.0**40),
    epsilon=st.floats(1e-3, 10.0),
    size=st.integers(1, 200),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=60, deadline=None)
def test_rounding_to_a_coarser_grid_is_paid_for(pure: bool, bound: float, epsilon: float, size: int, seed: int) -> None:
    """The weighted distance of two rounded sums, over the noise, is never more than the signal that was planned."""
    budget = Budget(epsilon) if pure else Budget(epsilon, 1e-6)
    ask, random = NoisySums(budget, SeededEntropy(0)), np.random.default_rng(seed)
    weights = random.choice([1.0, math.sqrt(2), 2.0], size)
    total = np.rint(random.normal(0, 1e9, size))
    part = random.normal(size=size) * (random.random(size) < 0.5)
    norm = 1 if pure else 2
    part = np.trunc(part * bound / max(np.linalg.norm(part * weights, norm), 1e-9) * (1 - 1e-9))
    said = ask(Query(total, bound, 1.0, weights))
    scales = said.deviation / (math.sqrt(2) if pure else 1.0)
    assert (said.total % said.grid == 0).all()
    rounded = [np.rint(each / said.grid) * said.grid for each in (total, total + part)]
    signal = np.linalg.norm((rounded[1] - rounded[0]) / scales, norm)
    assert signal <= ask.signal * (1 + 1e-9)


@given(box=st.floats(1.0, 2.0**30), size=st.integers(2, 60), epsilon=st.floats(1e-3, 10.0), seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_noise_of_the_cube_is_taken_where_it_is_smaller_and_is_as_private(
    box: float, size: int, epsilon: float, seed: int
) -> None:
    """The largest coordinate of the distance of two rounded sums, over the noise's scale, is at most epsilon."""
    ask, random = NoisySums(Budget(epsilon), SeededEntropy(0)), np.random.default_rng(seed)
    total = np.rint(random.normal(0, 1e9, size))
    said = ask(Query(total, box * size, 1.0, box=box))
    assert ask.cubes == 1
    scale = float(said.deviation[0]) / math.sqrt((size + 1) * (size + 2) / 3)
    part = np.trunc(random.uniform(-1, 1, size) * box)
    two = [np.rint(each / said.grid) * said.grid for each in (total, total + part)]
    assert np.abs(two[0] - two[1]).max() / scale <= epsilon * (1 + 1e-9)
    near = NoisySums(Budget(epsilon), SeededEntropy(0))
    near(Query(total, box, 1.0, box=box))
    assert near.cubes == 0


def test_rows_that_a_record_is_alone_in_are_released_each_by_itself() -> None:
    ask = NoisySums(Budget(1.0), SeededEntropy(0))
    said = ask(Query(np.zeros((500, 6)), 6e6, 1.0, box=1e6, alone=True))
    assert np.std(said.total) == pytest.approx(said.deviation[0, 0], rel=0.1)
    assert said.deviation[0, 0] == pytest.approx(1e6 * math.sqrt(7 * 8 / 3), rel=1e-3)
    lengths = np.abs(said.total).max(axis=1)
    assert np.corrcoef(lengths[1:], lengths[:-1])[0, 1] < 0.2


def test_the_certificate_tells_what_was_spent() -> None:
    ask = NoisySums(Budget(2.0, 1e-6), SeededEntropy(0))
    for share, bound in zip(SHARES, BOUNDS, strict=True):
        ask(Query(np.zeros(5), bound, share))
    said = ask.certificate("a test", ("nothing",), {"one": 1})
    assert (said.releases, said.trusted, said.relation, said.assumed) == (3, False, "zero_out", ("nothing",))
    assert delta_of(said.sensitivity / said.noise, 2.0) + said.distance * (1 + math.exp(2.0)) <= 1e-6
    assert dict(said.curve)[2.0] <= 1e-6
    assert said.distance > 0


def test_sums_that_are_not_exact_are_refused_before_anything_is_spent() -> None:
    ask = NoisySums(Budget(1.0), SeededEntropy(0))
    with pytest.raises(DataError, match="too many"):
        ask(Query(np.array([2.0**53]), 1.0, 0.5))
    assert ask.spent == 0
