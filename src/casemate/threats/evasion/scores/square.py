"""Square: random search that sees scores only, and so is not fooled by gradients that lie.

Reference:
    Andriushchenko, Croce, Flammarion and Hein 2020, "Square Attack: a query-efficient black-box adversarial attack via
    random search", algorithms 1 and 2 (arXiv 1912.00049).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from casemate.core.optional import require
from casemate.targets.differentiable import Scored
from casemate.threats.evasion.balls import Ball, spread
from casemate.threats.evasion.criteria import Criterion
from casemate.threats.evasion.noise import Noise
from casemate.threats.evasion.pursuit import State, claim, fresh

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Queries, of 10,000, after which the area of squares is halved."""


@dataclass(frozen=True)
class Squares:
    """The walk of Square in Linf: a random square is set to plus or minus the radius, and kept if the margin grows.

    Attributes:
        target: gives scores.
        ball: to stay in; Linf.
        criterion: whose success is sought.
        queries: forward passes a sample.
        share: of the area that the first squares cover.
        seed: of all that is random.
        give_up: pairs of queries and a share: where so many have not brought the lead below this share of what it was
            at the input, no more are asked.
    """

    target: Scored
    ball: Ball
    criterion: Criterion
    queries: int = 5000
    share: float = 0.8
    seed: int = 0
    give_up: tuple[tuple[int, float], ...] = ()

    @property
    def steps(self) -> int:
        """One a query."""
        return self.queries

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """Vertical stripes of plus or minus the radius."""
        state = fresh(origin, labels, ids)
        images = _images(origin)
        draw = Noise(self.seed, "square-stripes").uniform(ids.numpy(), (images.shape[1], images.shape[3]))
        stripes = torch.from_numpy(np.where(draw < 0.5, -1, 1).astype(np.float32))[:, :, None, :] * self.ball.eps
        current = self.ball.project((images + stripes).reshape(origin.shape), origin, self.target.bounds)
        state |= {"current": current.clone(), "best": torch.full((len(origin),), float("-inf"))}
        state["turn"] = torch.zeros(len(origin), dtype=torch.int64)
        state["draws"] = self._draws(ids, images.shape[1], 0)
        if self.give_up:
            state["clean"] = self.criterion.lead(self.target.logits(origin), labels)
        return state

    def advance(self, state: State) -> None:
        """One query a sample: the stripes first, then one square at a time."""
        turn, labels = state["turn"], state["labels"]
        tried = self._squared(state)
        logits = self.target.logits(tried)
        lead = self.criterion.lead(logits, labels)
        claim(state, tried, self.criterion.met(logits, labels))
        better = (lead > state["best"]) | (lead >= 0)
        state["current"] = torch.where(spread(better, tried), tried, state["current"])
        state["best"] = torch.where(better, lead, state["best"])
        turn += 1
        for queries, share in self.give_up:
            far = (state["clean"] < 0) & (state["best"] < share * state["clean"])  # a lead below 0 is yet to come
            state["over"] |= (turn == queries) & far
        due = turn % BLOCK == 0
        if bool(due.any()):
            channels = state["draws"].shape[2] - 2
            for block in sorted(set(turn[due].tolist())):
                those = turn == block
                state["draws"][those] = self._draws(state["ids"][those], channels, block // BLOCK)

    def _draws(self, ids: Tensor, channels: int, block: int) -> Tensor:
        """(n, BLOCK, 2 + channels): row, column and signs of the next squares."""
        noise = Noise(self.seed, "square").uniform(ids.numpy(), (BLOCK, 2 + channels), block)
        return torch.from_numpy(noise)

    def _squared(self, state: State) -> Tensor:
        """Current points, a square of each moved to the ball's surface; squares of one size go together."""
        turn, tried = state["turn"], state["current"].clone()
        images = _images(tried)
        high, wide = images.shape[2:]
        points, origin = images.flatten(2), _images(state["origin"]).flatten(2)
        sides = _sides(self.queries, self.share, high, wide)[turn]
        side = int(sides[0])
        if bool((turn > 0).all()) and bool((sides == side).all()):  # nearly always: no sample has to be sought out
            draws = state["draws"][:, int(turn[0]) % BLOCK] if bool((turn == turn[0]).all()) else _now(state)
            self._move(points, origin, draws, side, (high, wide))
            return tried
        draws = _now(state)
        for each in sorted(set(sides[turn > 0].tolist())):
            those = ((sides == each) & (turn > 0)).nonzero()[:, 0]
            moved = points[those]
            self._move(moved, origin[those], draws[those], each, (high, wide))
            points[those] = moved
        return tried

    def _move(self, points: Tensor, origin: Tensor, draws: Tensor, side: int, size: tuple[int, int]) -> None:
        """Set a square of (n, channels, pixels) points to the ball's surface around the origin, where draws say."""
        row, column = ((draws[:, at] * (extent - side + 1)).to(torch.int64) for at, extent in enumerate(size))
        where = (row * size[1] + column)[:, None, None] + _offsets(side, size[1])
        where = where.expand(-1, points.shape[1], -1)
        push = torch.where(draws[:, 2:, None] < 0.5, -self.ball.eps, self.ball.eps)
        points.scatter_(2, where, (origin.gather(2, where) + push).clamp_(*self.target.bounds))


BLOCK = 64
"""Squares a sample draws at a time."""


def _now(state: State) -> Tensor:
    """(n, 2 + channels): each sample's draws for this turn."""
    return state["draws"][torch.arange(len(state["turn"])), state["turn"] % BLOCK]


@cache
def _offsets(side: int, wide: int) -> Tensor:
    """(side * side,) positions of a square's pixels, relative to its first, in rows of ``wide`` pixels."""
    reach = torch.arange(side)
    return (reach[:, None] * wide + reach).flatten()


@cache
def _sides(queries: int, share: float, high: int, wide: int) -> Tensor:
    """(queries + 1,) sides of squares at each turn; their area halves on the paper's schedule."""
    turn, marks = torch.arange(queries + 1), torch.tensor(HALVINGS) * queries / 10_000
    halvings = (turn[:, None] > marks[None]).sum(1)
    return (share / 2.0**halvings * high * wide).sqrt().round().to(torch.int64).clamp(1, min(high, wide))


def _images(inputs: Tensor) -> Tensor:
    """Inputs as (n, channels, height, width); what has no height and width is one row of pixels."""
    if inputs.ndim == 4:
        return inputs
    if inputs.ndim == 2:
        return inputs.reshape(len(inputs), 1, 1, -1)
    return inputs.reshape(len(inputs), 1, inputs.shape[1], -1)
