"""What every entrance asks of a budget."""

from __future__ import annotations

import math
from typing import Final

from casemate.core.errors import UsageError

ABSURD: Final = 20.0
"""Epsilon above which a guarantee says next to nothing."""


def check_epsilon(epsilon: float, *, spent: bool = False) -> None:
    """Refuse what is no epsilon to spend; with ``spent``, what nothing can have spent: 0 may be, then.

    Raises:
        UsageError: it is negative, infinite or no number, or 0 where something is to be spent.
    """
    if not (epsilon >= 0 if spent else epsilon > 0) or epsilon == math.inf:
        least = "of 0 or more" if spent else "above 0"
        raise UsageError(f"epsilon {epsilon} is no budget", next_step=f"give a finite epsilon {least}")


def check_delta(delta: float, *, pure: bool = False) -> None:
    """Refuse what is no delta; 0 is one with ``pure``.

    Raises:
        UsageError: it does not lie between 0 and 1.
    """
    if not (delta >= 0 if pure else delta > 0) or not delta < 1:
        raise UsageError(
            f"delta {delta} lies not between 0 and 1",
            next_step="give a delta far below 1 / rows, 1e-5 for example, or leave it out for pure epsilon",
        )


def check_share(delta: float, records: int) -> None:
    """Refuse a delta that lets one record be published whole.

    Raises:
        UsageError: it is no smaller than one record in all.
    """
    check_delta(delta)
    if delta >= 1 / records:
        raise UsageError(
            f"delta {delta:g} is no guarantee for {records:,} records",
            cause="to publish one of them whole, drawn by lot, has a smaller delta",
            next_step=f"give a delta far below {1 / records:.1g}",
        )
