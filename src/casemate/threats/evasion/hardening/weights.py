"""Adversarial training that also asks the weights to withstand a perturbation, which flattens the loss around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from casemate.core.optional import require
from casemate.threats.evasion.hardening.adversarial import WARM, climb
from casemate.threats.evasion.hardening.descent import Moment, Schedule, descend

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional as F
else:
    torch = require("torch", extra="torch")
    F = require("torch.nn.functional", extra="torch")


def train_awp(
    module: Any,
    pixels: Any,
    labels: Any,
    eps: float,
    *,
    steps: int = 7,
    gamma: float = 0.005,
    box: tuple[float, float] = (0.0, 1.0),
    schedule: Schedule | None = None,
) -> Any:
    """Train on adversarial examples as seen by the worst weights nearby.

    Every weight matrix is moved along its gradient by ``gamma`` times its own length, and the gradient there moves the
    weights that are kept.

    Args:
        module: a ``torch.nn.Module`` that returns logits; it is not changed.
        pixels: (n, ...) inputs.
        labels: (n,) codes.
        eps: radius in the largest coordinate, in units of inputs.
        steps: of the inner attack, each 2.5 eps / steps long.
        gamma: length of the weights' perturbation, relative to theirs; it starts when ``eps`` has grown to full size.
        box: of valid inputs.
        schedule: how long and how fast.

    Returns:
        The trained copy, in evaluation mode.

    Raises:
        UsageError: there are no inputs, or not as many labels.

    Reference:
        Wu, Xia and Wang 2020, arXiv:2004.05884, equation 7 and algorithm 1.
    """

    def loss(made: Any, x: Tensor, y: Tensor, now: Moment) -> Tensor:
        radius = eps * min(1.0, now.share / WARM)
        moved = climb(made, x, radius, steps, box, now, lambda logits: F.cross_entropy(logits, y, reduction="sum"))
        plain: Tensor = F.cross_entropy(made(moved), y)
        if now.share < WARM or not gamma:
            return plain
        named = {name: each for name, each in made.named_parameters() if each.requires_grad}
        slopes = torch.autograd.grad(plain, list(named.values()))
        worst = {
            # only matrices and kernels: a vector (bias, normalization) has no scale of its own to be relative to
            name: each + gamma * each.detach().norm() / slope.norm().clamp_min(1e-12) * slope if each.ndim > 1 else each
            for (name, each), slope in zip(named.items(), slopes, strict=True)
        }
        answer: Tensor = F.cross_entropy(torch.func.functional_call(made, worst, (moved,)), y)
        return answer

    return descend(module, pixels, labels, loss, schedule or Schedule())
