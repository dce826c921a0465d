"""The true positive rate at a promised false positive rate, with intervals that admit how few negatives there were.

The threshold is itself estimated, from the negatives. Order statistics say how far its true false positive rate may be
from the promised one, whatever the scores' distribution; the binomial says how far the positives above it may be from
their rate. An interval from the positives alone, as usually printed, covers as little as 9 % of the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from casemate.core.errors import UsageError
from casemate.core.measurement import Interval
from casemate.stats._binomial import at_most
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
    fewer = at_most(ranks - 1, n, fpr)  # P(fewer than rank negatives above the threshold)
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
    scored = read_scores(positives, negatives, fpr, tail(confidence))
    low, high = bonferroni_bounds(scored, fpr, confidence)
    if exact:
        return low, high, scored.value
    value, m = scored.value, scored.positives.shape[-1]
    down, up = clopper_pearson_bounds(value * m, m, confidence)
    low = np.where(scored.coarse, low, np.maximum(value - np.hypot(scored.shift_down, value - down), 0.0))
    high = np.where(scored.coarse, high, np.minimum(value + np.hypot(scored.shift_up, up - value), 1.0))
    return low, high, value


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores read at one operating point, records on the last axis.

    Attributes:
        positives: (..., m) scores.
        negatives: (..., n) scores, falling.
        found: (..., m) whether a positive lies above the empirical threshold.
        value: (...) share of positives found.
        shift_down: (...) how far the share falls at the strict threshold.
        shift_up: (...) how far it rises at the loose threshold.
        coarse: (...) whether ties make the threshold jump.
    """

    positives: Floats
    negatives: Floats
    found: NDArray[np.bool_]
    value: Floats
    shift_down: Floats
    shift_up: Floats
    coarse: NDArray[np.bool_]


def read_scores(positives: ArrayLike, negatives: ArrayLike, fpr: float, miss: float) -> Scored:
    """Read scores at a false positive rate, with the bracketing thresholds of :func:`thresholds`.

    Example:
        >>> read_scores([5.0, 1.0], [4.0, 3.0, 2.0, 1.0], 0.25, 0.025).value.item()
        0.5
    """
    pos = ranked(positives, "scores of positives")
    neg = -np.sort(-ranked(negatives, "scores of negatives"), axis=-1)
    at = thresholds(neg.shape[-1], fpr, miss)
    found = _above(pos, neg, at.empirical)
    value = found.mean(axis=-1)
    shift_down = value - _above(pos, neg, at.strict).mean(axis=-1)
    shift_up = _above(pos, neg, at.loose).mean(axis=-1) - value
    coarse = _largest_tie(neg[..., max(at.strict - 1, 0) : at.loose]) >= COARSE
    return Scored(pos, neg, found, value, shift_down, shift_up, coarse)


def bonferroni_bounds(scored: Scored, fpr: float, confidence: float) -> Bounds:
    """Half of the error to the threshold, half to the positives: bounds that cover at least as often as promised.

    Example:
        >>> low, high = bonferroni_bounds(read_scores([5.0] * 50, [1.0] * 99, 0.1, 0.025), 0.1, 0.95)
        >>> low.round(2).item(), high.item()
        (0.92, 1.0)
    """
    half = tail(confidence) / 2.0
    at = thresholds(scored.negatives.shape[-1], fpr, half)
    m, level = scored.positives.shape[-1], 1.0 - 2.0 * half
    fewest, most = (_above(scored.positives, scored.negatives, rank).sum(axis=-1) for rank in (at.strict, at.loose))
    return clopper_pearson_bounds(fewest, m, level)[0], clopper_pearson_bounds(most, m, level)[1]


def _above(pos: Floats, neg: Floats, rank: int) -> NDArray[np.bool_]:
    """Which positives score above the rank-th highest negative; none above rank 0, all above rank n + 1."""
    if rank < 1:
        return np.zeros(pos.shape, dtype=bool)
    if rank > neg.shape[-1]:
        return np.ones(pos.shape, dtype=bool)
    return pos > neg[..., rank - 1 : rank]


def _largest_tie(window: Floats) -> Floats:
    """The size of the largest group of equal scores, as a share of the window; 0 without ties."""
    longest = run = np.ones(window.shape[:-1])
    for column in range(1, window.shape[-1]):
        run = np.where(window[..., column] == window[..., column - 1], run + 1.0, 1.0)
        longest = np.maximum(longest, run)
    return np.where(longest > 1.0, longest / max(window.shape[-1], 1), 0.0)
