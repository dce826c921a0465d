"""Power and sample sizes against brute force, Holm, and faulty detectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from casemate.core.errors import UsageError
from casemate.stats import (
    clopper_pearson_bounds,
    detectable,
    detected_proportion,
    holm,
    mcnemar,
    mcnemar_power,
    pairs_needed,
    settling_power,
    trials_needed,
)
from casemate.stats.detectors import detected_bounds
from tests.stats.populations import covered, pairs


def by_force(n: int, rate: float, tolerance: float) -> float:
    k = np.arange(n + 1)
    low, high = clopper_pearson_bounds(k, n)
    settled = high <= tolerance if rate < tolerance else low >= tolerance
    return float(binom.pmf(k, n, rate)[settled].sum())


@given(st.integers(1, 400), st.sampled_from([0.0, 0.01, 0.03, 0.2, 0.6, 1.0]), st.sampled_from([0.02, 0.05, 0.1, 0.5]))
def test_settling_power_is_the_sum_over_all_outcomes(n: int, rate: float, tolerance: float) -> None:
    assert float(settling_power(n, rate, tolerance)) == pytest.approx(by_force(n, rate, tolerance), abs=1e-9)


@pytest.mark.parametrize(("rate", "tolerance"), [(0.0, 0.05), (0.02, 0.05), (0.1, 0.05), (0.9, 0.8), (1.0, 0.9)])
def test_trials_needed_is_the_least_that_keeps_the_power(rate: float, tolerance: float) -> None:
    n = trials_needed(rate, tolerance)
    assert by_force(n - 1, rate, tolerance) < 0.8
    assert min(by_force(each, rate, tolerance) for each in range(n, n + 60)) >= 0.8


def test_zero_events_need_the_exact_rule_of_three() -> None:
    assert trials_needed(0.0, 0.001) == int(np.ceil(np.log(0.025) / np.log(0.999)))


def test_detectable_rates_are_where_the_power_is_reached() -> None:
    for n, tolerance in ((100, 0.1), (500, 0.05), (3000, 0.01)):
        result = detectable(n, tolerance)
        assert result.passes_below is not None
        assert result.fails_above is not None
        assert result.passes_below < tolerance < result.fails_above
        for rate in (result.passes_below, result.fails_above):
            assert by_force(n, rate, tolerance) == pytest.approx(0.8, abs=1e-6)
    assert detectable(20, 0.05).passes_below is None


def test_mcnemar_power_is_the_sum_over_all_tables() -> None:
    for n, first, second in ((30, 0.3, 0.05), (60, 0.15, 0.15), (40, 0.2, 0.0)):
        b, c, weight = pairs(n, first, second)
        seen = np.array([mcnemar(int(x), int(y)) <= 0.05 for x, y in zip(b, c, strict=True)])
        assert mcnemar_power(n, first, second) == pytest.approx(weight[seen].sum(), abs=1e-9)
    assert mcnemar_power(60, 0.15, 0.15) <= 0.05


def test_pairs_needed_reaches_the_power() -> None:
    n = pairs_needed(0.2, 0.05)
    assert mcnemar_power(n, 0.2, 0.05) >= 0.8 > mcnemar_power(n - 1, 0.2, 0.05)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_rejects_what_the_step_down_procedure_rejects(p: list[float]) -> None:
    adjusted = holm(p)
    rejected, order = set(), np.argsort(p, kind="stable")
    for rank, index in enumerate(order):
        if p[index] * (len(p) - rank) > 0.05:
            break
        rejected.add(int(index))
    assert set(np.flatnonzero(adjusted <= 0.05).tolist()) == rejected
    assert (adjusted >= np.array(p) - 1e-15).all()


def test_detector_error_is_carried_along() -> None:
    perfect = detected_proportion(10, 100, (1000, 1000), (1000, 1000))
    poor = detected_proportion(10, 100, (16, 20), (19, 20))
    assert perfect.low < 0.1 < perfect.high
    assert poor.high - poor.low > 1.5 * (perfect.high - perfect.low)
    assert detected_proportion(0, 50, (95, 100), (99, 100)).low == 0.0
    assert detected_proportion(0, 50, (95, 100), (99, 100)).high > 0.05


def check_detectors(repeats: int, least: float) -> None:
    rng = np.random.default_rng(41)
    for rate in (0.0, 0.02, 0.1, 0.5, 0.9):
        for size, labeled, found, spared in ((100, 100, 0.9, 0.95), (500, 50, 0.8, 0.98), (1000, 300, 0.95, 0.99)):
            flags = rng.binomial(size, rate * found + (1 - rate) * (1 - spared), repeats)
            right = rng.binomial(labeled, found, repeats), np.full(repeats, labeled)
            quiet = rng.binomial(labeled, spared, repeats), np.full(repeats, labeled)
            low, high, _ = detected_bounds(flags, size, right, quiet)
            assert covered(low, high, rate) >= least, (rate, size, labeled)


def test_detector_coverage() -> None:
    check_detectors(10_000, 0.94)


def test_what_has_no_answer_is_refused() -> None:
    for call in (
        lambda: settling_power(10, 0.05, 0.05),
        lambda: trials_needed(0.05, 0.05),
        lambda: trials_needed(0.05, 0.0500001),
        lambda: trials_needed(0.0, 0.05, power=1.0),
        lambda: detectable(0, 0.05),
        lambda: mcnemar_power(10, 0.8, 0.3),
        lambda: pairs_needed(0.1, 0.1),
        lambda: holm([0.5, 1.5]),
        lambda: holm([]),
        lambda: detected_proportion(5, 50, (10, 20), (10, 20)),
    ):
        with pytest.raises(UsageError):
            call()
