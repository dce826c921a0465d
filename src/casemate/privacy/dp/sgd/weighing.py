"""How much of each sample's gradient is kept: three ways to bound what one sample adds to a sum.

References:
    flat: Abadi et al. 2016, arXiv:1607.00133, algorithm 1. per_layer: McMahan et al. 2018, arXiv:1710.06963, section 2.
    automatic: Bu et al. 2023, "Automatic clipping" (AUTO-S), arXiv:2206.07136, equation 4.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, get_args

from casemate.core.errors import UsageError
from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

Clipping = Literal["flat", "automatic", "per_layer"]
"""``flat``: a whole gradient is shortened to the clip norm C, factor min(1, C / norm). ``automatic``: all are brought
near it, factor C / (norm + 0.01), so that C needs no tuning. ``per_layer``: each layer's part is shortened to
C / sqrt(layers)."""

TINY: Final = 1e-30
"""No norm is divided by less."""
STABLE: Final = 0.01
"""Gamma of automatic clipping: gradients much shorter than this stay short."""


def check_clipping(clipping: str) -> None:
    """Refuse what is no way of clipping.

    Raises:
        UsageError: always says which ways there are.
    """
    if clipping not in get_args(Clipping):
        cause = "a threshold that follows the data is a release of its own" if clipping == "adaptive" else ""
        raise UsageError(
            f"there is no clipping {clipping!r}",
            cause=cause,
            next_step='give "flat" or "per_layer", or "automatic", which needs no threshold to be tuned',
        )


def weigh(squares: Tensor, clip_norm: float, clipping: Clipping, layers: int) -> tuple[Tensor, Tensor]:
    """What each sample's gradient is multiplied by before it is added up.

    Args:
        squares: (parts, n) squared norms of the samples' gradients, by layer.
        clip_norm: largest L2 norm of what one sample may add, over all layers together.
        clipping: the way.
        layers: in how many parts a gradient falls at most; no fewer than ``parts``, and the same for every batch.

    Returns:
        (n,) norms before that, and (parts, n) factors.

    Example:
        >>> weigh(torch.tensor([[9.0], [16.0]]), 1.0, "flat", 2)[1].flatten().tolist()
        [0.20000000298023224, 0.20000000298023224]
    """
    norms = squares.sum(0).sqrt()
    if clipping == "per_layer":
        return norms, (clip_norm / math.sqrt(layers) / squares.sqrt().clamp_min(TINY)).clamp_max(1.0)
    if clipping == "automatic":
        weights = clip_norm / (norms + STABLE)
    else:
        weights = (clip_norm / norms.clamp_min(TINY)).clamp_max(1.0)
    return norms, weights.expand(len(squares), -1)
