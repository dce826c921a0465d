"""The change of a true positive rate at a promised false positive rate, on the same records."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from casemate.core.errors import UsageError
from casemate.core.measurement import Interval
from casemate.stats._check import Floats, ranked, tail
from casemate.stats.estimate import Estimate
from casemate.stats.operating_point import Scored, bonferroni_bounds, read_scores
from casemate.stats.paired import paired_difference_bounds


def tpr_at_fpr_difference(
    positives: tuple[ArrayLike, ArrayLike],
    negatives: tuple[ArrayLike, ArrayLike],
    fpr: float,
    confidence: float = 0.95,
) -> Estimate:
    """The change, second minus first, when the same records are scored before and after a defense (or by two attacks).

    Three errors are joined by square-and-add: which positives are found (paired, exact bounds) and where each of the
    two thresholds lies (order statistics of the negatives, taken as independent, which is the cautious side when the
    two scorings agree). Where ties make a threshold jump, guaranteed bounds of both rates at half of the error each
    take their place.

    Args:
        positives: (m,) scores before and (m,) scores after, of the same positives in the same order.
        negatives: (n,) scores before and (n,) scores after, likewise.
        fpr: promised false positive rate.
        confidence: nominal coverage.

    Raises:
        UsageError: the two scorings differ in length, an arm is empty or has NaN, or fpr is not between 0 and 1.

    Reference:
        Zou & Donner 2008, Statistics in Medicine 27, 1693-1702; David & Nagaraja 2003, "Order Statistics", section 7.1.

    Example:
        >>> rng = np.random.default_rng(2)
        >>> pos, neg = rng.normal(2.0, 1.0, 500), rng.normal(0.0, 1.0, 1000)
        >>> result = tpr_at_fpr_difference((pos, pos - 1.5), (neg, neg), 0.05)
        >>> result.high < 0.0
        True
    """
    pos = [ranked(scores, "scores of positives").ravel() for scores in positives]
    neg = [ranked(scores, "scores of negatives").ravel() for scores in negatives]
    low, high, value = tpr_at_fpr_difference_bounds((pos[0], pos[1]), (neg[0], neg[1]), fpr, confidence)
    return Estimate(float(value), Interval(float(low), float(high), confidence, "order-statistic-mover"), n=pos[0].size)


def tpr_at_fpr_difference_bounds(
    positives: tuple[ArrayLike, ArrayLike],
    negatives: tuple[ArrayLike, ArrayLike],
    fpr: float,
    confidence: float = 0.95,
) -> tuple[Floats, Floats, Floats]:
    """Lower bound, upper bound and value of :func:`tpr_at_fpr_difference` for arrays with leading axes.

    Reference:
        As :func:`tpr_at_fpr_difference`.

    Example:
        >>> same = [[3.0, 2.0, 1.0, 0.0]]
        >>> tpr_at_fpr_difference_bounds((same, same), (same, same), 0.5)[2].tolist()
        [0.0]
    """
    one, two = (read_scores(positives[i], negatives[i], fpr, tail(confidence)) for i in (0, 1))
    if one.found.shape != two.found.shape or one.negatives.shape != two.negatives.shape:
        raise UsageError("the two scorings do not cover the same records", next_step="score the same rows twice")
    value = two.value - one.value
    first = (one.found & ~two.found).sum(axis=-1)
    second = (two.found & ~one.found).sum(axis=-1)
    paired_low, paired_high = paired_difference_bounds(first, second, one.found.shape[-1], confidence)
    low = value - np.sqrt((value - paired_low) ** 2 + two.shift_down**2 + one.shift_up**2)
    high = value + np.sqrt((paired_high - value) ** 2 + two.shift_up**2 + one.shift_down**2)
    safe_low, safe_high = _guaranteed(one, two, fpr, confidence)
    coarse = one.coarse | two.coarse
    low, high = np.where(coarse, safe_low, low), np.where(coarse, safe_high, high)
    return np.maximum(low, -1.0), np.minimum(high, 1.0), value


def _guaranteed(one: Scored, two: Scored, fpr: float, confidence: float) -> tuple[Floats, Floats]:
    each = 1.0 - tail(confidence)
    (low1, high1), (low2, high2) = (bonferroni_bounds(part, fpr, each) for part in (one, two))
    return low2 - high1, high2 - low1
