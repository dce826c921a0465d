"""The difference between two proportions measured on different inputs, and square-and-add, on which it stands.

All differences are *second minus first*: after minus before a defense.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from casemate.core.measurement import Interval
from casemate.stats._check import Bounds, counts
from casemate.stats.estimate import Estimate
from casemate.stats.proportions import clopper_pearson_bounds, wilson_bounds

Bracket: TypeAlias = tuple[ArrayLike, ArrayLike, ArrayLike]
"""A figure with its lower and its upper bound."""


def difference(k1: int, n1: int, k2: int, n2: int, confidence: float = 0.95) -> Estimate:
    """The change k2/n2 - k1/n1 between two independent samples, with the interval a verdict may hang on.

    As :func:`newcombe`, but square-and-add starts from the exact bounds instead of the score bounds. That costs about
    5 % of width at n = 50 and lifts the worst coverage from 90 % to 95 % (tests/stats/test_differences.py).

    Args:
        k1: successes before.
        n1: trials before.
        k2: successes after.
        n2: trials after, on other inputs.
        confidence: nominal coverage.

    Raises:
        UsageError: no trials or impossible counts.

    Reference:
        Zou & Donner 2008, Statistics in Medicine 27, 1693-1702, on the bounds of Clopper & Pearson 1934.

    Example:
        >>> print(difference(56, 70, 48, 80))
        -0.2 [-0.3442, -0.04389]
    """
    low, high = difference_bounds(k1, n1, k2, n2, confidence)
    interval = Interval(float(low), float(high), confidence, "mover-clopper-pearson")
    return Estimate(k2 / n2 - k1 / n1, interval, n=int(n1 + n2))


def difference_bounds(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike, confidence: float = 0.95) -> Bounds:
    """The bounds of :func:`difference` for arrays of counts of one broadcastable shape.

    Reference:
        As :func:`difference`.

    Example:
        >>> low, high = difference_bounds([0, 5], 50, [0, 2], 50)
        >>> low.round(3).tolist(), high.round(3).tolist()
        ([-0.071, -0.183], [0.071, 0.058])
    """
    first, trials1 = counts(k1, n1)
    second, trials2 = counts(k2, n2)
    low1, high1 = clopper_pearson_bounds(first, trials1, confidence)
    low2, high2 = clopper_pearson_bounds(second, trials2, confidence)
    return mover((first / trials1, low1, high1), (second / trials2, low2, high2))


def newcombe(k1: int, n1: int, k2: int, n2: int, confidence: float = 0.95) -> Estimate:
    """The change k2/n2 - k1/n1 between two independent samples, with its hybrid score interval.

    Args:
        k1: successes before.
        n1: trials before.
        k2: successes after.
        n2: trials after, on other inputs.
        confidence: nominal coverage.

    Raises:
        UsageError: no trials or impossible counts.

    Reference:
        Newcombe 1998, "Interval estimation for the difference between independent proportions: comparison of eleven
        methods", Statistics in Medicine 17, 873-890, method 10.

    Example:
        >>> print(newcombe(56, 70, 48, 80))
        -0.2 [-0.3339, -0.05243]
    """
    low, high = newcombe_bounds(k1, n1, k2, n2, confidence)
    interval = Interval(float(low), float(high), confidence, "newcombe")
    return Estimate(k2 / n2 - k1 / n1, interval, n=int(n1 + n2))


def newcombe_bounds(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike, confidence: float = 0.95) -> Bounds:
    """The bounds of :func:`newcombe` for arrays of counts of one broadcastable shape.

    Reference:
        Newcombe 1998 (Statistics in Medicine 17, 873-890), method 10.

    Example:
        >>> low, high = newcombe_bounds([0, 5], 50, [0, 2], 50)
        >>> low.round(3).tolist(), high.round(3).tolist()
        ([-0.071, -0.177], [0.071, 0.05])
    """
    first, trials1 = counts(k1, n1)
    second, trials2 = counts(k2, n2)
    low1, high1 = wilson_bounds(first, trials1, confidence)
    low2, high2 = wilson_bounds(second, trials2, confidence)
    return mover((first / trials1, low1, high1), (second / trials2, low2, high2))


def mover(first: Bracket, second: Bracket, correlation: ArrayLike = 0.0) -> Bounds:
    """The bounds of second - first, from an interval of each and the correlation of the two estimates.

    Square-and-add, also called the method of variance estimates recovery: it keeps the asymmetry of both intervals,
    so it stays right near 0 and 1, where adding variances does not.

    Args:
        first: (value, low, high) of one figure, arrays of one broadcastable shape.
        second: the same of the other.
        correlation: of the two estimates, -1 to 1.

    Reference:
        Zou & Donner 2008, "Construction of confidence limits about effect measures", Statistics in Medicine 27,
        1693-1702; with a correlation, Newcombe 1998 (17, 2635-2650).

    Example:
        >>> low, high = mover((0.5, 0.4, 0.6), (0.7, 0.6, 0.8))
        >>> round(float(low), 3), round(float(high), 3)
        (0.059, 0.341)
    """
    one, low1, high1 = (np.asarray(part, dtype=np.float64) for part in first)
    two, low2, high2 = (np.asarray(part, dtype=np.float64) for part in second)
    r = np.asarray(correlation, dtype=np.float64)
    below1, above1, below2, above2 = one - low1, high1 - one, two - low2, high2 - two
    down = below2**2 + above1**2 - 2.0 * r * below2 * above1
    up = above2**2 + below1**2 - 2.0 * r * above2 * below1
    return two - one - np.sqrt(np.maximum(down, 0.0)), two - one + np.sqrt(np.maximum(up, 0.0))
