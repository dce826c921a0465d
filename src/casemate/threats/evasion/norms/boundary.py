"""FAB without a radius: the nearest point of the linearized boundary, again and again, for as few gradients as can be.

Reference:
    Croce and Hein 2020, "Minimally distorted adversarial examples with a fast adaptive boundary attack", algorithm 1
    (arXiv 1907.02044). There each step takes a gradient of every class; here it takes one, of the class that leads, or
    of the one aimed at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.targets.differentiable import Differentiable
from casemate.threats.evasion.balls import spread
from casemate.threats.evasion.criteria import Criterion, Targeted
from casemate.threats.evasion.gradients.fab import BACK, NEAREST, OVERSHOOT, PULL
from casemate.threats.evasion.losses import margin
from casemate.threats.evasion.norms.measures import Norm, length
from casemate.threats.evasion.norms.nearest import begun, note
from casemate.threats.evasion.pursuit import State

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


@dataclass(frozen=True)
class Approach:
    """The search of FAB.

    Attributes:
        target: gives gradients.
        criterion: whose success is sought.
        norm: to be minimized; not L0.
        steps: gradients.
        rank: class aimed at, by the clean answer: 2 for the second best; 0 for the one that leads at each step.
    """

    target: Differentiable
    criterion: Criterion
    norm: Norm
    steps: int = 100
    rank: int = 0

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At the input."""
        state = begun(origin, labels, ids)
        if self.rank and not isinstance(self.criterion, Targeted):
            state["goals"] = self.target.logits(origin).argsort(dim=1, descending=True)[:, self.rank - 1]
        state |= {"current": origin, "turn": torch.zeros(len(origin), dtype=torch.int64)}
        return state

    def advance(self, state: State) -> None:
        """Look, go a part of the way back after a success, then to the nearest point of the linearized boundary."""
        origin, labels, current, bounds = state["origin"], state["labels"], state["current"], self.target.bounds
        sign, goals = self.criterion.sign, state.get("goals")

        def lead_of(logits: Tensor) -> Tensor:
            if goals is None:
                return sign * margin(logits, labels)
            return (logits.gather(1, goals[:, None]) - logits.gather(1, labels[:, None]))[:, 0]

        logits, lead, slope = self.target.gradient(current, lead_of)
        met = self.criterion.met(logits, labels)
        note(state, current, met, self.norm)
        state["turn"] += 1
        if int(state["turn"][0]) == self.steps:
            return
        near = torch.where(spread(met, current), origin + BACK * (current - origin), current)
        from_near, from_origin = (lead + (slope * (point - current)).flatten(1).sum(1) for point in (near, origin))
        both = torch.cat((near, origin)), torch.cat((slope, slope)), -torch.cat((from_near, from_origin))
        ahead, home = NEAREST[self.norm](*both, bounds).chunk(2)
        far, straight = (length(each, self.norm).clamp_min(1e-8) for each in (ahead, home))
        share = spread((far / (far + straight)).clamp(0, PULL), current)
        moved = (near + OVERSHOOT * ahead) * (1 - share) + (origin + OVERSHOOT * home) * share
        state["current"] = self.target.quantized(moved.clamp(*bounds))
