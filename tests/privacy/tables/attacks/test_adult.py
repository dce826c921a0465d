"""Issue 5, row 13: re-identification on Adult (30,162 people) before and after, by attackers who know the defense.

The table may not be committed and is read from ``CASEMATE_BENCH_DATA/arx``.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from casemate.privacy.tables import Anonymizer, DistinctDiversity, Hierarchy, KAnonymity
from casemate.privacy.tables.attacks import AttributeDisclosure, Linkage, Published, SinglingOut, link
from tests.privacy.tables.test_arx import DIGESTS

pytestmark = pytest.mark.slow

OF = "occupation"


@pytest.fixture(scope="module")
def adult():
    folder = Path(os.environ.get("CASEMATE_BENCH_DATA", "absent")) / "arx"
    if not (folder / "adult.csv").exists():
        pytest.skip("CASEMATE_BENCH_DATA/arx does not hold ARX's Adult")
    names = [name for name in DIGESTS if name.startswith("adult_hierarchy_") and OF not in name]
    for name in ("adult.csv", *names):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == DIGESTS[name], name
    frame = pd.read_csv(folder / "adult.csv", sep=";", dtype=str, keep_default_na=False)
    return frame, {name: Hierarchy.read(folder / f"adult_hierarchy_{name}.csv") for name in frame.columns if name != OF}


def anonymizer(k: int, method: str, *more) -> Anonymizer:
    return Anonymizer([KAnonymity(k), *more], 0.02 if method == "exact" else 0.0, method=method)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["exact", "mondrian"])
@pytest.mark.parametrize("k", [2, 5, 10, 50])
def test_linkage_is_bounded_by_one_over_k_and_two_points(adult, k, method):
    frame, trees = adult
    release = anonymizer(k, method).release(frame, trees)
    tried = link(release, frame, more=[OF], victims=3000, seed=1)
    for each in tried:
        if each.judged:
            assert each.after.upper <= 1 / k + 0.02
            assert each.change.high < -0.1
        else:
            assert each.after.rate > 1.5 * tried[0].after.rate  # who knows more than was named is not held off


def test_rows_in_their_old_order_are_found_by_it(adult):
    frame, trees = adult
    release = Anonymizer([KAnonymity(5)], 0.02, keep_order=True).release(frame, trees)
    assert Linkage("order", victims=3000).run(Published.after(release, frame)).rate == 1.0


@pytest.fixture(scope="module")
def halves(adult):
    frame, trees = adult
    order = np.random.default_rng(4).permutation(len(frame))
    half = len(frame) // 2
    mine, others = (frame.iloc[each].reset_index(drop=True) for each in (order[:half], order[half : 2 * half]))
    return mine, others, trees


@pytest.mark.parametrize("method", ["exact", "mondrian"])
def test_singling_out_by_quasi_identifiers_falls_to_its_base_rate_or_near(halves, method):
    mine, others, trees = halves
    after = Published.after(anonymizer(5, method).release(mine, trees), mine)
    attack = SinglingOut(predicates=1000, seed=2)
    before, found = attack.run(after.before(), others), attack.run(after, others)
    assert before.gain.low > 0.7
    assert found.gain.high < 0.25
    everything = SinglingOut(all_columns=True, predicates=1000, seed=2).run(after, others)
    assert everything.gain.low > 0.2  # what is released as it is isolates


def test_attributes_are_disclosed_less_with_diversity_than_with_k_alone(halves):
    mine, others, trees = halves
    outside, control = others.iloc[: len(others) // 2], others.iloc[len(others) // 2 :]
    attack = AttributeDisclosure(OF, seed=3)
    found = {}
    for name, models in {"k": (), "l": (DistinctDiversity(OF, 5),)}.items():
        after = Published.after(anonymizer(5, "mondrian", *models).release(mine, trees), mine)
        found[name] = attack.run(after, control, outside)
    before = attack.run(after.before(), control, outside)
    assert before.excess.low > 0.2
    assert found["k"].excess.low > 0.02  # k = 5 holds, and a value is given away
    assert found["l"].excess.value < found["k"].excess.value < before.excess.value
