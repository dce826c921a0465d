"""What a budget buys: the noise for a training, or the training for a noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Final

from scipy.optimize import brentq

from casemate.core.errors import UsageError
from casemate.privacy.dp.accounting.accountant import Accountant
from casemate.privacy.dp.accounting.events import Gaussian, Poisson, Single
from casemate.privacy.dp.checks import check_delta, check_epsilon

CLOSE: Final = 1e-4
"""To which share a noise multiplier is found."""
MOST: Final = 1 << 30
"""Releases that are asked about at most."""
LEAST, WORST = 1e-3, 1e6
"""The least and the greatest noise multiplier that are asked about."""


def noise_for(
    epsilon: float, delta: float, *, rate: float = 1.0, steps: int = 1, after: Accountant | None = None
) -> float:
    """The least noise multiplier of Gaussian releases that keeps to a budget.

    Args:
        epsilon: to spend at most, with what was spent before.
        delta: likewise.
        rate: of Poisson sampling; 1 for all records.
        steps: releases.
        after: what was released before.

    Raises:
        UsageError: the budget is spent, or no budget.

    Example:
        >>> round(noise_for(3.0, 1e-5, rate=256 / 60_000, steps=20 * 235), 3)
        0.76
    """
    before = after or Accountant()
    check_epsilon(epsilon)
    check_delta(delta)

    @cache
    def spends(noise: float) -> float:
        return before.compose(_release(rate, noise), steps).epsilon(delta)

    if before.epsilon(delta) >= epsilon or spends(WORST) > epsilon:
        raise UsageError(
            f"nothing is left of epsilon {epsilon:g}",
            cause=f"what was released before has spent {before.epsilon(delta):.3g} at delta {delta:g}",
            next_step="stop here, or decide on a larger budget and write down why",
        )
    low, high = 0.5, 1.0
    while spends(high) > epsilon:  # ends: at WORST it is less
        low, high = high, 2 * high
    while low > LEAST and spends(low) <= epsilon:
        low, high = low / 2, low
    root = _crossing(lambda log: spends(math.exp(log)), epsilon, math.log(low), math.log(high))
    noise = math.exp(root)
    while spends(noise) > epsilon:
        noise *= 1 + CLOSE
    return noise


def steps_for(
    epsilon: float, delta: float, *, noise_multiplier: float, rate: float = 1.0, after: Accountant | None = None
) -> int:
    """The most Gaussian releases that keep to a budget; 0 if there is none. See `noise_for`.

    Example:
        >>> steps_for(3.0, 1e-5, noise_multiplier=1.1, rate=256 / 60_000)
        21361
    """
    before = after or Accountant()
    check_epsilon(epsilon)
    check_delta(delta)

    @cache
    def fits(count: int) -> bool:
        return spends(count) <= epsilon

    @cache
    def spends(count: int) -> float:
        return before.compose(_release(rate, noise_multiplier), count).epsilon(delta)

    if not fits(1):
        return 0
    low, high = 1, 2
    while high < MOST and fits(high):
        low, high = high, 2 * high
    if high >= MOST:
        return MOST
    guess = math.exp(_crossing(lambda log: spends(round(math.exp(log))), epsilon, math.log(low), math.log(high)))
    for near in (math.floor(guess * (1 - CLOSE)), math.ceil(guess * (1 + CLOSE))):
        if low < near < high:
            low, high = (near, high) if fits(near) else (low, near)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _crossing(spends: Callable[[float], float], epsilon: float, low: float, high: float) -> float:
    """Where a budget is met, about."""
    ends = [spends(low) - epsilon, spends(high) - epsilon]
    if not min(ends) < 0 < max(ends) or math.inf in ends:
        return high
    return float(brentq(lambda at: spends(at) - epsilon, low, high, xtol=CLOSE / 2))


def _release(rate: float, noise: float) -> Single:
    return Gaussian(noise) if rate == 1 else Poisson(rate, Gaussian(noise))
