"""Training on noisy inputs, without which smoothing abstains everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.threats.evasion.hardening.descent import Moment, Schedule, descend

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional as F
else:
    torch = require("torch", extra="torch")
    F = require("torch.nn.functional", extra="torch")


def train_smoothed(module: Any, pixels: Any, labels: Any, sigma: float, *, schedule: Schedule | None = None) -> Any:
    """Train on inputs with Gaussian noise of the standard deviation that the smoothed classifier will add.

    Args:
        module: a ``torch.nn.Module`` that returns logits; it is not changed.
        pixels: (n, ...) inputs.
        labels: (n,) codes.
        sigma: standard deviation, in units of inputs.
        schedule: how long and how fast.

    Returns:
        The trained copy, in evaluation mode, to be wrapped in
        :class:`casemate.threats.evasion.certificates.smoothing.Smoothed`.

    Raises:
        UsageError: sigma is not above 0, there are no inputs, or not as many labels.

    Reference:
        Cohen, Rosenfeld & Kolter 2019, arXiv:1902.02918, section 3.3.
    """
    if not 0 < sigma < float("inf"):
        raise UsageError(f"noise of standard deviation {sigma}", next_step="give a number above 0")

    def loss(made: Any, x: Tensor, y: Tensor, now: Moment) -> Tensor:
        noisy = x + sigma * torch.randn(x.shape, generator=now.generator)
        answer: Tensor = F.cross_entropy(made(noisy), y)
        return answer

    return descend(module, pixels, labels, loss, schedule or Schedule())
