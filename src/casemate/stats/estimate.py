"""A figure and its interval, together."""

from __future__ import annotations

from dataclasses import dataclass

from casemate.core.measurement import Interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A point estimate with its confidence interval.

    Attributes:
        value: the point estimate.
        interval: its confidence interval.
        n: observations the estimate stands on (trials, pairs, replicates).
        clusters: independent groups among them, or None when all are independent.
        effective_n: independent trials that would carry the same information, or None where the notion has no use.

    Example:
        >>> from casemate.core.measurement import Interval
        >>> print(Estimate(0.25, Interval(0.2, 0.3, 0.95, "clopper-pearson"), n=400))
        0.25 [0.2, 0.3]
    """

    value: float
    interval: Interval
    n: int
    clusters: int | None = None
    effective_n: float | None = None

    @property
    def low(self) -> float:
        """The interval's lower bound."""
        return self.interval.low

    @property
    def high(self) -> float:
        """The interval's upper bound."""
        return self.interval.high

    @property
    def method(self) -> str:
        """How the interval was made."""
        return self.interval.method

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"
