"""Mondrian: what it promises of any table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.core.errors import DataError, UsageError
from casemate.privacy.tables.closeness import EqualDistance
from casemate.privacy.tables.coding import encode
from casemate.privacy.tables.diversity import DistinctDiversity
from casemate.privacy.tables.hierarchies import Hierarchy
from casemate.privacy.tables.inference import infer
from casemate.privacy.tables.models import DeltaPresence, KAnonymity
from casemate.privacy.tables.mondrian import partition

JOBS = Hierarchy.of([("a", "ab", "*"), ("b", "ab", "*"), ("c", "cd", "*"), ("d", "cd", "*"), ("e", "e", "*")])
MODELS = [
    (KAnonymity(1),),
    (KAnonymity(3),),
    (KAnonymity(2), DistinctDiversity("ill", 2)),
    (EqualDistance("ill", 0.3),),
    (DeltaPresence(0.0, 1.0), KAnonymity(2)),
]


def _coded(ages, jobs=None, ills=None, research=None):
    frame = pd.DataFrame(
        {"age": ages, "job": jobs if jobs is not None else "a", "ill": ills if ills is not None else "x"}
    )
    return encode(frame, {"age": infer(frame["age"]), "job": JOBS}, ("ill",), research)


@st.composite
def tables(draw):
    rows = draw(st.integers(4, 60))
    of = [st.integers(0, 9), st.sampled_from(JOBS.values), st.sampled_from("xyz")]
    return [draw(st.lists(each, min_size=rows, max_size=rows)) for each in of]


@settings(max_examples=60, deadline=None)
@given(tables(), st.sampled_from(MODELS))
def test_classes_hold_partition_the_rows_and_their_labels_are_true(table, models):
    coded = _coded(*table)
    try:
        found = partition(coded, models, (True, False))
    except DataError:
        return
    for model in models:
        assert model.holds(found.classes).all()
    assert found.classes.inside.sum() == len(table[0])
    assert set(found.owner) == set(range(len(found.classes)))
    ages, jobs = found.labels(coded, 0), found.labels(coded, 1)
    for age, job, row in zip(table[0], table[1], coded.row, strict=True):
        low, _, high = ages[found.owner[row]].partition("-")
        assert int(low) <= age <= int(high or low)
        assert jobs[found.owner[row]] in [
            labels[groups[JOBS.values.index(job)]] for labels, groups in zip(JOBS.labels, JOBS.groups, strict=True)
        ]
    # strict: boxes of two classes have no value of all columns in common
    boxes = {(*found.low[:1, at], *found.high[:1, at], jobs[at]) for at in range(len(found.classes))}
    assert len(boxes) == len(found.classes)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=4, max_size=80), st.integers(1, 4))
def test_no_class_of_one_ordered_column_could_be_cut_again(ages, k):
    """Of one column every allowed cut is taken: what is left has no cut with k on both sides at its middle."""
    frame = pd.DataFrame({"age": ages})
    coded = encode(frame, {"age": infer(frame["age"])})
    found = partition(coded, (KAnonymity(k),), (True,))
    for at in range(len(found.classes)):
        inside = sorted(age for age, row in zip(ages, coded.row, strict=True) if found.owner[row] == at)
        assert len(inside) >= k
        cuts = [sum(age < cut for age in inside) for cut in sorted(set(inside))[1:]]
        if cuts:
            middle = min(cuts, key=lambda cut: abs(2 * cut - len(inside)))
            assert min(middle, len(inside) - middle) < k


def test_a_widest_column_that_cannot_be_split_gives_way_to_the_next():
    # age is widest, but its only cut leaves one row alone
    found = partition(_coded([1, 1, 1, 90], list("aabb")), (KAnonymity(2),), (True, False))
    assert found.classes.inside.tolist() == [2, 2]
    assert found.labels(_coded([1, 1, 1, 90], list("aabb")), 1) == ["a", "b"]


def test_hierarchies_are_split_into_labels_below_the_one_that_is_shared():
    coded = _coded([1] * 7, list("aabbcde"))
    found = partition(coded, (KAnonymity(1),), (True, False))
    assert sorted(found.labels(coded, 1)) == ["a", "b", "c", "d", "e"]
    found = partition(coded, (KAnonymity(2),), (True, False))
    assert found.labels(coded, 1) == ["*"]  # e would be alone


def test_sensitive_values_keep_classes_together():
    coded = _coded([1, 2, 3, 4], ills=list("xxyy"))
    assert len(partition(coded, (KAnonymity(2),), (True, False)).classes) == 2
    assert len(partition(coded, (KAnonymity(2), DistinctDiversity("ill", 2)), (True, False)).classes) == 1


def test_people_who_are_not_released_are_counted_where_a_model_asks_for_them():
    research = np.array([True, False, False, True])
    coded = _coded([1, 1, 5, 5], research=research)
    found = partition(coded, (DeltaPresence(0.4, 0.6),), (True, False))
    assert found.classes.inside.tolist() == [1, 1]
    apart = _coded([1, 1, 1, 1, 5, 5], research=np.array([True, True, False, False, False, False]))
    assert len(partition(apart, (DeltaPresence(0.0, 0.6),), (True, False)).classes) == 2
    # nobody of 5 years is released, which would be known
    assert len(partition(apart, (DeltaPresence(0.2, 0.6),), (True, False)).classes) == 1


def test_many_equal_splits_need_no_recursion():
    rows = 3000
    coded = _coded(list(range(rows)))
    assert len(partition(coded, (KAnonymity(1),), (True, False)).classes) == rows


def test_what_fails_for_the_whole_table_is_told():
    with pytest.raises(DataError, match="the table as a whole"):
        partition(_coded([1, 2]), (KAnonymity(3),), (True, False))
    with pytest.raises(UsageError, match="one flag a column"):
        partition(_coded([1, 2]), (KAnonymity(1),), (True,))
