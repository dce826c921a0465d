"""How many trials would settle an INCONCLUSIVE verdict, if the rate stays what it was."""

from __future__ import annotations

from scipy.special import betaincinv

from casemate.core.measurement import Measurement
from casemate.core.policy import Tolerance

LIMIT = 10**7
"""Above this many trials nothing is promised."""


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of k successes in n trials (Clopper and Pearson 1934).

    Example:
        >>> low, high = clopper_pearson(0, 50)
        >>> low, round(high, 4)
        (0.0, 0.0711)
    """
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1 - tail))
    return low, high


def settling_n(measurement: Measurement, tolerance: Tolerance) -> int | None:
    """The n from which the interval would clear the tolerance; None when no n of reasonable size would.

    For counted proportions the exact interval is searched at the observed rate; for anything else the half-width is
    taken to shrink with the square root of n. The result is rounded up to two significant digits: it is a plan, not a
    promise.
    """
    m = measurement
    target = tolerance.at_most if tolerance.at_most is not None else tolerance.at_least
    if target is None or not m.n or m.estimate == target:
        return None
    if m.k is not None and m.clusters is None and 0 <= m.k <= m.n:
        found = _exact(m.k / m.n, m.n, target, m.confidence)
    else:
        found = _by_width(m, target)
    return None if found is None or found > LIMIT else round_up(found)


def _exact(rate: float, n: int, target: float, confidence: float) -> int | None:
    def clears(size: int) -> bool:
        low, high = clopper_pearson(round(rate * size), size, confidence)
        return not low <= target <= high

    if not 0 <= target <= 1:
        return None
    below, above = n, n
    while not clears(above):
        below, above = above, above * 2
        if above > LIMIT:
            return None
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if clears(middle) else (middle, above)
    return above


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
