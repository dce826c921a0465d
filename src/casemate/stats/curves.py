"""ROC curves and the area under them, with intervals that stay right near 0 and 1 and with few observations.

Convention everywhere: a higher score says "positive" (a member, an attack, a defect).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from casemate.core.errors import UsageError
from casemate.core.measurement import Interval
from casemate.stats._check import Bounds, Floats, ranked, tail, z_value
from casemate.stats.differences import mover
from casemate.stats.estimate import Estimate
from casemate.stats.placements import PSEUDO, arm_variances, placements
from casemate.stats.proportions import wilson_bounds


@dataclass(frozen=True, slots=True)
class ROC:
    """A receiver operating characteristic, from (0, 0) to (1, 1).

    Attributes:
        fpr, tpr: (points,) false and true positive rates, rising.
        thresholds: (points,) falling; the rule of a point is "score >= threshold"; the first is infinite.
    """

    fpr: Floats
    tpr: Floats
    thresholds: Floats


def roc(positives: ArrayLike, negatives: ArrayLike) -> ROC:
    """Every operating point that the scores allow.

    Args:
        positives: (m,) scores of positives.
        negatives: (n,) scores of negatives.

    Raises:
        UsageError: an arm is empty or has NaN.

    Reference:
        Fawcett 2006, "An introduction to ROC analysis", Pattern Recognition Letters 27, 861-874, section 4.

    Example:
        >>> curve = roc([0.9, 0.6], [0.7, 0.1])
        >>> curve.fpr.tolist(), curve.tpr.tolist()
        ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    pos, neg = (np.sort(ranked(arm, "scores").ravel()) for arm in (positives, negatives))
    levels = np.unique(np.concatenate([pos, neg]))[::-1]
    tpr = 1.0 - np.searchsorted(pos, levels, "left") / pos.size
    fpr = 1.0 - np.searchsorted(neg, levels, "left") / neg.size
    start = np.zeros(1)
    return ROC(np.concatenate([start, fpr]), np.concatenate([start, tpr]), np.concatenate([np.full(1, np.inf), levels]))


def auc(positives: ArrayLike, negatives: ArrayLike, confidence: float = 0.95) -> Estimate:
    """The area under the ROC curve: how often a positive outscores a negative, ties counting half.

    The variance is DeLong's; it is turned into an effective number of independent comparisons and from there into a
    score interval, so the interval never leaves [0, 1] and never collapses when the arms are perfectly apart. Half a
    pseudo-placement at each end keeps the variance honest when an arm has only a handful of scores.

    Args:
        positives: (m,) scores of positives.
        negatives: (n,) scores of negatives.
        confidence: nominal coverage.

    Raises:
        UsageError: an arm has fewer than two scores, or NaN.

    Reference:
        DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44, 837-845 (placement variance); Hanley & McNeil 1982,
        Radiology 143, 29-36 (the area as a rank statistic); Wilson 1927 on an effective sample size as in
        Korn & Graubard 1998, Survey Methodology 24, 193-201.

    Example:
        >>> print(auc([0.9, 0.8, 0.7, 0.6], [0.5, 0.4, 0.3, 0.2]))
        1 [0.4005, 1]
    """
    pos, neg = ranked(positives, "scores of positives").ravel(), ranked(negatives, "scores of negatives").ravel()
    low, high = auc_bounds(pos, neg, confidence)
    value = float(placements(pos, neg)[0].mean())
    return Estimate(value, Interval(float(low), float(high), confidence, "delong-wilson"), n=pos.size + neg.size)


def auc_bounds(positives: ArrayLike, negatives: ArrayLike, confidence: float = 0.95) -> Bounds:
    """The bounds of :func:`auc` for many targets at once.

    Args:
        positives: (..., m) scores.
        negatives: (..., n) scores, with the same leading shape.
        confidence: nominal coverage.

    Returns:
        Two arrays of the leading shape.

    Reference:
        As :func:`auc`.

    Example:
        >>> low, high = auc_bounds([[3.0, 4.0], [1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]])
        >>> bool((low + high[::-1] - 1 < 1e-12).all())
        True
    """
    first, second = placements(positives, negatives)
    area = first.mean(axis=-1)
    return _bounds(area, *arm_variances(area, first, second), (first.shape[-1], second.shape[-1]), confidence)


def auc_difference(
    positives: tuple[ArrayLike, ArrayLike], negatives: tuple[ArrayLike, ArrayLike], confidence: float = 0.95
) -> Estimate:
    """The change of the area when the same records are scored twice, second minus first.

    Args:
        positives: (m,) scores before and (m,) scores after, of the same positives in the same order.
        negatives: (n,) scores before and (n,) scores after, likewise.
        confidence: nominal coverage.

    Raises:
        UsageError: an arm has fewer than two scores or NaN, or the two scorings differ in length.

    Reference:
        DeLong, DeLong & Clarke-Pearson 1988 (covariance of two areas); Zou & Donner 2008 (square-and-add).

    Example:
        >>> before, after = [0.9, 0.8, 0.7, 0.6], [0.6, 0.4, 0.7, 0.5]
        >>> difference = auc_difference((before, after), ([0.5, 0.4, 0.3, 0.2], [0.5, 0.6, 0.3, 0.7]))
        >>> round(difference.value, 3)
        -0.469
    """
    pos = [ranked(scores, "scores of positives").ravel() for scores in positives]
    neg = [ranked(scores, "scores of negatives").ravel() for scores in negatives]
    low, high, value = auc_difference_bounds((pos[0], pos[1]), (neg[0], neg[1]), confidence)
    interval = Interval(float(low), float(high), confidence, "delong-mover")
    return Estimate(float(value), interval, n=pos[0].size + neg[0].size)


def auc_difference_bounds(
    positives: tuple[ArrayLike, ArrayLike], negatives: tuple[ArrayLike, ArrayLike], confidence: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """Lower bound, upper bound and value of :func:`auc_difference` for arrays with leading axes.

    Reference:
        As :func:`auc_difference`.

    Example:
        >>> arm = [1.0, 2.0, 3.0]
        >>> [round(float(x), 3) for x in auc_difference_bounds((arm, arm), (arm, arm))][2]
        0.0
    """
    before, after = (placements(positives[i], negatives[i]) for i in (0, 1))
    if before[0].shape != after[0].shape or before[1].shape != after[1].shape:
        raise UsageError("the two scorings do not cover the same records", next_step="score the same rows twice")
    sizes = before[0].shape[-1], before[1].shape[-1]
    areas = [pair[0].mean(axis=-1) for pair in (before, after)]
    parts = [arm_variances(area, *pair) for area, pair in zip(areas, (before, after), strict=True)]
    covariance = np.zeros_like(areas[0])
    for one, two in zip(before, after, strict=True):
        deviations = (one - areas[0][..., None]) * (two - areas[1][..., None])
        covariance = covariance + deviations.sum(axis=-1) / (one.shape[-1] - 1) / one.shape[-1]
    correlation = covariance / np.sqrt((parts[0][0] + parts[0][1]) * (parts[1][0] + parts[1][1]))
    (low1, high1), (low2, high2) = (_bounds(a, *p, sizes, confidence) for a, p in zip(areas, parts, strict=True))
    low, high = mover((areas[0], low1, high1), (areas[1], low2, high2), np.clip(correlation, -1.0, 1.0))
    return np.maximum(low, -1.0), np.minimum(high, 1.0), areas[1] - areas[0]


def _bounds(area: Floats, one: Floats, two: Floats, sizes: tuple[int, int], confidence: float) -> Bounds:
    """Wilson's interval on the effective number of comparisons, with Welch-Satterthwaite degrees of freedom."""
    few = min(sizes)
    variance = one + two
    freedom = variance**2 / (one**2 / (sizes[0] - 1) + two**2 / (sizes[1] - 1))
    shrunk = (area * few + PSEUDO) / (few + 2 * PSEUDO)
    # No configuration of scores carries less than the smaller arm (Birnbaum & Klose 1957), so neither does ours.
    effective = np.maximum(shrunk * (1.0 - shrunk) / variance, few)
    effective = effective * (z_value(confidence) / -stdtrit(freedom, tail(confidence))) ** 2
    return wilson_bounds(area * effective, effective, confidence)
