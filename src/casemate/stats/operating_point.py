"""The true positive rate at a promised false positive rate, with intervals that admit how few negatives there were.

The threshold is itself estimated, from the negatives. Order statistics say how far its true false positive rate may be
from the promised one, whatever the scores' distribution; the binomial says how far the positives above it may be from
their rate. An interval from the positives alone, as usually printed, covers as little as 9 % of the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr

from casemate.core.errors import UsageError
from casemate.core.measurement import Interval
from casemate.stats._check import Bounds, Floats, ranked, tail
from casemate.stats.estimate import Estimate
from casemate.stats.proportions import clopper_pearson_bounds

COARSE = 1.0 / 3.0
"""Share of the threshold's order statistics in one tie from which on only the exact interval is trusted."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Which of n negatives, counted from the highest, serves as threshold ("score > the rank-th highest").

    Attributes:
        strict: its true false positive rate is at most the promised one, with the wanted probability; 0 means that
            there are too few negatives for any threshold to promise that.
        empirical: the one that keeps the promise on these negatives.
        loose: its true false positive rate, ties included, exceeds the promised one, with the wanted probability;
            n + 1 means that no threshold does.
    """

    strict: int
    empirical: int
    loose: int


def thresholds(n: int, fpr: float, miss: float) -> Thresholds:
    """The order statistics that bracket the threshold of a true false positive rate, each missing with ``miss``.

    Reference:
        David & Nagaraja 2003, "Order Statistics", section 7.1 (distribution-free intervals for quantiles).

    Example:
        >>> thresholds(5000, 0.001, 0.025)
        Thresholds(strict=1, empirical=6, loose=11)
        >>> thresholds(500, 0.001, 0.025).strict
        0
    """
    if not 0.0 < fpr < 1.0:
        raise UsageError(f"a false positive rate of {fpr} is no operating point", next_step="use one between 0 and 1")
    ranks = np.arange(n + 2)
    fewer = np.concatenate([[0.0], bdtr(np.arange(n + 1), n, fpr)])  # P(fewer than rank negatives above the threshold)
    strict = int(ranks[1.0 - fewer >= 1.0 - miss].max())
    above = ranks[fewer >= 1.0 - miss]
    return Thresholds(strict, int(np.floor(fpr * n + 1e-9)) + 1, int(above.min()) if above.size else n + 1)


def tpr_at_fpr(
    positives: ArrayLike, negatives: ArrayLike, fpr: float, confidence: float = 0.95, *, exact: bool = False
) -> Estimate:
    """The share of positives found at the threshold whose *true* false positive rate is the promised one.

    Args:
        positives: (m,) scores of positives; higher says positive.
        negatives: (n,) scores of negatives.
        fpr: promised false positive rate, for example 0.01.
        confidence: nominal coverage.
        exact: True for the interval that is guaranteed to cover (each source of error exact, at half of the error);
            False for the calibrated one, a quarter to a third narrower, which turns exact by itself where ties make
            the threshold jump.

    Returns:
        The rate at the lowest threshold whose observed false positive rate keeps the promise. With too few negatives
        to promise anything (fewer than about 3.7 / fpr at 95 %), the lower bound is 0 or close to it.

    Raises:
        UsageError: an arm is empty or has NaN, or fpr is not between 0 and 1.

    Reference:
        Carlini et al. 2022 (arXiv 2112.03570), section III (the figure); David & Nagaraja 2003, section 7.1 (the
        threshold); Clopper & Pearson 1934 (the positives); Zou & Donner 2008 (square-and-add of both).

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(1)
        >>> print(tpr_at_fpr(rng.normal(1.0, 1.0, 500), rng.normal(0.0, 1.0, 500), 0.01))
        0.076 [0.0008128, 0.1363]
    """
    pos, neg = ranked(positives, "scores of positives").ravel(), ranked(negatives, "scores of negatives").ravel()
    low, high, value = tpr_at_fpr_bounds(pos, neg, fpr, confidence, exact=exact)
    method = "order-statistic-bonferroni" if exact else "order-statistic-mover"
    return Estimate(float(value), Interval(float(low), float(high), confidence, method), n=pos.size)


def tpr_at_fpr_bounds(
    positives: ArrayLike, negatives: ArrayLike, fpr: float, confidence: float = 0.95, *, exact: bool = False
) -> tuple[Floats, Floats, Floats]:
    """Lower bound, upper bound and value of :func:`tpr_at_fpr` for many targets at once.

    Args:
        positives: (..., m) scores.
        negatives: (..., n) scores, with the same leading shape.
        fpr: as :func:`tpr_at_fpr`; so are confidence and exact.
        confidence: nominal coverage.
        exact: True for the guaranteed interval.

    Reference:
        As :func:`tpr_at_fpr`.

    Example:
        >>> low, high, value = tpr_at_fpr_bounds([[2.0] * 50, [0.0] * 50], [[1.0] * 99, [1.0] * 99], 0.1)
        >>> value.tolist(), high.round(2).tolist()
        ([1.0, 0.0], [1.0, 0.08])
    """
    pos = ranked(positives, "scores of positives")
    neg = -np.sort(-ranked(negatives, "scores of negatives"), axis=-1)
    m, n = pos.shape[-1], neg.shape[-1]
    miss = tail(confidence)
    at = thresholds(n, fpr, miss)
    found = _found(pos, neg, at.empirical)
    value = found / m
    low, high = _guaranteed(pos, neg, fpr, confidence)
    if exact:
        return low, high, value
    down, up = clopper_pearson_bounds(found, m, confidence)
    shift_down, shift_up = value - _found(pos, neg, at.strict) / m, _found(pos, neg, at.loose) / m - value
    coarse = _largest_tie(neg[..., max(at.strict - 1, 0) : at.loose]) >= COARSE
    low = np.where(coarse, low, np.maximum(value - np.hypot(shift_down, value - down), 0.0))
    high = np.where(coarse, high, np.minimum(value + np.hypot(shift_up, up - value), 1.0))
    return low, high, value


def _found(pos: Floats, neg: Floats, rank: int) -> Floats:
    """How many positives score above the rank-th highest negative; none above rank 0, all above rank n + 1."""
    if rank < 1:
        return np.zeros(pos.shape[:-1])
    if rank > neg.shape[-1]:
        return np.full(pos.shape[:-1], float(pos.shape[-1]))
    found: Floats = (pos > neg[..., rank - 1 : rank]).sum(axis=-1, dtype=np.float64)
    return found


def _guaranteed(pos: Floats, neg: Floats, fpr: float, confidence: float) -> Bounds:
    """Half of the error to the threshold, half to the positives: by Bonferroni they cover at least as promised."""
    half = tail(confidence) / 2.0
    at = thresholds(neg.shape[-1], fpr, half)
    low, _ = clopper_pearson_bounds(_found(pos, neg, at.strict), pos.shape[-1], 1.0 - 2.0 * half)
    _, high = clopper_pearson_bounds(_found(pos, neg, at.loose), pos.shape[-1], 1.0 - 2.0 * half)
    return low, high


def _largest_tie(window: Floats) -> Floats:
    """The size of the largest group of equal scores, as a share of the window; 0 without ties."""
    longest = run = np.ones(window.shape[:-1])
    for column in range(1, window.shape[-1]):
        run = np.where(window[..., column] == window[..., column - 1], run + 1.0, 1.0)
        longest = np.maximum(longest, run)
    return np.where(longest > 1.0, longest / max(window.shape[-1], 1), 0.0)
