"""What released rows say of their quasi-identifiers, as sets of values.

Anybody who knows how they were generalized can work it out. Rows that say the same are one cell. A cell stands for a
label of a hierarchy in each column, or for a range of values in their order (Mondrian). A table that was not
generalized is cells of single values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from casemate.core.errors import DataError, UsageError
from casemate.privacy.tables.coding import combine, numbered, places, representatives
from casemate.privacy.tables.hierarchies import Flags, Floats, Hierarchy, Whole
from casemate.privacy.tables.inference import as_text, distinct


@dataclass(frozen=True, eq=False, repr=False)
class Cells:
    """Released rows by what they say of a person.

    Attributes:
        names, hierarchies: of the columns.
        low, high: (columns, cells) places of values in the hierarchy: of an ordered column the first and the last that
            a cell stands for, else one of them.
        level: (columns, cells) the level of its label; 0 where it is a value, or a range.
        ordered: (columns,) whether cells are ranges of values in their order.
        owner: (released,) the cell of each released row.
    """

    names: tuple[str, ...]
    hierarchies: tuple[Hierarchy, ...]
    low: Whole
    high: Whole
    level: Whole
    ordered: tuple[bool, ...]
    owner: Whole

    def __len__(self) -> int:
        return int(self.low.shape[1])

    def __repr__(self) -> str:
        return f"Cells({len(self.owner)} rows in {len(self)} cells of {', '.join(self.names)})"

    @property
    def size(self) -> Whole:
        """(cells,) released rows of each."""
        return np.bincount(self.owner, minlength=len(self))

    @classmethod
    def of(cls, table: pd.DataFrame, hierarchies: Mapping[str, Hierarchy], *, raw: bool = False) -> Cells:
        """The cells of a table of values and labels, whoever generalized it.

        Args:
            table: (released, columns) rows as they are handed out.
            hierarchies: of each quasi-identifier. A label that stands at several levels is taken at the highest.
            raw: the table holds values only.

        Raises:
            UsageError: a column is missing, or there are no rows.
            DataError: a cell holds neither a value nor a label of its hierarchy.
        """
        if not hierarchies or not len(table):
            raise UsageError("there is nothing to look at", next_step="give rows, and the columns somebody may know")
        low, level = np.zeros((2, len(hierarchies), len(table)), dtype=np.int64)
        for at, (name, tree) in enumerate(hierarchies.items()):
            if raw:
                low[at] = places(_only(table, name), name, tree)
            else:
                low[at], level[at] = labelled(_only(table, name), name, tree)
        columns = []
        for at, tree in enumerate(hierarchies.values()):
            group = tree.groups[level[at], low[at]]
            columns += [(level[at], tree.height + 1), (group, len(tree.values))]
        owner, count = numbered(*combine(columns, len(table)))
        first = representatives(owner, count)
        return cls(
            names=tuple(hierarchies),
            hierarchies=tuple(hierarchies.values()),
            low=low[:, first],
            high=low[:, first],
            level=level[:, first],
            ordered=(False,) * len(hierarchies),
            owner=owner,
        )

    def places(self, people: pd.DataFrame, names: Sequence[str] = ()) -> Whole:
        """(columns, people) where values of people stand in the hierarchies; of some columns, or of all.

        Raises:
            UsageError: a column is missing.
            DataError: a value is not in its hierarchy.
        """
        wanted = tuple(names) or self.names
        trees = dict(zip(self.names, self.hierarchies, strict=True))
        return np.stack([places(_only(people, name), name, trees[name]) for name in wanted])

    def contain(self, column: int, at: Whole) -> Flags:
        """(values, cells) whether each cell may stand for each of some values of one column.

        Args:
            column: which.
            at: (values,) their places in the hierarchy.
        """
        values = at[:, None]
        if self.ordered[column]:
            inside: Flags = (self.low[column] <= values) & (values <= self.high[column])
            return inside
        tree, held = self.hierarchies[column], np.empty((len(at), len(self)), dtype=bool)
        for level in np.unique(self.level[column]):
            of = self.level[column] == level
            held[:, of] = tree.groups[level][values] == tree.groups[level][self.low[column, of]]
        return held

    def mass(self, column: int, share: Floats) -> Floats:
        """(cells,) the share of people that each cell of one column may stand for.

        Args:
            column: which.
            share: (values,) of people that have each value of the hierarchy.
        """
        if self.ordered[column]:
            below = np.concatenate([[0.0], np.cumsum(share)])
            wide: Floats = below[self.high[column] + 1] - below[self.low[column]]
            return wide
        tree, found = self.hierarchies[column], np.empty(len(self))
        for level in np.unique(self.level[column]):
            of = self.level[column] == level
            found[of] = np.bincount(tree.groups[level], weights=share)[tree.groups[level][self.low[column, of]]]
        return found

    def labels(self, column: int) -> list[str]:
        """(cells,) what stands in the released rows."""
        tree, low, high = self.hierarchies[column], self.low[column].tolist(), self.high[column].tolist()
        if self.ordered[column]:
            ends = zip(low, high, strict=True)
            return [tree.values[a] if a == b else f"{tree.values[a]}-{tree.values[b]}" for a, b in ends]
        at = zip(self.level[column].tolist(), low, strict=True)
        return [tree.labels[level][tree.groups[level, place]] for level, place in at]

    def only(self, columns: Sequence[int]) -> Cells:
        """The same rows told apart by some of the columns."""
        keys = []
        for at in columns:
            tree = self.hierarchies[at]
            one = self.low[at] if self.ordered[at] else tree.groups[self.level[at], self.low[at]]
            two = self.high[at] if self.ordered[at] else self.level[at]
            keys += [(one, len(tree.values)), (two, max(len(tree.values), tree.height + 1))]
        place, count = numbered(*combine(keys, len(self)))
        first = representatives(place, count)
        low, high, level = (part[list(columns)][:, first] for part in (self.low, self.high, self.level))
        return Cells(
            names=tuple(self.names[at] for at in columns),
            hierarchies=tuple(self.hierarchies[at] for at in columns),
            low=low,
            high=high,
            level=level,
            ordered=tuple(self.ordered[at] for at in columns),
            owner=place[self.owner],
        )

    def take(self, cells: Whole) -> Cells:
        """Some of the cells, without the rows they are of."""
        return replace(
            self,
            low=self.low[:, cells],
            high=self.high[:, cells],
            level=self.level[:, cells],
            owner=np.empty(0, dtype=np.int64),
        )

    def beside(self, table: pd.DataFrame, names: Sequence[str], people: pd.DataFrame) -> Cells:
        """The same rows told apart by more columns, which were released as they are.

        Args:
            table: (released, columns) the released rows.
            names: more columns of it that somebody may know.
            people: those whom they may know, so that their values have a place too.

        Raises:
            UsageError: a column is missing, or known already.
        """
        if not names:
            return self
        both = sorted(set(names) & set(self.names))
        if both:
            raise UsageError(f"column {both[0]!r} is among the quasi-identifiers", next_step="name it once")
        more = {}
        for name in names:
            values = dict.fromkeys([*distinct(_only(table, name))[1], *distinct(_only(people, name))[1]])
            more[name] = Hierarchy.of([(value,) for value in values])
        other = Cells.of(table, more, raw=True)
        owner, count = numbered(*combine([(self.owner, len(self)), (other.owner, len(other))], len(self.owner)))
        first = representatives(owner, count)
        mine, theirs = self.owner[first], other.owner[first]
        return Cells(
            names=(*self.names, *other.names),
            hierarchies=(*self.hierarchies, *other.hierarchies),
            low=np.vstack([self.low[:, mine], other.low[:, theirs]]),
            high=np.vstack([self.high[:, mine], other.high[:, theirs]]),
            level=np.vstack([self.level[:, mine], other.level[:, theirs]]),
            ordered=(*self.ordered, *other.ordered),
            owner=owner,
        )


def label_places(tree: Hierarchy) -> dict[str, tuple[int, int]]:
    """Of each label, a place that it stands for, and the highest level at which it stands."""
    known: dict[str, tuple[int, int]] = {}
    for level, labels in enumerate(tree.labels):
        first = representatives(tree.groups[level], len(labels)).tolist()
        known |= {label: (at, level) for label, at in zip(labels, first, strict=True)}
    return known


def labelled(column: pd.Series, name: str, tree: Hierarchy) -> tuple[Whole, Whole]:
    """(rows,) a place that each cell stands for, and the highest level at which its text is a label.

    Raises:
        DataError: a cell holds neither a value nor a label of the hierarchy.
    """
    known = label_places(tree)
    codes, uniques = pd.factorize(column, use_na_sentinel=False)
    found = np.array([known.get(as_text(value), (-1, -1)) for value in uniques], dtype=np.int64).reshape(-1, 2)
    rows = found[codes]
    unknown = np.flatnonzero(rows[:, 0] < 0)
    if len(unknown):
        raise DataError(
            f"{len(unknown)} cells of column {name!r} are no label of its hierarchy, the first in row {unknown[0] + 1}",
            next_step="give the hierarchy by which the column was generalized",
        )
    return rows[:, 0], rows[:, 1]


def _only(table: pd.DataFrame, name: str) -> pd.Series:
    found = list(table.columns).count(name)
    if found != 1:
        raise UsageError(f"the table has {found} columns {name!r}", next_step="name columns that are there once")
    return table[name]
