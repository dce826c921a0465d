"""Noise that is correlated over steps, for batches in a fixed order: which factor, and what it costs.

Training adds up gradients, and the sum of noise is what hurts: A, lower triangular and all ones, times the gradients
G. Released is ``C G + Z`` with fresh noise Z; from that ``C^-1 (C G + Z) = G + C^-1 Z`` follows, whose noise cancels
itself out over steps where C is well chosen. C is lower triangular, so a release needs past gradients only, and each
may depend on all releases before (Denisov et al. 2022, theorem 2.1). It is a band of a Toeplitz matrix: a few numbers.

What one record can change depends on when it takes part. Here it does every ``period`` steps, exactly: its rows of G
change by vectors of length 1 at most. So C G changes by ``sum_i C[:, t_i] g_i'``, whose squared norm is at most
``sum_ij |(C' C)[t_i, t_j]|``. All possible patterns are tried, one for each place in an epoch; where C has no negative
entry the bound is reached by equal vectors, so it is exact.

References:
    Kairouz et al. 2021, "Practical and private (deep) learning without sampling or shuffling"; Choquette-Choo,
    McMahan, Rush and Thakurta 2023, "Multi-epoch matrix factorization mechanisms for private machine learning",
    equation 3; Choquette-Choo et al. 2023, "(Amplified) banded matrix factorization", section 3; a Toeplitz factor:
    Fichtenberger, Henzinger and Upadhyay 2023, "Constant matters".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.linalg import toeplitz
from scipy.optimize import minimize

from casemate.core.errors import UsageError

Floats = npt.NDArray[np.float64]

LONGEST: Final = 4096
"""Steps at most: what a factor is tried on grows as their square."""
WIDEST: Final = 32
"""Numbers in a band at most: so many past gradients have to be kept."""


@dataclass(frozen=True)
class Factor:
    """A band of a lower triangular Toeplitz matrix C.

    Attributes:
        band: (width,) of its first column, from the diagonal down; the first is 1.
        steps: rows and columns.
        period: steps from one participation of a record to the next.
    """

    band: tuple[float, ...]
    steps: int
    period: int

    @property
    def sensitivity(self) -> float:
        """Largest L2 norm by which one record changes C G, where its gradients have norm 1 at most.

        Example:
            >>> round(Factor((1.0,), steps=8, period=4).sensitivity, 6)
            1.414214
        """
        return _sensitivity(np.array(self.band), self.steps, self.period)

    @property
    def error(self) -> float:
        """Root mean square of the noise in sums of gradients, for noise of deviation 1 in C G + Z.

        Example:
            >>> Factor((1.0,), steps=1, period=1).error
            1.0
        """
        return _error(np.array(self.band), self.steps)


@lru_cache(32)
def best_factor(steps: int, period: int, width: int | None = None) -> Factor:
    """The band with the least noise in sums of gradients, for equal budgets.

    Args:
        steps: releases.
        period: from one participation of a record to the next.
        width: of the band. None: as wide as a period, `WIDEST` at most.

    Raises:
        UsageError: there are no steps, or too many.

    Example:
        >>> factor = best_factor(64, 16)
        >>> plain = Factor((1.0,), 64, 16)
        >>> factor.error * factor.sensitivity < 0.6 * plain.error * plain.sensitivity
        True
    """
    if not (0 < steps <= LONGEST and period > 0):
        raise UsageError(
            f"{steps} steps in periods of {period} cannot be planned",
            cause=f"there can be from 1 to {LONGEST} steps",
            next_step="use larger batches or fewer epochs",
        )
    width = min(period, steps, WIDEST if width is None else width)

    def cost(rest: Floats) -> float:
        band = np.concatenate([[1.0], rest])
        return math.log(_sensitivity(band, steps, period)) + math.log(_error(band, steps))

    start = _root(width)[1:]
    if not len(start):
        return Factor((1.0,), steps, period)
    found = minimize(cost, start, method="L-BFGS-B", bounds=[(0.0, 1.0)] * len(start), options={"maxiter": 60})
    chosen = min((start, np.asarray(found.x), np.zeros(len(start))), key=cost)  # never worse than no correlation
    return Factor((1.0, *map(float, chosen)), steps, period)


def _root(width: int) -> Floats:
    """The first numbers of the square root of the matrix of ones."""
    band = np.ones(width)
    for at in range(1, width):
        band[at] = band[at - 1] * (1 - 0.5 / at)
    return band


def _error(band: Floats, steps: int) -> float:
    """Of A C^-1, row by row: its first column holds sums of that of C^-1."""
    inverse = np.zeros(steps)
    for at in range(steps):
        known = band[1 : at + 1]
        inverse[at] = (at == 0) - known @ inverse[at - 1 :: -1][: len(known)] if at else 1.0
    squares = np.cumsum(np.cumsum(inverse) ** 2)
    return math.sqrt(float(squares.mean()))


def _sensitivity(band: Floats, steps: int, period: int) -> float:
    """All patterns of participation, one for each place in an epoch.

    Columns of C that are a band apart have no row in common, so only nearby ones count together; the last ones are cut.
    """
    column = np.zeros(steps)
    column[: min(len(band), steps)] = np.abs(band[:steps])
    if len(band) <= period:  # columns of one pattern are orthogonal; those that start earliest are longest
        norms = np.cumsum(column**2)[::-1]
        worst = max(float(norms[first::period].sum()) for first in range(min(period, steps)))
        return math.sqrt(worst) * (1 + 1e-12)
    factor = toeplitz(column, np.zeros(steps))
    worst = max(float(np.linalg.norm(factor[:, first::period].sum(axis=1))) for first in range(min(period, steps)))
    return worst * (1 + 1e-12)
