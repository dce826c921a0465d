"""Generalization hierarchies: what a value becomes at each level, from itself to a label that all values share.

A hierarchy is a tree of labels (Samarati & Sweeney 1998): values that share a label at one level share one at every
level above. It is checked when it is made, because a search over levels proves nothing when levels do not nest.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

ALL: Final = "*"
"""The label of everything."""
MOST_VALUES: Final = 2_000_000
MOST_LEVELS: Final = 64
MOST_BYTES: Final = 1 << 28


@dataclass(frozen=True, eq=False, repr=False)
class Hierarchy:
    """Labels of values at every level; level 0 is the value.

    Attributes:
        values: what a cell may hold, as text, each once; where order matters (Mondrian, ordered distance), in this one.
        groups: (levels, values) number of the group that a value belongs to at each level.
        labels: of each level, the labels of its groups.
    """

    values: tuple[str, ...]
    groups: Whole
    labels: tuple[tuple[str, ...], ...]

    def __repr__(self) -> str:
        return f"Hierarchy({len(self.values)} values, groups by level {[len(each) for each in self.labels]})"

    @property
    def height(self) -> int:
        """The highest level."""
        return len(self.labels) - 1

    @cached_property
    def shares(self) -> tuple[Floats, ...]:
        """Of each level, the share of all values that each of its groups stands for."""
        return tuple(np.bincount(each) / len(self.values) for each in self.groups)

    @classmethod
    def of(cls, rows: Iterable[Sequence[str]]) -> Hierarchy:
        """Make one from rows: a value, its label at level 1, at level 2, ...

        Raises:
            DataError: there are no rows, too many, or rows of several lengths; a value comes twice; labels go in a
                circle; or two values share a label at one level and not at the next. The row is named, never the value.
        """
        table = [tuple(row) for row in rows]
        _check_shape(table)
        values = tuple(row[0] for row in table)
        at: dict[str, int] = {}
        for number, value in enumerate(values):
            if at.setdefault(value, number) != number:
                raise _wrong(f"row {number + 1} gives the value of row {at[value] + 1} again", "remove one of the two")
        groups = np.empty((len(table[0]), len(table)), dtype=np.int64)
        labels = []
        for level in range(len(table[0])):
            known: dict[str, int] = {}
            groups[level] = [known.setdefault(row[level], len(known)) for row in table]
            labels.append(tuple(known))
        _check_circles(table)
        for level in range(1, len(labels)):
            _check_nested(groups[level - 1], groups[level], level)
        return cls(values, groups, tuple(labels))

    @classmethod
    def flat(cls, values: Sequence[str]) -> Hierarchy:
        """A value, or nothing of it."""
        return cls.of([(value, ALL) for value in values])

    @classmethod
    def read(cls, path: Path, separator: str = ";") -> Hierarchy:
        """Read one from a CSV file without a header line: ``value;level 1;level 2;...``, in UTF-8.

        Raises:
            DataError: the file is missing, too large, no CSV in UTF-8, or no hierarchy (see ``of``).
        """
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise DataError(
                f"the hierarchy {path.name} cannot be read", cause=type(error).__name__, next_step="check the path"
            ) from error
        if len(content) > MOST_BYTES:
            raise _wrong(f"{path.name} has more than {MOST_BYTES >> 20} MiB", "group its values by a rule instead")
        try:
            text = content.decode("utf-8-sig")
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(
                f"the hierarchy {path.name} is no CSV in UTF-8",
                cause=type(error).__name__,
                next_step=f"save it as UTF-8 with {separator!r} between levels",
            ) from error
        return cls.of(rows)

    def rooted(self) -> Hierarchy:
        """The same with one label for everything on top, if it has none."""
        if len(self.labels[-1]) == 1:
            return self
        groups = np.vstack([self.groups, np.zeros(len(self.values), dtype=np.int64)])
        return Hierarchy(self.values, groups, (*self.labels, (ALL,)))


def _check_shape(table: list[tuple[str, ...]]) -> None:
    if not table:
        raise _wrong("it has no rows", "give one row a value: value;level 1;level 2;...")
    if len(table) > MOST_VALUES:
        raise _wrong(f"it has more than {MOST_VALUES:,} values", "use intervals or masked digits instead of a list")
    if not 1 <= len(table[0]) <= MOST_LEVELS:
        raise _wrong(f"row 1 has {len(table[0])} columns", f"give a value and up to {MOST_LEVELS - 1} levels")
    for number, row in enumerate(table):
        if len(row) != len(table[0]):
            raise _wrong(
                f"row {number + 1} has {len(row)} columns, row 1 has {len(table[0])}",
                "give each value a label at each level",
            )


def _check_nested(finer: Whole, coarser: Whole, level: int) -> None:
    """Whether the label at one level decides the label at the next."""
    first = np.full(int(finer.max()) + 1, -1, dtype=np.int64)
    first[finer[::-1]] = np.arange(len(finer))[::-1]
    broken = np.flatnonzero(coarser != coarser[first[finer]])
    if len(broken):
        other = int(first[finer[broken[0]]])
        raise _wrong(
            f"rows {other + 1} and {int(broken[0]) + 1} share their label at level {level - 1}, not at level {level}",
            "give them one label there, or tell their groups apart below",
        )


def _check_circles(table: list[tuple[str, ...]]) -> None:
    """Whether a label is never above itself: labels are taken off once nothing is below them, until none can be."""
    above: dict[str, set[str]] = {}
    below: dict[str, int] = {}
    for row in table:
        for low, high in pairwise(row):
            if low != high and high not in above.setdefault(low, set()):
                above[low].add(high)
                below[high] = below.get(high, 0) + 1
    free = deque(label for label in above if not below.get(label))
    while free:  # each label enters once
        for high in above.pop(free.popleft(), ()):
            below[high] -= 1
            if not below[high]:
                free.append(high)
    if above:
        number = next(number for number, row in enumerate(table) if any(label in above for label in row))
        raise _wrong(f"labels of row {number + 1} go in a circle", "name groups so that none is above itself")


def _wrong(what: str, next_step: str) -> DataError:
    return DataError("this is no generalization hierarchy", cause=what, next_step=next_step)
