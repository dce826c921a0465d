"""Attacks by queries on a model with a memory, as a naive adversary asks and as those do who blind their queries.

The rule of the house that is attacked: an account is closed at its first flagged query. So an adversary succeeds only
with a wrong answer to a query inside the ball before any of its queries is flagged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.stats.estimate import Estimate
from casemate.stats.proportions import clopper_pearson
from casemate.targets.differentiable import Scored, Usage
from casemate.threats.evasion.balls import Linf
from casemate.threats.evasion.criteria import Misclassified
from casemate.threats.evasion.evaluation import classes
from casemate.threats.evasion.guards.stateful import QueryMemory
from casemate.threats.evasion.noise import Noise
from casemate.threats.evasion.scores.square import Squares

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

Kind = Literal["none", "noise", "shift", "independent"]


@dataclass(frozen=True)
class Blinding:
    """How queries are made to look unlike each other.

    Attributes:
        kind: "none" asks what Square asks. "noise" adds fresh noise inside the ball to each query, which is answered
            and counts as it is. "shift" moves each query by up to a pixel, and asks for the image itself only when the
            moved one is answered wrongly. "independent" asks for random points of the ball that owe nothing to answers.
        amount: of noise, in radii.
    """

    kind: Kind = "none"
    amount: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind} {self.amount:g}" if self.kind == "noise" else self.kind


NAIVE = Blinding()
ADAPTIVE = (
    Blinding("noise", 0.5),
    Blinding("noise", 1.0),
    Blinding("noise", 2.0),
    Blinding("shift"),
    Blinding("independent"),
)


@dataclass(frozen=True)
class Streamed:
    """What one way of asking achieved, one run for each of n inputs.

    Attributes:
        how: the blinding.
        succeeded: (n,) a wrong answer inside the ball before the first flag.
        caught: (n,) flagged before any success.
        queries: (n,) asked until then, or until the budget was spent.
        attacked: (n,) the model was right about the input; others are not attacked.
    """

    how: Blinding
    succeeded: npt.NDArray[np.bool_]
    caught: npt.NDArray[np.bool_]
    queries: npt.NDArray[np.int64]
    attacked: npt.NDArray[np.bool_]

    @property
    def success(self) -> Estimate:
        """Share of runs that succeeded."""
        return _share(self.succeeded, self.attacked)

    @property
    def caught_first(self) -> Estimate:
        """Share of runs that were flagged before they succeeded."""
        return _share(self.caught, self.attacked)

    @property
    def median_queries(self) -> float:
        """Of runs that succeeded; NaN if none did."""
        return float(np.median(self.queries[self.succeeded])) if self.succeeded.any() else float("nan")


@dataclass(frozen=True)
class StreamJudged:
    """A memory under attack.

    Attributes:
        unguarded: the naive way of asking where no memory looks on.
        naive: the same before the memory.
        adaptive: each blinded way before it.
    """

    unguarded: Streamed
    naive: Streamed
    adaptive: tuple[Streamed, ...]

    @property
    def naive_success(self) -> Estimate:
        """Share of runs in which the naive adversary succeeds."""
        return self.naive.success

    @property
    def adaptive_success(self) -> Estimate:
        """Share of inputs on which some way of asking succeeds, the naive one included: accounts are cheap."""
        return _share(np.logical_or.reduce([each.succeeded for each in self._ways]), self.naive.attacked)

    @property
    def best(self) -> Streamed:
        """The single way that succeeds most often."""
        return max(self._ways, key=lambda each: int(each.succeeded.sum()))

    @property
    def _ways(self) -> tuple[Streamed, ...]:
        return (self.naive, *self.adaptive)

    def __str__(self) -> str:
        naive, adaptive = self.naive_success, self.adaptive_success
        return (
            f"memory: adversaries who know of it succeed on {adaptive.value:.1%} [{adaptive.low:.1%}, "
            f"{adaptive.high:.1%}] of {adaptive.n}; who do not, on {naive.value:.1%} [{naive.low:.1%}, "
            f"{naive.high:.1%}]; best way: {self.best.how}, median of {self.best.median_queries:.0f} queries"
        )


def judge_memory(
    make: Callable[[], QueryMemory],
    target: Scored,
    inputs: Tensor | npt.ArrayLike,
    labels: Tensor | npt.ArrayLike,
    ball: Linf,
    *,
    queries: int = 1000,
    ways: Sequence[Blinding] = ADAPTIVE,
    seed: int = 0,
) -> StreamJudged:
    """Attack by queries without a memory, before one, and before one with blinded queries.

    Args:
        make: gives a fresh memory; each run has its own, as if all other traffic were unlike it.
        target: is asked; an attack sees its scores.
        inputs: (n, channels, height, width) within the target's bounds.
        labels: (n,) right classes.
        ball: the adversary's reach.
        queries: a run.
        ways: blindings to try.
        seed: of all that is random.

    Raises:
        UsageError: no queries, or no ways.
        DataError: inputs or labels that cannot be used.
    """
    if queries < 1 or not ways:
        raise UsageError(f"{queries} queries in {len(ways)} ways", next_step="give at least one of each")
    x = target.tensor(inputs)
    y = classes(labels, len(x), target.classes)
    target.sense(x)
    run = _Runs(target, x, y, ball, queries, seed)
    return StreamJudged(run.go(None, NAIVE), run.go(make, NAIVE), tuple(run.go(make, way) for way in ways))


class _Runs:
    def __init__(self, target: Scored, x: Tensor, y: Tensor, ball: Linf, queries: int, seed: int) -> None:
        self._target, self._x, self._y, self._ball = target, x, y, ball
        self._queries, self._seed = queries, seed
        self._attacked = target.confirm(x).argmax(1) == y

    def go(self, make: Callable[[], QueryMemory] | None, way: Blinding) -> Streamed:
        """One run for each input. Ends: each turn asks at least one query of each living run, and those are bounded."""
        alive = self._attacked.nonzero()[:, 0] if self._ball.eps > 0 else torch.zeros(0, dtype=torch.int64)
        watch = _Watch(self, make, way, alive)
        walk = Squares(watch, self._ball, Misclassified(), self._queries, 0.8, self._seed)
        if len(alive):
            state = walk.begin(self._x[alive], self._y[alive], alive)
            for _ in range(self._queries):
                walk.advance(state)
                keep = ~watch.done
                if not bool(keep.any()):
                    break
                state = {name: values[keep] for name, values in state.items()}
                watch.keep(keep)
        return Streamed(way, watch.succeeded, watch.caught, watch.used, self._attacked.numpy())


class _Watch:
    """Stands between Square and the model: blinds queries, shows them to the memory, and keeps the books.

    Square asks about all living runs at once, in their order, once a turn.
    """

    def __init__(self, runs: _Runs, make: Callable[[], QueryMemory] | None, way: Blinding, alive: Tensor) -> None:
        target = runs._target
        self.name, self.bounds, self.classes, self.batch = target.name, target.bounds, target.classes, target.batch
        self._runs, self._way, self._alive, self._turn = runs, way, alive, 0
        count = len(runs._x)
        self.succeeded, self.caught = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
        self.used = np.zeros(count, dtype=np.int64)
        self._memories = {int(each): make() for each in alive} if make else {}
        self._noise = Noise(runs._seed, f"guards-{way.kind}")

    @property
    def usage(self) -> Usage:
        """The target's."""
        return self._runs._target.usage

    @property
    def notes(self) -> tuple[str, ...]:
        """The target's."""
        return self._runs._target.notes

    def tensor(self, inputs: Tensor | npt.ArrayLike) -> Tensor:
        """As the target's."""
        return self._runs._target.tensor(inputs)

    def sense(self, inputs: Tensor) -> None:
        """As the target's."""
        self._runs._target.sense(inputs)

    def quantized(self, inputs: Tensor, origin: Tensor | None = None, *, inward: bool = False) -> Tensor:
        """As the target's."""
        return self._runs._target.quantized(inputs, origin, inward=inward)

    def confirm(self, inputs: Tensor) -> Tensor:
        """As the target's; nobody outside asks for it."""
        return self._runs._target.confirm(inputs)

    @property
    def done(self) -> Tensor:
        """Of the living runs, those that need no further query."""
        at = self._alive.numpy()
        return torch.from_numpy(self.succeeded[at] | self.caught[at] | (self.used[at] >= self._runs._queries))

    def keep(self, which: Tensor) -> None:
        """Forget the runs that are done."""
        self._alive = self._alive[which]

    def logits(self, inputs: Tensor) -> Tensor:
        """Answers to blinded queries."""
        runs, way = self._runs, self._way
        origin = runs._x[self._alive]
        asked = self._blinded(inputs, origin)
        answers = self._ask(asked, self._alive, inside=way.kind != "shift")
        if way.kind == "shift":
            wrong = answers.argmax(1) != runs._y[self._alive]
            open_ = wrong & ~torch.from_numpy(self.caught[self._alive.numpy()])
            if bool(open_.any()):
                self._ask(inputs[open_], self._alive[open_], inside=True)
        self._turn += 1
        return answers

    def _blinded(self, inputs: Tensor, origin: Tensor) -> Tensor:
        runs, way = self._runs, self._way
        if way.kind == "none":
            return inputs
        ids, shape = self._alive.numpy(), inputs.shape[1:]
        if way.kind == "shift":
            moves = (self._noise.uniform(ids, (2,), self._turn) * 3).astype(np.int64) - 1
            rolled = [each.roll(tuple(move), dims=(-2, -1)) for each, move in zip(inputs, moves.tolist(), strict=True)]
            return torch.stack(rolled)
        noise = torch.from_numpy(self._noise.uniform(ids, shape, self._turn)) * 2 - 1
        if way.kind == "independent":
            return runs._ball.project(origin + runs._ball.eps * noise.sign(), origin, self.bounds)
        return runs._ball.project(inputs + way.amount * runs._ball.eps * noise, origin, self.bounds)

    def _ask(self, asked: Tensor, which: Tensor, *, inside: bool) -> Tensor:
        """Show queries to the memories and count them; who is flagged has no answer that counts."""
        runs, ids = self._runs, which.numpy()
        self.used[ids] += 1
        answers = runs._target.logits(asked)
        for at, query in zip(ids.tolist(), asked, strict=True):
            memory = self._memories.get(at)
            if memory is not None and bool(memory.look(query[None].numpy())[0]):
                self.caught[at] = True
        if inside:
            wrong = Misclassified().met(runs._target.confirm(asked), runs._y[which]).numpy()
            self.succeeded[ids] |= wrong & ~self.caught[ids]
        return answers


def _share(which: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_], confidence: float = 0.95) -> Estimate:
    n = int(among.sum())
    k = int((which & among).sum())
    if not n:
        raise UsageError("the model is wrong about every input", next_step="give inputs that it gets right")
    return Estimate(k / n, clopper_pearson(k, n, confidence), n=n)
