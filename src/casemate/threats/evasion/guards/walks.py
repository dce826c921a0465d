"""Walks that only attacks on guards need: given points, descents that start there, and two aims at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.targets.differentiable import Differentiable, Scored
from casemate.threats.evasion.balls import Ball, spread
from casemate.threats.evasion.criteria import Criterion
from casemate.threats.evasion.gradients.pgd import Descent
from casemate.threats.evasion.pursuit import State, claim, fresh

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


@dataclass(frozen=True)
class Given:
    """Looks at one point a sample: examples that somebody else has made.

    Attributes:
        target: is asked.
        criterion: whose success is sought.
        points: (n, ...), one for each number a sample can have.
    """

    target: Scored
    criterion: Criterion
    points: Tensor

    @property
    def steps(self) -> int:
        """One look."""
        return 1

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At the given points."""
        return fresh(origin, labels, ids) | {"current": self.points[ids]}

    def advance(self, state: State) -> None:
        """Look."""
        claim(state, state["current"], self.criterion.met(self.target.logits(state["current"]), state["labels"]))


@dataclass(frozen=True)
class Onward(Descent):
    """PGD that starts at given points.

    Attributes:
        points: (n, ...), one for each number a sample can have.
    """

    points: Tensor | None = None

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At the given points, if there are any."""
        state = super().begin(origin, labels, ids)
        if self.points is not None:
            state["current"] = self.ball.project(self.points[ids], origin, self.target.bounds)
        return state


@dataclass(frozen=True)
class Twofold:
    """PGD with two aims: a wrong class, and rejection's logit below the best class'.

    With a weight it climbs the class margin minus ``weight`` times what rejection has too much. Without one it serves
    one aim at a time: the class until it is wrong, then the detector, ``orthogonal`` without moving along the slope of
    the other.

    Attributes:
        target: answers with rejection as last class.
        ball: to stay in.
        criterion: whose success is sought.
        moves: gradient steps; they shrink in a line, and add up to 2.5 radii.
        weight: of the detector; None serves one aim at a time.
        orthogonal: as above.
        points: (n, ...) where to start, one for each number a sample can have; None starts at the input.

    Reference:
        Bryniarski et al. 2021, "Evading adversarial example detection defenses with orthogonal projected gradient
        descent", sections 3.1 and 3.2 (arXiv 2106.15023).
    """

    target: Differentiable
    ball: Ball
    criterion: Criterion
    moves: int = 40
    weight: float | None = None
    orthogonal: bool = False
    points: Tensor | None = None

    @property
    def steps(self) -> int:
        """Looks: one more than moves."""
        return self.moves + 1

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At the given points or the input."""
        state = fresh(origin, labels, ids)
        start = origin if self.points is None else self.points[ids]
        state["current"] = self.ball.project(start, origin, self.target.bounds)
        state["turn"] = torch.zeros(len(origin), dtype=torch.int64)
        return state

    def advance(self, state: State) -> None:
        """Look at the current points and move."""
        current, labels = state["current"], state["labels"]
        if self.weight is not None:
            weight = self.weight
            logits, _, push = self.target.gradient(
                current, lambda logits: _wrong(logits, labels) - weight * _noticed(logits).clamp_min(0)
            )
        else:
            logits, lead, fool = self.target.gradient(current, lambda logits: _wrong(logits, labels))
            _, _, hide = self.target.gradient(current, lambda logits: -_noticed(logits))
            if self.orthogonal:
                fool, hide = _without(fool, hide), _without(hide, fool)
            push = torch.where(spread(lead <= 0, current), fool, hide)
        claim(state, current, self.criterion.met(logits, labels))
        share = 1 - state["turn"].float() / self.moves
        length = spread(share.clamp_min(0) * 5.0 * self.ball.eps / (self.moves + 1), current)
        state["current"] = self.ball.project(
            current + length * self.ball.ascent(push), state["origin"], self.target.bounds
        )
        state["turn"] += 1


def _wrong(logits: Tensor, labels: Tensor) -> Tensor:
    own = logits[:, :-1].gather(1, labels[:, None])[:, 0]
    return logits[:, :-1].scatter(1, labels[:, None], float("-inf")).amax(1) - own


def _noticed(logits: Tensor) -> Tensor:
    return logits[:, -1] - logits[:, :-1].amax(1)


def _without(slope: Tensor, other: Tensor) -> Tensor:
    """A slope without its part along another."""
    along = (slope * other).flatten(1).sum(1) / other.flatten(1).square().sum(1).clamp_min(1e-20)
    return slope - spread(along, slope) * other
