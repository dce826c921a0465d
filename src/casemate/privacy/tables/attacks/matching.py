"""From a person to rows: how likely each cell is to hold the person about whom something is known.

Fellegi & Sunter, A theory for record linkage, JASA 64, 1969, carried over to generalized rows. Of each column the
attacker believes that his value is wrong with chance e, and then like anybody's. A row whose cell stands for a share m
of people has a value inside the cell, like theirs. So what he knows is ``(1 - e) / m + e`` times as likely of a row
whose cell holds the value as of anybody, and ``e`` times of another. For e = 0 only cells that hold all values are
left.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from casemate.privacy.tables.cells import Cells
from casemate.privacy.tables.coding import combine, numbered
from casemate.privacy.tables.hierarchies import Flags, Floats, Whole

AT_ONCE: Final = 4_000_000
"""Pairs of a person and a cell that are looked at together."""
MOST: Final = 2_000_000_000
"""Comparisons of a value with a cell in one attack; of larger tables fewer people are attacked."""
FEWEST: Final = 300
"""But so many at least."""
TIE: Final = 1e-9


def shares(cells: Cells, places: Whole) -> list[Floats]:
    """(columns) of (values,): the share of people that have each value of a hierarchy.

    Args:
        cells: the columns.
        places: (columns, people) everybody's values.
    """
    counts = [
        np.bincount(each, minlength=len(tree.values)) for each, tree in zip(places, cells.hierarchies, strict=True)
    ]
    return [count / max(count.sum(), 1) for count in counts]


def mistaken(places: Whole, share: list[Floats], errors: float, seeds: list[int]) -> Whole:
    """(columns, victims) what the attacker believes: some values replaced by those of anybody.

    Args:
        places: (columns, victims) the truth.
        share: of people that have each value.
        errors: chance that a value is replaced.
        seeds: one a column.
    """
    believed = places.copy()
    for at, (column, seed) in enumerate(zip(share, seeds, strict=True)):
        draw = np.random.default_rng(seed)
        wrong: Flags = np.asarray(draw.random(places.shape[1]) < errors)
        believed[at, wrong] = draw.choice(len(column), size=int(wrong.sum()), p=column)
    return believed


def affordable(cells: Cells, wanted: int, against: int) -> int:
    """How many of the people wanted can be compared with so many cells, or rows with so many people."""
    return min(wanted, max(FEWEST, MOST // (max(against, 1) * len(cells.names))))


def located(cells: Cells, places: Whole) -> Whole | None:
    """(people,) the one cell that each is in, or -1; None where cells of a column differ in level, or are ranges.

    Args:
        cells: the released rows.
        places: (columns, people) their values.
    """
    if any(cells.ordered) or (cells.level != cells.level[:, :1]).any():
        return None
    columns = []
    for low, values, level, tree in zip(cells.low, places, cells.level[:, 0], cells.hierarchies, strict=True):
        columns.append((tree.groups[level][np.concatenate([low, values])], len(tree.labels[level])))
    keys, count = numbered(*combine(columns, len(cells) + places.shape[1]))
    cell = np.full(count, -1, dtype=np.int64)
    cell[keys[: len(cells)]] = np.arange(len(cells))
    found: Whole = cell[keys[len(cells) :]]
    return found


def likeliest(cells: Cells, known: Whole, share: list[Floats], errors: float = 0.0) -> Iterator[tuple[Whole, Flags]]:
    """Some victims at a time, and (victims, cells) the cells likeliest to hold each; none where all are ruled out.

    Ends when all victims were looked at.

    Args:
        cells: the released rows.
        known: (columns, victims) what the attacker believes.
        share: of people that have each value.
        errors: chance that a value is wrong, as the attacker believes.
    """
    with np.errstate(divide="ignore"):
        miss = np.log(errors)
        hits = [
            np.log((1 - errors) / np.maximum(cells.mass(at, each), 1e-300) + errors) for at, each in enumerate(share)
        ]
    step = max(1, AT_ONCE // len(cells))
    for start in range(0, known.shape[1], step):
        at = np.arange(start, min(start + step, known.shape[1]))
        score = np.zeros((len(at), len(cells)))
        for column, hit in enumerate(hits):
            score += np.where(cells.contain(column, known[column, at]), hit, miss)
        best = score.max(axis=1, keepdims=True)
        yield at, (score >= best - TIE) & np.isfinite(best)
