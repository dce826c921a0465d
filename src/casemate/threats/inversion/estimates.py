"""From scores of members and nonmembers to figures with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, binom, norm

from casemate.threats.inversion.signals import Floats


@dataclass(frozen=True)
class Figure:
    """A figure, its interval, and what each member contributed to it.

    Attributes:
        estimate, low, high: the figure and its 95 % interval.
        k: successes, None for means.
        method: how the interval was made.
        outcomes: (members,) bool for proportions, float for means.
    """

    estimate: float
    low: float | None
    high: float | None
    k: int | None
    method: str
    outcomes: npt.NDArray[Any]

    def covers(self, value: float) -> bool:
        """Whether the interval holds this value; false where there is no interval."""
        return self.low is not None and self.high is not None and self.low <= value <= self.high


def threshold(nonmembers: Floats, fpr: float) -> float:
    """The lowest score above which at most a share ``fpr`` of nonmembers lies.

    Example:
        >>> threshold(np.arange(100.0), 0.01)
        98.0
    """
    allowed = int(np.floor(fpr * len(nonmembers) + 1e-9))
    return float(np.partition(nonmembers, len(nonmembers) - allowed - 1)[len(nonmembers) - allowed - 1])


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a proportion."""
    out = (1.0 - confidence) / 2.0
    low = float(beta.ppf(out, k, n - k + 1)) if k > 0 else 0.0
    return low, float(beta.ppf(1.0 - out, k + 1, n - k)) if k < n else 1.0


def tpr_at_fpr(members: Floats, nonmembers: Floats, fpr: float) -> Figure:
    """Share of members above the threshold that accuses a share ``fpr`` of nonmembers."""
    found = members > threshold(nonmembers, fpr)
    k = int(found.sum())
    low, high = clopper_pearson(k, len(members))
    return Figure(k / len(members), low, high, k, "clopper-pearson", found)


def auc(members: Floats, nonmembers: Floats) -> Figure:
    """Area under the ROC curve with DeLong's interval on the logit scale."""
    ordered_out, ordered_in = np.sort(nonmembers), np.sort(members)
    beats = _placement(members, ordered_out)
    beaten = 1.0 - _placement(nonmembers, ordered_in)
    value = float(beats.mean())
    error = float(np.sqrt(beats.var(ddof=1) / len(members) + beaten.var(ddof=1) / len(nonmembers)))
    low, high = value - 1.96 * error, value + 1.96 * error
    return Figure(value, max(0.0, low), min(1.0, high), None, "delong", beats)


def _placement(values: Floats, ordered: Floats) -> Floats:
    below, upto = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((below + upto) / (2.0 * len(ordered)), dtype=np.float64)


def advantage(members: Floats, nonmembers: Floats, cut: float = 0.0) -> Figure:
    """TPR - FPR at a threshold fixed in advance, with Newcombe's interval."""
    found, accused = members > cut, nonmembers > cut
    p1, p2 = float(found.mean()), float(accused.mean())
    (l1, u1), (l2, u2) = _wilson(p1, len(members)), _wilson(p2, len(nonmembers))
    low = p1 - p2 - float(np.hypot(p1 - l1, u2 - p2))
    high = p1 - p2 + float(np.hypot(u1 - p1, p2 - l2))
    return Figure(p1 - p2, low, high, None, "newcombe", found)


def _wilson(p: float, n: int) -> tuple[float, float]:
    z = float(norm.ppf(0.975))
    center, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return float((center - half) / (1 + z**2 / n)), float((center + half) / (1 + z**2 / n))


def detectable(members: int, fpr: float, power: float = 0.8) -> float:
    """The smallest true TPR whose exact interval would exclude ``fpr`` with probability ``power``.

    Example:
        >>> round(detectable(500, 0.01), 3)
        0.027
    """
    least = next(k for k in range(members + 2) if k > members or clopper_pearson(k, members)[0] > fpr)
    low, high = fpr, 1.0
    for _ in range(50):
        middle = (low + high) / 2.0
        low, high = (low, middle) if binom.sf(least - 1, members, middle) >= power else (middle, high)
    return high
