"""A released table that somebody made, and the people it is about: which row is whose is worked out from their values.

A row can only be about a person whom its labels hold, and whose other columns say what the row says. People of whom all
this is equal can be exchanged without any attacker noticing, so it does not matter which of them a row is given to. An
attacker is judged by this, and gets nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from casemate.core.errors import DataError
from casemate.privacy.tables.attacks.matching import AT_ONCE, located
from casemate.privacy.tables.attacks.published import Published
from casemate.privacy.tables.cells import Cells, label_places
from casemate.privacy.tables.coding import combine, numbered, representatives
from casemate.privacy.tables.hierarchies import Hierarchy, Whole
from casemate.privacy.tables.inference import as_text

MOST: Final = 20_000_000_000
"""Comparisons of a person with a cell, in one column; more would take minutes."""


def recovered(
    table: pd.DataFrame, people: pd.DataFrame, hierarchies: Mapping[str, Hierarchy], same: Sequence[str] = ()
) -> Published:
    """A released table with the people whom its rows are about.

    Args:
        table: (released, columns) the rows as they were handed out: values, labels of the hierarchies, or ranges of
            values in their order, written ``low-high``.
        people: (n, columns) everybody's values as they are.
        hierarchies: of each quasi-identifier.
        same: other columns whose values were released as they are.

    Raises:
        UsageError: a column is missing.
        DataError: a cell is no label of its hierarchy, or rows are about nobody; counts are told, never values.
    """
    cells = read_cells(table, hierarchies)
    candidates = _candidates(cells, cells.places(people))
    mine, theirs = _as_numbers(people, table, same)
    free: dict[tuple[int, int], list[int]] = {}
    for row, key in enumerate(zip(cells.owner.tolist(), theirs.tolist(), strict=True)):
        free.setdefault(key, []).append(row)
    kept = np.full(len(table), -1, dtype=np.int64)
    for person in sorted(candidates, key=lambda each: (len(candidates[each]), each)):
        for cell in candidates[person]:
            rows = free.get((cell, int(mine[person])))
            if rows:
                kept[rows.pop()] = person
                break
    lost = int((kept < 0).sum())
    if lost:
        raise DataError(
            f"{lost} of {len(table)} released rows are about none of the {len(people)} people",
            cause="no row of the table agrees with them in all columns that were not generalized",
            next_step="give the table that was released, and the role of each column as it was then",
        )
    return Published(table, cells, people, kept)


def read_cells(table: pd.DataFrame, hierarchies: Mapping[str, Hierarchy]) -> Cells:
    """What released rows say: labels of hierarchies, and ranges of values in their order as Mondrian writes them.

    Raises:
        UsageError: a column is missing, or there are no rows.
        DataError: a cell is neither.
    """
    ranges = {
        name: found for name, tree in hierarchies.items() if name in table and (found := _ranges(table, name, tree))
    }
    plain = {name: tree for name, tree in hierarchies.items() if name not in ranges}
    if not ranges:
        return Cells.of(table, hierarchies)
    read = Cells.of(table, plain) if plain else None
    low, high, level = np.zeros((3, len(hierarchies), len(table)), dtype=np.int64)
    for at, name in enumerate(hierarchies):
        if name in ranges:
            low[at], high[at] = ranges[name]
        elif read is not None:
            own = read.names.index(name)
            low[at] = high[at] = read.low[own][read.owner]
            level[at] = read.level[own][read.owner]
    keys = []
    for at, (name, tree) in enumerate(hierarchies.items()):
        one = low[at] if name in ranges else tree.groups[level[at], low[at]]
        two = high[at] if name in ranges else level[at]
        keys += [(one, len(tree.values)), (two, max(len(tree.values), tree.height + 1))]
    owner, count = numbered(*combine(keys, len(table)))
    first = representatives(owner, count)
    return Cells(
        names=tuple(hierarchies),
        hierarchies=tuple(hierarchies.values()),
        low=low[:, first],
        high=high[:, first],
        level=level[:, first],
        ordered=tuple(name in ranges for name in hierarchies),
        owner=owner,
    )


def _ranges(table: pd.DataFrame, name: str, tree: Hierarchy) -> tuple[Whole, Whole] | None:
    """(rows,) places of the first and the last value of each cell; None where all are labels, or some are neither."""
    codes, uniques = pd.factorize(table[name], use_na_sentinel=False)
    texts = [as_text(each) for each in uniques]
    labels = label_places(tree)
    if all(text in labels for text in texts):
        return None
    place = {value: at for at, value in enumerate(tree.values)}
    found = []
    for text in texts:
        ends = _ends(text, place) or _whole(labels.get(text), tree)
        if ends is None:
            return None
        found.append(ends)
    low, high = np.array(found, dtype=np.int64).T[:, codes]
    return low, high


def _ends(text: str, place: Mapping[str, int]) -> tuple[int, int] | None:
    """The values that a range is between; a minus may be a sign, so each is tried."""
    if text in place:
        return place[text], place[text]
    for at, letter in enumerate(text):
        low, high = text[:at], text[at + 1 :]
        if letter == "-" and low in place and high in place and place[low] <= place[high]:
            return place[low], place[high]
    return None


def _whole(label: tuple[int, int] | None, tree: Hierarchy) -> tuple[int, int] | None:
    """A label that stands for values which follow each other, as a range."""
    if label is None:
        return None
    at, level = label
    held = np.flatnonzero(tree.groups[level] == tree.groups[level, at])
    return (int(held[0]), int(held[-1])) if held[-1] - held[0] + 1 == len(held) else None


def _candidates(cells: Cells, places: Whole) -> dict[int, list[int]]:
    """Of each person who may be in a cell, the cells."""
    exact = located(cells, places)
    if exact is not None:
        return {person: [cell] for person, cell in enumerate(exact.tolist()) if cell >= 0}
    many = places.shape[1]
    if many * len(cells) > MOST:
        raise DataError(
            f"{many} people and {len(cells)} classes are too many to tell which row is whose",
            next_step="audit a sample of the people, and the rows that are about them",
        )
    found: dict[int, list[int]] = {}
    step = max(1, AT_ONCE // len(cells))
    for start in range(0, many, step):
        part = places[:, start : start + step]
        fits = np.ones((part.shape[1], len(cells)), dtype=bool)
        for column, values in enumerate(part):
            fits &= cells.contain(column, values)
        for person, cell in zip(*(each.tolist() for each in np.nonzero(fits)), strict=True):
            found.setdefault(start + person, []).append(cell)
    return found


def _as_numbers(people: pd.DataFrame, table: pd.DataFrame, same: Sequence[str]) -> tuple[Whole, Whole]:
    """(people,) and (released,) one number for all of what these columns say."""
    keys, rows = [], len(people) + len(table)
    for name in same:
        texts = [as_text(value) for each in (people[name], table[name]) for value in each]
        codes, uniques = pd.factorize(np.array(texts, dtype=object))
        keys.append((codes.astype(np.int64), len(uniques)))
    whole, _ = numbered(*combine(keys, rows))
    return whole[: len(people)], whole[len(people) :]
