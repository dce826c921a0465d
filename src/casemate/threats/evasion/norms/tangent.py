"""Down to the nearest point of the boundary: where an example lies on it, the input is projected onto its tangent.

At the nearest point of a smooth boundary the projection of the input onto the tangent plane is the point itself. So an
example is moved a share of the way to that projection, found within the box, and slightly beyond; the share falls, as
the boundary bends. Searches that step along the gradient or scale towards the input stop a few thousandths short.

Reference:
    The linearized boundary within the box is that of Croce and Hein 2020 (arXiv 1907.02044); the fixed point is the
    sequential linear programming of Nocedal and Wright 2006, "Numerical optimization", section 18.1, for one constraint
    whose step is damped rather than bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.targets.differentiable import Differentiable
from casemate.threats.evasion.balls import spread
from casemate.threats.evasion.criteria import Criterion
from casemate.threats.evasion.gradients.fab import NEAREST
from casemate.threats.evasion.losses import margin
from casemate.threats.evasion.norms.measures import Norm
from casemate.threats.evasion.norms.nearest import begun, note
from casemate.threats.evasion.pursuit import State

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

FIRST, LAST = 0.9, 0.005
"""Shares of the way to the projection, at the first step and at the last."""
BEYOND, FAR = 2e-4, 0.05
"""By how much of its length a move goes past the tangent, once an example is known and before."""


@dataclass(frozen=True)
class Tangents:
    """The search; it begins with what those before it found, or at the input.

    Attributes:
        target: gives gradients.
        criterion: whose success is sought.
        norm: to be minimized; not L0.
        steps: gradients.
    """

    target: Differentiable
    criterion: Criterion
    norm: Norm
    steps: int = 100

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At what is handed over."""
        return begun(origin, labels, ids) | {"turn": torch.zeros(len(origin), dtype=torch.int64)}

    def advance(self, state: State) -> None:
        """Look, project the input onto the tangent, go a share of the way there."""
        turn = int(state["turn"][0])
        state["turn"] += 1
        origin, labels, sign = state["origin"], state["labels"], self.criterion.sign
        current = state["current"] if turn else state["handed"]
        logits, lead, slope = self.target.gradient(current, lambda logits: sign * margin(logits, labels))
        note(state, current, self.criterion.met(logits, labels), self.norm)
        if turn + 1 == self.steps:
            return
        move = current - origin
        rise = (slope * move).flatten(1).sum(1) - lead
        straight = NEAREST[self.norm](origin, slope, rise, self.target.bounds)
        known = spread(state["distance"].isfinite(), move)
        share = torch.where(known, FIRST * (1 - turn / self.steps) + LAST, 1.0)
        moved = (move + share * (straight - move)) * torch.where(known, 1 + BEYOND, 1 + FAR)
        state["current"] = self.target.quantized((origin + moved).clamp(*self.target.bounds))
