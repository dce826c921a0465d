"""How a private descent goes when nothing is said: functions of rows and budget, fixed before any data set was scored.

A score's noise is about the descent's time, times the deviation of one record's part, over rows and budget. The time is
chosen so that this is ``AIM``: enough to be small beside scores that tell classes apart, and no shorter, for a descent
that stops early has not learned what the data say. Beyond ``LONGEST`` nothing is gained.
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
PURE_STEPS: Final = 20
"""Releases of a pure budget: noise in the weights grows as their root."""
MEASURING: Final = 0.02
"""Share of a pure budget that is spent on the rows' mean squared length."""


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


def laplace_plan(rows: int, budget: Budget, bound: float, square: float, bias: float) -> Plan:
    """For Laplace noise, whose steps are dear.

    Args:
        rows: in the data set.
        budget: pure epsilon.
        bound: largest L1 norm of one record's part.
        square: mean squared L2 norm of rows, as released.
        bias: the constant that stands for the intercept.
    """
    momentum, length = 0.8, math.sqrt(square)
    noise = math.sqrt(2 * PURE_STEPS) * bound / (budget.epsilon * rows)
    time = min(AIM / (noise * length), LONGEST / square)
    steepest = 0.25 * (square + bias * bias)
    rate = min((1 - momentum) * time / PURE_STEPS, 0.9 * (1 + momentum) / steepest)
    return Plan(PURE_STEPS, rate=rate, momentum=momentum)
