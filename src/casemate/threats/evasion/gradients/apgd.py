"""Auto-PGD: a step size that halves itself when it stops paying, with no parameter but the budget.

Reference:
    Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free
    attacks", algorithm 1 and section 3 (arXiv 2003.01690).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from casemate.core.optional import require
from casemate.targets.differentiable import Differentiable, Loss
from casemate.threats.evasion.balls import Ball, spread
from casemate.threats.evasion.criteria import Criterion
from casemate.threats.evasion.losses import cross_entropy, dlr, targeted_dlr
from casemate.threats.evasion.noise import Noise
from casemate.threats.evasion.pursuit import State, claim, fresh

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

MOMENTUM = 0.75
ENOUGH = 0.75
"""Share of the steps since the last checkpoint that must have raised the loss, or the step is halved."""

LossName = Literal["ce", "dlr", "targeted-dlr", "lead"]


@dataclass(frozen=True)
class AutoDescent:
    """The walk of APGD.

    Attributes:
        target: gives gradients.
        ball: to stay in.
        criterion: whose success is sought.
        loss: "ce", "dlr", "targeted-dlr", which aims at the class with rank ``rank`` of the clean answer, or "lead",
            the criterion's own.
        moves: gradient steps; one more gradient is taken at the start.
        rank: 2 for the second best class.
        seed: of random starts.
        restart: number of the restart.
    """

    target: Differentiable
    ball: Ball
    criterion: Criterion
    loss: LossName = "ce"
    moves: int = 100
    rank: int = 2
    seed: int = 0
    restart: int = 0

    @property
    def steps(self) -> int:
        """One a move."""
        return self.moves

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At a random point on the ball's surface, with the gradient there."""
        state = fresh(origin, labels, ids)
        current = self._start(origin, ids)
        if self.loss == "targeted-dlr":
            state["goals"] = self.target.logits(origin).argsort(dim=1, descending=True)[:, self.rank - 1]
        logits, losses, slope = self.target.gradient(current, self._loss(state))
        claim(state, current, self.criterion.met(logits, labels))
        count = len(origin)
        state |= {
            "current": current,
            "previous": current,
            "slope": slope,
            "best": current.clone(),
            "best_slope": slope.clone(),
            "best_loss": losses,
            "last_loss": losses,
            "checked_loss": losses,
            "step": torch.full((count,), 2.0 * self.ball.eps),
            "halved": torch.ones(count, dtype=torch.bool),
            "rises": torch.zeros(count, dtype=torch.int64),
            "since": torch.zeros(count, dtype=torch.int64),
            "window": torch.full((count,), max(int(0.22 * self.moves), 1)),
            "turn": torch.zeros(count, dtype=torch.int64),
        }
        return state

    def _start(self, origin: Tensor, ids: Tensor) -> Tensor:
        moved = origin + self.ball.start(self._noise(origin, ids), onto=True)
        return self.ball.project(moved, origin, self.target.bounds)

    def _noise(self, origin: Tensor, ids: Tensor) -> Tensor:
        """(n, ...) in [-1, 1)."""
        noise = Noise(self.seed, f"apgd-{self.loss}-{self.rank}").uniform(ids.numpy(), origin.shape[1:], self.restart)
        return torch.from_numpy(noise) * 2 - 1

    def advance(self, state: State) -> None:
        """One step with momentum, one gradient, and a checkpoint for those who are due."""
        origin, current, bounds = state["origin"], state["current"], self.target.bounds
        push = spread(state["step"], current) * self.ball.ascent(state["slope"])
        plain = self.ball.project(current + push, origin, bounds)
        keep = spread(torch.where(state["turn"] > 0, MOMENTUM, 1.0), current)
        mixed = current + keep * (plain - current) + (1 - keep) * (current - state["previous"])
        state["previous"] = current
        state["current"] = self.ball.project(mixed, origin, bounds)
        losses = self._look(state)
        state["rises"] += losses > state["last_loss"]
        state["last_loss"] = losses
        state["since"] += 1
        state["turn"] += 1
        due = state["since"] == state["window"]
        if bool(due.any()):
            self._check(state, due)

    def _look(self, state: State) -> Tensor:
        """(n,) losses of the current points; successes are claimed, and the points of greatest loss kept."""
        current = state["current"]
        logits, losses, state["slope"] = self.target.gradient(current, self._loss(state))
        claim(state, current, self.criterion.met(logits, state["labels"]))
        better = losses > state["best_loss"]
        for name, now in (("best", current), ("best_slope", state["slope"])):
            state[name] = torch.where(spread(better, current), now, state[name])
        state["best_loss"] = torch.where(better, losses, state["best_loss"])
        return losses

    def _check(self, state: State, due: Tensor) -> None:
        """Halve the step, and go back to the best point, where the loss swings or has stopped rising."""
        swings = state["rises"] <= ENOUGH * state["window"]
        stuck = ~state["halved"] & (state["checked_loss"] >= state["best_loss"])
        halve = due & (swings | stuck)
        state["halved"] = torch.where(due, halve, state["halved"])
        state["checked_loss"] = torch.where(due, state["best_loss"], state["checked_loss"])
        state["step"] = torch.where(halve, state["step"] / 2, state["step"])
        back = spread(halve, state["current"])
        state["current"] = torch.where(back, state["best"], state["current"])
        state["slope"] = torch.where(back, state["best_slope"], state["slope"])
        shrunk = (state["window"] - max(int(0.03 * self.moves), 1)).clamp_min(max(int(0.06 * self.moves), 1))
        state["window"] = torch.where(due, shrunk, state["window"])
        for name in ("rises", "since"):
            state[name] = torch.where(due, 0, state[name])

    def _loss(self, state: State) -> Loss:
        labels, sign = state["labels"], self.criterion.sign
        if self.loss == "targeted-dlr":
            goals = state["goals"]
            return lambda logits: targeted_dlr(logits, labels, goals)
        if self.loss == "lead":
            return lambda logits: self.criterion.lead(logits, labels)
        chosen = cross_entropy if self.loss == "ce" else dlr
        return lambda logits: sign * chosen(logits, labels)
