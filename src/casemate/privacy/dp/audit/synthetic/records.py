"""Tables side by side, as an adversary compares them: numbers on a common scale, everything else by equality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.errors import DataError

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

PIECE: Final = 1 << 22
"""Distances worked out at a time, at most."""
FEW: Final = 64
"""Values of a column of numbers that are told apart one by one; of more, intervals."""
INTERVALS: Final = 32


@dataclass(frozen=True, eq=False)
class Coded:
    """A table in a space it shares with others.

    Attributes:
        numbers: (n, p) numbers, in deviations of the reference.
        codes: (n, q) numbers of values of the other columns.
        cells: (n, columns) numbers of values of all columns, numbers by interval if there are many.
    """

    numbers: Floats
    codes: Whole
    cells: Whole

    def __len__(self) -> int:
        return len(self.codes)

    def where(self, chosen: npt.NDArray[np.bool_]) -> Coded:
        """Some of its records."""
        return Coded(self.numbers[chosen], self.codes[chosen], self.cells[chosen])


def side_by_side(reference: pd.DataFrame, *others: pd.DataFrame) -> list[Coded]:
    """The reference and other tables in one space.

    Args:
        reference: decides the scale of numbers and where intervals end.
        others: with the same columns.

    Raises:
        DataError: a table is empty or lacks a column.
    """
    tables = [reference, *others]
    names = list(reference.columns)
    for each in tables:
        if not len(each) or set(names) - set(each.columns):
            raise DataError("tables to compare are empty or have other columns", next_step="give tables of one form")
    lengths = np.cumsum([len(each) for each in tables])[:-1]
    numbers, codes, cells = list[Floats](), list[Whole](), list[Whole]()
    for name in names:
        whole = pd.concat([each[name].astype(object) for each in tables], ignore_index=True)
        place, uniques = pd.factorize(whole, use_na_sentinel=False)
        if _numeric(reference[name]) and not whole.isna().any():
            values = whole.astype("float64").to_numpy()
            known = values[: len(reference)]
            numbers.append((values - known.mean()) / (known.std() or 1.0))
            if len(uniques) > FEW:
                edges = np.unique(np.quantile(known, np.linspace(0, 1, INTERVALS + 1)[1:-1]))
                place = np.searchsorted(edges, values, side="right")
        else:
            codes.append(place.astype(np.int64))
        cells.append(place.astype(np.int64))
    rows = int(lengths[-1]) + len(tables[-1]) if len(tables) > 1 else len(reference)
    parts = [np.split(_columns(each, rows), lengths) for each in (numbers, codes, cells)]
    return [
        Coded(first, second.astype(np.int64), third.astype(np.int64))
        for first, second, third in zip(*parts, strict=True)
    ]


def _numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def _columns(found: Sequence[npt.NDArray[np.generic]], rows: int) -> Floats:
    return np.stack(found, axis=1).astype(np.float64) if found else np.zeros((rows, 0))


def in_pieces(targets: int, others: int) -> list[slice]:
    """Targets a few at a time, so that what is worked out for all pairs fits memory."""
    step = max(PIECE // max(others, 1), 1)
    return [slice(start, start + step) for start in range(0, targets, step)]
