"""Dates move by one number of days a person."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from casemate.core.errors import DataError, UsageError
from casemate.privacy.tables import DateShift, PseudonymKey

KEY = PseudonymKey("test", bytes(range(32)))
VISITS = pd.DataFrame(
    {
        "who": ["ada", "bob", "ada", "bob", "eve"],
        "on": ["2026-01-05", "2026-02-28", "2026-01-19", "2026-03-01", None],
    }
)


def test_what_lies_between_a_persons_dates_stays():
    moved = pd.to_datetime(DateShift(KEY).apply(VISITS["on"], VISITS["who"]))
    assert (moved[2] - moved[0]).days == 14
    assert (moved[3] - moved[1]).days == 1
    assert pd.isna(moved[4])
    true = pd.to_datetime(VISITS["on"])
    assert (moved - true).dt.days[0] != (moved - true).dt.days[1]  # each has a shift of its own
    assert DateShift(KEY).apply(VISITS["on"], VISITS["who"]).dropna().str.fullmatch(r"\d{4}-\d\d-\d\d").all()


def test_the_same_person_moves_alike_in_every_table_and_only_with_this_key():
    people = pd.Series([f"p{at}" for at in range(200)])
    one, again = (DateShift(KEY).shifts(each) for each in (people, people[::-1]))
    assert one.tolist() == again.tolist()[::-1]
    other = DateShift(PseudonymKey("other", bytes(32))).shifts(people)
    assert (one == other).mean() < 0.1
    assert (DateShift(KEY, context="staff").shifts(people) == one).mean() < 0.1


@pytest.mark.parametrize(("weeks", "days"), [(False, 10), (True, 30)])
def test_shifts_are_uniform_within_bounds(weeks, days):
    shifts = DateShift(KEY, days, weeks).shifts(pd.Series(range(6000)))
    step = 7 if weeks else 1
    values, counts = np.unique(shifts, return_counts=True)
    assert values.tolist() == list(range(-(days // step) * step, days + 1, step))
    expected = 6000 / len(values)
    chi = ((counts - expected) ** 2 / expected).sum()
    assert chi < len(values) + 6 * np.sqrt(2 * len(values))


def test_weekdays_stay_when_whole_weeks_are_asked_for():
    dates = pd.Series(pd.date_range("2025-11-01", periods=300))
    moved = DateShift(KEY, weeks=True).apply(dates, pd.Series(range(300)))
    assert (moved.dt.day_of_week == dates.dt.day_of_week).all()
    assert (moved != dates).mean() > 0.9
    assert pd.api.types.is_datetime64_any_dtype(moved)


def test_times_keep_their_time_of_day():
    moved = DateShift(KEY).apply(pd.Series(["2026-01-05T08:30:00+01:00"]), pd.Series(["ada"]))
    assert moved[0].endswith("T07:30:00.000000Z")


def test_what_cannot_be_shifted_is_told_by_row():
    bad = pd.Series(["2026-01-05", "soon"], name="on")
    with pytest.raises(DataError, match="1 cells of column 'on' are no dates, the first in row 2") as caught:
        DateShift(KEY).apply(bad, pd.Series(["a", "b"]))
    assert "soon" not in str(caught.value)
    with pytest.raises(DataError, match="1 rows do not say whose dates"):
        DateShift(KEY).apply(bad[:1], pd.Series([None]))
    with pytest.raises(UsageError, match="not as many"):
        DateShift(KEY).apply(bad, pd.Series(["a"]))
    with pytest.raises(DataError, match="leave the calendar"):
        DateShift(KEY, days=36_525).apply(pd.Series(["9999-12-01"] * 40), pd.Series(range(40)))
    for days, weeks in [(0, False), (6, True), (40_000, False)]:
        with pytest.raises(UsageError, match="cannot be moved"):
            DateShift(KEY, days, weeks)


def test_a_known_date_no_longer_finds_the_row_and_two_known_dates_still_may():
    """442 people with two visits; the attacker knows one date of each, or both."""
    random = np.random.default_rng(0)
    first = pd.Series(pd.Timestamp("2025-01-01") + pd.to_timedelta(random.integers(0, 600, 442), unit="D"))
    second = first + pd.to_timedelta(random.integers(1, 400, 442), unit="D")
    people = pd.Series(range(442))
    shift = DateShift(KEY)
    told = [shift.apply(each, people) for each in (first, second)]

    def found(known: np.ndarray, released: np.ndarray) -> float:
        """Expected share of right matches by equality."""
        fits = known[:, None] == released[None]
        return float((np.diag(fits) / np.maximum(fits.sum(axis=1), 1)).mean())

    assert found(first.to_numpy(), first.to_numpy()) > 0.5
    assert found(first.to_numpy(), told[0].to_numpy()) < 0.02
    apart, still = ((two - one).to_numpy() for one, two in ((first, second), told))
    assert found(apart, still) > 0.4  # the limit that the statement names
    assert "may tell who it is" in shift.statement
