"""FMN: gradient steps in a ball whose radius is shrunk after a success, and set by the linearized boundary before it.

Two things differ from the paper: the linearized boundary is sought within the box, and until there is an example the
steps go to it rather than along the gradient. Where pixels are at the edge of the box, as most of MNIST's are, the
published estimate falls short of the boundary again and again, and many samples end without an example.

Reference:
    Pintor et al. 2021, "Fast minimum-norm adversarial attacks through adaptive norm constraints", algorithm 1
    (arXiv 2102.12827).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.targets.differentiable import Differentiable
from casemate.threats.evasion.balls import spread
from casemate.threats.evasion.criteria import Criterion
from casemate.threats.evasion.gradients.fab import NEAREST
from casemate.threats.evasion.losses import margin
from casemate.threats.evasion.norms.measures import Norm, length, shorten
from casemate.threats.evasion.norms.nearest import begun, note
from casemate.threats.evasion.pursuit import State

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


OVERSHOOT = 1.05
"""How far beyond the linearized boundary the first steps reach: at it, they come ever nearer and never cross."""


@dataclass(frozen=True)
class MinimumNorm:
    """The search of FMN.

    Attributes:
        target: gives gradients.
        criterion: whose success is sought.
        norm: to be minimized.
        steps: gradients.
        pace: length of the first step, in the Euclidean norm; it falls to a hundredth along a cosine.
        factor: by which the radius shrinks or grows at first; it falls to a fiftieth likewise.
    """

    target: Differentiable
    criterion: Criterion
    norm: Norm
    steps: int = 100
    pace: float = 1.0
    factor: float = 0.05

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At the input, with no radius yet."""
        state = begun(origin, labels, ids)
        low, high = self.target.bounds
        state |= {
            "current": origin,
            "radius": torch.full((len(origin),), float("inf")),
            "farthest": length(torch.maximum(origin - low, high - origin), self.norm),
            "turn": torch.zeros(len(origin), dtype=torch.int64),
        }
        return state

    def advance(self, state: State) -> None:
        """Look, set the radius, step, project."""
        origin, labels, current, sign = state["origin"], state["labels"], state["current"], self.criterion.sign
        logits, lead, slope = self.target.gradient(current, lambda logits: sign * margin(logits, labels))
        met = self.criterion.met(logits, labels)
        note(state, current, met, self.norm)
        turn = int(state["turn"][0])
        state["turn"] += 1
        if turn + 1 == self.steps:
            return
        fall = (1 + math.cos(math.pi * turn / self.steps)) / 2
        pace, factor = self.pace * (0.01 + 0.99 * fall), self.factor * (0.02 + 0.98 * fall)
        radius, best = state["radius"], state["distance"]
        if self.norm == "L0":
            shrunk = torch.minimum(torch.minimum(radius - 1, (radius * (1 - factor)).floor()), best)
            grown = torch.maximum(radius + 1, (radius * (1 + factor)).floor())
        else:
            shrunk, grown = torch.minimum(radius * (1 - factor), best), radius * (1 + factor)
        known = best.isfinite()
        ahead = OVERSHOOT * NEAREST[self.norm](current, slope, -lead, self.target.bounds)
        first = current + ahead - origin
        radius = torch.where(known, torch.where(met, shrunk, grown), length(first, self.norm)).clamp_min(0)
        state["radius"] = radius = torch.minimum(radius, state["farthest"])
        push = slope / spread(slope.flatten(1).norm(dim=1), slope).clamp_min(1e-12)
        move = shorten(current - origin + pace * push, radius, self.norm)
        move = torch.where(spread(known, move), move, first)
        state["current"] = self.target.quantized((origin + move).clamp(*self.target.bounds))
