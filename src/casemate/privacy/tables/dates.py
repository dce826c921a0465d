"""Dates moved by a number of days of each person's own, so that what lies between a person's dates stays as it is.

The shift of a person is ``-D .. D`` days, all equally likely, or whole weeks of that so that weekdays stay: 128 bits of
``HMAC-SHA-256(K, person)`` modulo the number of shifts (no shift is likelier than another by more than 2^-100 of its
chance), with K as in ``pseudonyms`` for the purpose "date-shift". So it is the same in every table, and unknown without
the key.

It hides when something was, not how long it took: whoever knows two dates of a person knows what lies between them, and
whoever knows one of them and finds the row knows all the others.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import numpy as np
import pandas as pd

from casemate.core.errors import DataError, UsageError
from casemate.data.validate import dates
from casemate.privacy.tables.hierarchies import Whole
from casemate.privacy.tables.pseudonyms import PseudonymKey, canonical

MOST_DAYS = 36_525
PLAIN = r"\d{4}-\d{2}-\d{2}"


@dataclass(frozen=True)
class DateShift:
    """Moves dates of one person by one number of days.

    Example:
        >>> key = PseudonymKey("example", bytes(32))
        >>> visits = pd.Series(["2026-01-05", "2026-01-19"])
        >>> moved = pd.to_datetime(DateShift(key).apply(visits, pd.Series(["ada", "ada"])))
        >>> (moved[1] - moved[0]).days
        14

    Attributes:
        key: the secret.
        days: by how many days at most, either way; 1 to 36,525.
        weeks: by whole weeks only.
        context: what persons are identified by; the same in all tables whose dates belong together.
    """

    key: PseudonymKey
    days: int = 365
    weeks: bool = False
    context: str = "person"

    def __post_init__(self) -> None:
        if not (7 if self.weeks else 1) <= self.days <= MOST_DAYS:
            raise UsageError(
                f"dates cannot be moved by up to {self.days} days",
                next_step=f"give {7 if self.weeks else 1} to {MOST_DAYS} days",
            )

    def shifts(self, person: pd.Series) -> Whole:
        """(n,) days by which each person's dates are moved.

        Raises:
            DataError: a person is missing.
        """
        codes, uniques = pd.factorize(person, use_na_sentinel=False)
        texts = [canonical(value) for value in uniques]
        if "" in texts:
            raise DataError(
                f"{int((codes == texts.index('')).sum())} rows do not say whose dates they hold",
                next_step="fill in the person, or drop these rows",
            )
        secret, step = self.key.derive("date-shift", self.context), 7 if self.weeks else 1
        most = self.days // step
        macs = [hmac.digest(secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256) for text in texts]
        moved = [(int.from_bytes(mac[:16], "big") % (2 * most + 1) - most) * step for mac in macs]
        return np.array(moved, dtype=np.int64)[codes]

    def apply(self, column: pd.Series, person: pd.Series) -> pd.Series:
        """(n,) the dates, moved: as dates if they were, else as text in ISO 8601 (UTC if they have a time and a zone).

        Args:
            column: (n,) dates, or text in ISO 8601; missing ones stay missing.
            person: (n,) whose they are.

        Raises:
            DataError: a value is no date, a person is missing, or a date leaves the calendar.
            UsageError: dates and persons are not as many.
        """
        if len(column) != len(person):
            raise UsageError("dates and persons are not as many", next_step="give one person a date")
        parsed = dates(column)
        wrong = np.flatnonzero((parsed.isna() & column.notna()).to_numpy())
        if len(wrong):
            raise DataError(
                f"{len(wrong)} cells of column {column.name!r} are no dates, the first in row {wrong[0] + 1}",
                next_step="write dates in ISO 8601, or give the column another role",
            )
        try:
            moved = parsed + pd.to_timedelta(self.shifts(person), unit="D")
            outside = not moved.dropna().dt.year.between(1, 9999).all()
        except (OverflowError, pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta):
            outside = True
        if outside:
            raise DataError(f"dates of column {column.name!r} leave the calendar", next_step="move them by fewer days")
        if pd.api.types.is_datetime64_any_dtype(column):
            return pd.Series(moved, name=column.name)
        plain = column.dropna().astype(str).str.fullmatch(PLAIN).all()
        form = "%Y-%m-%d" if plain else "%Y-%m-%dT%H:%M:%S.%fZ"
        texts = moved.dt.strftime(form).astype(object).where(column.notna(), None)
        return pd.Series(texts, name=column.name)

    @property
    def statement(self) -> str:
        """What holds, and what does not."""
        step = "weeks" if self.weeks else "days"
        return (
            f"dates of a person moved by one number of {step}, up to {self.days} days either way (key "
            f"{self.key.identity}): what lies between them stays, and may tell who it is"
        )
