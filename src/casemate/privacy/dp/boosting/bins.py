"""Bins of features that hold about equally many records, from one histogram with noise.

Numbers are first put into `CELLS` cells of equal width between public bounds, categories into one each. All cells are
counted in one release; neighbors among a number's cells are then merged until enough records are together, which costs
nothing more.

Reference:
    Nori, Caruana, Bu, Shen and Kulkarni 2021, "Accuracy, interpretability, and differential privacy via explainable
    boosting", section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.privacy.dp.sums import NoisySums, Query

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

CELLS: Final = 128
"""Of a number, before they are merged."""


@dataclass(frozen=True)
class Bins:
    """Bins of one feature.

    Attributes:
        merged: (cells,) bin of each cell.
        counts: (bins,) of records, as released.
        nominal: whether they are categories, without an order.
    """

    merged: Codes
    counts: Floats
    nominal: bool


def cells(rows: Floats, categories: Sequence[int]) -> Codes:
    """The (n, d) cells of rows.

    Args:
        rows: numbers between -1 and 1; categories as whole numbers from 0.
        categories: of each column how many there are; 0 for a number.
    """
    found = np.empty(rows.shape, dtype=np.intp)
    for at, many in enumerate(categories):
        place = np.rint(rows[:, at]) if many else np.floor((rows[:, at] + 1) * (CELLS / 2))
        found[:, at] = np.clip(place, 0, (many or CELLS) - 1)
    return found


def binned(ask: NoisySums, places: Codes, categories: Sequence[int], most: int, share: float) -> list[Bins]:
    """Bins of every feature; a record is in one cell of each, so it adds the root of d in L2 and d in L1.

    Args:
        ask: is asked once.
        places: (n, d) cells.
        categories: as for `cells`.
        most: bins of a number.
        share: of the budget.
    """
    sizes = [many or CELLS for many in categories]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
    total = np.bincount((places + starts).ravel(), minlength=sum(sizes)).astype(np.float64)
    d = len(sizes)
    long = float(d) if ask.budget.pure else math.sqrt(d) * (1 + 2.0**-50)  # the root is rounded
    noisy = ask(Query(total, long, share))
    found = []
    for start, size, many in zip(starts, sizes, categories, strict=True):
        part = slice(start, start + size)
        counts = _plausible(noisy.total[part], float(noisy.deviation[start]), len(places))
        merged = np.arange(size) if many else _merged(counts, len(places) / most)
        together = np.zeros(int(merged.max()) + 1)
        np.add.at(together, merged, counts)
        found.append(Bins(merged, together, bool(many)))
    return found


def checked(categories: Sequence[int] | None, columns: int) -> tuple[int, ...]:
    """How many categories each column has.

    Raises:
        UsageError: there are not as many numbers as columns, or one is negative or 1.
    """
    found = (0,) * columns if categories is None else tuple(int(each) for each in categories)
    if len(found) != columns or any(each < 0 or each == 1 or each > 1 << 16 for each in found):
        raise UsageError(
            f"categories do not fit {columns} columns",
            next_step="give one number a column: how many categories there are, 0 for a number; no budget was spent",
        )
    return found


def _plausible(noisy: Floats, doubt: float, records: int) -> Floats:
    """Counts drawn toward equal ones as far as noise explains that they differ, positive, and as many as records."""
    equal = records / len(noisy)
    apart = float(np.mean((noisy - equal) ** 2))
    kept = max(1 - doubt * doubt / max(apart, 1e-12), 0.0)
    counts = np.maximum(equal + kept * (noisy - equal), min(equal, 1.0) / 2)
    found: Floats = counts * (records / counts.sum())
    return found


def _merged(counts: Floats, enough: float) -> Codes:
    """Bins of neighboring cells with at least ``enough`` records each, but for what is left over at the end."""
    bins, held, at = np.empty(len(counts), dtype=np.intp), 0.0, 0
    for cell, count in enumerate(counts):
        bins[cell] = at
        held += max(float(count), 0.0)
        if held >= enough and cell < len(counts) - 1:
            held, at = 0.0, at + 1
    if at and held < enough / 2:
        bins[bins == at] = at - 1
    return bins
