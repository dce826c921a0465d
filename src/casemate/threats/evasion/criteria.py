"""What counts as success, apart from how it is sought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Misclassified:
    """The model's best class is no longer the right one. Labels are the right classes."""

    sign = 1.0

    def met(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(n,) whether it is so. An answer that is not finite is no answer, and so no success."""
        return (logits.argmax(1) != labels) & logits.isfinite().all(1)


@dataclass(frozen=True)
class Targeted:
    """The model's best class is the one the adversary wants. Labels are the wanted classes."""

    sign = -1.0

    def met(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(n,) whether it is so."""
        return (logits.argmax(1) == labels) & logits.isfinite().all(1)


Criterion: TypeAlias = Misclassified | Targeted
