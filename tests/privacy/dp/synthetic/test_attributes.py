"""Columns to codes and back: what a column cannot hold is refused without a word about its values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.core.errors import DataError, UsageError
from casemate.privacy.dp.synthetic.attributes import Categories, Dates, Numbers, taken_from

RANDOM = np.random.default_rng(0)


@settings(deadline=None)
@given(st.integers(-1000, 1000), st.integers(0, 3000), st.integers(1, 300))
def test_a_whole_number_is_drawn_from_the_bin_it_fell_into(low: int, span: int, bins: int) -> None:
    column = Numbers(low, low + span, bins=bins, whole=True)
    values = pd.Series(np.unique(np.linspace(low, low + span, 50).astype(int)))
    codes = column.encode(values, "x")
    assert codes.min() >= 0
    assert codes.max() < column.size <= bins
    drawn = column.decode(codes, RANDOM)
    assert column.encode(pd.Series(drawn), "x").tolist() == codes.tolist()
    assert drawn.min() >= low
    assert drawn.max() <= low + span


def test_numbers_outside_the_bounds_are_moved_to_them_and_missing_ones_have_a_code() -> None:
    column = Numbers(0.0, 1.0, bins=4, missing=True)
    codes = column.encode(pd.Series([-5.0, 0.1, 0.6, 9.0, np.nan, np.inf]), "x")
    assert codes.tolist() == [0, 0, 2, 3, 4, 3]
    drawn = column.decode(codes, RANDOM)
    assert np.isnan(drawn).tolist() == [False, False, False, False, True, False]
    assert 0.5 <= drawn[2] <= 0.75


def test_what_a_column_cannot_hold_is_counted_and_not_shown() -> None:
    with pytest.raises(DataError, match="2 values of column 'ward' are not among") as said:
        Categories(["A"]).encode(pd.Series(["A", "secret", "secret"]), "ward")
    assert "secret" not in str(said.value)
    with pytest.raises(DataError, match="1 values of column 'ward' are missing"):
        Categories(["A"]).encode(pd.Series(["A", None]), "ward")
    with pytest.raises(DataError, match="1 values of column 'age' are missing"):
        Numbers(0, 9).encode(pd.Series([1.0, np.nan]), "age")
    with pytest.raises(DataError, match="no number") as said:
        Numbers(0, 9).encode(pd.Series(["secret"]), "age")
    assert "secret" not in str(said.value)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_dates_are_days_in_their_interval(zone: str | None) -> None:
    column = Dates("2020-02-01", "2020-03-31", bins=4, missing=True)
    seen = pd.Series(
        pd.to_datetime(["2020-02-01", "2020-02-29", "2020-03-31T13:00", None, "1990-01-01"], format="mixed")
    )
    codes = column.encode(seen.dt.tz_localize(zone) if zone else seen, "seen")
    assert codes.tolist() == [0, 1, 3, 4, 0]
    drawn = column.decode(codes, RANDOM)
    assert column.encode(drawn, "seen").tolist() == codes.tolist()
    with pytest.raises(DataError, match="no dates"):
        column.encode(pd.Series(["2020-02-01"]), "seen")
    with pytest.raises(UsageError, match="none"):
        Dates("2020-02-31", "2020-03-31")
    assert taken_from(pd.Series(pd.to_datetime(["2020-02-01", "2020-05-09"])), "x") == (
        Dates("2020-02-01", "2020-05-09"),
        "bounds of x",
    )


def test_domains_that_are_none_are_refused() -> None:
    for wrong in (lambda: Categories([]), lambda: Categories(["A", "A"])):
        with pytest.raises(UsageError, match="categories cannot be"):
            wrong()
    for low, high in ((1.0, 0.0), (0.0, np.inf), (np.nan, 1.0)):
        with pytest.raises(UsageError, match="there is nothing"):
            Numbers(low, high)
    with pytest.raises(UsageError, match="bins"):
        Numbers(0, 1, bins=0)


def test_what_is_taken_from_the_data_is_said() -> None:
    whole, said = taken_from(pd.Series([3, 9, 4]), "age")
    assert (whole, said) == (Numbers(3, 9, whole=True), "bounds of age")
    assert taken_from(pd.Series([True, False]), "x") == (Categories((False, True)), "")
    assert taken_from(pd.Series(["b", None, "a"]), "x") == (Categories(("a", "b"), missing=True), "categories of x")
    assert taken_from(pd.Series(["b"], dtype=pd.CategoricalDtype(["c", "b"])), "x")[0] == Categories(("c", "b"))
    with pytest.raises(UsageError, match="one person"):
        taken_from(pd.Series([f"name {each}" for each in range(200)]), "x")
    with pytest.raises(DataError, match="infinite"):
        taken_from(pd.Series([1.0, np.inf]), "x")
