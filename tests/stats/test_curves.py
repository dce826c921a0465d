"""ROC, AUC and TPR at FPR: reference values, coverage, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from casemate.core.errors import UsageError
from casemate.stats import (
    auc,
    auc_bounds,
    auc_difference,
    auc_difference_bounds,
    roc,
    tpr_at_fpr,
    tpr_at_fpr_bounds,
    tpr_at_fpr_difference,
    tpr_at_fpr_difference_bounds,
)
from casemate.stats.operating_point import thresholds
from tests.stats.populations import SCORES, covered, true_auc, true_tpr

AUC_CELLS = [
    (kind, shift, m, n)
    for kind in SCORES
    for shift in (0.0, 1.0, 2.0, 3.0)
    for m, n in ((10, 10), (20, 20), (10, 200), (200, 10), (50, 50), (30, 1000), (200, 200))
    if m + n < 400 or shift in {1.0, 3.0}
]
TPR_CELLS = [
    (kind, shift, m, n, fpr)
    for kind in SCORES
    for shift in (0.0, 1.0, 2.0, 4.0)
    for m, n, fpr in (
        (50, 50, 0.1), (50, 100, 0.01), (50, 100, 0.05), (500, 500, 0.01), (500, 500, 0.05), (1000, 200, 0.05),
        (30, 300, 0.01), (100, 1000, 0.01), (300, 1000, 0.001),
    )
    if m + n < 1000 or shift in {1.0, 4.0}
]  # fmt: skip
PAIRED_CELLS = [
    (before, after, tie, m, n)
    for before, after in ((0.0, 0.0), (1.0, 1.0), (2.0, 0.5), (3.0, 3.0))
    for tie in (0.0, 0.5, 0.95)
    for m, n in ((20, 20), (15, 150), (50, 50), (200, 200))
]
arm = st.lists(st.floats(-5, 5).map(lambda x: round(x, 1)), min_size=2, max_size=40)


def repeats_for(m: int, n: int, repeats: int) -> list[int]:
    """Batches of at most two million scores."""
    size = max(1, 2_000_000 // (m + n))
    return [min(size, repeats - done) for done in range(0, repeats, size)]


def two_scorings(
    rng: np.random.Generator, shape: tuple[int, int], before: float, after: float, correlation: float
) -> tuple[np.ndarray, np.ndarray]:
    common = rng.normal(size=shape)
    own = np.sqrt(1 - correlation)
    return tuple(shift + np.sqrt(correlation) * common + own * rng.normal(size=shape) for shift in (before, after))


def check_auc(cells: list[tuple[str, float, int, int]], repeats: int, least: float) -> None:
    for index, (kind, shift, m, n) in enumerate(cells):
        rng = np.random.default_rng([31, index])
        hits = sum(
            size * covered(*auc_bounds(SCORES[kind](rng, (size, m), shift), SCORES[kind](rng, (size, n), 0.0)), truth)
            for truth in [true_auc(kind, shift)]
            for size in repeats_for(m, n, repeats)
        )
        assert hits / repeats >= least, (kind, shift, m, n)


def check_tpr(cells: list[tuple[str, float, int, int, float]], repeats: int, least: float, guaranteed: float) -> None:
    for index, (kind, shift, m, n, fpr) in enumerate(cells):
        rng, truth, hits = np.random.default_rng([32, index]), true_tpr(kind, shift, fpr), np.zeros(2)
        for size in repeats_for(m, n, repeats):
            pos, neg = SCORES[kind](rng, (size, m), shift), SCORES[kind](rng, (size, n), 0.0)
            for exact in (False, True):
                low, high, _ = tpr_at_fpr_bounds(pos, neg, fpr, exact=exact)
                hits[int(exact)] += size * covered(low, high, truth)
        assert hits[0] / repeats >= least, (kind, shift, m, n, fpr)
        assert hits[1] / repeats >= guaranteed, (kind, shift, m, n, fpr, "exact")


def check_auc_difference(cells: list[tuple[float, float, float, int, int]], repeats: int, least: float) -> None:
    for index, (before, after, tie, m, n) in enumerate(cells):
        rng, hits = np.random.default_rng([33, index]), 0.0
        truth = true_auc("normal", after) - true_auc("normal", before)
        for size in repeats_for(m, n, repeats):
            pos = two_scorings(rng, (size, m), before, after, tie)
            low, high, _ = auc_difference_bounds(pos, two_scorings(rng, (size, n), 0.0, 0.0, tie))
            hits += size * covered(low, high, truth)
        assert hits / repeats >= least, (before, after, tie, m, n)


def check_tpr_difference(
    cells: list[tuple[float, float, float, int, int]], repeats: int, least: float, fpr: float
) -> None:
    for index, (before, after, tie, m, n) in enumerate(cells):
        rng, hits = np.random.default_rng([34, index]), 0.0
        truth = true_tpr("normal", after, fpr) - true_tpr("normal", before, fpr)
        for size in repeats_for(m, n, repeats):
            pos = two_scorings(rng, (size, m), before, after, tie)
            low, high, _ = tpr_at_fpr_difference_bounds(pos, two_scorings(rng, (size, n), 0.0, 0.0, tie), fpr)
            hits += size * covered(low, high, truth)
        assert hits / repeats >= least, (before, after, tie, m, n)


def test_coverage_in_a_sample_of_cells() -> None:
    # 0.93: a thousand repeats of 0.945 may show 0.93
    check_auc([cell for cell in AUC_CELLS[::17] if cell[3] <= 50], 1000, 0.93)
    check_tpr([("normal", 1.0, 500, 500, 0.05), ("coarse ties", 2.0, 50, 100, 0.05)], 1000, 0.93, 0.94)
    check_auc_difference(PAIRED_CELLS[::9], 1000, 0.93)
    check_tpr_difference(PAIRED_CELLS[::13], 1000, 0.93, 0.1)


@pytest.mark.slow
def test_auc_coverage_in_every_cell() -> None:
    """Row 7: at least 94 %, 10,000 repeats, fixed seed."""
    check_auc(AUC_CELLS, 10_000, 0.94)


@pytest.mark.slow
def test_tpr_at_fpr_coverage_in_every_cell() -> None:
    """Row 7: at least 94 % calibrated, 95 % guaranteed, 10,000 repeats, fixed seed."""
    check_tpr(TPR_CELLS, 10_000, 0.94, 0.95)


@pytest.mark.slow
def test_paired_coverage_of_figures_of_curves_in_every_cell() -> None:
    """Row 7, paired: at least 94 %, 10,000 repeats, fixed seed."""
    check_auc_difference(PAIRED_CELLS, 10_000, 0.94)
    check_tpr_difference(PAIRED_CELLS, 10_000, 0.94, 0.1)
    check_tpr_difference(PAIRED_CELLS, 10_000, 0.94, 0.02)


@given(arm, arm)
def test_same_curve_and_area_as_sklearn(positives: list[float], negatives: list[float]) -> None:
    labels, scores = [1] * len(positives) + [0] * len(negatives), positives + negatives
    fpr, tpr, levels = roc_curve(labels, scores, drop_intermediate=False)
    curve = roc(positives, negatives)
    assert curve.fpr == pytest.approx(fpr)
    assert curve.tpr == pytest.approx(tpr)
    assert curve.thresholds.tolist() == levels.tolist()
    result = auc(positives, negatives)
    assert result.value == pytest.approx(roc_auc_score(labels, scores))
    assert -1e-12 <= result.low <= result.value + 1e-12
    assert result.value - 1e-12 <= result.high <= 1 + 1e-12


@given(arm, arm, st.sampled_from([0.05, 0.1, 0.25]))
def test_value_is_the_best_point_that_keeps_the_promise(
    positives: list[float], negatives: list[float], fpr: float
) -> None:
    curve = roc(positives, negatives)
    result = tpr_at_fpr(positives, negatives, fpr)
    assert result.value == pytest.approx(curve.tpr[curve.fpr <= fpr + 1e-12].max())
    guaranteed = tpr_at_fpr(positives, negatives, fpr, exact=True)
    assert 0 <= guaranteed.low <= result.value <= guaranteed.high <= 1
    assert 0 <= result.low <= result.value <= result.high <= 1


def test_rare_rates_are_not_claimed_from_few_negatives() -> None:
    rng = np.random.default_rng(4)
    strong = rng.normal(8.0, 1.0, 500)
    few, many = rng.normal(size=1000), rng.normal(size=10_000)
    assert tpr_at_fpr(strong, few, 0.001, exact=True).low == 0.0
    assert tpr_at_fpr(strong, few, 0.001).low == 0.0
    assert tpr_at_fpr(strong, many, 0.001).low > 0.9
    assert thresholds(3000, 0.001, 0.05).strict == 1
    assert thresholds(2900, 0.001, 0.05).strict == 0


def test_perfect_separation_keeps_a_width() -> None:
    for size in (5, 20, 100):
        result = auc(np.arange(size) + 1000.0, np.arange(size))
        assert result.value == 1.0
        assert 1 - 6 / size < result.low < 1 - 1 / size
    again = auc_difference((np.arange(20) + 99.0,) * 2, (np.arange(20.0),) * 2)
    assert again.low < 0 < again.high


def test_a_monotone_transform_changes_nothing() -> None:
    rng = np.random.default_rng(12)
    pos, neg = rng.normal(1, 1, 80), rng.normal(size=120)
    assert auc(pos, neg) == auc(np.exp(pos), np.exp(neg))
    assert tpr_at_fpr(pos, neg, 0.1) == tpr_at_fpr(np.exp(pos), np.exp(neg), 0.1)
    assert auc(np.append(pos, np.inf), neg).value > auc(pos, neg).value


def test_differences_pair_records() -> None:
    rng = np.random.default_rng(13)
    pos, neg = rng.normal(1, 1, 100), rng.normal(size=100)
    noisy = (pos + 0.1 * rng.normal(size=100), neg + 0.1 * rng.normal(size=100))
    paired = auc_difference((pos, noisy[0]), (neg, noisy[1]))
    alone = auc(pos, neg)
    assert paired.high - paired.low < 0.5 * (alone.high - alone.low)
    assert paired.low <= paired.value <= paired.high
    drop = tpr_at_fpr_difference((pos, noisy[0]), (neg, noisy[1]), 0.1)
    assert drop.low <= drop.value <= drop.high


def test_what_has_no_answer_is_refused() -> None:
    for call in (
        lambda: auc([], [1.0, 2.0]),
        lambda: auc([1.0], [1.0, 2.0]),
        lambda: auc([1.0, float("nan")], [1.0, 2.0]),
        lambda: tpr_at_fpr([1.0], [1.0], 0.0),
        lambda: tpr_at_fpr([1.0], [1.0], 1.0),
        lambda: auc_difference(([1.0, 2.0], [1.0, 2.0, 3.0]), ([1.0, 2.0], [1.0, 2.0])),
        lambda: tpr_at_fpr_difference(([1.0, 2.0], [1.0]), ([1.0], [1.0]), 0.1),
    ):
        with pytest.raises(UsageError):
            call()
