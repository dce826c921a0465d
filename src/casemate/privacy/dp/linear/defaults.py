"""How a private fit goes when nothing is said: functions of rows and budget, chosen on Adult's training records alone.

With Gaussian noise, a score's is about the descent's time, times the deviation of one record's part, over rows and
budget. The time is chosen so that this is ``AIM``: enough to be small beside scores that tell classes apart, and no
shorter, for a descent that stops early has not learned what the data say. Beyond ``LONGEST`` nothing is gained.
"""

from __future__ import annotations

import math
from typing import Final

from casemate.privacy.dp.curves import mu_of
from casemate.privacy.dp.linear.descent import Budget, Plan

AIM: Final = 3.0
"""Deviation of a score by noise."""
HALF: Final = 0.5
"""Longest residual of one record, of two classes: what every record has at the start."""
PLENTY, FAR, LONG = 4000.0, 8.0, 0.7
"""Where rows times the budget's mu are this many, noise is small: the descent goes as far as ``FAR`` deviations, and
residuals may be ``LONG``. Chosen by cross-validation on Adult's training records, as ``AIM`` was."""
LONGEST: Final = 60_000.0
"""Time of a descent whose rows have length 1."""
MOST: Final = 300
"""Steps: with fewer the longest descents' would overshoot."""
SLANTING: Final = 3.0
"""Deviation of the score of a row of length 1 by a pure budget's noise, where the data say nothing about it. Rows
of more entries see a part of it. It grows with rows times epsilon, for the more the data say the less the noise is
heard. Chosen on samples of 150 to 22,000 of Adult's training records, with budgets of 1 to 16, and of 300 and 1,200
handwritten digits."""
SLIGHT: Final = 150.0
"""Rows times epsilon up to which it is less: 0.7 of it there."""
GROWING: Final = 8000.0
"""Rows times epsilon from which on it is more: 1.4 times as much there."""
STEEPEST: Final = 15.0
"""Where it ends."""
COVERING: Final = 0.01
"""Share that hides how far from the minimum minimizing ended."""


def gaussian_plan(rows: int, budget: Budget, bound: float) -> Plan:
    """For Gaussian noise; the number of steps costs nothing, so there are many.

    Args:
        rows: in the data set.
        budget: epsilon and delta.
        bound: largest L2 norm of one record's part.
    """
    plenty = mu_of(budget.epsilon, budget.delta) * rows
    time = min((FAR if plenty >= PLENTY else AIM) * plenty / bound, LONGEST)
    steps = min(max(math.ceil(time / 10), 30), MOST)
    return Plan(steps, rate=0.1 * time / steps, momentum=0.9)


def longest_residual(rows: int, budget: Budget) -> float:
    """Of one record, of two classes; longer ones are shortened."""
    return LONG if mu_of(budget.epsilon, budget.delta) * rows >= PLENTY else HALF


def slanting(rows: int, epsilon: float) -> float:
    """Deviation of a score by a pure budget's noise.

    Args:
        rows: in the data set.
        epsilon: the budget.

    Example:
        >>> round(slanting(150, 1.0), 1), slanting(200_000, 1.0)
        (2.1, 15.0)
    """
    said = rows * epsilon
    return min(SLANTING * math.sqrt(said / (said + SLIGHT)) * math.sqrt(1 + said / GROWING), STEEPEST)
