"""Intervals for one proportion: exact where a verdict hangs on it, score-based where width matters more.

The ``*_bounds`` forms take arrays of any (broadcastable) shape; the others take two counts and return an Interval.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainccinv, betaincinv

from casemate.core.measurement import Interval
from casemate.stats._check import Bounds, counts, tail, z_value


def clopper_pearson(k: float, n: float, confidence: float = 0.95) -> Interval:
    """The exact interval of k successes in n trials: it covers at least as often as it promises, whatever the rate.

    Args:
        k: successes; may be fractional when n is an effective sample size (Korn & Graubard 1998).
        n: trials, all independent.
        confidence: least coverage.

    Raises:
        UsageError: no trials, impossible counts or an impossible confidence.

    Reference:
        Clopper & Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the binomial",
        Biometrika 26(4), 404-413.

    Example:
        >>> zero = clopper_pearson(0, 50)
        >>> print(f"0 of 50, at most {zero.high:.1%}")
        0 of 50, at most 7.1%
    """
    low, high = clopper_pearson_bounds(k, n, confidence)
    return Interval(float(low), float(high), confidence, "clopper-pearson")


def clopper_pearson_bounds(k: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> Bounds:
    """The exact bounds of many proportions at once.

    Each bound is a quantile of a beta distribution: Beta(k, n-k+1) below and Beta(k+1, n-k) above.

    Args:
        k: successes, any shape.
        n: trials, broadcastable to k.
        confidence: least coverage of each interval.

    Returns:
        Two float arrays of the broadcast shape.

    Raises:
        UsageError: as :func:`clopper_pearson`.

    Reference:
        Clopper & Pearson 1934; the beta form is Johnson, Kotz & Kemp 1992, section 3.7.2.

    Example:
        >>> low, high = clopper_pearson_bounds([0, 5, 50], 50)
        >>> low.round(3).tolist(), high.round(3).tolist()
        ([0.0, 0.033, 0.929], [0.071, 0.218, 1.0])
    """
    successes, trials = counts(k, n)
    out = tail(confidence)
    failures = trials - successes
    # At the edges the beta distribution degenerates; the placeholder 1 keeps the special functions quiet there.
    low = np.where(successes > 0, betaincinv(np.where(successes > 0, successes, 1.0), failures + 1.0, out), 0.0)
    high = np.where(failures > 0, betainccinv(successes + 1.0, np.where(failures > 0, failures, 1.0), out), 1.0)
    return low, high


def wilson(k: float, n: float, confidence: float = 0.95) -> Interval:
    """The score interval: narrower than the exact one and right on average over rates, but not for every rate.

    Use it for pictures and as an ingredient of differences; verdicts use :func:`clopper_pearson`.

    Raises:
        UsageError: as :func:`clopper_pearson`.

    Reference:
        Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22(158), 209-212.

    Example:
        >>> interval = wilson(0, 50)
        >>> round(interval.low, 3), round(interval.high, 3)
        (0.0, 0.071)
    """
    low, high = wilson_bounds(k, n, confidence)
    return Interval(float(low), float(high), confidence, "wilson")


def wilson_bounds(k: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> Bounds:
    """The score bounds of many proportions at once; shapes and errors as :func:`clopper_pearson_bounds`.

    Reference:
        Wilson 1927.

    Example:
        >>> low, high = wilson_bounds([5, 25], 50)
        >>> low.round(3).tolist(), high.round(3).tolist()
        ([0.043, 0.366], [0.214, 0.634])
    """
    successes, trials = counts(k, n)
    z = z_value(confidence)
    failures = trials - successes
    middle = successes + z**2 / 2.0
    half = z * np.sqrt(successes * failures / trials + z**2 / 4.0)
    low = np.where(successes > 0, (middle - half) / (trials + z**2), 0.0)
    high = np.where(failures > 0, (middle + half) / (trials + z**2), 1.0)
    return low, high
