"""From scores of members and nonmembers to figures with intervals, and what each member contributed to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from casemate.stats.curves import auc as area
from casemate.stats.differences import difference
from casemate.stats.estimate import Estimate
from casemate.stats.operating_point import tpr_at_fpr as operating_point
from casemate.stats.placements import placements
from casemate.stats.proportions import clopper_pearson
from casemate.threats.inversion.signals import Floats

Outcomes = npt.NDArray[Any]


@dataclass(frozen=True)
class Figure:
    """A figure, its interval, and what each member contributed to it.

    Attributes:
        estimate: the figure with its interval.
        k: successes, None for means and differences.
        outcomes: (members,) bool for proportions, float for means.
    """

    estimate: Estimate
    k: int | None
    outcomes: Outcomes


def tpr_at_fpr(members: Floats, nonmembers: Floats, fpr: float) -> Figure:
    """The share of members above the threshold that accuses a share ``fpr`` of nonmembers.

    Args:
        members: (m,) scores of members.
        nonmembers: (n,) scores of nonmembers.
        fpr: the accepted share of false accusations.
    """
    found = members > threshold(nonmembers, fpr)
    return Figure(operating_point(members, nonmembers, fpr), int(found.sum()), found)


def threshold(nonmembers: Floats, fpr: float) -> float:
    """The lowest score above which at most a share ``fpr`` of nonmembers lies.

    Example:
        >>> threshold(np.arange(100.0), 0.01)
        98.0
    """
    rank = len(nonmembers) - int(np.floor(fpr * len(nonmembers) + 1e-9)) - 1
    return float(np.partition(nonmembers, rank)[rank])


def auc(members: Floats, nonmembers: Floats) -> Figure:
    """The area under the ROC curve; a member's outcome is the share of nonmembers that it outscores."""
    return Figure(area(members, nonmembers), None, placements(members, nonmembers)[0])


def advantage(members: Floats, nonmembers: Floats, cut: float = 0.0) -> Figure:
    """TPR - FPR at a threshold fixed before looking (Yeom et al. 2018, arXiv 1709.01604, definition 4)."""
    found, accused = members > cut, nonmembers > cut
    return Figure(difference(int(accused.sum()), len(accused), int(found.sum()), len(found)), None, found)


def detectable(members: int, fpr: float, power: float = 0.8) -> float:
    """The smallest true TPR whose exact interval would exclude ``fpr`` with probability ``power``.

    Args:
        members: how many members are scored.
        fpr: the false-positive rate, which is also the TPR of guessing.
        power: wanted probability.

    Example:
        >>> round(detectable(500, 0.01), 3)
        0.027
    """
    low, high = 0, members + 1  # the fewest hits whose interval lies above fpr
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if clopper_pearson(min(middle, members), members).low > fpr else (middle, high)
    below, above = fpr, 1.0
    for _ in range(50):
        rate = (below + above) / 2.0
        below, above = (below, rate) if binom.sf(high - 1, members, rate) >= power else (rate, above)
    return above
