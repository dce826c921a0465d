"""Sums of products of rows, and how far one record moves them.

For a row x, the products x_i x_j above and on the diagonal, those off it times the root of 2, have the L2 norm of
``outer(x, x)`` in Frobenius' norm, which is ``|x|^2``. Times 2 instead, their L1 norm is ``|x|_1^2``. So a symmetric
matrix of sums is released by its upper triangle, and what is off the diagonal has less noise at no cost.

Reference:
    Dwork, Talwar, Thakurta and Zhang 2014, "Analyze Gauss: optimal bounds for privacy-preserving principal component
    analysis", algorithm 1.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from casemate.privacy.dp.sums import Noisy, NoisySums, Query

Floats = npt.NDArray[np.float64]


def products(rows: Floats, bound: float, largest: float, share: float, *, pure: bool) -> Query:
    """The sum of ``outer(x, x)`` over rows in whole steps, as its upper triangle.

    Args:
        rows: (n, d) in whole steps.
        bound: largest norm of a row in steps: L2, or L1 where ``pure``.
        largest: absolute value of an entry of a row, in steps.
        share: of the budget.
        pure: whether noise will be Laplace noise.
    """
    d = rows.shape[1]
    first, second = np.triu_indices(d)
    weights = np.where(first == second, 1.0, 2.0 if pure else math.sqrt(2))
    rounded = 1 + 2.0**-50 if not pure else 1.0  # the root of 2 is rounded
    return Query((rows.T @ rows)[first, second], bound * bound * rounded, share, weights, largest * largest)


def symmetric(ask: NoisySums, query: Query) -> tuple[Floats, float]:
    """The (d, d) matrix of such a query, with noise, and the deviation of a sum off its diagonal."""
    found: Noisy = ask(query)
    d = math.isqrt(2 * found.total.size)
    matrix = np.zeros((d, d))
    matrix[np.triu_indices(d)] = found.total
    both: Floats = matrix + np.triu(matrix, 1).T
    return both, float(found.deviation.min())
