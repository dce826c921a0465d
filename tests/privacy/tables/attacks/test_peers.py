"""Our attacks beside anonymeter's on the same 442 patients: at equal budget at least as strong, within the interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmarks.reidentification import anonymeter
from sklearn.datasets import load_diabetes

from casemate.privacy.tables import Anonymizer, KAnonymity
from casemate.privacy.tables.attacks import AttributeDisclosure, Published, SinglingOut

pytestmark = pytest.mark.slow

QUASI = ["age", "sex", "bmi"]


def test_as_strong_as_anonymeter_on_a_table_as_it_is():
    found = load_diabetes(as_frame=True, scaled=False)
    people = found.data[QUASI].astype({"age": int, "sex": int})
    people["stage"] = pd.qcut(found.target, 6, labels=list("abcdef")).astype(str)
    order = np.random.default_rng(0).permutation(442)
    mine, others = (people.iloc[each].reset_index(drop=True) for each in (order[:221], order[221:]))
    maker = Anonymizer([KAnonymity(5)], 0.1)
    release = maker.release(mine, maker.hierarchies(people, QUASI))
    before = Published.after(release, mine).before()
    tables = {"mine": before.people.iloc[before.kept], "released": before.table, "others": others}
    theirs = anonymeter(tables, QUASI, "stage", 200)
    if theirs is None:
        pytest.skip("the peers' environment 'anonymeter' is absent")
    single = SinglingOut(all_columns=True, predicates=200).run(before, others)
    assert single.interval.high >= theirs["singling"][0]
    assert single.gain.high >= theirs["singling"][0] - theirs["singling"][1]
    guess = AttributeDisclosure("stage", victims=200).run(before, others.iloc[:110], others.iloc[110:])
    assert guess.interval.high >= theirs["attribute"][0]
    assert guess.rate > 0.95  # nearly every row is alone, and ours finds it
