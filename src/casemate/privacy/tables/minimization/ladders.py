"""Ways to say less of a column: from its values to fewer and fewer groups of values, down to nothing.

Which values share a group is decided by what the model makes of them: each value is put into a sample of records, and
values whose predictions are alike are joined first (Ward's criterion, weighted by how often they occur). Of numbers and
dates, only neighbors are joined, so groups are intervals.

Reference:
    Predictions with a value put in: Goldstein et al. 2015, "Peeking inside the black box" (individual conditional
    expectation); joining: Ward 1963, "Hierarchical grouping to optimize an objective function".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Response = Callable[[pd.DataFrame], Floats]
"""From (n, columns) records to (n, outputs) what a model makes of each."""

FINEST: Final = 128
"""Intervals that a column of many numbers starts from."""
FREQUENT: Final = 64
"""Values of other columns that are told apart at first; rarer ones share a group."""
SIZES: Final = (64, 32, 24, 16, 12, 8, 6, 5, 4, 3, 2, 1)
"""Groups of coarser levels."""
SAMPLE: Final = 64
"""Records into which values are put."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """How a column is generalized, level by level.

    Attributes:
        name: of the column.
        ordered: whether groups are intervals.
        starts: of numbers, the least value of each finest group but the first; of others empty.
        known: of other columns, each value's finest group.
        levels: of each level above 0, the group of each finest group; the last has one group.
        values: of each level, a value that stands for each group: one that occurs in it, the middle or most frequent.
        bits: of each level from 0, entropy of what is still told.
        missing: finest group of missing values; -1 if there was none.
    """

    name: str
    ordered: bool
    starts: tuple[Any, ...]
    known: dict[Any, int]
    levels: tuple[Whole, ...]
    values: tuple[tuple[Any, ...], ...]
    bits: tuple[float, ...]
    missing: int

    @property
    def top(self) -> int:
        """The level at which nothing is told."""
        return len(self.levels)

    def groups(self, level: int) -> int:
        """How many groups a level above 0 has."""
        return len(self.values[level - 1])

    def finest(self, column: pd.Series) -> Whole:
        """(n,) finest group of each value; one that was never seen goes with the most frequent."""
        gone = column.isna().to_numpy()
        found = np.zeros(len(column), dtype=np.int64)
        if self.ordered:
            found[~gone] = np.searchsorted(np.asarray(self.starts), np.asarray(column[~gone]), side="right")
        else:
            codes, uniques = pd.factorize(column)
            found = np.array([*(self.known.get(each, 0) for each in uniques), 0], dtype=np.int64)[codes]
        found[gone] = max(self.missing, 0)
        return found

    def apply(self, column: pd.Series, level: int) -> pd.Series:
        """The column with every value replaced by the one that stands for its group; as it is at level 0."""
        if not level:
            return column
        group = self.levels[level - 1][self.finest(column)]
        values = self.values[level - 1]
        made = pd.Series([values[each] for each in group.tolist()], index=column.index, name=column.name)
        return made.astype(column.dtype)

    def describe(self, level: int) -> str:
        """What is still told, in words; values of single people do not appear, bounds of intervals do."""
        if level == self.top:
            return "nothing"
        if self.bits[level] == self.bits[0]:
            return "as it is"
        group, many = self.levels[level - 1], self.groups(level)
        if self.ordered:
            numbered = group[: len(self.starts) + 1]
            cuts = [f"{self.starts[at]}" for at in range(len(self.starts)) if numbered[at] != numbered[at + 1]]
            told = f"{many - (self.missing >= 0)} intervals" + (f", from {', '.join(cuts)}" if cuts else "")
            return told + (", or that it is missing" if self.missing >= 0 else "")
        return f"{many} groups of {len(self.known)} values"


def ladder(column: pd.Series, rows: pd.DataFrame, response: Response, random: np.random.Generator) -> Ladder:
    """How to generalize one column of a table for one model.

    Args:
        column: of the table; its name is a column of ``rows``.
        rows: the whole table.
        response: of the model.
        random: chooses the records into which values are put.
    """
    name = str(column.name)
    ordered = bool(
        (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column))
        and not pd.api.types.is_bool_dtype(column)
    )
    present = column.dropna()
    starts, known = tuple[Any, ...](), dict[Any, int]()
    if ordered:
        starts = _starts(present)
        many = len(starts) + 1
    else:
        known = {value: min(place, FREQUENT - 1) for place, value in enumerate(present.value_counts().index)}
        many = max(min(len(known), FREQUENT), 1)
    missing = many if column.isna().any() and len(present) else -1
    plain = Ladder(name, ordered, starts, known, (), (), (), missing)
    finest = plain.finest(column)
    counts = np.bincount(finest, minlength=many + (missing >= 0)).astype(np.float64)
    stands = tuple(_stands(column[finest == each], column) for each in range(len(counts)))
    told = _responses(name, stands, rows, response, random)
    levels, values = list[Whole](), list[tuple[Any, ...]]()
    sizes = [len(counts), *(size for size in SIZES if size < len(counts))]
    for group in _joined(told, counts, sizes, many if ordered else 0):
        levels.append(group)
        values.append(tuple(_stands(column[group[finest] == each], column) for each in range(int(group.max()) + 1)))
    raw = np.bincount(pd.factorize(column, use_na_sentinel=False)[0])
    bits = [_entropy(raw.astype(np.float64)), *(_entropy(np.bincount(group, counts)) for group in levels)]
    return Ladder(name, ordered, starts, known, tuple(levels), tuple(values), tuple(bits), missing)


def _starts(present: pd.Series) -> tuple[Any, ...]:
    """Of about equally frequent intervals, the least value of each but the first; values that occur."""
    ordered = np.sort(np.asarray(present))
    if not len(ordered):
        return ()
    unique = np.unique(ordered)
    if len(unique) <= FINEST:
        return tuple(unique[1:].tolist() if unique.dtype.kind != "M" else unique[1:])
    cut = np.unique(ordered[np.linspace(0, len(ordered) - 1, FINEST + 1).astype(int)[1:-1]])
    cut = cut[cut > unique[0]]
    return tuple(cut.tolist() if cut.dtype.kind != "M" else cut)


def _stands(column: pd.Series, whole: pd.Series) -> Any:
    """A value for all: the middle one of numbers, else the most frequent; of no values, of the whole column."""
    present = column.dropna()
    if present.empty:
        return None if len(column) or whole.dropna().empty else _stands(whole, whole)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return np.sort(np.asarray(present))[(len(present) - 1) // 2]
    if pd.api.types.is_datetime64_any_dtype(column):
        return present.sort_values().iloc[(len(present) - 1) // 2]
    return present.value_counts().index[0]


def _responses(
    name: str, stands: tuple[Any, ...], rows: pd.DataFrame, response: Response, random: np.random.Generator
) -> Floats:
    """(groups, sample * outputs) what the model makes of a sample of records, with each value put in."""
    sample = rows.iloc[random.permutation(len(rows))[:SAMPLE]]
    asked = pd.concat([sample] * len(stands), ignore_index=True)
    put = pd.Series([value for value in stands for _ in range(len(sample))])
    asked[name] = put.astype(rows[name].dtype)
    return response(asked).reshape(len(stands), -1)


def _joined(told: Floats, counts: Floats, sizes: list[int], chain: int) -> list[Whole]:
    """The groups at each of these sizes, joined two by two; of the first ``chain`` only neighbors.

    Groups of a chain are numbered in its order.
    """
    members = [[each] for each in range(len(counts))]
    centers, weights = list(told.astype(np.float64)), list(np.maximum(counts, 0.5))
    found = []
    for size in sizes:
        while len(members) > size:  # each turn joins two
            pairs = _pairs(members, chain)
            costs = [
                weights[a] * weights[b] / (weights[a] + weights[b]) * float(((centers[a] - centers[b]) ** 2).sum())
                for a, b in pairs
            ]
            a, b = pairs[int(np.argmin(costs))]
            whole = weights[a] + weights[b]
            centers[a] = (weights[a] * centers[a] + weights[b] * centers[b]) / whole
            weights[a] = whole
            members[a] += members[b]
            del members[b], centers[b], weights[b]
        group = np.empty(len(counts), dtype=np.int64)
        for number, each in enumerate(members):
            group[each] = number
        found.append(group)
    return found


def _pairs(members: list[list[int]], chain: int) -> list[tuple[int, int]]:
    """Which groups may be joined: neighbors of a chain; missing values stand apart until all others are one."""
    many = len(members)
    if not chain:
        return [(a, b) for a in range(many) for b in range(a + 1, many)]
    inside = [(a, a + 1) for a in range(many - 1) if members[a + 1][0] < chain]
    return inside or [(0, 1)]


def _entropy(counts: npt.NDArray[Any]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0
