"""What Gaussian and Laplace releases spend, exactly.

Releases of Gaussian noise compose to one release (Dong, Roth and Su 2022, "Gaussian differential privacy", corollary
3.3): T answers of sensitivity D with deviation s are as private as one with ``mu = sqrt(T) D / s``. Its curve of
epsilon and delta is known in closed form (Balle and Wang 2018, "Improving the Gaussian mechanism", theorem 8). Pure
budgets of Laplace releases add up. No approximation enters, and rounding goes to the side that claims less.
"""

from __future__ import annotations

import math
from typing import Final

from scipy.optimize import brentq
from scipy.special import expit, log_ndtr, ndtri

from casemate.privacy.dp.checks import check_delta, check_epsilon

CARE: Final = 1e-9
"""Share by which solutions of equations are moved to the safe side."""


def delta_of(mu: float, epsilon: float) -> float:
    """The least delta with which a Gaussian release of signal ``mu`` is (epsilon, delta)-private.

    Example:
        >>> round(delta_of(1.0, 1.0), 6)
        0.126937
    """
    if mu <= 0:
        return 0.0
    first, second = log_ndtr(mu / 2 - epsilon / mu), epsilon + log_ndtr(-mu / 2 - epsilon / mu)
    return float(-math.expm1(min(second - first, 0.0)) * math.exp(first))


def epsilon_of(mu: float, delta: float) -> float:
    """The least epsilon with which a Gaussian release of signal ``mu`` is (epsilon, delta)-private.

    Example:
        >>> round(delta_of(0.5, epsilon_of(0.5, 1e-5)), 12) <= 1e-5
        True
    """
    check_delta(delta)
    if delta_of(mu, 0.0) <= delta:
        return 0.0
    high = 1.0
    while delta_of(mu, high) > delta:  # ends: delta falls to 0 as epsilon grows
        high *= 2
    found = brentq(lambda epsilon: delta_of(mu, epsilon) - delta, 0.0, high, xtol=1e-14, rtol=1e-12)
    return float(found) * (1 + CARE)


def mu_of(epsilon: float, delta: float) -> float:
    """The greatest signal ``mu`` with which a Gaussian release is (epsilon, delta)-private.

    Raises:
        UsageError: epsilon is negative or not finite, or delta is not between 0 and 1.

    Example:
        >>> mu = mu_of(1.0, 1e-5)
        >>> epsilon_of(mu, 1e-5) <= 1.0, round(mu, 3)
        (True, 0.268)
    """
    check_delta(delta)
    check_epsilon(epsilon, spent=True)
    high = 1.0
    while delta_of(high, epsilon) <= delta:  # ends: delta rises to 1 as mu grows
        high *= 2
    found = brentq(lambda mu: delta_of(mu, epsilon) - delta, 0.0, high, xtol=1e-14, rtol=1e-12)
    return float(found) * (1 - CARE)


def mu_of_choice(epsilon: float) -> float:
    """The signal ``mu`` of a Gaussian release that tells at least as much as an exponential mechanism of ``epsilon``.

    The mechanism's privacy loss lies in an interval of length ``epsilon``, so no pair of neighbors is told apart better
    than by two outcomes at its ends (Dong, Durfee and Rogers 2020, "Optimal differential privacy composition for
    exponential mechanisms", lemma 3.2). A Gaussian release whose trade-off passes through the corner of theirs is
    convex and so lies below. The worst place of the interval is around 0, for the logistic distribution has heavier
    tails than the normal one (van Zwet 1964, "Convex transformations of random variables").

    Example:
        >>> round(mu_of_choice(1.0), 4), round(epsilon_of_choice(mu_of_choice(1.0)), 4)
        (0.6239, 1.0)
    """
    check_epsilon(epsilon, spent=True)
    return float(-2 * ndtri(expit(-epsilon / 2))) * (1 + CARE)


def epsilon_of_choice(mu: float) -> float:
    """The largest ``epsilon`` of an exponential mechanism that tells no more than a Gaussian release of ``mu``."""
    return float(2 * (log_ndtr(mu / 2) - log_ndtr(-mu / 2))) * (1 - 4 * CARE)
