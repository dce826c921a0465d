"""Korn and Graubard's interval for clustered proportions, as other tools print it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from casemate.core.errors import UsageError
from casemate.core.measurement import Interval
from casemate.stats._check import Bounds, counts, tail
from casemate.stats.estimate import Estimate
from casemate.stats.proportions import clopper_pearson_bounds


def korn_graubard(successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> Estimate:
    """The published interval: Clopper-Pearson on the effective sample size. For comparison with other tools.

    Where events are rare and clustered it covers as little as 81 %: prefer :func:`clustered_proportion`. At zero
    events the design effect is unknown and the number of clusters takes the place of the effective sample size.

    Args:
        successes: (clusters,) successes of each cluster.
        trials: (clusters,) trials of each cluster.
        confidence: nominal coverage.

    Raises:
        UsageError: fewer than two clusters or impossible counts.

    Reference:
        Korn & Graubard 1998, "Confidence intervals for proportions with small expected number of positive counts
        estimated from survey data", Survey Methodology 24, 193-201.

    Example:
        >>> print(korn_graubard([3, 0, 1, 0, 0, 4, 0, 0, 2, 0], [10] * 10))
        0.1 [0.022, 0.2612]
    """
    k, n = counts(successes, trials)
    low, high = korn_graubard_bounds(k, n, confidence)
    interval = Interval(float(low), float(high), confidence, "korn-graubard")
    return Estimate(float(k.sum() / n.sum()), interval, n=int(n.sum()), clusters=n.size)


def korn_graubard_bounds(successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> Bounds:
    """The bounds of :func:`korn_graubard` for many samples at once; shapes as :func:`clustered_bounds`.

    Reference:
        As :func:`korn_graubard`.

    Example:
        >>> korn_graubard_bounds([[0, 0, 0, 0]], 25)[1].round(3).tolist()
        [0.602]
    """
    k, n = counts(successes, trials)
    if k.ndim == 0 or k.shape[-1] < 2:
        raise UsageError("one cluster says nothing about others", next_step="use more clusters")
    clusters, total = k.shape[-1], n.sum(axis=-1)
    rate, size = k.sum(axis=-1) / total, total**2 / (n**2).sum(axis=-1)
    pull = (k - rate[..., None] * n) / total[..., None]
    variance = (pull**2).sum(axis=-1) * clusters / (clusters - 1)
    free = rate * (1.0 - rate)
    out = tail(confidence)
    shrink = (stdtrit(total - 1.0, out) / stdtrit(clusters - 1.0, out)) ** 2
    effective = np.where(variance > 0.0, free / np.where(variance > 0.0, variance, 1.0) * shrink, total)
    effective = np.where(free > 0.0, np.minimum(effective, total), size)
    return clopper_pearson_bounds(np.minimum(rate * effective, effective), effective, confidence)
