"""Tables as codes: each quasi-identifier by its place in a hierarchy, equal rows counted once.

Rolled up like this, what is looked at for one way to generalize is the distinct rows and no more; most tables have
fewer of them than rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from casemate.core.errors import DataError, UsageError
from casemate.privacy.tables.hierarchies import Flags, Floats, Hierarchy, Whole
from casemate.privacy.tables.inference import as_text, distinct

WIDEST: Final = 1 << 62
"""Keys of several columns stay below this, so that they fit 64 bits."""
DENSE: Final = 1 << 17
"""Keys are looked up in a table if that has so many cells, or a few a row; else they are hashed."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often each class holds each value of a sensitive attribute, without what does not occur.

    Attributes:
        owner: (entries,) number of the class (before grouping: of the distinct row).
        value: (entries,) number of the value.
        count: (entries,) records that have it.
        labels: the values as text, in their order.
        whole: (values,) share of each in the table that is released.
    """

    owner: Whole
    value: Whole
    count: Whole
    labels: tuple[str, ...]
    whole: Floats


@dataclass(frozen=True, eq=False)
class Coded:
    """A table of quasi-identifiers, rolled up.

    Attributes:
        names: of the columns.
        hierarchies: of the columns.
        codes: (columns, distinct) place of a value in its hierarchy.
        inside: (distinct,) records to be released that look like this; 0 where only the population has them.
        population: (distinct,) records of the whole table.
        histograms: of each sensitive attribute, over the records to be released.
        row: (rows,) which distinct row a row of the table is.
    """

    names: tuple[str, ...]
    hierarchies: tuple[Hierarchy, ...]
    codes: Whole
    inside: Whole
    population: Whole
    histograms: Mapping[str, Histogram]
    row: Whole

    @property
    def records(self) -> int:
        """How many records there are to be released."""
        return int(self.inside.sum())

    @property
    def heights(self) -> tuple[int, ...]:
        """The highest level of each column."""
        return tuple(each.height for each in self.hierarchies)


def encode(
    frame: pd.DataFrame,
    hierarchies: Mapping[str, Hierarchy],
    sensitive: tuple[str, ...] = (),
    research: Flags | None = None,
) -> Coded:
    """Roll up a table.

    Args:
        frame: (n, columns) the table; of a research subset, the table of its population.
        hierarchies: of each quasi-identifier.
        sensitive: attributes whose values are counted.
        research: (n,) which rows are to be released; all without it.

    Raises:
        UsageError: a column is missing or in two roles, there is no row to release, or flags and rows are not as many.
        DataError: a cell holds what its hierarchy does not know.
    """
    _check(frame, hierarchies, sensitive, research)
    rows = np.arange(len(frame)) if research is None else np.flatnonzero(np.asarray(research, dtype=bool))
    columns = [(places(frame[name], name, each), len(each.values)) for name, each in hierarchies.items()]
    row, count = numbered(*combine(columns, len(frame)))
    first = representatives(row, count)
    histograms = {}
    for name in sensitive:
        codes, labels = _numbers(frame[name])
        owner, value, counts = tally(row[rows], codes[rows], np.ones(len(rows), dtype=np.int64), count, len(labels))
        whole = np.bincount(codes[rows], minlength=len(labels)) / len(rows)
        histograms[name] = Histogram(owner, value, counts, labels, whole)
    inside = np.bincount(row[rows], minlength=count)
    return Coded(
        names=tuple(hierarchies),
        hierarchies=tuple(hierarchies.values()),
        codes=np.stack([each[first] for each, _ in columns]),
        inside=inside,
        population=inside if research is None else np.bincount(row, minlength=count),
        histograms=histograms,
        row=row,
    )


def combine(columns: list[tuple[Whole, int]], rows: int) -> tuple[Whole, int]:
    """One key of several columns, in mixed radix, and how many there could be.

    Where the radices do not fit 64 bits, the key so far is numbered anew, which leaves at most one a row.
    """
    key, size = np.zeros(rows, dtype=np.int64), 1
    for column, radix in columns:
        if size * radix > WIDEST:
            key, size = numbered(key, size)
        key, size = key * radix + column, size * radix
    return key, size


def numbered(keys: Whole, size: int) -> tuple[Whole, int]:
    """Keys below ``size`` numbered from 0 without gaps, and how many there are."""
    if size <= DENSE + 4 * len(keys):
        seen = np.zeros(size, dtype=bool)
        seen[keys] = True
        present = np.flatnonzero(seen)
        number = np.empty(size, dtype=np.int64)
        number[present] = np.arange(len(present))
        return number.take(keys), len(present)
    codes, uniques = pd.factorize(keys)
    return codes.astype(np.int64, copy=False), len(uniques)


def representatives(row: Whole, count: int) -> Whole:
    """Of each number, a place where it stands."""
    first = np.empty(count, dtype=np.int64)
    first[row] = np.arange(len(row))
    return first


def tally(owner: Whole, value: Whole, count: Whole, owners: int, values: int) -> tuple[Whole, Whole, Whole]:
    """Add up counts of equal pairs: owners, values and counts of those that occur."""
    bits = (values - 1).bit_length()
    keys, size = (owner << bits) | value, owners << bits
    if size <= DENSE + 4 * len(keys):
        sums = np.bincount(keys, weights=count, minlength=size)
        present = np.flatnonzero(sums > 0)
        return present >> bits, present & ((1 << bits) - 1), sums[present].astype(np.int64)
    codes, uniques = pd.factorize(keys)
    sums = np.bincount(codes, weights=count, minlength=len(uniques))
    return uniques >> bits, uniques & ((1 << bits) - 1), sums.astype(np.int64)


def _check(
    frame: pd.DataFrame, hierarchies: Mapping[str, Hierarchy], sensitive: tuple[str, ...], research: Flags | None
) -> None:
    if not hierarchies:
        raise UsageError(
            "there is no quasi-identifier", next_step="name the columns that somebody else may know about a person"
        )
    for name in (*hierarchies, *sensitive):
        if list(frame.columns).count(name) != 1:
            raise UsageError(
                f"the table has {list(frame.columns).count(name)} columns {name!r}",
                next_step="name columns that are there once",
            )
    both = sorted(set(hierarchies) & set(sensitive))
    if both:
        raise UsageError(
            f"column {both[0]!r} is a quasi-identifier and sensitive",
            cause="what identifies is generalized, what is sensitive stays as it is",
            next_step="give it one role; usually it is sensitive",
        )
    if research is not None and (np.asarray(research).shape != (len(frame),) or np.asarray(research).dtype != bool):
        raise UsageError("the research subset does not fit the table", next_step="give one boolean a row")
    if not len(frame) or (research is not None and not np.any(research)):
        raise UsageError("there are no rows to release", next_step="give a table with rows")


def places(column: pd.Series, name: str, hierarchy: Hierarchy) -> Whole:
    """(rows,) where each value stands in its hierarchy.

    Raises:
        DataError: a cell holds what its hierarchy does not know.
    """
    codes, uniques = pd.factorize(column, use_na_sentinel=False)
    known = {value: place for place, value in enumerate(hierarchy.values)}
    places = np.array([known.get(as_text(value), -1) for value in uniques], dtype=np.int64)
    result: Whole = places[codes]
    unknown = np.flatnonzero(result < 0)
    if len(unknown):
        missing = as_text(column.iloc[int(unknown[0])]) == ""
        raise DataError(
            f"{len(unknown)} cells of column {name!r} are not in its hierarchy, the first in row {int(unknown[0]) + 1}",
            cause="they are missing" if missing else "",
            next_step=("drop these rows, or add a row for the empty value" if missing else "add their values")
            + " to the hierarchy, or let it be inferred",
        )
    return result


def _numbers(column: pd.Series) -> tuple[Whole, tuple[str, ...]]:
    """Values numbered in their order."""
    codes, uniques = pd.factorize(column, use_na_sentinel=False)
    _, labels = distinct(column)
    known = {label: place for place, label in enumerate(labels)}
    return np.array([known[as_text(value)] for value in uniques], dtype=np.int64)[codes], tuple(labels)
