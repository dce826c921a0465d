"""How many trials would settle an INCONCLUSIVE verdict, if the rate stays what it was."""

from __future__ import annotations

from casemate.core.errors import UsageError
from casemate.core.measurement import Measurement
from casemate.core.policy import Tolerance
from casemate.stats import settling_power

POWER = 0.8
"""The probability with which the proposed n settles the verdict."""

LIMIT = 10**7
"""Above this many trials nothing is promised."""


def settling_n(measurement: Measurement, tolerance: Tolerance) -> int | None:
    """The n that would settle the verdict; None when no n of reasonable size would.

    For counted proportions this is the n whose exact interval clears the tolerance with a probability of 80 %; for
    anything else the half-width is taken to shrink with the square root of n, up to the point where it clears the
    tolerance at the estimate. The result is rounded up to two significant digits: it is a plan, not a promise.
    """
    m = measurement
    target = tolerance.at_most if tolerance.at_most is not None else tolerance.at_least
    if target is None or not m.n or m.estimate == target:
        return None
    if m.k is not None and m.clusters is None and 0 <= m.k <= m.n:
        found = _exact(m.k / m.n, m.n, target, m.confidence)
    else:
        found = _by_width(m, target)
    return None if found is None or found > LIMIT else round_up(max(found, m.n + 1))


def _exact(rate: float, n: int, target: float, confidence: float) -> int | None:
    """Like ``stats.trials_needed``, without its look along the saw's teeth: a report may hold hundreds of these."""

    def settles(size: int) -> bool:
        return float(settling_power(size, rate, target, confidence)) >= POWER

    low, high = n, 2 * n
    try:
        while not settles(high):
            low, high = high, 2 * high
            if high > LIMIT:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if settles(middle) else (middle, high)
    except UsageError:  # the tolerance is 0 or 1, which no interval ever clears
        return None
    return high


def _by_width(m: Measurement, target: float) -> int | None:
    if m.low is None or m.high is None or not m.n:
        return None
    reach = m.high - m.estimate if target > m.estimate else m.estimate - m.low
    factor = (reach / (target - m.estimate)) ** 2
    return None if factor * m.n > LIMIT else int(factor * m.n) + 1


def round_up(n: int) -> int:
    """Two significant digits, upwards.

    Example:
        >>> round_up(1234), round_up(72), round_up(1300)
        (1300, 72, 1300)
    """
    step = int(10 ** max(0, len(str(n)) - 2))
    return -(-n // step) * step
