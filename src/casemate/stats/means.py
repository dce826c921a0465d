"""Intervals for means: Student's t, and one for figures averaged over many target models."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from casemate.core.errors import UsageError
from casemate.core.measurement import Interval
from casemate.stats._check import Bounds, sample, tail, z_value
from casemate.stats._next_cluster import upper_bound
from casemate.stats.estimate import Estimate


def t_interval(values: ArrayLike, confidence: float = 0.95) -> Estimate:
    """The mean with Student's t interval; for a paired comparison give the differences.

    Right for roughly symmetric values, as paired differences are; for rates and areas use :func:`replicates`.

    Args:
        values: (n,) independent numbers, at least two.
        confidence: nominal coverage.

    Raises:
        UsageError: fewer than two values, not finite, or all equal, where a t interval has no width and no meaning.

    Reference:
        Student 1908, "The probable error of a mean", Biometrika 6, 1-25.

    Example:
        >>> print(t_interval([0.1, 0.3, 0.2, 0.4]))
        0.25 [0.04457, 0.4554]
    """
    x = sample(values, "values", least=2)
    error = float(x.std(ddof=1)) / x.size**0.5
    if error == 0.0:
        raise UsageError(
            "equal values have no t interval",
            cause=f"all {x.size} values are equal, so their spread is unknown",
            next_step="use replicates() for figures in [0, 1], or paired_difference() for outcomes that never changed",
        )
    mean, half = float(x.mean()), float(-stdtrit(x.size - 1, tail(confidence))) * error
    return Estimate(mean, Interval(mean - half, mean + half, confidence, "student-t"), n=x.size)


def replicates(values: ArrayLike, confidence: float = 0.95) -> Estimate:
    """The mean over independent target models of a figure in [0, 1]: a TPR, an AUC, a success rate.

    Each target is one observation, however many records it was attacked with. Where values are skewed, as rates near
    0 are, Student's t misses on one side (89 % coverage instead of 95 % for 10 targets); this interval adds one more
    target, as hard hit as the rule of succession expects, stays in [0, 1], and has a width when all values are equal.

    Args:
        values: (targets,) figures in [0, 1], at least two.
        confidence: nominal coverage.

    Raises:
        UsageError: fewer than two values, or some outside [0, 1].

    Reference:
        Student 1908; Fay & Feuer 1997, Statistics in Medicine 16, 791-801 (see ``_next_cluster``).

    Example:
        >>> print(replicates([0.02, 0.03, 0.01, 0.05, 0.02, 0.04, 0.03, 0.02, 0.03, 0.04]))
        0.029 [0.0188, 0.0604]
        >>> print(replicates([0.0] * 50))
        0 [0, 0.07112]
    """
    x = sample(values, "values", least=2)
    low, high = replicates_bounds(x, confidence)
    interval = Interval(float(low), float(high), confidence, "replicates-beta")
    return Estimate(float(x.mean()), interval, n=x.size, clusters=x.size)


def replicates_bounds(values: ArrayLike, confidence: float = 0.95) -> Bounds:
    """The bounds of :func:`replicates` for many samples at once; targets on the last axis.

    Reference:
        As :func:`replicates`.

    Example:
        >>> low, high = replicates_bounds([[0.0] * 50, [1.0] * 50])
        >>> low.round(3).tolist(), high.round(3).tolist()
        ([0.0, 0.929], [0.071, 1.0])
    """
    x = np.asarray(values, dtype=np.float64)
    if not ((x >= 0.0) & (x <= 1.0)).all():
        raise UsageError("a replicated figure lies outside [0, 1]", next_step="use t_interval() for other figures")
    targets = x.shape[-1]
    mean, out = x.mean(axis=-1), tail(confidence)
    variance = x.var(axis=-1, ddof=1) / targets * (stdtrit(targets - 1, out) / z_value(confidence)) ** 2
    size = np.full_like(mean, float(targets))
    high = upper_bound(mean, variance, x.max(axis=-1), (x > 0).sum(axis=-1), size, out=out)
    low = upper_bound(1.0 - mean, variance, 1.0 - x.min(axis=-1), (x < 1).sum(axis=-1), size, out=out)
    return 1.0 - low, high
