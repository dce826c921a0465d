"""What a removal means for a model trained with differential privacy: its influence is bounded; nothing is deleted."""

from __future__ import annotations

import math
from dataclasses import dataclass

from casemate.core.errors import UsageError


@dataclass(frozen=True)
class Influence:
    """How much the rows of one subject can have mattered to a model trained with differential privacy.

    Attributes:
        epsilon, delta: guarantee for one row.
        rows: of the subject.

    Raises:
        UsageError: that is no guarantee, or no row.

    Example:
        >>> print(Influence(epsilon=0.5, delta=0.0, rows=2))
        epsilon 1 for 2 rows: no attack on the model has a TPR above 2.7 % at an FPR of 1 %; it is no deletion

    Reference:
        Group privacy: Vadhan 2017, "The Complexity of Differential Privacy", lemma 2.2; what it means for tests:
        Kairouz, Oh & Viswanath 2015, "The Composition Theorem for Differential Privacy", theorem 2.1.
    """

    epsilon: float
    delta: float
    rows: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.epsilon < math.inf and 0 <= self.delta < 1 and self.rows >= 1):
            raise UsageError(
                f"epsilon {self.epsilon}, delta {self.delta} and {self.rows} rows bound nothing",
                next_step="give those of the model's certificate, and how many rows the subject has",
            )

    @property
    def group(self) -> tuple[float, float]:
        """Epsilon and delta for all rows of the subject together."""
        whole = self.rows * self.epsilon
        many = self.rows if self.epsilon == 0 else math.expm1(min(whole, 700.0)) / math.expm1(self.epsilon)
        return whole, min(1.0, many * self.delta)

    def most_tpr(self, fpr: float) -> float:
        """The largest rate of recognition that any attack can have at a rate of false alarms."""
        epsilon, delta = self.group
        grow = math.exp(min(epsilon, 700.0))
        return max(0.0, min(1.0, grow * fpr + delta, 1 - (1 - delta - fpr) / grow))

    def __str__(self) -> str:
        epsilon, delta = self.group
        budget = f"epsilon {epsilon:g}" + (f", delta {delta:.2g}" if delta else "")
        return (
            f"{budget} for {self.rows} row{'s' * (self.rows > 1)}: no attack on the model has a TPR above "
            f"{100 * self.most_tpr(0.01):.1f} % at an FPR of 1 %; it is no deletion"
        )
