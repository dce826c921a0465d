"""Sums of bounded vectors in whole numbers, so that their sensitivity is a count and not an estimate.

Rows and residuals are clipped, multiplied by a power of two and cut off toward zero, which never makes them longer.
Their products are whole, and a float64 holds every partial sum exactly, in whatever order a matrix product takes them.
So two data sets that differ in a record give sums that differ by at most the product of both bounds, to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from casemate.core.errors import DataError

Floats = npt.NDArray[np.float64]
Norm = Literal[1, 2]

ROW_BITS, RESIDUAL_BITS = 14, 12
"""Steps of the grids, as powers of two below 1."""
MOST: Final = 1 << (53 - ROW_BITS - RESIDUAL_BITS - 3)
"""Rows whose sum a float64 holds without rounding, where bounds are at most 8 together."""
THIN: Final = 0.2
"""Share of numbers that are not 0, below which products of sparse rows are faster."""
MARGIN: Final = 1 - 2.0**-20
"""What clipping leaves below the bound, so that rounding it cannot cross the bound."""


@dataclass(frozen=True)
class Clip:
    """Vectors of bounded norm, as whole numbers.

    Attributes:
        bound: largest norm, in the vectors' own units.
        norm: 1 or 2.
        bits: a unit is two to this many steps.
    """

    bound: float
    norm: Norm
    bits: int

    def __call__(self, vectors: Floats) -> Floats:
        """(n, d) vectors as whole numbers of steps; longer ones are shortened, infinite or missing ones refused.

        Raises:
            DataError: a number is not finite.
        """
        if not np.isfinite(vectors).all():
            raise DataError(
                "rows hold numbers that are missing or infinite",
                cause="they have no norm, and nothing bounds what they would add",
                next_step="impute or leave them out before training; no budget was spent",
            )
        most = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
        scaled = vectors / np.where(most > 0, most, 1.0)  # squares of very large or small numbers leave float64
        length = np.linalg.norm(scaled, self.norm, axis=1, keepdims=True) * most
        limit = self.bound * MARGIN
        shorter = limit / np.maximum(length, limit)
        clipped: Floats = np.trunc(vectors * shorter * 2.0**self.bits) + 0.0
        return clipped

    @property
    def steps(self) -> float:
        """The bound in steps."""
        return self.bound * 2.0**self.bits


def sparse(rows: Floats) -> Floats | csr_array:
    """Rows without their zeros where these are most: sums of whole numbers are the same in any order."""
    return csr_array(rows) if np.count_nonzero(rows) < THIN * rows.size else rows
