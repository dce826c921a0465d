"""Auto-PGD in L1: as many coordinates move at a time as the best point so far suggests, and that number adapts.

Reference:
    Croce and Hein 2021, "Mind the box: l1-APGD for sparse adversarial attacks on image classifiers", algorithm 1 and
    section 3 (arXiv 2103.01208).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.threats.evasion.balls import spread
from casemate.threats.evasion.gradients.apgd import AutoDescent
from casemate.threats.evasion.pursuit import State

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

AT_FIRST = 0.2
"""Share of coordinates that move in a step before the best point says otherwise."""
FEWER = 1.5
"""A step moves so many times fewer coordinates than the best point has; a step that stays gets as much shorter."""
SETTLED = 0.95
"""The best point has become sparser if it has moved fewer than this share of what it had."""
SHORTEST = 10.0
"""The shortest step is the radius over this."""


@dataclass(frozen=True)
class SparseDescent(AutoDescent):
    """The walk of l1-APGD; the ball must be one in L1."""

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At the projection of a random point of the box' size, with the gradient there."""
        state = super().begin(origin, labels, ids)
        state["step"] = torch.full((len(origin),), float(self.ball.eps))
        state["share"] = torch.full((len(origin),), AT_FIRST)
        state["moved"] = torch.full((len(origin),), float(origin[0].numel()))
        return state

    def _start(self, origin: Tensor, ids: Tensor) -> Tensor:
        low, high = self.target.bounds
        far = origin + self._noise(origin, ids) * (high - low)
        return self.ball.project(far, origin, self.target.bounds)

    def advance(self, state: State) -> None:
        """One step along the steepest coordinates, one gradient, and a checkpoint for all."""
        origin, current, slope = state["origin"], state["current"], state["slope"].flatten(1)
        ordered = slope.abs().sort(dim=1, descending=True).values
        rank = (state["share"] * slope.shape[1]).long().clamp(1, slope.shape[1]) - 1
        push = slope.sign() * (slope.abs() >= ordered.gather(1, rank[:, None]))
        push = push / push.abs().sum(1, keepdim=True).clamp_min(1e-10) * state["step"][:, None]
        moved = current + push.reshape(current.shape)
        state["current"] = self.ball.project(moved, origin, self.target.bounds)
        self._look(state)
        state["since"] += 1
        state["turn"] += 1
        due = state["since"] >= max(int(0.04 * self.moves), 1)
        if bool(due.any()):
            self._adapt(state, due)

    def _adapt(self, state: State, due: Tensor) -> None:
        """Long steps again, from the best point, where it has become sparser; elsewhere shorter ones."""
        moved = (state["best"] != state["origin"]).flatten(1).sum(1).float()
        sparser = due & (moved < SETTLED * state["moved"])
        size = state["origin"][0].numel()
        state["share"] = torch.where(due, moved / size / FEWER, state["share"])
        shorter = (state["step"] / FEWER).clamp_min(self.ball.eps / SHORTEST)
        state["step"] = torch.where(sparser, float(self.ball.eps), torch.where(due, shorter, state["step"]))
        state["moved"] = torch.where(due, moved, state["moved"])
        back = spread(sparser, state["current"])
        state["current"] = torch.where(back, state["best"], state["current"])
        state["slope"] = torch.where(back, state["best_slope"], state["slope"])
        state["since"] = torch.where(due, 0, state["since"])
