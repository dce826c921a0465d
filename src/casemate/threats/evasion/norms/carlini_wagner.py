"""CW: the squared distance plus a constant times the missing margin, minimized by Adam; the constant by bisection.

Reference:
    Carlini and Wagner 2017, "Towards evaluating the robustness of neural networks", section 6.1 (arXiv 1608.04644).
"""

from __future__ import annotations

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

FIRST, SECOND = 0.9, 0.999
"""Adam's decays."""
INSIDE = 1 - 1e-6
"""Inputs on the edge of the box are moved this far inside before the inverse hyperbolic tangent is taken."""


@dataclass(frozen=True)
class Weighed:
    """The search of CW.

    Attributes:
        target: gives gradients.
        criterion: whose success is sought.
        moves: gradients a constant.
        rounds: constants tried.
        rate: of Adam.
        constant: the first.
        confidence: lead of the wrong class, in logits, that is asked for.
    """

    target: Differentiable
    criterion: Criterion
    moves: int = 100
    rounds: int = 9
    rate: float = 0.01
    constant: float = 1e-3
    confidence: float = 0.0

    @property
    def steps(self) -> int:
        """One a move and round."""
        return self.moves * self.rounds

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At the input."""
        state = begun(origin, labels, ids)
        low, high = self.target.bounds
        count = len(origin)
        state |= {
            "base": (((origin - low) / (high - low) * 2 - 1) * INSIDE).atanh(),
            "shift": torch.zeros_like(origin),
            "first": torch.zeros_like(origin),
            "second": torch.zeros_like(origin),
            "constant": torch.full((count,), self.constant),
            "below": torch.zeros(count),
            "above": torch.full((count,), float("inf")),
            "met": torch.zeros(count, dtype=torch.bool),
            "turn": torch.zeros(count, dtype=torch.int64),
        }
        return state

    def advance(self, state: State) -> None:
        """Look, step with Adam; at the end of a round set the constant anew and begin again at the input."""
        origin, labels, sign = state["origin"], state["labels"], self.criterion.sign
        low, high = self.target.bounds
        half = (high - low) / 2
        bent = (state["base"] + state["shift"]).tanh()
        current = ((bent + 1) * half + low).clamp(low, high)
        asked = self.target.quantized(current)
        logits, lead, slope = self.target.gradient(asked, lambda logits: sign * margin(logits, labels))
        met = self.criterion.met(logits, labels) & (lead >= self.confidence)
        note(state, asked, met, "L2")
        state["met"] |= met
        pull = 2 * (current - origin) - spread(state["constant"] * (lead < self.confidence), slope) * slope
        slope = pull * half * (1 - bent * bent)
        turn = int(state["turn"][0]) % self.moves
        state["turn"] += 1
        state["first"] = FIRST * state["first"] + (1 - FIRST) * slope
        state["second"] = SECOND * state["second"] + (1 - SECOND) * slope * slope
        scale = (state["second"] / (1 - SECOND ** (turn + 1))).sqrt() + 1e-8
        state["shift"] = state["shift"] - self.rate / (1 - FIRST ** (turn + 1)) * state["first"] / scale
        if turn + 1 == self.moves:
            self._next_round(state)

    def _next_round(self, state: State) -> None:
        """Bisect the constant between failures and successes; ten times the last one while there was no success."""
        met, constant = state["met"], state["constant"]
        state["above"] = torch.where(met, torch.minimum(state["above"], constant), state["above"])
        state["below"] = torch.where(met, state["below"], torch.maximum(state["below"], constant))
        middle = (state["below"] + state["above"]) / 2
        state["constant"] = torch.where(state["above"].isfinite(), middle, constant * 10)
        state["met"] = torch.zeros_like(met)
        for name in ("shift", "first", "second"):
            state[name] = torch.zeros_like(state[name])
