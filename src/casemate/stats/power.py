"""How many trials a verdict needs, and the smallest effect that given trials could have shown.

All of it exact: sums of binomials, no normal approximation, so it holds for rare events too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtrik, betaincinv, gammaln, xlogy

from casemate.core.errors import UsageError
from casemate.stats._binomial import at_most
from casemate.stats._check import Floats, tail

MOST = 1_000_000_000
"""More trials than this are not proposed."""


def settling_power(n: ArrayLike, rate: float, tolerance: float, confidence: float = 0.95) -> Floats:
    """The probability that n trials settle the verdict, should the true rate be ``rate``.

    Settled means that the exact interval lies wholly at or below the tolerance (for a rate below it) or wholly above
    it (for a rate above it).

    Args:
        n: trials, any shape.
        rate: the true rate.
        tolerance: the bound the verdict compares with.
        confidence: of the exact interval.

    Raises:
        UsageError: the rate equals the tolerance (nothing can settle that), or one of them is not a probability.

    Reference:
        Clopper & Pearson 1934; the sum is Chow, Shao & Wang 2008, "Sample Size Calculations in Clinical Research",
        chapter 5 (exact tests).

    Example:
        >>> settling_power([72, 73], 0.0, 0.05).tolist()
        [1.0, 1.0]
        >>> settling_power(50, 0.0, 0.05).item()
        0.0
    """
    if not (0.0 <= rate <= 1.0 and 0.0 < tolerance < 1.0) or rate == tolerance:
        raise UsageError(
            f"no number of trials settles a rate of {rate} against a tolerance of {tolerance}",
            cause="the true rate must differ from the tolerance, and both must be probabilities",
            next_step="change the tolerance, or accept INCONCLUSIVE",
        )
    # A rate above the tolerance is the mirror image: failures take the place of successes.
    p, t = (rate, tolerance) if rate < tolerance else (1.0 - rate, 1.0 - tolerance)
    trials = np.asarray(n, dtype=np.float64)
    most = _largest_passing(trials, t, tail(confidence))
    return at_most(most, trials, p)


def trials_needed(rate: float, tolerance: float, confidence: float = 0.95, power: float = 0.8) -> int:
    """How many trials settle the verdict, should the true rate be ``rate``: the n printed with INCONCLUSIVE.

    Args:
        rate: the rate believed true, usually the estimate.
        tolerance: the bound the verdict compares with.
        confidence: of the exact interval.
        power: wanted probability of settling.

    Returns:
        The least n from which on the probability stays at or above ``power`` (it rises like a saw).

    Raises:
        UsageError: as :func:`settling_power`, or more than a billion trials would be needed.

    Reference:
        As :func:`settling_power`.

    Example:
        >>> trials_needed(0.0, 0.05)
        72
        >>> trials_needed(0.02, 0.05)
        338
    """
    return _least(lambda n: settling_power(n, rate, tolerance, confidence), power)


@dataclass(frozen=True, slots=True)
class Detectable:
    """What n trials can show against a tolerance.

    Attributes:
        passes_below: true rates up to this one PASS with the wanted probability; None when not even 0 does.
        fails_above: true rates from this one on FAIL with the wanted probability; None when not even 1 does.
    """

    passes_below: float | None
    fails_above: float | None


def detectable(n: int, tolerance: float, confidence: float = 0.95, power: float = 0.8) -> Detectable:
    """The smallest effect that n trials could have shown: rates in between stay INCONCLUSIVE too often.

    Args:
        n: trials.
        tolerance: the bound the verdict compares with, strictly between 0 and 1.
        confidence: of the exact interval.
        power: wanted probability of a settled verdict.

    Raises:
        UsageError: the tolerance or the power is not strictly between 0 and 1, or there are no trials.

    Reference:
        As :func:`settling_power`.

    Example:
        >>> result = detectable(500, 0.05)
        >>> round(result.passes_below, 4), round(result.fails_above, 4)
        (0.0252, 0.0814)
    """
    if n < 1 or not (0.0 < tolerance < 1.0 and 0.0 < power < 1.0):
        raise UsageError(
            "nothing is detectable with these figures", next_step="give n >= 1, tolerance and power in (0, 1)"
        )
    out, trials = tail(confidence), np.float64(n)
    successes = float(_largest_passing(trials, tolerance, out))
    failures = float(_largest_passing(trials, 1.0 - tolerance, out))
    below = float(betaincinv(successes + 1.0, n - successes, 1.0 - power)) if successes >= 0 else None
    above = 1.0 - float(betaincinv(failures + 1.0, n - failures, 1.0 - power)) if failures >= 0 else None
    return Detectable(below, above)


def mcnemar_power(n: int, first: float, second: float, level: float = 0.05) -> float:
    """The probability that McNemar's exact test sees a change among n inputs.

    Args:
        n: inputs, each tried before and after.
        first: true probability of success before only.
        second: true probability of success after only.
        level: of the test.

    Raises:
        UsageError: the probabilities are impossible or there are no inputs.

    Reference:
        Duffy 1984, "Asymptotic and exact power for the McNemar test and its analogue with R controls per case",
        Biometrics 40, 1005-1015.

    Example:
        >>> round(mcnemar_power(100, 0.20, 0.05), 2)
        0.84
    """
    changed = first + second
    if n < 1 or min(first, second) < 0.0 or changed > 1.0:
        raise UsageError("the pairs are impossible", next_step="give n >= 1 and probabilities that add up to at most 1")
    if changed == 0.0:
        return 0.0
    discordant = np.arange(n + 1.0)
    log_weight = gammaln(n + 1.0) - gammaln(discordant + 1.0) - gammaln(n - discordant + 1.0)
    log_weight += xlogy(discordant, changed) + xlogy(n - discordant, 1.0 - changed)
    most = _largest_passing(discordant, 0.5, level / 2.0)
    share = first / changed
    seen = at_most(most, discordant, share) + at_most(most, discordant, 1.0 - share)
    return float((np.exp(log_weight) * seen).sum())


def pairs_needed(first: float, second: float, level: float = 0.05, power: float = 0.8) -> int:
    """How many inputs, tried before and after, let McNemar's exact test see the change.

    Args and errors as :func:`mcnemar_power`; also a UsageError when both probabilities are equal.

    Reference:
        Duffy 1984, Biometrics 40, 1005-1015.

    Example:
        >>> pairs_needed(0.20, 0.05)
        92
    """
    if first == second:
        raise UsageError("no number of pairs shows a change that is not there", next_step="give two different rates")

    def reached(sizes: ArrayLike) -> Floats:
        return np.array([mcnemar_power(int(n), first, second, level) for n in np.atleast_1d(sizes)])

    return _least(reached, power)


def _largest_passing(n: ArrayLike, tolerance: float, out: float) -> Floats:
    """The most successes whose exact upper bound is still at most the tolerance; -1 when not even 0 successes pass."""
    trials = np.asarray(n, dtype=np.float64)
    guess = np.floor(np.nan_to_num(bdtrik(out, trials, tolerance), nan=-1.0))
    # The inverse is approximate; the exact answer is within one of it.
    candidates = [guess + 1.0, guess, guess - 1.0]
    passing = [(k >= 0) & (k < trials) & (at_most(k, trials, tolerance) <= out) for k in candidates]
    return np.select(passing, candidates, default=-1.0)


def _least(reached: Callable[[ArrayLike], Floats], power: float) -> int:
    """The least n from which on the saw-toothed power stays up: double, bisect, then look a little further."""
    if not 0.0 < power < 1.0:
        raise UsageError(f"a power of {power} is impossible", next_step="use 0.8")
    high = 1
    while float(np.ravel(reached(high))[0]) < power:
        high *= 2
        if high > MOST:
            raise UsageError(
                "more than a billion trials would be needed",
                cause="the rate lies too close to the tolerance",
                next_step="accept INCONCLUSIVE or change the tolerance",
            )
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if float(np.ravel(reached(middle))[0]) >= power else (middle, high)
    ahead = np.arange(high, high + max(50, min(high // 10, 2000)))
    short = np.flatnonzero(np.ravel(reached(ahead)) < power)
    return int(ahead[short[-1]] + 1) if short.size else high
