"""Rates of chances: their intervals cover, and differences are paired."""

from __future__ import annotations

import numpy as np
import pytest

from casemate.core.errors import UsageError
from casemate.privacy.tables.attacks.outcome import ONE_SIDED, Outcome, change
from casemate.stats import clopper_pearson_bounds


@pytest.mark.parametrize("sizes", [[5, 6, 40], [1, 5, 200], [2, 3]])
def test_intervals_of_chances_cover_at_least_as_often_as_they_promise(sizes):
    random = np.random.default_rng(len(sizes))
    chances = 1 / random.choice(sizes, (4000, 300))
    true = np.mean([1 / size for size in sizes])
    low, high = clopper_pearson_bounds(chances.sum(axis=1), 300)
    assert ((low <= true) & (true <= high)).mean() >= 0.95
    _, upper = clopper_pearson_bounds(chances.sum(axis=1), 300, ONE_SIDED)
    assert (true <= upper).mean() >= 0.95


def test_an_outcome_counts_chances_and_bounds_them():
    found = Outcome("linkage", "", np.array([0.5] * 10 + [0.0] * 90))
    assert (found.expected, found.rate, found.worst) == (5.0, 0.05, 0.5)
    assert found.interval.low < 0.05 < found.upper < found.interval.high
    nothing = Outcome("linkage", "", np.zeros(50))
    assert nothing.upper == pytest.approx(1 - 0.05 ** (1 / 50))
    with pytest.raises(UsageError, match="nobody to attack"):
        Outcome("linkage", "", np.zeros(0))


def test_what_works_on_strangers_too_is_no_leak():
    ones, zeros = np.ones(200), np.zeros(200)
    control = Outcome("a", "", ones, without=zeros)
    assert Outcome("a", "", ones, without=zeros, control=control).excess.value == 0.0
    leak = Outcome("a", "", ones, without=zeros, control=Outcome("a", "", zeros, without=zeros)).excess
    assert leak.low > 0.9
    with pytest.raises(UsageError, match="no control"):
        _ = control.excess


def test_a_change_is_paired():
    before, after = np.tile([1.0, 0.0], 100), np.tile([0.0, 0.0], 100)
    found = change(before, after)
    assert found.value == -0.5
    assert -0.6 < found.low < -0.5 < found.high < -0.4
