"""An attack on the vote of a smoothed classifier, through the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from casemate.core.optional import require
from casemate.core.seeds import derive
from casemate.threats.evasion.certificates.smoothing import Smoothed

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional as F
else:
    torch = require("torch", extra="torch")
    F = require("torch.nn.functional", extra="torch")


def attack_smoothed(
    smoothed: Smoothed,
    x: Any,
    labels: Any,
    radii: Any,
    *,
    steps: int = 20,
    draws: int = 32,
    box: tuple[float, float] | None = None,
    seed: int = 0,
) -> Tensor:
    """Projected gradient ascent on the loss of the vote: -log of the mean probability of the label over noise.

    The same draws of noise are used in every step of a sample, as the paper does; the vote of what comes out must be
    asked again with fresh noise (:meth:`Smoothed.predict`).

    Args:
        smoothed: the classifier.
        x: (n, ...) inputs.
        labels: (n,) codes.
        radii: (n,) Euclidean radii, one a sample.
        steps: each 2 / steps of the radius long.
        draws: of noise for one gradient.
        box: of valid inputs, or None: certificates of smoothing do not need one.
        seed: of the noise.

    Returns:
        (n, ...) float32 inputs within the radii.

    Reference:
        Salman et al. 2019, arXiv:1906.04584, equation 6 and algorithm 1 (SmoothAdv).
    """
    inputs, given, reach = (torch.as_tensor(np.asarray(each)) for each in (x, labels, radii))
    made = []
    for at, (origin, label, radius) in enumerate(zip(inputs.float(), given.long(), reach.tolist(), strict=True)):
        generator = torch.Generator().manual_seed(derive(seed, "smooth_attack", at))
        noise = smoothed.sigma * torch.randn((draws, *origin.shape), generator=generator)
        move = torch.zeros_like(origin)
        for _ in range(steps):
            move.requires_grad_(True)
            chances = F.softmax(smoothed.module(origin + move + noise), dim=1)[:, label]
            (slope,) = torch.autograd.grad(-torch.log(chances.mean().clamp_min(1e-12)), move)
            step = move.detach() + 2 * radius / steps * slope / slope.norm().clamp_min(1e-12)
            move = step * min(1.0, radius / max(float(step.norm()), 1e-12))
            if box is not None:
                move = (origin + move).clamp(*box) - origin
        # Rounding must not carry the result over the edge that a certificate speaks about.
        moved = origin + move.detach() * (1 - 1e-6)
        made.append(moved if box is None else moved.clamp(*box))
    return torch.stack(made)
