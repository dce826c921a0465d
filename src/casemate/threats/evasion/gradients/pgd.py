"""Projected gradient descent, and the two attacks that are special cases of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.targets.differentiable import Differentiable
from casemate.threats.evasion.balls import Ball, spread
from casemate.threats.evasion.criteria import Criterion
from casemate.threats.evasion.losses import cross_entropy
from casemate.threats.evasion.noise import Noise
from casemate.threats.evasion.pursuit import State, claim, fresh

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


@dataclass(frozen=True)
class Descent:
    """The walk of PGD: a step of fixed length along the gradient, then back into the ball.

    A sample is looked at before every step and after the last, and stops at its first success.

    Attributes:
        target: gives gradients.
        ball: to stay in.
        criterion: whose success is sought.
        moves: gradient steps.
        step: length of each, in units of inputs.
        random_start: begin at a random point of the ball, not at the input.
        decay: of the accumulated gradient, each normalized by its L1 length; None follows the gradient itself.
        seed: of random starts.
        restart: number of the restart, so that each starts elsewhere.
    """

    target: Differentiable
    ball: Ball
    criterion: Criterion
    moves: int
    step: float
    random_start: bool = True
    decay: float | None = None
    seed: int = 0
    restart: int = 0

    @property
    def steps(self) -> int:
        """Looks: one more than moves."""
        return self.moves + 1

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At the input or a random point of the ball."""
        state = fresh(origin, labels, ids)
        state["current"] = origin
        if self.random_start:
            noise = Noise(self.seed, "pgd").uniform(ids.numpy(), origin.shape[1:], self.restart)
            moved = origin + self.ball.start(torch.from_numpy(noise) * 2 - 1)
            state["current"] = self.ball.project(moved, origin, self.target.bounds)
        state["turn"] = torch.zeros(len(origin), dtype=torch.int64)
        if self.decay is not None:
            state["slope"] = torch.zeros_like(origin)
        return state

    def advance(self, state: State) -> None:
        """Look at the current points; move those that are not at their last look."""
        labels, current, sign = state["labels"], state["current"], self.criterion.sign
        if bool((state["turn"] >= self.moves).all()):
            claim(state, current, self.criterion.met(self.target.logits(current), labels))
            return
        logits, _, slope = self.target.gradient(current, lambda logits: sign * cross_entropy(logits, labels))
        claim(state, current, self.criterion.met(logits, labels))
        if self.decay is not None:
            slope = slope / spread(slope.flatten(1).abs().mean(1), slope).clamp_min(1e-12)
            slope = state["slope"] = state["slope"] * self.decay + slope
        moved = current + self.step * self.ball.ascent(slope)
        state["current"] = self.ball.project(moved, state["origin"], self.target.bounds)
        state["turn"] += 1
