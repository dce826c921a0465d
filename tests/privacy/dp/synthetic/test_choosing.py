"""What is measured: scores that one record moves by one, trees of what depends, triples where pairs say nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from casemate.privacy.dp.noise import SeededEntropy
from casemate.privacy.dp.synthetic import Categories, SyntheticTable
from casemate.privacy.dp.synthetic.choosing import Coded, aim, mst
from casemate.privacy.dp.synthetic.meter import Measured, Meter
from casemate.privacy.dp.synthetic.model import fit

SIZES = [3, 4, 2, 5]


def records(codes: np.ndarray) -> Coded:
    singles = []
    for at, size in enumerate(SIZES):
        counts = np.bincount(codes[:, at], minlength=size).astype(float)
        singles.append(Measured((at,), counts, np.ones(size)))
    return Coded(list(codes.T), SIZES, singles)


def test_one_record_more_moves_no_score_by_more_than_one() -> None:
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, size, 300) for size in SIZES], axis=1)
    model = fit(SIZES, records(codes).singles)
    sets = [each for many in (1, 2, 3) for each in itertools.combinations(range(4), many)]
    before = {each: records(codes).error(each, model, {}) for each in sets}
    for _ in range(50):
        more = records(np.vstack([codes, [rng.integers(0, size) for size in SIZES]]))
        moved = [abs(more.error(each, model, {}) - before[each]) for each in sets]
        assert max(moved) <= 1.0  # exactly: sums of multiples of 2^-10


def test_the_tree_holds_the_pairs_that_depend() -> None:
    rng = np.random.default_rng(1)
    codes = np.stack([rng.integers(0, size, 5000) for size in SIZES], axis=1)
    codes[:, 2] = codes[:, 0] > 0
    codes[:, 1] = (codes[:, 3] + rng.integers(0, 2, 5000)) % 4
    meter = Meter(1.0, 1e-6, SeededEntropy(0))
    made = mst(meter, records(codes))
    pairs = {columns for columns, _ in meter.asked if len(columns) == 2}
    assert {(0, 2), (1, 3)} < pairs
    assert len(pairs) == 3
    assert made.tree.home((0, 2), SIZES) >= 0


@pytest.mark.parametrize("pure", [False, True])
def test_the_whole_budget_is_used(pure: bool) -> None:
    rng = np.random.default_rng(2)
    codes = np.stack([rng.integers(0, size, 500) for size in SIZES], axis=1)
    for work in (mst, lambda meter, given: aim(meter, given, 1 << 12)):
        meter = Meter(1.0, 0.0 if pure else 1e-6, SeededEntropy(0))
        work(meter, records(codes))
        assert abs(meter.left) < 1e-5


@pytest.mark.filterwarnings("ignore::casemate.privacy.dp.warning.PrivacyWarning")
def test_where_three_columns_matter_only_together_aim_sees_it_and_a_tree_does_not() -> None:
    rng = np.random.default_rng(3)
    one, two = rng.integers(0, 2, (2, 4000))
    table = pd.DataFrame({"one": one, "two": two, "both": one ^ two})
    domains = {name: Categories([0, 1]) for name in table}
    right = {}
    for method in ("aim", "mst"):
        made = SyntheticTable(2.0, delta=1e-6, domains=domains, method=method, random_state=0).fit(table)
        drawn = made.sample(4000, random_state=0)
        right[method] = ((drawn["one"] ^ drawn["two"]) == drawn["both"]).mean()
    assert right["aim"] > 0.9
    assert right["mst"] < 0.6


def test_a_small_model_stays_small() -> None:
    rng = np.random.default_rng(4)
    codes = np.stack([rng.integers(0, size, 500) for size in SIZES], axis=1)
    made = aim(Meter(5.0, 1e-6, SeededEntropy(0)), records(codes), 40)
    assert made.tree.cells(SIZES) <= 40
