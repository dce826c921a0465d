"""What counts as success, apart from how it is sought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from casemate.threats.evasion.losses import margin

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Misclassified:
    """The model's best class is no longer the right one. Labels are the right classes."""

    sign = 1.0

    def met(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(n,) whether it is so. An answer that is not finite is no answer, and so no success."""
        return (logits.argmax(1) != labels) & logits.isfinite().all(1)

    def lead(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(n,) how far from it or beyond, positive exactly when it is met."""
        return margin(logits, labels)


@dataclass(frozen=True)
class Targeted:
    """The model's best class is the one the adversary wants. Labels are the wanted classes."""

    sign = -1.0

    def met(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(n,) whether it is so."""
        return (logits.argmax(1) == labels) & logits.isfinite().all(1)

    def lead(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(n,) how far from it or beyond, positive exactly when it is met."""
        return -margin(logits, labels)


@dataclass(frozen=True)
class Unnoticed:
    """The best class is neither the right one nor the last, which stands for "rejected". Labels are the right classes.

    Reference:
        Carlini and Wagner 2017, "Adversarial examples are not easily detected: bypassing ten detection methods",
        section 2.5: a classifier and its detector as one classifier with a class more.
    """

    sign = 1.0

    def met(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(n,) whether it is so."""
        best = logits.argmax(1)
        return (best != labels) & (best != logits.shape[1] - 1) & logits.isfinite().all(1)

    def lead(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(n,) the best wrong class before the better of the right one and rejection; who is behind says what to do."""
        own = logits[:, :-1].gather(1, labels[:, None])[:, 0]
        others = logits[:, :-1].scatter(1, labels[:, None], float("-inf")).amax(1)
        return others - own.maximum(logits[:, -1])


Criterion: TypeAlias = Misclassified | Targeted | Unnoticed
