"""Differences of two proportions: published values, exact coverage, McNemar."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from casemate.core.errors import UsageError
from casemate.stats import (
    difference,
    difference_bounds,
    mcnemar,
    mcnemar_midp,
    newcombe,
    newcombe_bounds,
    newcombe_paired,
    paired_difference,
    paired_difference_bounds,
)
from tests.stats.populations import SLACK, binomial, pairs

# Changed inputs, before only and after only: nothing, a defense that only helps, mixed, wild.
CHANGES = (
    (0.0, 0.0), (0.005, 0.0), (0.01, 0.0), (0.02, 0.0), (0.05, 0.0), (0.1, 0.0), (0.3, 0.0), (0.5, 0.0), (0.9, 0.0),
    (0.005, 0.005), (0.02, 0.005), (0.05, 0.01), (0.05, 0.05), (0.2, 0.05), (0.2, 0.2), (0.4, 0.1), (0.6, 0.1),
)  # fmt: skip


@pytest.mark.parametrize("n", [10, 20, 50, 100, 200, 500])
def test_paired_coverage_is_exact_and_at_least_95_percent(n: int) -> None:
    """Row 7, the paired part, without simulation: the trinomial is summed."""
    b, c, _ = pairs(n, 0.1, 0.1)
    low, high = paired_difference_bounds(b, c, n)
    for first, second in CHANGES:
        truth = second - first
        holds = (low <= truth + SLACK) & (truth - SLACK <= high)
        assert pairs(n, first, second)[2][holds].sum() >= 0.95, (first, second)


def test_newcombe_paired_does_not_cover_when_a_defense_flips_few_of_many() -> None:
    # Why paired_difference exists: half of 200 inputs always succeed, 1 % are cured.
    rng = np.random.default_rng(3)
    tables = rng.multinomial(200, [0.495, 0.01, 0.0, 0.495], size=2000)
    published = [newcombe_paired(*(int(cell) for cell in table)) for table in tables]
    assert np.mean([each.low <= -0.01 <= each.high for each in published]) < 0.91
    ours = paired_difference_bounds(tables[:, 1], tables[:, 2], 200)
    assert np.mean((ours[0] <= -0.01) & (ours[1] >= -0.01)) >= 0.95


@pytest.mark.parametrize(("n1", "n2"), [(20, 20), (20, 200), (50, 50), (100, 300), (300, 300)])
def test_independent_coverage_is_exact_and_at_least_95_percent(n1: int, n2: int) -> None:
    k1, k2 = np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij")
    low, high = difference_bounds(k1, n1, k2, n2)
    for before in (0.0, 0.005, 0.01, 0.05, 0.2, 0.5, 0.8):
        for after in (0.0, 0.005, 0.01, 0.05, 0.2, 0.5, 0.8):
            weight = np.outer(binomial(n1, before), binomial(n2, after))
            holds = (low <= after - before + SLACK) & (after - before - SLACK <= high)
            assert weight[holds].sum() >= 0.95, (before, after)


def test_published_values() -> None:
    # Newcombe 1998 (17, 873-890), table II, method 10, signs turned: 56/70 - 48/80, 9/10 - 3/10, 0/10 - 0/10.
    for counts, low, high in (
        ((48, 80, 56, 70), 0.0524, 0.3339),
        ((3, 10, 9, 10), 0.1705, 0.8090),
        ((0, 10, 0, 10), -0.2775, 0.2775),
    ):
        result = newcombe(*counts)
        assert (result.low, result.high) == pytest.approx((low, high), abs=6e-5)
    # Newcombe 1998 (17, 2635-2650), table III, method 10: 36, 12, 2, 0.
    result = newcombe_paired(both=36, first=2, second=12, neither=0)
    assert (result.low, result.high) == pytest.approx((0.0569, 0.3404), abs=6e-5)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200))
def test_paired_difference_is_ordered_and_turns_with_its_arguments(first: int, second: int, same: int) -> None:
    n = first + second + same + 1
    result, turned = paired_difference(first, second, n), paired_difference(second, first, n)
    assert -1 <= result.low <= result.value <= result.high <= 1
    assert result.low < result.high
    assert (result.low, result.high) == pytest.approx((-turned.high, -turned.low))


@given(st.integers(0, 50), st.integers(0, 50))
def test_difference_turns_with_its_arguments(k1: int, k2: int) -> None:
    result, turned = difference(k1, 50, k2, 60), difference(k2, 60, k1, 50)
    assert (result.low, result.high) == pytest.approx((-turned.high, -turned.low))
    low, high = newcombe_bounds(k1, 50, k2, 60)
    assert result.low <= low + 0.001  # at zero events the score bound is a hair wider than the exact one
    assert high <= result.high + 0.001


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_binomial_test_of_changed_inputs(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)
    assert mcnemar_midp(first, second) <= mcnemar(first, second)


def test_mid_p_published_value() -> None:
    # Fagerland, Lydersen & Laake 2013, airway hyper-responsiveness, 1 and 7 changed: exact 0.0703, mid-p 0.0391.
    assert mcnemar(1, 7) == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar_midp(1, 7) == pytest.approx(0.0391, abs=5e-5)


def test_impossible_tables_are_refused() -> None:
    for call in (
        lambda: paired_difference(6, 5, 10),
        lambda: newcombe_paired(0, 0, 0, 0),
        lambda: newcombe_paired(5, -1, 3, 3),
        lambda: mcnemar(-1, 3),
    ):
        with pytest.raises(UsageError):
            call()
