"""What attacks maximize: one number a sample, larger when the model is nearer to being wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Minus the log probability of the right class. Saturates, and dies, where logits are scaled up."""
    return torch.nn.functional.cross_entropy(logits, labels, reduction="none")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """The largest other logit minus that of the right class: positive exactly when the model is wrong.

    Reference:
        Carlini and Wagner 2017, "Towards evaluating the robustness of neural networks", section 5.1, f6.
    """
    own = logits.gather(1, labels[:, None])
    others = logits.scatter(1, labels[:, None], float("-inf"))
    return others.amax(1) - own[:, 0]


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """The margin in units of the distance between the first and the third logit: blind to shifts and scales.

    Reference:
        Croce and Hein 2020, "Reliable evaluation of adversarial robustness", equation 6.
    """
    top = logits.topk(min(3, logits.shape[1]), dim=1).values
    return margin(logits, labels) / (top[:, 0] - top[:, -1] + 1e-12)


def targeted_dlr(logits: Tensor, labels: Tensor, goals: Tensor) -> Tensor:
    """The lead of the goal over the right class, in units of the distance of the first to the third and fourth logit.

    Reference:
        Croce and Hein 2020, equation 7. With fewer than four classes the last two there are take their place.
    """
    top = logits.topk(min(4, logits.shape[1]), dim=1).values
    lead = logits.gather(1, goals[:, None]) - logits.gather(1, labels[:, None])
    return lead[:, 0] / (top[:, 0] - 0.5 * (top[:, -2] + top[:, -1]) + 1e-12)
