"""The front door."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from casemate.core.errors import DataError, UsageError
from casemate.privacy.tables import (
    Anonymizer,
    DeltaPresence,
    DistinctDiversity,
    Entropy,
    EqualDistance,
    Hierarchy,
    KAnonymity,
    KMap,
)

TABLE = pd.DataFrame(
    {
        "name": [f"person {at}" for at in range(8)],
        "age": [21, 22, 23, 24, 51, 52, 53, 54],
        "zip": ["80331", "80331", "80339", "80339", "10115", "10117", "10115", "10119"],
        "ill": list("abababba"),
        "note": range(8),
    },
    index=list("abcdefgh"),
)


@pytest.mark.parametrize("method", ["exact", "mondrian"])
def test_each_released_row_agrees_with_k_minus_one_others(method):
    release = Anonymizer([KAnonymity(2), DistinctDiversity("ill", 2)], method=method).release(
        TABLE, ["age", "zip"], drop=["name"]
    )
    assert list(release.table.columns) == ["age", "zip", "ill", "note"]
    groups = release.table.groupby(["age", "zip"])
    assert groups.size().min() >= 2
    assert groups["ill"].nunique().min() >= 2
    assert len(groups) == release.classes
    assert release.suppressed + len(release.table) == len(TABLE)
    assert release.table["note"].tolist() == release.kept.tolist()
    assert release.table.index.tolist() == list(range(len(release.kept)))  # the index of people does not leave
    assert release.loss > 0


def test_rows_of_failing_classes_are_left_out_up_to_the_limit():
    table = pd.DataFrame({"age": [20] * 5 + [77]})
    kept = Anonymizer([KAnonymity(2)], limit=0.2, keep_order=True).release(table, {"age": "flat"})
    assert kept.suppressed == 1
    assert kept.kept.tolist() == [0, 1, 2, 3, 4]
    assert kept.table["age"].tolist() == [20] * 5
    assert kept.quasi_identifiers == {"age": 0}
    hundred = pd.DataFrame({"age": [20] * 71 + list(range(29))})
    assert Anonymizer([KAnonymity(3)], limit=0.29).release(hundred, {"age": "flat"}).suppressed == 28
    none_left_out = Anonymizer([KAnonymity(2)]).release(table, {"age": "flat"})
    assert none_left_out.table["age"].tolist() == ["*"] * 6
    assert none_left_out.emptied == ("age",)


def test_a_release_says_what_holds_what_does_not_and_never_more():
    release = Anonymizer([KAnonymity(4), EqualDistance("ill", 0.5)]).release(TABLE, ["age", "zip"], drop=["name"])
    said = repr(release) + release._repr_html_()
    assert "k = 4: each released row agrees with at least 3 others on all quasi-identifiers" in said
    assert "not judged, released as they are: note" in said
    assert "none loses less" in said
    assert "may have the same sensitive value" in said
    assert not re.search("anonym", said, re.IGNORECASE)
    assert Anonymizer([KAnonymity(4)], method="mondrian").release(TABLE, ["age"]).proven is False


def test_rows_are_shuffled_unless_their_order_is_to_stay():
    table = pd.DataFrame({"age": [20] * 300})
    shuffled = Anonymizer([KAnonymity(2)]).release(table, ["age"])
    assert sorted(shuffled.kept) == list(range(300))
    assert (shuffled.kept == np.arange(300)).sum() < 15  # a random order leaves one in place on average
    in_order = Anonymizer([KAnonymity(2)], keep_order=True).release(table, ["age"])
    assert in_order.kept.tolist() == list(range(300))
    assert "rows stand in their old order" in repr(in_order)
    assert "old order" not in repr(shuffled)


@pytest.mark.parametrize("method", ["exact", "mondrian"])
def test_cells_say_what_the_labels_say(method):
    release = Anonymizer([KAnonymity(2)], method=method).release(TABLE, ["age", "zip"], drop=["name"])
    cells = release.cells
    assert cells.size.min() >= 2
    for at, name in enumerate(cells.names):
        labels = np.array(cells.labels(at), dtype=object)
        assert labels[cells.owner].tolist() == release.table[name].astype(str).tolist()
        inside = cells.contain(at, cells.places(TABLE)[at])
        assert inside[release.kept, cells.owner].all()  # each row's cell holds the person it is about


def test_time_that_is_up_is_said():
    table = pd.DataFrame(np.random.default_rng(0).integers(0, 50, (300, 3)), columns=list("abc"))
    release = Anonymizer([KAnonymity(2)], limit=1.0, seconds=0.0).release(table, list("abc"))
    assert not release.proven
    assert release.bound < release.loss
    assert "time was up" in repr(release)
    with pytest.raises(DataError, match="time was up after 1 of"):
        Anonymizer([KAnonymity(299)], seconds=0.0).release(table, list("abc"))


def test_missing_values_are_values_of_their_own():
    table = pd.DataFrame({"age": [20, 21, np.nan, np.nan]})
    release = Anonymizer([KAnonymity(2)], keep_order=True).release(table, ["age"])
    assert release.table["age"].tolist() == ["20-21", "20-21", "", ""]
    with pytest.raises(DataError, match="2 cells of column 'age' are not in its hierarchy, the first in row 3"):
        Anonymizer([KAnonymity(2)]).release(table, {"age": Hierarchy.flat(["20", "21"])})


def test_unknown_values_are_told_by_row_and_not_by_value():
    table = pd.DataFrame({"job": ["clerk", "spy"]})
    with pytest.raises(DataError, match="the first in row 2") as caught:
        Anonymizer([KAnonymity(1)]).release(table, {"job": Hierarchy.flat(["clerk"])})
    assert "spy" not in str(caught.value)


def test_a_table_of_unique_rows_loses_what_it_must():
    table = pd.DataFrame({"id": [f"x{at}" for at in range(6)]})
    release = Anonymizer([KAnonymity(2)]).release(table, ["id"])
    assert release.emptied == ("id",)
    assert "nothing is left of: id" in repr(release)


def test_a_research_subset_is_released_and_its_population_counted():
    research = np.array([True, False, True, False, True, False, True, False])
    for method in ("exact", "mondrian"):
        release = Anonymizer([KMap(2), DeltaPresence(0.0, 0.6)], method=method).release(
            TABLE, ["age"], drop=["name"], research=research
        )
        assert sorted(release.kept) == [0, 2, 4, 6]
        assert release.classes >= 2


def test_what_cannot_be_is_refused():
    with pytest.raises(DataError, match="k = 9 is more than the 8 rows"):
        Anonymizer([KAnonymity(9)], limit=1.0).release(TABLE, ["age"])
    with pytest.raises(DataError, match="no generalization of 1 columns"):
        Anonymizer([KAnonymity(5)]).release(
            TABLE, {"zip": Hierarchy.of([(each, each[:1]) for each in set(TABLE["zip"])])}
        )
    for models, limit, loss in [
        ([], 0.0, Entropy()),
        ([KAnonymity(2)], 1.5, Entropy()),
        ([KAnonymity(2)], -0.1, Entropy()),
    ]:
        with pytest.raises(UsageError):
            Anonymizer(models, limit, loss)
    with pytest.raises(UsageError, match="no method"):
        Anonymizer(method="fast")  # type: ignore[arg-type]
    for asked, told in [
        ([], "no quasi-identifier"),
        (["agee"], "0 columns 'agee'"),
        (["ill"], "is a quasi-identifier and"),
    ]:
        with pytest.raises(UsageError, match=told):
            Anonymizer([DistinctDiversity("ill", 2)]).release(TABLE, asked)
    with pytest.raises(UsageError, match="cannot be dropped"):
        Anonymizer().release(TABLE, ["age"], drop=["age"])
    with pytest.raises(UsageError, match="no rows"):
        Anonymizer().release(TABLE.iloc[:0], ["age"])
    with pytest.raises(UsageError, match="does not fit"):
        Anonymizer([KAnonymity(1)]).release(TABLE, ["age"], research=np.ones(3, dtype=bool))
