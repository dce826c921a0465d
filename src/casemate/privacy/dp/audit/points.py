"""What a membership attack's curve says about a claim of privacy.

A claim bounds every test between a record that is there and one that is not: a share t of members is recognized at a
share f of strangers accused only if t <= exp(epsilon) f + delta, and the same with the sides exchanged. Thresholds are
set on one side, at ranks fixed beforehand, and measured on the other. The share above the k-th largest of n values has
the law of an order statistic, whose limits are those of Clopper and Pearson for k of n; what the other side has above
it is binomial. All limits hold together with the confidence asked for (Bonferroni). Where values are equal only those
strictly beyond the threshold count, which can only weaken the attack.

Members and strangers have to be drawn from one population, and each side's number is taken as public. A claim about
records that are there or not (``add_remove``, ``zero_out``) and one about records that are replaced (``replace_one``)
are held against the same bound: for the second a stranger's row is what a member's could have been replaced by. Rows
of one model are taken as independent given the model; the audit with canaries does without that.

Reference:
    Wasserman and Zhou 2010, "A statistical framework for differential privacy", theorem 2.4; Kairouz, Oh and
    Viswanath 2015, "The composition theorem for differential privacy", theorem 2.1; intervals by Clopper and Pearson.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from casemate.core.measurement import Interval
from casemate.stats.proportions import clopper_pearson

Floats = npt.NDArray[np.float64]

GRID: Final = (0.0, 0.01, 0.05, 0.1, 0.2, 0.5, 0.7, 0.9)
"""Shares of wrong accusations at which the curve is looked at, whatever it looks like."""


@dataclass(frozen=True)
class Point:
    """One threshold.

    Attributes:
        at: share of wrong accusations that it was set for.
        strangers: whether it recognizes strangers rather than members.
        found: how many of ``of`` are recognized.
        right: limits of the share recognized.
        wrongly: how many of ``against`` the other side lets through, at most.
        wrong: limits of the share wrongly accused.
    """

    at: float
    strangers: bool
    found: int
    of: int
    right: Interval
    wrongly: int
    against: int
    wrong: Interval

    def epsilon(self, delta: float) -> float:
        """What epsilon must be at least, at this delta; 0 if nothing is shown."""
        least = self.right.low - delta
        return max(math.log(least / self.wrong.high), 0.0) if least > 0 else 0.0


def points(members: Floats, strangers: Floats, confidence: float) -> tuple[Point, ...]:
    """The points of an attack's curve, with limits that hold for all of them together.

    Args:
        members: (m,) scores, larger where a record seems to be a member.
        strangers: (n,) scores.
        confidence: of all limits together; each point uses the lower limit of one share and the upper of another.

    Example:
        >>> told = points(np.arange(100.0) + 1000, np.arange(100.0), 0.99)
        >>> round(max(each.epsilon(0.0) for each in told), 2)
        2.48
    """
    each = 1 - (1 - confidence) / (2 * len(GRID))
    return tuple(
        _point(mine, others, at, recognized, each)
        for mine, others, recognized in ((members, strangers, False), (-strangers, -members, True))
        for at in GRID
    )


def _point(mine: Floats, others: Floats, at: float, strangers: bool, confidence: float) -> Point:
    rank = math.floor(at * len(others) + 1e-9)
    threshold = np.partition(others, len(others) - rank - 1)[len(others) - rank - 1]
    found = int((mine > threshold).sum())
    return Point(
        at=at,
        strangers=strangers,
        found=found,
        of=len(mine),
        right=clopper_pearson(found, len(mine), confidence),
        wrongly=rank,
        against=len(others),
        wrong=clopper_pearson(rank, len(others), confidence),
    )
