"""Mondrian: tables too large for a lattice, split in two again and again while both halves hold.

LeFevre, DeWitt & Ramakrishnan, Mondrian multidimensional k-anonymity, ICDE 2006: strict partitioning. A part
is split by the quasi-identifier of the widest range: an ordered one at the value nearest to the middle of its records,
one with a hierarchy into the labels below the lowest that all share. Where a half would fail, the next widest is tried.

All parts of a round are split at once, by one sort, instead of one after the other. In each round a part becomes two or
more smaller ones, or has one quasi-identifier fewer left to try, or is done: the rounds end, and they are about as many
as the logarithm of the records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from casemate.core.errors import DataError, UsageError
from casemate.privacy.tables.coding import Coded
from casemate.privacy.tables.groups import Classes, merge
from casemate.privacy.tables.hierarchies import Flags, Floats, Hierarchy, Whole
from casemate.privacy.tables.models import KAnonymity, Model


@dataclass(frozen=True, eq=False)
class Partition:
    """Classes that were split no further.

    Attributes:
        owner: (distinct,) the class of each distinct row.
        classes: what they hold.
        low, high: (columns, classes) first and last place in the order of the hierarchy's values.
        level: (columns, classes) lowest level at which all share a label; 0 where they share the value.
        ordered: (columns,) which quasi-identifiers were split by order.
    """

    owner: Whole
    classes: Classes
    low: Whole
    high: Whole
    level: Whole
    ordered: tuple[bool, ...]

    def labels(self, coded: Coded, column: int) -> list[str]:
        """(classes,) what a quasi-identifier becomes: ``low-high`` if it is ordered, else a label of its hierarchy."""
        hierarchy = coded.hierarchies[column].rooted()
        low = self.low[column].tolist()
        if not self.ordered[column]:
            group = [
                hierarchy.labels[level][hierarchy.groups[level, at]]
                for at, level in zip(low, self.level[column].tolist(), strict=True)
            ]
            return group
        values = hierarchy.values
        return [
            values[first] if first == last else f"{values[first]}-{values[last]}"
            for first, last in zip(low, self.high[column].tolist(), strict=True)
        ]


def partition(coded: Coded, models: Sequence[Model], ordered: Sequence[bool]) -> Partition:
    """Split a table as finely as the models allow.

    Args:
        coded: the table.
        models: all must hold in each class.
        ordered: (columns,) which quasi-identifiers are split by the order of their values, not by their labels.

    Raises:
        UsageError: there are no models, or not one flag a column.
        DataError: a model fails for the table as a whole.
    """
    if not models or len(ordered) != len(coded.names):
        raise UsageError("Mondrian needs a privacy model, and one flag a column", next_step="give both")
    base = Classes(np.arange(len(coded.inside)), coded.inside, coded.population, coded.histograms)
    whole = merge(base, np.zeros(len(base), dtype=np.int64), 1)
    for model in models:
        if not model.holds(whole).all():
            raise DataError(
                "the table as a whole does not hold what is asked for",
                cause=f"this fails for all {coded.records} rows together: {model.statement}",
                next_step="ask for less, or give more rows",
            )
    return _Splitting(coded, base, models, tuple(bool(each) for each in ordered)).run()


class _Splitting:
    """The state: rows sorted by the part they are in, and of each part where it starts and what is left to try."""

    def __init__(self, coded: Coded, base: Classes, models: Sequence[Model], ordered: tuple[bool, ...]) -> None:
        self.coded, self.base, self.models, self.ordered = coded, base, models, ordered
        self.trees = [hierarchy.rooted() for hierarchy in coded.hierarchies]
        self.least = max([model.k for model in models if isinstance(model, KAnonymity)], default=1)
        self.owner = np.full(len(base), -1, dtype=np.int64)
        self.found = 0

    def run(self) -> Partition:
        rows = np.arange(len(self.base))
        starts = np.zeros(1, dtype=np.int64)
        width = self._width(rows, starts)
        while len(starts):
            rows, starts, width = self._retire(rows, starts, width)
            if len(starts):
                rows, starts, width = self._split(rows, starts, width)
        classes = merge(self.base, self.owner, self.found)
        rows = np.argsort(self.owner, kind="stable")
        starts = np.searchsorted(self.owner[rows], np.arange(self.found))
        low, high, level = (np.empty((len(self.trees), self.found), dtype=np.int64) for _ in range(3))
        for at, tree in enumerate(self.trees):
            codes = self.coded.codes[at][rows]
            low[at], high[at] = np.minimum.reduceat(codes, starts), np.maximum.reduceat(codes, starts)
            level[at] = _shared(tree, codes, starts)
        return Partition(self.owner, classes, low, high, level, self.ordered)

    def _width(self, rows: Whole, starts: Whole) -> Floats:
        """(parts, columns) share of its domain that each part covers; 0 where there is nothing to split."""
        width = np.zeros((len(starts), len(self.trees)))
        for at, tree in enumerate(self.trees):
            codes, most = self.coded.codes[at][rows], max(len(tree.values) - 1, 1)
            if self.ordered[at]:
                width[:, at] = (np.maximum.reduceat(codes, starts) - np.minimum.reduceat(codes, starts)) / most
                continue
            level, first = _shared(tree, codes, starts), codes[starts]
            for each in range(1, tree.height + 1):
                of = level == each
                width[of, at] = (tree.shares[each][tree.groups[each][first[of]]] * len(tree.values) - 1) / most
        return width

    def _retire(self, rows: Whole, starts: Whole, width: Floats) -> tuple[Whole, Whole, Floats]:
        """Take out parts that cannot be split, and give them their number."""
        inside = np.add.reduceat(self.coded.inside[rows], starts)
        done = (width.max(axis=1) <= 0) | (inside < 2 * self.least)
        if not done.any():
            return rows, starts, width
        sizes = np.diff(starts, append=len(rows))
        gone = np.repeat(done, sizes)
        number = self.found + np.cumsum(done) - 1
        self.owner[rows[gone]] = np.repeat(number, sizes)[gone]
        self.found += int(done.sum())
        sizes = sizes[~done]
        return rows[~gone], np.cumsum(sizes) - sizes, width[~done]

    def _split(self, rows: Whole, starts: Whole, width: Floats) -> tuple[Whole, Whole, Floats]:
        """Split each part by its widest column, or note that this cannot be."""
        column = width.argmax(axis=1)
        sizes = np.diff(starts, append=len(rows))
        part = np.repeat(np.arange(len(starts)), sizes)
        value = self._values(rows, starts, part, column)
        order = np.argsort(part * (int(value.max()) + 1) + value, kind="stable")
        rows, value = rows[order], value[order]
        begins = np.zeros(len(rows), dtype=bool)
        begins[starts] = True
        runs = begins | np.concatenate([[True], value[1:] != value[:-1]])
        ordered = np.array(self.ordered)[column]
        cuts = begins | (runs & ~ordered[part])
        cuts[self._middles(rows, starts, part, np.flatnonzero(runs & ordered[part]))] = True
        child = np.cumsum(cuts) - 1
        heads = np.flatnonzero(cuts)
        parent = part[heads]
        fails = np.bincount(parent[~self._hold(rows, child, len(heads))], minlength=len(starts)) > 0
        fails |= np.bincount(parent, minlength=len(starts)) < 2
        # parts that stay whole keep what they have left; children start anew
        heads = heads[~fails[parent] | begins[heads]]
        stay = fails[part[heads]]
        left = np.empty((len(heads), width.shape[1]))
        width[np.arange(len(width)), column] = 0
        left[stay] = width[fails]
        ends = np.append(heads[1:], len(rows))
        new = np.repeat(~stay, ends - heads)
        if new.any():
            lengths = (ends - heads)[~stay]
            left[~stay] = self._width(rows[new], np.cumsum(lengths) - lengths)
        return rows, heads, left

    def _values(self, rows: Whole, starts: Whole, part: Whole, column: Whole) -> Whole:
        """(rows,) what each row is split by: the place of its value, or its label below the one its part shares."""
        value = np.empty(len(rows), dtype=np.int64)
        for at, tree in enumerate(self.trees):
            of = (column == at)[part]
            if not of.any():
                continue
            codes = self.coded.codes[at][rows[of]]
            if self.ordered[at]:
                value[of] = codes
                continue
            heads = np.flatnonzero(np.diff(part[of], prepend=-1))
            level = np.repeat(_shared(tree, codes, heads), np.diff(heads, append=len(codes)))
            value[of] = tree.groups[np.maximum(level - 1, 0), codes]
        return value

    def _middles(self, rows: Whole, starts: Whole, part: Whole, runs: Whole) -> Whole:
        """Where parts are cut in two: at the start of the run of equal values that is nearest to the middle."""
        runs = runs[~np.isin(runs, starts, assume_unique=True)]
        if not len(runs):
            return runs
        of = part[runs]
        off = _from_middle(self.coded.inside[rows], starts, runs, of)
        if self.coded.population is not self.coded.inside:  # of cuts between the same released rows, the evener one
            off += _from_middle(self.coded.population[rows], starts, runs, of) / (2 * len(self.coded.row) + 1)
        heads = np.flatnonzero(np.diff(of, prepend=-1))
        nearest = np.repeat(np.minimum.reduceat(off, heads), np.diff(heads, append=len(runs))) == off
        chosen = np.flatnonzero(nearest)
        return runs[chosen[np.flatnonzero(np.diff(of[chosen], prepend=-1))]]

    def _hold(self, rows: Whole, child: Whole, count: int) -> Flags:
        """(children,) whether all models hold in each."""
        if self.coded.histograms:
            owner = np.full(len(self.base), count, dtype=np.int64)  # rows that are done, if any, go into one more
            owner[rows] = child
            classes = merge(self.base, owner, count + (len(rows) < len(owner)))
        else:
            inside = np.bincount(child, weights=self.coded.inside[rows], minlength=count).astype(np.int64)
            population = np.bincount(child, weights=self.coded.population[rows], minlength=count).astype(np.int64)
            classes = Classes(rows[:0], inside, population, {})
        held = np.ones(len(classes.inside), dtype=bool)
        for model in self.models:
            held &= model.holds(classes) | ((classes.inside == 0) & (not model.binding))
        return held[:count]


def _from_middle(weight: Whole, starts: Whole, runs: Whole, of: Whole) -> Floats:
    """(runs,) how many more records one side of a cut has than the other."""
    before = np.cumsum(weight) - weight
    off: Floats = np.abs(2.0 * (before[runs] - before[starts[of]]) - np.add.reduceat(weight, starts)[of])
    return off


def _shared(tree: Hierarchy, codes: Whole, starts: Whole) -> Whole:
    """(parts,) lowest level at which all of a part share a label."""
    level = np.full(len(starts), tree.height, dtype=np.int64)
    for each in range(tree.height - 1, -1, -1):
        groups = tree.groups[each][codes]
        level[np.minimum.reduceat(groups, starts) == np.maximum.reduceat(groups, starts)] = each
    return level
