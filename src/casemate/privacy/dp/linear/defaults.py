"""How a private fit goes when nothing is said: functions of rows and budget, fixed before any data set was scored.

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
LONGEST: Final = 20_000.0
"""Time of a descent whose rows have length 1."""
SLANTING: Final = 6.0
"""Deviation of the score of a row of length 1 by a pure budget's noise, where the data say nothing about it. Rows
of more entries see a part of it."""
COVERING: Final = 0.01
"""Share that hides how far from the minimum minimizing ended."""


def gaussian_plan(rows: int, budget: Budget, bound: float) -> Plan:
    """For Gaussian noise; the number of steps costs nothing, so there are many.

    Args:
        rows: in the data set.
        budget: epsilon and delta.
        bound: largest L2 norm of one record's part.
    """
    time = min(AIM * mu_of(budget.epsilon, budget.delta) * rows / bound, LONGEST)
    steps = min(max(math.ceil(time / 10), 30), 200)
    return Plan(steps, rate=0.1 * time / steps, momentum=0.9)
