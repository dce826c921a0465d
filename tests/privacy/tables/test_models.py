"""Privacy models, on classes worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import digamma
from scipy.stats import wasserstein_distance

from casemate.core.errors import UsageError
from casemate.privacy.tables.closeness import BetaLikeness, EqualDistance, HierarchicalDistance, OrderedDistance
from casemate.privacy.tables.coding import encode
from casemate.privacy.tables.diversity import DistinctDiversity, EntropyDiversity, RecursiveDiversity, grassberger
from casemate.privacy.tables.groups import Classes, Grouping
from casemate.privacy.tables.hierarchies import Hierarchy
from casemate.privacy.tables.models import DeltaPresence, KAnonymity, KMap

SALARY = ["3", "4", "5", "6", "7", "8", "9", "10", "11"]
"""In thousands: the example of Li, Li & Venkatasubramanian."""


def _classes(*groups: str, research: str = "") -> Classes:
    """One class a text; each character is a record with that sensitive value."""
    frame = pd.DataFrame(
        [(str(at), value) for at, group in enumerate(groups) for value in group], columns=["group", "ill"]
    )
    tree = Hierarchy.flat([str(at) for at in range(len(groups))])
    flags = np.array([flag == "1" for flag in research]) if research else None
    _, classes = Grouping(encode(frame, {"group": tree}, ("ill",), flags)).of((0,))
    order = np.argsort(classes.rows)
    assert (order == np.arange(len(order))).all()
    return classes


def _salaries(*groups: list[str]) -> Classes:
    numbers = {value: float(value) for value in SALARY}
    frame = pd.DataFrame(
        [(str(at), numbers[value]) for at, group in enumerate(groups) for value in group], columns=["group", "ill"]
    )
    tree = Hierarchy.flat([str(at) for at in range(len(groups))])
    return Grouping(encode(frame, {"group": tree}, ("ill",))).of((0,))[1]


def test_k_is_counted_among_released_records_and_k_map_in_the_population():
    classes = _classes("aaa", "aa", research="10011")
    assert KAnonymity(2).holds(classes).tolist() == [False, True]
    assert KMap(3).holds(classes).tolist() == [True, False]


def test_presence_is_a_share_between_bounds_and_binds_those_of_whom_nobody_is_released():
    classes = _classes("aaaa", "aa", "aa", research="10001000")
    assert DeltaPresence(0.0, 0.4).holds(classes).tolist() == [True, False, True]
    assert DeltaPresence(0.2, 0.5).holds(classes).tolist() == [True, True, False]
    assert DeltaPresence(0.2, 0.4).may(classes).tolist() == [True, False, False]


def test_diversity():
    classes = _classes("aabb", "aaab", "abcd", "aaaa")
    assert DistinctDiversity("ill", 2).holds(classes).tolist() == [True, True, True, False]
    assert EntropyDiversity("ill", 2).holds(classes).tolist() == [True, False, True, False]
    assert EntropyDiversity("ill", 4).holds(classes).tolist() == [False, False, True, False]
    # most < c * (second and rarer): 2 < 2c, 3 < c, 1 < 3c, 4 < 0
    assert RecursiveDiversity("ill", 2, 1.5).holds(classes).tolist() == [True, False, True, False]
    assert RecursiveDiversity("ill", 2, 3.0).holds(classes).tolist() == [True, False, True, False]
    assert RecursiveDiversity("ill", 2, 3.1).holds(classes).tolist() == [True, True, True, False]


def test_grassbergers_g_is_the_digamma_of_a_half():
    counts = np.array([[1, 2, 3, 4], [99, 128, 129, 10_000]])
    expected = digamma(counts // 2 + 0.5) + math.log(2)
    assert grassberger(counts) == pytest.approx(expected, rel=1e-14)


def test_corrected_entropy_is_larger_where_records_are_few():
    classes = _classes("aabc", "abbb")
    # G(4) - (2 G(2) + 2 G(1)) / 4 = 1.667 where log 3 is asked for, and Shannon has 1.040; two values are no three
    assert EntropyDiversity("ill", 3).holds(classes).tolist() == [False, False]
    assert EntropyDiversity("ill", 3, "grassberger").holds(classes).tolist() == [True, False]


def test_ordered_distance_is_that_of_the_papers_example():
    classes = _salaries(["3", "4", "5"], ["6", "8", "11"], ["7", "9", "10"])
    assert OrderedDistance("ill", 1).distances(classes) == pytest.approx([0.375, 0.167, 0.236], abs=1e-3)
    assert OrderedDistance("ill", 0.2).holds(classes).tolist() == [False, True, False]


def test_ordered_distance_is_earth_movers():
    classes = _classes("abbd", "cdda", "aaaa")
    whole = [0.5, 2 / 12, 1 / 12, 3 / 12]
    expected = [
        wasserstein_distance(range(4), range(4), [each.count(value) for value in "abcd"], whole) / 3
        for each in ("abbd", "cdda", "aaaa")
    ]
    assert OrderedDistance("ill", 1).distances(classes) == pytest.approx(expected)
    backwards = OrderedDistance("ill", 1, ("d", "c", "b", "a")).distances(classes)
    assert backwards == pytest.approx(expected)
    spread = OrderedDistance("ill", 1, ("a", "-", "b", "-2", "c", "-3", "d")).distances(classes)
    assert spread == pytest.approx(expected)


def test_equal_distance_is_total_variation():
    classes = _classes("aabb", "aaab", "cccc")
    whole = np.array([5, 3, 4]) / 12
    shares = np.array([[2, 2, 0], [3, 1, 0], [0, 0, 4]]) / 4
    assert EqualDistance("ill", 1).distances(classes) == pytest.approx(np.abs(shares - whole).sum(axis=1) / 2)


def test_hierarchical_distance_moves_earth_along_the_tree():
    tree = Hierarchy.of([("a", "ab", "*"), ("b", "ab", "*"), ("c", "cd", "*"), ("d", "cd", "*")])
    classes = _classes("aa", "bb", "cc", "dd")
    # each value has a quarter: 1/4 moves inside the label for half a step, 2/4 across the top for a whole one
    assert HierarchicalDistance("ill", 1, hierarchy=tree).distances(classes) == pytest.approx([0.625] * 4)
    flat = HierarchicalDistance("ill", 1, hierarchy=Hierarchy.flat(list("abcd")))
    assert flat.distances(classes) == pytest.approx(EqualDistance("ill", 1).distances(classes))


def test_likeness_bounds_gains_and_enhanced_likeness_keeps_from_certainty():
    classes = _classes("aaab", "aabb", "aaaa", "bbbb")
    # of 16 there are 9 a and 7 b
    assert BetaLikeness("ill", 0.4).holds(classes).tolist() == [True, True, False, False]
    assert BetaLikeness("ill", 1.3).holds(classes).tolist() == [True, True, True, True]
    assert BetaLikeness("ill", 1.3, enhanced=True).holds(classes).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    "make",
    [
        lambda: KAnonymity(0),
        lambda: KAnonymity(2.5),
        lambda: KMap(True),
        lambda: DeltaPresence(0.5, 0.2),
        lambda: DeltaPresence(0.0, 0.0),
        lambda: DistinctDiversity("ill", 1.5),
        lambda: EntropyDiversity("ill", float("nan")),
        lambda: RecursiveDiversity("ill", 2, 0.0),
        lambda: EqualDistance("ill", -0.1),
        lambda: BetaLikeness("ill", 0.0),
    ],
)
def test_parameters_that_mean_nothing_are_refused(make):
    with pytest.raises(UsageError, match="Next: give"):
        make()


def test_what_was_not_counted_or_ordered_is_told():
    classes = _classes("ab")
    with pytest.raises(UsageError, match="not counted"):
        DistinctDiversity("other", 2).holds(classes)
    with pytest.raises(UsageError, match="not complete"):
        OrderedDistance("ill", 0.5, ("a",)).holds(classes)
    with pytest.raises(UsageError, match="not in its hierarchy"):
        HierarchicalDistance("ill", 0.5, hierarchy=Hierarchy.flat(["a"])).holds(classes)
