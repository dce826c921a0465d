"""Inferred hierarchies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.core.errors import UsageError
from casemate.privacy.tables.inference import infer


def _levels(tree, value):
    at = tree.values.index(value)
    return [labels[groups[at]] for labels, groups in zip(tree.labels, tree.groups, strict=True)]


def test_whole_numbers_become_intervals_of_doubling_widths():
    tree = infer(pd.Series([17, 18, 19, 20, 25, 90]))
    assert tree.values == ("17", "18", "19", "20", "25", "90")
    assert _levels(tree, "17") == ["17", "16-17", "16-19", "16-23", "16-31", "16-47", "16-79", "*"]
    assert _levels(tree, "20")[:4] == ["20", "20-21", "20-23", "16-23"]


def test_intervals_of_close_numbers_have_the_digits_that_tell_them_apart():
    tree = infer(pd.Series([0.1, 0.12, 0.13, 0.2]))
    assert _levels(tree, "0.12")[1] == "[0.120, 0.122)"
    far = infer(pd.Series([1e12, 1e12 + 0.25, 1e12 + 0.5]))
    assert len(far.labels[1]) == 3
    assert _levels(infer(pd.Series([1.5, 2.0], dtype="float32")), "2")[0] == "2"


def test_dates_become_months_quarters_and_years():
    tree = infer(pd.Series(["2024-02-29", "2024-03-01", "2023-12-31"]))
    assert _levels(tree, "2024-02-29") == ["2024-02-29", "2024-02", "2024-Q1", "2024", "*"]
    same = infer(pd.Series(pd.to_datetime(["2024-02-29", "2024-03-01"])))
    assert _levels(same, "2024-03-01") == ["2024-03-01", "2024-03", "2024-Q1", "2024", "*"]


def test_digits_are_masked_from_the_right():
    tree = infer(pd.Series(["80331", "80339", "10115"], dtype=str))
    assert _levels(tree, "80339") == ["80339", "8033*", "803**", "80***", "8****", "*"]


def test_words_are_kept_or_nothing_of_them_is():
    assert _levels(infer(pd.Series(["a", "bc"])), "bc") == ["bc", "*"]


def test_missing_values_are_a_value_that_only_the_top_joins():
    tree = infer(pd.Series([1.0, np.nan, 3.0]))
    assert tree.values == ("1", "3", "")
    assert _levels(tree, "")[-1] == "*"
    assert set(_levels(tree, "")[:-1]) == {""}
    assert infer(pd.Series([None, None])).labels == (("",), ("*",))


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pd.Series(["a"]), "intervals"),
        (pd.Series(["a"]), "dates"),
        (pd.Series(["1" * 20]), "digits"),
        (pd.Series([np.inf, 1.0]), "intervals"),
    ],
)
def test_a_kind_that_does_not_fit_is_refused(column, kind):
    with pytest.raises(UsageError, match="give a hierarchy"):
        infer(column, kind)


def test_an_empty_column_has_none():
    with pytest.raises(UsageError, match="without values"):
        infer(pd.Series([], dtype=float))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=30))
def test_any_numbers_lie_in_their_intervals_and_these_are_few(values):
    tree = infer(pd.Series(values))
    assert tree.labels[-1] == ("*",)
    assert len(tree.labels[1]) <= 66
    assert len(tree.values) == len({float(value) for value in tree.values})
