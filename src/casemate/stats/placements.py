"""Placement values: where each score lies among the scores of the other arm. The area's variance comes from them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from casemate.core.errors import UsageError
from casemate.stats._check import Floats, ranked

Placements: TypeAlias = tuple[Floats, Floats]
"""One array for the positives, one for the negatives."""

PSEUDO = 0.5
"""Weight of the two pseudo-placements, at 0 and at 1, that keep a variance from a handful of scores honest."""


def placements(positives: ArrayLike, negatives: ArrayLike) -> Placements:
    """For each positive the share of negatives below it, for each negative the share of positives above it.

    Args:
        positives: (..., m) scores.
        negatives: (..., n) scores, with the same leading shape.

    Returns:
        (..., m) and (..., n) shares, ties counting half. The mean of either is the area under the curve. Order within
        an arm is kept, so that two scorings of the same records can be compared.

    Raises:
        UsageError: an arm has fewer than two scores or NaN, or the leading shapes differ.

    Reference:
        DeLong, DeLong & Clarke-Pearson 1988, equations 3-4.

    Example:
        >>> placements([0.5, 0.9], [0.1, 0.5])
        (array([0.75, 1.  ]), array([1.  , 0.75]))
    """
    pos, neg = ranked(positives, "scores of positives"), ranked(negatives, "scores of negatives")
    if pos.shape[:-1] != neg.shape[:-1] or min(pos.shape[-1], neg.shape[-1]) < 2:
        raise UsageError(
            "the scores cannot be compared",
            cause=f"shapes {pos.shape} and {neg.shape}: at least two scores an arm, same leading shape",
            next_step="score more records",
        )
    # Dense ranks, offset row by row, make one sorted integer array of all rows: exact ties, one searchsorted each way.
    values, ranks = np.unique(np.concatenate([pos, neg], axis=-1), return_inverse=True)
    keys = ranks.reshape(-1, pos.shape[-1] + neg.shape[-1]).astype(np.int64)
    keys += np.arange(len(keys))[:, None] * len(values)
    first, second = keys[:, : pos.shape[-1]], keys[:, pos.shape[-1] :]
    return _below(first, second).reshape(pos.shape), 1.0 - _below(second, first).reshape(neg.shape)


def _below(keys: NDArray[np.int64], others: NDArray[np.int64]) -> Floats:
    ordered = np.sort(others, axis=-1).ravel()
    found = (np.searchsorted(ordered, keys, "left") + np.searchsorted(ordered, keys, "right")) / 2.0
    share: Floats = (found - np.arange(len(keys))[:, None] * others.shape[-1]) / others.shape[-1]
    return share


def arm_variances(area: Floats, first: Floats, second: Floats) -> Placements:
    """DeLong's two variance terms, each with the pseudo-placements 0 and 1 of weight PSEUDO."""
    one, two = (
        (((arm - area[..., None]) ** 2).sum(axis=-1) + PSEUDO * (area**2 + (1.0 - area) ** 2))
        / (arm.shape[-1] - 1 + 2 * PSEUDO)
        / arm.shape[-1]
        for arm in (first, second)
    )
    return one, two
