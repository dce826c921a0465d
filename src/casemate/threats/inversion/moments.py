"""What an attacker expects of each record's log-odds with and without it in training, and the likelihood ratio.

Both makers of ``Moments``, the closed form and the shadow pool, feed the same test: the likelihood ratio of two normal
distributions, the most powerful test there is between them (Neyman-Pearson; LiRA, arXiv 2112.03570, algorithm 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from casemate.threats.inversion.signals import Floats


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of the own-label log-odds of n records, in both worlds.

    Attributes:
        mean_in, sd_in: (n,) over models trained with the record.
        mean_out, sd_out: (n,) over models trained without it.
    """

    mean_in: Floats
    sd_in: Floats
    mean_out: Floats
    sd_out: Floats

    @property
    def shift(self) -> Floats:
        """(n,) how much training on a record raises the log-odds of its own label: its memorization."""
        return self.mean_in - self.mean_out


def likelihood_ratio(moments: Moments, observed: Floats) -> Floats:
    """Log-likelihood ratio of "was trained on" against "was not".

    Args:
        moments: for n records.
        observed: (..., n) own-label log-odds of one or more targets.

    Returns:
        (..., n) log-likelihood ratios; positive speaks for membership.

    Example:
        >>> one = Moments(*(np.array([value]) for value in (1.0, 1.0, 0.0, 1.0)))
        >>> likelihood_ratio(one, np.array([1.0])).tolist()
        [0.5]
    """
    inside = -0.5 * ((observed - moments.mean_in) / moments.sd_in) ** 2 - np.log(moments.sd_in)
    outside = -0.5 * ((observed - moments.mean_out) / moments.sd_out) ** 2 - np.log(moments.sd_out)
    return np.asarray(inside - outside, dtype=np.float64)


def cell_likelihood_ratio(moments: Moments, low: Floats, high: Floats) -> Floats:
    """The same ratio when only an interval of the log-odds is known, as from rounded answers or bare labels.

    Args:
        moments: for n records.
        low: (..., n) lower ends of the intervals, -inf where open.
        high: (..., n) upper ends, inf where open.
    """
    inside = _log_mass(low, high, moments.mean_in, moments.sd_in)
    return inside - _log_mass(low, high, moments.mean_out, moments.sd_out)


def _log_mass(low: Floats, high: Floats, mean: Floats, sd: Floats) -> Floats:
    """Log-probability of an interval under a normal distribution, accurate far into either tail."""
    a, b = (low - mean) / sd, (high - mean) / sd
    flip = b > -a  # work in the tail that has the mass
    a, b = np.where(flip, -b, a), np.where(flip, -a, b)
    upper, lower = log_ndtr(b), log_ndtr(a)
    with np.errstate(divide="ignore"):
        mass = upper + np.log1p(-np.exp(np.minimum(lower - upper, 0.0)))
    return np.asarray(np.maximum(mass, -1e4), dtype=np.float64)
