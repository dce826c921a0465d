"""How well canaries that do not disturb each other can be told apart from their absence: the sharpest test of a claim.

Where canaries add to different coordinates of what is released, honest code treats each of them by itself: the noise of
coordinates is independent, and so are samples. Then shares of canaries are binomial, and a claim bounds what every test
can do: a share t of those that are there found at a share f of false alarms, t <= exp(epsilon) f + delta at every point
of the claimed curve, and the same for absences. Half of the canaries choose the test, the other half bear it out.

Reference:
    Wasserman and Zhou 2010, "A statistical framework for differential privacy", theorem 2.4; Kairouz, Oh and
    Viswanath 2015, "The composition theorem for differential privacy", theorem 2.1; intervals by Clopper and Pearson.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError
from casemate.stats.proportions import clopper_pearson

Floats = npt.NDArray[np.float64]
Coins = npt.NDArray[np.bool_]
Curve = Sequence[tuple[float, float]]
"""Pairs of epsilon and the delta that is claimed for it."""

FEWEST: Final = 20
"""Canaries that are there, and that are not, in each half."""
TESTS: Final = 200
"""Thresholds that are tried on the first half."""


@dataclass(frozen=True)
class Separation:
    """What one test of the second half shows.

    Attributes:
        found: at least this share of the canaries (or of absences) is recognized, with the confidence asked for.
        false: at most this share of the others is taken for them.
        absences: whether the test recognizes absences rather than canaries.
        canaries: in the second half.
        confidence: that both hold.
    """

    found: float
    false: float
    absences: bool
    canaries: int
    confidence: float

    def epsilon(self, delta: float) -> float:
        """What epsilon must be at least, at this delta."""
        return max(math.log((self.found - delta) / self.false), 0.0) if self.found > delta else 0.0

    def refutes(self, curve: Curve) -> bool:
        """Whether any point of a claimed curve cannot hold."""
        return any(self.found > math.exp(min(epsilon, 700.0)) * self.false + delta for epsilon, delta in curve)

    def __str__(self) -> str:
        what = "absences" if self.absences else "canaries"
        return f"at least {self.found:.1%} of the {what} recognized at no more than {self.false:.1%} of false alarms"


def separate(scores: Floats, there: Coins, curve: Curve, confidence: float) -> Separation:
    """The test that speaks most against a claim, chosen on one half and measured on the other.

    Args:
        scores: (m,) larger where a canary seems to be there.
        there: (m,) the coins.
        curve: what is claimed.
        confidence: of the separation.

    Raises:
        DataError: there are too few canaries, or scores are no numbers.
    """
    half = len(scores) // 2
    parts = [(scores[at], there[at]) for at in (slice(half), slice(half, None))]
    if min(min(int(coins.sum()), int((~coins).sum())) for _, coins in parts) < FEWEST:
        raise DataError(
            f"{len(scores)} canaries are too few to judge by", next_step=f"use {8 * FEWEST} or more, half of them there"
        )
    if not np.isfinite(scores).all():
        raise DataError("scores of canaries are missing or infinite", next_step="check what was released")
    threshold, absences = _chosen(*parts[0], curve)
    return _measured(*parts[1], threshold, absences, confidence)


def _chosen(scores: Floats, there: Coins, curve: Curve) -> tuple[float, bool]:
    """The threshold, and what is recognized by it, that speak most against the claim: by shares less a deviation."""
    thresholds = np.quantile(scores, np.linspace(0, 1, TESTS)[1:-1])
    growth, deltas = np.array([(math.exp(min(epsilon, 700.0)), delta) for epsilon, delta in curve]).T
    best, chosen = -math.inf, (0.0, False)
    for absences in (False, True):
        told = scores[None] <= thresholds[:, None] if absences else scores[None] > thresholds[:, None]
        mine = ~there if absences else there
        found, false = ((told[:, each].sum(1) + 0.5) / (each.sum() + 1) for each in (mine, ~mine))
        found -= np.sqrt(found * (1 - found) / mine.sum())
        false += np.sqrt(false * (1 - false) / (~mine).sum())
        gains = (found[:, None] - growth * false[:, None] - deltas).max(1)
        if gains.max() > best:
            best, chosen = float(gains.max()), (float(thresholds[gains.argmax()]), absences)
    return chosen


def _measured(scores: Floats, there: Coins, threshold: float, absences: bool, confidence: float) -> Separation:
    told = scores <= threshold if absences else scores > threshold
    mine = ~there if absences else there
    # each interval errs at one of its ends by half of the doubt, and one end of each is used
    found = clopper_pearson(int((told & mine).sum()), int(mine.sum()), confidence).low
    false = clopper_pearson(int((told & ~mine).sum()), int((~mine).sum()), confidence).high
    return Separation(found, false, absences, len(scores), confidence)
