"""DDN: the direction follows the gradient, the length only the answer.

Reference:
    Rony et al. 2019, "Decoupling direction and norm for efficient gradient-based L2 adversarial attacks and defenses",
    algorithm 1 (arXiv 1811.09600).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.targets.differentiable import Differentiable
from casemate.threats.evasion.balls import spread
from casemate.threats.evasion.criteria import Criterion
from casemate.threats.evasion.losses import cross_entropy
from casemate.threats.evasion.noise import Noise
from casemate.threats.evasion.norms.nearest import begun, note
from casemate.threats.evasion.pursuit import State

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


@dataclass(frozen=True)
class Decoupled:
    """The search of DDN.

    Attributes:
        target: gives gradients.
        criterion: whose success is sought.
        steps: gradients.
        factor: by which the length shrinks after a success and grows after a failure.
        first: length of the first change, in units of inputs.
        seed: of directions where the gradient is zero.
    """

    target: Differentiable
    criterion: Criterion
    steps: int = 100
    factor: float = 0.05
    first: float = 1.0
    seed: int = 0

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At the input."""
        state = begun(origin, labels, ids)
        low, high = self.target.bounds
        state |= {
            "current": origin,
            "length": torch.full((len(origin),), self.first),
            "farthest": torch.maximum(origin - low, high - origin).flatten(1).norm(dim=1),
            "turn": torch.zeros(len(origin), dtype=torch.int64),
        }
        return state

    def advance(self, state: State) -> None:
        """Look, follow the normalized gradient, and set the length anew."""
        origin, labels, current, sign = state["origin"], state["labels"], state["current"], self.criterion.sign
        logits, _, slope = self.target.gradient(current, lambda logits: sign * cross_entropy(logits, labels))
        met = self.criterion.met(logits, labels)
        note(state, current, met, "L2")
        turn = int(state["turn"][0])
        state["turn"] += 1
        if turn + 1 == self.steps:
            return
        size = slope.flatten(1).norm(dim=1)
        flat = size < 1e-12
        if bool(flat.any()):
            drawn = Noise(self.seed, "ddn").uniform(state["ids"][flat].numpy(), origin.shape[1:], turn)
            slope[flat] = torch.from_numpy(drawn) * 2 - 1
            size = slope.flatten(1).norm(dim=1)
        pace = 0.01 + 0.99 * (1 + math.cos(math.pi * turn / self.steps)) / 2
        move = current - origin + pace * slope / spread(size, slope).clamp_min(1e-12)
        longer = state["length"] * torch.where(met, 1 - self.factor, 1 + self.factor)
        state["length"] = torch.minimum(longer, state["farthest"])
        move = move * spread(state["length"] / move.flatten(1).norm(dim=1).clamp_min(1e-12), move)
        state["current"] = self.target.quantized((origin + move).clamp(*self.target.bounds))
