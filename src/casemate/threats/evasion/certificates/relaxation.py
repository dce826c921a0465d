"""Lines below and above a rectifier between two bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.threats.evasion.certificates.intervals import Box

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

SLACK = 1e-12
"""Raises the upper line above what float64 may round away of it."""


@dataclass(frozen=True)
class Relaxation:
    """low * x <= max(x, 0) <= high * x + shift for every x between the bounds.

    Attributes:
        low: slope of the lower line, in [0, 1].
        high: slope of the upper line.
        shift: of the upper line.
        own: whether the lines are given row by row, shaped like coefficients, and not sample by sample.
    """

    low: Tensor
    high: Tensor
    shift: Tensor
    own: bool = False


def relax(box: Box, slopes: Tensor | None = None, *, own: bool = False) -> Relaxation:
    """The lines for these bounds.

    Args:
        box: lower and upper bounds, (n, *shape).
        slopes: lower slopes in [0, 1] where the sign is open; any are sound. By default 1 where the upper bound is the
            farther one and 0 elsewhere, which makes the smaller triangle.
        own: bounds and slopes are given row by row.

    Reference:
        Zhang et al. 2018, arXiv:1811.00866, section 3.3 (adaptive lower slopes).
    """
    low, high = box
    active, open_ = (low >= 0).to(low.dtype), (low < 0) & (high > 0)
    width = torch.where(open_, high - low, 1.0)
    upper = torch.where(open_, high / width, active)
    shift = torch.where(open_, -low * upper * (1 + SLACK) + SLACK, 0.0)
    lower = torch.where(open_, (high > -low).to(low.dtype) if slopes is None else slopes, active)
    return Relaxation(lower, upper, shift, own)
