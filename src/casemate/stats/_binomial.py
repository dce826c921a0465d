"""The binomial distribution function for arrays of counts, without scipy.stats and its second of import time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincc

from casemate.stats._check import Floats


def at_most(k: ArrayLike, n: ArrayLike, p: ArrayLike) -> Floats:
    """The probability of at most k successes in n trials; 0 for k < 0, 1 for k >= n.

    Reference:
        Johnson, Kemp & Kotz 2005, "Univariate Discrete Distributions", equation 3.34 (the incomplete beta form).

    Example:
        >>> at_most([-1, 0, 1, 2], 2, 0.5).tolist()
        [0.0, 0.25, 0.75, 1.0]
    """
    successes, trials, rate = (np.asarray(part, dtype=np.float64) for part in (k, n, p))
    inside = (successes >= 0) & (successes < trials)
    value = betaincc(np.where(inside, successes, 0.0) + 1.0, np.where(inside, trials - successes, 1.0), rate)
    return np.where(inside, value, np.where(successes < 0, 0.0, 1.0))
