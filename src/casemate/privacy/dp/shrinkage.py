"""What to make of numbers that were released with noise of known size: functions of what is public already.

Reference:
    Efron and Morris 1973, "Stein's estimation rule and its competitors: an empirical Bayes approach".
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

Floats = npt.NDArray[np.float64]

ROUNDS: Final = 30
"""Turns of the iteration that finds how far groups differ; it converges to a digit in a few."""


def drawn(values: Floats, doubt: Floats) -> tuple[Floats, Floats]:
    """(groups, d) values drawn toward their mean over groups as far as noise explains their differences; new doubt.

    One spread for all columns: groups' values are the common one plus a normal variable, plus noise of known
    deviation; the likeliest spread is found by iteration (empirical Bayes, a function of what was released).
    """
    spread, shape = 1.0, values.shape
    for _ in range(ROUNDS):
        trust = 1 / (spread + doubt**2)
        common = (values * trust).sum(axis=0) / trust.sum(axis=0)
        kept = spread * trust
        spread = max(float(np.mean(kept**2 * (values - common) ** 2 + kept * doubt**2)), 1e-12)
    found: Floats = common + kept * (values - common)
    left = np.sqrt(kept * doubt**2 + (1 - kept) ** 2 / trust.sum(axis=0))
    return found, np.broadcast_to(left, shape)


def positive(values: Floats, doubt: Floats) -> Floats:
    """What to expect of positive numbers that were seen with normal noise: a truncated normal's mean."""
    doubt = np.maximum(doubt, 1e-12)
    ratio = np.maximum(values / doubt, -30.0)
    found: Floats = doubt * (ratio + np.exp(-0.5 * ratio**2 - 0.5 * math.log(2 * math.pi) - log_ndtr(ratio)))
    return np.maximum(found, 0.0)
