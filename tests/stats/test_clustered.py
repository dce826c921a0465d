"""Clustered proportions, replicates and means."""

from __future__ import annotations

import numpy as np
import pytest

from casemate.core.errors import UsageError
from casemate.stats import (
    by_cluster,
    clopper_pearson,
    clustered_bounds,
    clustered_mean,
    clustered_proportion,
    korn_graubard_bounds,
    replicates,
    replicates_bounds,
    t_interval,
)
from tests.stats.populations import Clusters, covered

CELLS = [
    Clusters(number, sizes, rate, icc)
    for number in (5, 10, 20, 50, 150)
    for sizes in ("10", "50", "geometric", "lognormal")
    for rate in (0.0, 0.005, 0.02, 0.05, 0.2, 0.5, 0.9)
    for icc in (0.0, 0.05, 0.2, 0.5)
]

FIGURES = {
    "areas": lambda rng, shape: np.clip(rng.normal(0.6, 0.015, shape), 0, 1),
    "rates": lambda rng, shape: rng.binomial(500, rng.beta(3, 97, shape)) / 500,
    "rare rates": lambda rng, shape: rng.binomial(500, rng.beta(0.5, 499.5, shape)) / 500,
    "skewed": lambda rng, shape: rng.beta(0.3, 9.7, shape),
    "uniform": lambda rng, shape: rng.random(shape),
}
MEANS = {"areas": 0.6, "rates": 0.03, "rare rates": 0.001, "skewed": 0.03, "uniform": 0.5}


def check_clustered(cells: list[Clusters], repeats: int, least: float) -> None:
    for index, cell in enumerate(cells):
        k, n = cell.draw(np.random.default_rng([7, index]), repeats)
        assert covered(*clustered_bounds(k, n), cell.rate) >= least, cell


def check_replicates(repeats: int, least: float) -> None:
    rng = np.random.default_rng(9)
    for name, draw in FIGURES.items():
        for targets in (10, 30, 100):
            low, high = replicates_bounds(draw(rng, (repeats, targets)))
            assert covered(low, high, MEANS[name]) >= least, (name, targets)


def test_clustered_coverage_in_a_sample_of_cells() -> None:
    check_clustered(CELLS[::9], 1000, 0.93)  # 0.93: a thousand repeats of 0.945 may show 0.93


@pytest.mark.slow
def test_clustered_coverage_in_every_cell() -> None:
    """Row 7: at least 94 %, 10,000 repeats, fixed seed."""
    check_clustered(CELLS, 10_000, 0.94)


def test_replicates_coverage() -> None:
    check_replicates(1000, 0.95)


@pytest.mark.slow
def test_replicates_coverage_with_10000_repeats() -> None:
    check_replicates(10_000, 0.94)


def test_korn_graubard_does_not_cover_rare_clustered_events() -> None:
    # Why clustered_proportion exists.
    cell = Clusters(50, "50", 0.01, 0.5)
    k, n = cell.draw(np.random.default_rng(1), 2000)
    assert covered(*korn_graubard_bounds(k, n), cell.rate) < 0.86
    assert covered(*clustered_bounds(k, n), cell.rate) >= 0.94


def test_zero_events_count_clusters_not_trials() -> None:
    result = clustered_proportion([0] * 12, [100] * 12)
    assert (result.low, result.high) == pytest.approx((0.0, clopper_pearson(0, 12).high))
    assert result.effective_n == pytest.approx(12)
    full = clustered_proportion([100] * 12, [100] * 12)
    assert full.low == pytest.approx(1 - result.high)


def test_one_trial_a_cluster_is_close_to_clopper_pearson_and_never_inside_by_much() -> None:
    for k in (0, 1, 5, 50, 99):
        result = clustered_proportion([1] * k + [0] * (100 - k), [1] * 100)
        exact = clopper_pearson(k, 100)
        assert result.low == pytest.approx(exact.low, abs=0.006)
        assert result.high == pytest.approx(exact.high, abs=0.006)


def test_a_split_cluster_narrows_and_a_merged_one_widens() -> None:
    rng = np.random.default_rng(5)
    k = rng.binomial(10, rng.beta(0.5, 2.0, 40))
    apart = clustered_proportion(k, [10] * 40)
    merged = clustered_proportion(k.reshape(10, 4).sum(axis=1), [40] * 10)
    assert apart.value == pytest.approx(merged.value)
    assert merged.high - merged.low > apart.high - apart.low
    assert apart.effective_n is not None
    assert apart.effective_n < 400


def test_order_of_clusters_does_not_matter() -> None:
    rng = np.random.default_rng(6)
    k, n = Clusters(30, "geometric", 0.1, 0.3).draw(rng, 1)
    order = rng.permutation(30)
    one, two = clustered_bounds(k, n), clustered_bounds(k[:, order], n[:, order])
    assert np.allclose(one, two)


def test_by_cluster_accepts_text_labels() -> None:
    k, n = by_cluster([True, False, True], ["b", "a", "b"])
    assert k.tolist() == [0, 2]
    assert n.tolist() == [1, 2]


def test_clustered_mean_equals_t_of_cluster_means_for_equal_sizes() -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(size=(12, 5))
    ours = clustered_mean(values.ravel(), np.repeat(np.arange(12), 5))
    plain = t_interval(values.mean(axis=1))
    assert ours.value == pytest.approx(plain.value)
    assert ours.high - ours.value == pytest.approx(
        (plain.high - plain.value) * np.sqrt(12 / 11 * 11 / 12 * 12 / 11), rel=0.06
    )


@pytest.mark.slow
def test_clustered_mean_coverage() -> None:
    rng = np.random.default_rng(11)
    for clusters in (6, 15, 40):
        hits = 0
        for _ in range(2000):
            sizes = rng.integers(2, 20, clusters)
            labels = np.repeat(np.arange(clusters), sizes)
            values = rng.normal(size=clusters)[labels] + rng.normal(size=labels.size)
            result = clustered_mean(values, labels)
            hits += result.low <= 0 <= result.high
        assert hits / 2000 >= 0.94


def test_replicates_stay_in_range_and_have_width_when_all_are_equal() -> None:
    assert replicates([1.0] * 20).low == pytest.approx(clopper_pearson(20, 20).low)
    same = replicates([0.3] * 20)
    assert 0 < same.low < 0.3 < same.high < 1


def test_what_has_no_answer_is_refused() -> None:
    for call in (
        lambda: clustered_proportion([1], [10]),
        lambda: clustered_proportion([1, 1], [10, 0]),
        lambda: by_cluster([1, 0], ["a"]),
        lambda: clustered_mean([1.0, 1.0, 1.0], [0, 1, 2]),
        lambda: clustered_mean([1.0, 2.0], [0, 0]),
        lambda: replicates([0.5, 1.2]),
        lambda: t_interval([0.2, 0.2]),
        lambda: t_interval([0.2, float("nan")]),
        lambda: t_interval([0.2]),
    ):
        with pytest.raises(UsageError):
            call()
