"""Noise on numbers: so that a released number is not the one somebody knows.

This is the perturbation of statistical disclosure control (Hundepool et al., Statistical disclosure control, Wiley
2012, section 3.3.1), from the operating system's randomness. It promises nothing by itself: how much of linkage it
prevents is measured, and releases of the same number with fresh noise average it out. Differential privacy is another
room.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import ndtri

from casemate.core.errors import DataError, UsageError
from casemate.privacy.tables.hierarchies import Floats


@dataclass(frozen=True)
class Noise:
    """Adds noise to a column of numbers.

    Attributes:
        scale: standard deviation of the noise, in the column's unit.
        kind: ``gaussian`` or ``laplace``.
        low, high: bounds that results are held to, if any; give facts about the quantity, not the data's extremes.
    """

    scale: float
    kind: Literal["gaussian", "laplace"] = "gaussian"
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.scale < float("inf"):
            raise UsageError(f"noise of {self.scale} is none", next_step="give a standard deviation above 0")
        if self.kind not in ("gaussian", "laplace"):
            raise UsageError(f"there is no noise {self.kind!r}", next_step="use 'gaussian' or 'laplace'")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise UsageError("the bounds leave no room", next_step="give the lower one first")

    def apply(self, column: pd.Series) -> pd.Series:
        """(n,) the numbers with noise; whole ones stay whole, others keep as many digits, missing ones stay missing.

        Raises:
            DataError: the column does not hold finite numbers.
        """
        if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            raise DataError(f"column {column.name!r} holds no numbers", next_step="give it another role")
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        present = ~np.isnan(numbers)
        if not np.isfinite(numbers[present]).all():
            raise DataError(f"column {column.name!r} holds infinite numbers", next_step="drop these rows")
        made = numbers.copy()
        made[present] += self.scale * self._unit(int(present.sum()))
        made = np.clip(made, self.low, self.high) if (self.low, self.high) != (None, None) else made
        digits = _digits(numbers[present])
        made = np.round(made, digits)
        if pd.api.types.is_integer_dtype(column) and present.all():
            return pd.Series(made.astype(np.int64), index=column.index, name=column.name)
        return pd.Series(made, index=column.index, name=column.name)

    def _unit(self, count: int) -> Floats:
        """Samples of standard deviation 1, by the inverse of their distribution at 53 random bits."""
        words = np.frombuffer(os.urandom(8 * count), dtype=np.uint64)
        uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) / (1 << 53)
        if self.kind == "gaussian":
            return np.asarray(ndtri(uniform), dtype=np.float64)
        side = np.where(uniform < 0.5, -1.0, 1.0)
        made: Floats = -side * np.log1p(-2 * np.abs(uniform - 0.5)) / np.sqrt(2)
        return made

    @property
    def statement(self) -> str:
        """What holds, and what does not."""
        return (
            f"{self.kind} noise of standard deviation {self.scale:g}: no guarantee by itself; "
            "see how much linkage is left"
        )


def _digits(numbers: Floats) -> int:
    """Decimals that the numbers are written with, at most 12: fresh digits behind them would mark what is noise."""
    for digits in range(12):
        if np.allclose(np.round(numbers, digits), numbers, rtol=0, atol=1e-12):
            return digits
    return 12
