"""sigma-zero: few coordinates, by a smooth stand-in for their number and a threshold that drops the smallest.

Reference:
    Cina et al. 2025, "sigma-zero: gradient-based optimization of l0-norm adversarial examples", algorithm 1
    (arXiv 2402.01879).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.targets.differentiable import Differentiable
from casemate.threats.evasion.balls import spread
from casemate.threats.evasion.criteria import Criterion
from casemate.threats.evasion.losses import margin
from casemate.threats.evasion.norms.nearest import begun, note
from casemate.threats.evasion.pursuit import State

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

SMOOTH = 1e-3
"""sigma of the paper: squares well above it count as one changed coordinate."""
FIRST, SECOND = 0.9, 0.999
"""Adam's decays."""


@dataclass(frozen=True)
class SparseSearch:
    """The search of sigma-zero, in units of the box: lengths below are for a box of width 1 and scaled to others.

    Attributes:
        target: gives gradients.
        criterion: whose success is sought.
        steps: gradients.
        pace: length of the first step; it falls to a tenth along a cosine.
        threshold: changes below it are dropped at first.
        factor: by which, times the pace, the threshold rises after a success and falls after a failure.
    """

    target: Differentiable
    criterion: Criterion
    steps: int = 100
    pace: float = 1.0
    threshold: float = 0.3
    factor: float = 0.01

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At the input."""
        state = begun(origin, labels, ids)
        state |= {
            "move": torch.zeros_like(origin),
            "first": torch.zeros_like(origin),
            "second": torch.zeros_like(origin),
            "threshold": torch.full((len(origin),), self.threshold),
            "pace": torch.full((len(origin),), self.pace),
            "turn": torch.zeros(len(origin), dtype=torch.int64),
        }
        return state

    def advance(self, state: State) -> None:
        """Look, step with Adam along the normalized gradient, move the threshold, drop what lies below it."""
        origin, labels, move, sign = state["origin"], state["labels"], state["move"], self.criterion.sign
        low, high = self.target.bounds
        wide = high - low
        current = self.target.quantized((origin + wide * move).clamp(low, high))
        logits, _, slope = self.target.gradient(current, lambda logits: (-sign * margin(logits, labels)).clamp_min(0))
        met = self.criterion.met(logits, labels)
        note(state, current, met, "L0")
        square = move.square()
        count = origin[0].numel()
        slope = slope * wide + 2 * SMOOTH * move / (square + SMOOTH).square() / count
        slope = slope / spread(slope.flatten(1).abs().amax(1), slope).clamp_min(1e-12)
        turn = int(state["turn"][0])
        state["turn"] += 1
        state["first"] = FIRST * state["first"] + (1 - FIRST) * slope
        state["second"] = SECOND * state["second"] + (1 - SECOND) * slope * slope
        scale = (state["second"] / (1 - SECOND ** (turn + 1))).sqrt() + 1e-8
        pace = spread(state["pace"], move)
        move = move - pace / (1 - FIRST ** (turn + 1)) * state["first"] / scale
        move = ((origin + wide * move).clamp(low, high) - origin) / wide
        state["pace"][:] = self.pace * (0.1 + 0.9 * (1 + math.cos(math.pi * turn / self.steps)) / 2)
        step = self.factor * state["pace"]
        state["threshold"] = (state["threshold"] + torch.where(met, step, -step)).clamp(0, 1)
        state["move"] = torch.where(move.abs() < spread(state["threshold"], move), 0.0, move)
