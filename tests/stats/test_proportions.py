"""Single proportions: known values, exact coverage, limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from casemate.core.errors import UsageError
from casemate.stats import clopper_pearson, clopper_pearson_bounds, wilson, wilson_bounds
from tests.stats.populations import SLACK, binomial

RATES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.20, 0.50)
SIZES = (20, 50, 100, 500)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("rate", RATES)
def test_exact_coverage_of_every_cell_is_at_least_95_percent(rate: float, n: int) -> None:
    """Acceptance row 7 of issue 2: the binomial is summed, not simulated."""
    low, high = clopper_pearson_bounds(np.arange(n + 1), n)
    holds = (low <= rate + SLACK) & (rate - SLACK <= high)
    assert binomial(n, rate)[holds].sum() >= 0.95


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.99, 0.999])
def test_coverage_keeps_every_promise_on_a_fine_grid(confidence: float) -> None:
    low, high = clopper_pearson_bounds(np.arange(51), 50, confidence)
    for rate in np.linspace(0, 1, 401):
        holds = (low <= rate + SLACK) & (rate - SLACK <= high)
        assert binomial(50, rate)[holds].sum() >= confidence - 1e-9


@given(st.integers(1, 5000), st.data())
def test_same_as_scipy(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    for ours, method in ((clopper_pearson(k, n), "exact"), (wilson(k, n), "wilson")):
        reference = binomtest(k, n).proportion_ci(0.95, method=method)
        assert ours.low == pytest.approx(reference.low, abs=1e-10)
        assert ours.high == pytest.approx(reference.high, abs=1e-10)


def test_published_values() -> None:
    # Newcombe 1998 (17, 857-872), table I: 81/263, 15/148, 0/20, 1/29 by exact binomial and by score.
    exact = [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)]
    score = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
    for k, n, low, high in exact:
        assert (clopper_pearson(k, n).low, clopper_pearson(k, n).high) == pytest.approx((low, high), abs=6e-5)
    for k, n, low, high in score:
        assert (wilson(k, n).low, wilson(k, n).high) == pytest.approx((low, high), abs=6e-5)


def test_the_report_can_say_at_most_7_percent_of_0_of_50() -> None:
    interval = clopper_pearson(0, 50)
    assert interval.low == 0.0
    assert interval.high == pytest.approx(1 - 0.025 ** (1 / 50))
    assert clopper_pearson(50, 50).high == 1.0


def test_arrays_and_scalars_agree_and_mirror() -> None:
    k = np.arange(31)
    for bounds, scalar in ((clopper_pearson_bounds, clopper_pearson), (wilson_bounds, wilson)):
        low, high = bounds(k, 30)
        assert low == pytest.approx(1 - high[::-1])
        assert [scalar(int(each), 30).low for each in k] == pytest.approx(low)


@pytest.mark.parametrize(("k", "n"), [(1, 0), (-1, 10), (11, 10), (float("nan"), 10)])
def test_impossible_counts_are_refused(k: float, n: int) -> None:
    with pytest.raises(UsageError):
        clopper_pearson(k, n)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(UsageError, match="confidence"):
        clopper_pearson(1, 10, confidence)
