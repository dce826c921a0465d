"""What a column can hold, said beforehand: categories, or numbers between bounds. Both are public inputs.

A column is told as codes, small whole numbers; a synthetic code is told back as a value of the column's own type.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

from casemate.core.errors import DataError, UsageError
from casemate.privacy.dp.synthetic.meter import Floats, Whole

FINEST: Final = 1 << 16
"""Codes of a column, at most."""


class Attribute(Protocol):
    """What a column can hold."""

    @property
    def size(self) -> int:
        """How many codes there are."""

    @property
    def ordered(self) -> bool:
        """Whether neighboring codes are alike, so that few records in one may be joined to those in the next."""

    def encode(self, column: pd.Series, name: str) -> Whole:
        """(n,) codes of a column.

        Raises:
            DataError: it holds what it cannot; values are counted, never shown.
        """

    def decode(self, codes: Whole, random: np.random.Generator) -> list[Any] | Floats | Whole:
        """(n,) values for codes."""


@dataclass(frozen=True)
class Categories:
    """One of a list of values.

    Attributes:
        values: all that there can be, whether or not they occur.
        missing: whether a value may be missing.

    Example:
        >>> ward = Categories(["A", "B"])
        >>> ward.encode(pd.Series(["B", "A", "B"]), "ward").tolist()
        [1, 0, 1]
    """

    values: Sequence[Hashable]
    missing: bool = False

    def __post_init__(self) -> None:
        if not 0 < len(self.values) < FINEST or len(set(self.values)) != len(self.values):
            raise UsageError(
                f"{len(self.values)} categories cannot be",
                cause="they are none, too many, or one is there twice",
                next_step="list each value once; leave out columns that name people",
            )

    @property
    def size(self) -> int:
        """How many codes there are."""
        return len(self.values) + self.missing

    @property
    def ordered(self) -> bool:
        """Categories are not alike."""
        return False

    def encode(self, column: pd.Series, name: str) -> Whole:
        """(n,) codes: places in the list; of a missing value, the last."""
        codes, uniques = pd.factorize(column, use_na_sentinel=True)
        known = {value: place for place, value in enumerate(self.values)}
        places = np.array([*(known.get(value, -1) for value in uniques), -2], dtype=np.int64)[codes]
        gone = places == -2
        if gone.any() and not self.missing:
            raise _missing(name, int(gone.sum()))
        unknown = int((places == -1).sum())
        if unknown:
            raise DataError(
                f"{unknown} values of column {name!r} are not among its categories",
                cause="categories are a public input, and a value outside would betray a record",
                next_step="list all values that can be; no budget was spent",
            )
        return np.where(gone, len(self.values), places)

    def decode(self, codes: Whole, random: np.random.Generator) -> list[Any]:
        """(n,) values; None where missing."""
        del random
        values = [*self.values, None]
        return [values[each] for each in codes.tolist()]


@dataclass(frozen=True)
class Numbers:
    """A number between two bounds; what lies outside is moved to them.

    Attributes:
        low, high: bounds, inclusive; constants of yours, never taken from the data.
        bins: into how many intervals of equal width they are divided, at most. Whole numbers get fewer if there are
            fewer. Bins with few records are joined afterwards, judged by their noisy counts.
        whole: whether there are only whole numbers.
        missing: whether a value may be missing.

    Example:
        >>> age = Numbers(0, 99, bins=10, whole=True)
        >>> age.encode(pd.Series([3, 47, 120]), "age").tolist()
        [0, 4, 9]
    """

    low: float
    high: float
    bins: int = 100
    whole: bool = False
    missing: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise UsageError(
                f"between {self.low} and {self.high} there is nothing",
                next_step="give the least and greatest value that can be",
            )
        if not 0 < self.bins < FINEST:
            raise UsageError(f"{self.bins} bins cannot be", next_step=f"give a number from 1 to {FINEST - 1}")

    @property
    def ordered(self) -> bool:
        """Neighboring bins are alike."""
        return True

    @property
    def size(self) -> int:
        """How many codes there are."""
        return self._count + self.missing

    @property
    def _first(self) -> int:
        return math.ceil(self.low)

    @property
    def _values(self) -> int:
        """How many whole numbers lie between the bounds."""
        return max(math.floor(self.high) - self._first + 1, 1)

    @property
    def _width(self) -> float:
        """Of a bin."""
        if self.whole:
            return math.ceil(self._values / self.bins)
        return (self.high - self.low) / self.bins or 1.0

    @property
    def _count(self) -> int:
        """How many bins there are."""
        if self.whole:
            return math.ceil(self._values / self._width)
        return self.bins if self.high > self.low else 1

    def encode(self, column: pd.Series, name: str) -> Whole:
        """(n,) codes: numbers of bins; of a missing value, the last."""
        try:
            values = np.asarray(pd.to_numeric(column), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"column {name!r} holds what is no number",
                cause=type(error).__name__,
                next_step="give its categories, or turn it into numbers; no budget was spent",
            ) from error
        gone = np.isnan(values)
        if gone.any() and not self.missing:
            raise _missing(name, int(gone.sum()))
        origin = float(self._first) if self.whole else self.low
        moved = np.clip(np.where(gone, self.low, values), self.low, self.high)
        codes = np.floor((moved - origin) / self._width).clip(0, self._count - 1).astype(np.int64)
        return np.where(gone, self._count, codes)

    def decode(self, codes: Whole, random: np.random.Generator) -> Floats | Whole:
        """(n,) numbers, evenly spread over their bins; not a number where missing."""
        gone = codes == self._count
        if self.whole:
            start = self._first + codes * int(self._width)
            room = np.minimum(int(self._width), self._first + self._values - start)
            drawn = start + np.floor(random.random(len(codes)) * np.maximum(room, 1)).astype(np.int64)
            return np.where(gone, np.nan, drawn) if gone.any() else drawn
        drawn = np.clip(self.low + (codes + random.random(len(codes))) * self._width, self.low, self.high)
        return np.where(gone, np.nan, drawn)


@dataclass(frozen=True)
class Dates:
    """A day between two days; what lies outside is moved to them, and the time of the day is left out.

    Attributes:
        first, last: days in ISO 8601, inclusive; constants of yours, never taken from the data.
        bins: into how many intervals they are divided, at most; see `Numbers`.
        missing: whether a value may be missing.

    Example:
        >>> seen = Dates("2020-01-01", "2020-12-31", bins=12)
        >>> seen.encode(pd.Series(pd.to_datetime(["2020-01-05", "2020-12-24", "2031-05-01"])), "seen").tolist()
        [0, 11, 11]
    """

    first: str
    last: str
    bins: int = 100
    missing: bool = False

    def __post_init__(self) -> None:
        try:
            self.days  # noqa: B018 - days that are none are refused here, not when the first table comes
        except ValueError as error:
            raise UsageError(
                "the first or the last day is none", cause=type(error).__name__, next_step="write it as 2020-12-31"
            ) from error

    @property
    def days(self) -> Numbers:
        """Days since the first, as numbers."""
        span = (pd.Timestamp(self.last) - pd.Timestamp(self.first)).days
        return Numbers(0, span, bins=self.bins, whole=True, missing=self.missing)

    @property
    def ordered(self) -> bool:
        """Neighboring intervals are alike."""
        return True

    @property
    def size(self) -> int:
        """How many codes there are."""
        return self.days.size

    def encode(self, column: pd.Series, name: str) -> Whole:
        """(n,) codes: numbers of intervals; of a missing value, the last."""
        if not pd.api.types.is_datetime64_any_dtype(column):
            raise DataError(
                f"column {name!r} holds no dates", next_step="convert it with pandas.to_datetime; no budget was spent"
            )
        plain = column.dt.tz_localize(None) if column.dt.tz is not None else column
        return self.days.encode((plain - pd.Timestamp(self.first)).dt.days, name)

    def decode(self, codes: Whole, random: np.random.Generator) -> Any:
        """(n,) days, evenly spread over their intervals; missing ones as such."""
        return pd.Timestamp(self.first) + pd.to_timedelta(pd.Series(self.days.decode(codes, random)), unit="D")


def taken_from(column: pd.Series, name: str) -> tuple[Attribute, str]:
    """What a column can hold by looking at it, and what thereby has to be assumed public ("" for nothing).

    Raises:
        UsageError: nearly every row has a value of its own.
    """
    missing = bool(column.isna().any())
    kind = column.dtype
    if pd.api.types.is_bool_dtype(kind) and not missing:
        return Categories((False, True)), ""
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
        numbers = np.asarray(column.dropna(), dtype=np.float64)
        if not len(numbers) or not np.isfinite(numbers).all():
            raise DataError(
                f"column {name!r} holds no numbers, or infinite ones",
                next_step="leave them out, or say what it can hold; no budget was spent",
            )
        whole = bool((numbers % 1 == 0).all()) and float(np.abs(numbers).max()) < 2**52
        return Numbers(float(numbers.min()), float(numbers.max()), whole=whole, missing=missing), f"bounds of {name}"
    if pd.api.types.is_datetime64_any_dtype(kind) and not column.isna().all():
        first, last = (f"{each():%Y-%m-%d}" for each in (column.min, column.max))
        return Dates(first, last, missing=missing), f"bounds of {name}"
    if isinstance(kind, pd.CategoricalDtype):
        values = list(kind.categories)
    else:
        values = sorted(pd.unique(column.dropna()), key=str)
    if len(values) > max(100, len(column) // 10):
        raise UsageError(
            f"column {name!r} has {len(values)} values in {len(column)} rows",
            cause="a value that one person has is that person's, and must not become public",
            next_step="leave the column out, group its values, or list them if they are public",
        )
    return Categories(tuple(values), missing=missing), f"categories of {name}"


def _missing(name: str, count: int) -> DataError:
    return DataError(
        f"{count} values of column {name!r} are missing",
        cause="it was not said that values may be",
        next_step="say missing=True, or leave those rows out; no budget was spent",
    )
