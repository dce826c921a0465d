"""Arguments checked once, so that every interval refuses nonsense with the same words."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from casemate.core.errors import UsageError

Floats: TypeAlias = NDArray[np.float64]
"""A float64 array of any shape."""

Bounds: TypeAlias = tuple[Floats, Floats]
"""Lower and upper bounds, element by element."""


def tail(confidence: float) -> float:
    """The probability left out on each side by a two-sided interval.

    Raises:
        UsageError: the confidence is not strictly between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise UsageError(
            f"a confidence of {confidence} is impossible",
            cause="it must lie strictly between 0 and 1",
            next_step="use 0.95",
        )
    return (1.0 - confidence) / 2.0


def z_value(confidence: float) -> float:
    """The standard normal quantile of a two-sided interval: 1.96 for 0.95."""
    return float(-ndtri(tail(confidence)))


def counts(k: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """Successes and trials as float arrays of one shape.

    Raises:
        UsageError: there are no trials, or k is not between 0 and n.
    """
    successes, trials = np.broadcast_arrays(np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64))
    if not (trials > 0).all():
        raise UsageError("a rate of no trials is unknown", cause="n is 0", next_step="run at least one trial")
    if not ((successes >= 0) & (successes <= trials)).all():
        raise UsageError(
            "the counts are impossible",
            cause="successes k must satisfy 0 <= k <= n",
            next_step="count errors and refusals as trials, never as extra successes",
        )
    return successes, trials


def sample(values: ArrayLike, what: str, least: int = 1) -> Floats:
    """Finite observations as a flat float array.

    Raises:
        UsageError: fewer than ``least`` of them, not one-dimensional, or not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size < least:
        raise UsageError(
            f"not enough {what}",
            cause=f"got shape {array.shape}, at least {least} in one dimension are needed",
            next_step=f"measure at least {least}",
        )
    if not np.isfinite(array).all():
        raise UsageError(
            f"some {what} are not finite numbers",
            cause="NaN or infinity cannot be ranked or averaged",
            next_step="count the failed trials as errors, with their worst case, before asking for an interval",
        )
    return array


def ranked(scores: ArrayLike, what: str) -> Floats:
    """Scores that can be ranked, observations on the last axis; infinities are allowed, they rank as well as numbers.

    Raises:
        UsageError: no scores, or some are NaN.
    """
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise UsageError(f"there are no {what}", next_step="score at least one member and one non-member")
    if np.isnan(array).any():
        raise UsageError(
            f"some {what} are NaN",
            cause="NaN has no rank",
            next_step="count the failed trials as errors and give them their worst-case score",
        )
    return array
