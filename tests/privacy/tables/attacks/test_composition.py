"""Composition: what one class hides, two classes show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes

from casemate.core.errors import UsageError
from casemate.privacy.tables import Anonymizer, DistinctDiversity, Hierarchy, KAnonymity
from casemate.privacy.tables.attacks import Composition, Published


def test_two_classes_that_share_one_value_disclose_it():
    people = pd.DataFrame({"row": list("aabb"), "column": list("xyxy"), "ill": ["flu", "cold", "cold", "flu"]})
    trees = {name: Hierarchy.of([(v, "*") for v in values]) for name, values in (("row", "ab"), ("column", "xy"))}
    models = [KAnonymity(2), DistinctDiversity("ill", 2)]
    first = Published.after(Anonymizer(models).release(people, {"row": trees["row"]}, drop=["column"]), people)
    second = Published.after(Anonymizer(models).release(people, {"column": trees["column"]}, drop=["row"]), people)
    assert Composition("ill").run(first, second).rate == 0.5  # {flu, cold} in both: nothing is gained
    people["ill"] = ["flu", "cold", "gout", "flu"]
    first, second = (
        Published.after(Anonymizer(models).release(people, {name: trees[name]}, drop=[other]), people)
        for name, other in (("row", "column"), ("column", "row"))
    )
    found = Composition("ill").run(first, second)
    assert found.without.tolist() == [0.5] * 4
    assert found.successes.tolist() == [1.0] * 4


def test_two_releases_of_real_patients_disclose_more_than_one():
    found = load_diabetes(as_frame=True, scaled=False)
    people = found.data[["age", "bmi", "bp"]].astype(int)
    people["stage"] = pd.qcut(found.target, 12, labels=False).astype(str)
    maker = Anonymizer([KAnonymity(4), DistinctDiversity("stage", 3)], method="mondrian")
    one = Published.after(maker.release(people, ["age", "bmi"], drop=["bp"]), people)
    two = Published.after(maker.release(people, ["bmi", "bp"], drop=["age"]), people)
    seen = Composition("stage").run(one, two)
    assert seen.trials == 442
    assert seen.gain.low > 0.1
    same = Composition("stage").run(one, one)
    assert np.allclose(same.gain.value, 0, atol=0.1)  # the same release again tells nothing new


def test_releases_of_different_people_are_refused():
    people = pd.DataFrame({"age": [1, 2, 3, 4], "ill": list("abab")})
    one = Published.after(Anonymizer([KAnonymity(2)]).release(people, ["age"]), people)
    few = people.iloc[:2]
    two = Published.after(Anonymizer([KAnonymity(2)]).release(few, ["age"]), few)
    with pytest.raises(UsageError, match="of the same people"):
        Composition("ill").run(one, two)
    with pytest.raises(UsageError, match="of the same people"):
        Composition("height").run(one, one)
