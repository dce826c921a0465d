"""The pool: one batch of undecided samples, each with its own state, compacted when some are done and refilled.

An attack is a walk. A walk begins for some samples and takes one step for all that are alive; the pool decides who is
alive. A sample leaves when it is broken, confirmed on the model itself, or when its steps are used up, and the next one
takes its place: a pass always works on a full batch, and nobody waits for the slowest sample. As states and random
numbers belong to samples, results do not depend on who shares a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from casemate.core.optional import require
from casemate.targets.differentiable import Scored
from casemate.threats.evasion.balls import Ball
from casemate.threats.evasion.criteria import Criterion

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

State: TypeAlias = dict[str, "Tensor"]
"""What a walk knows, each entry with one row a sample.

Every walk has: "origin", "labels", "ids"; "found" (n, ...), the example, where "broken" (n,) holds; "over" (n,), no
step is left.
"""

WORTH = 8
"""A batch is compacted when at least one in so many is done: moving states costs about a step of an eighth of them."""


class Walk(Protocol):
    """An attack, one step at a time."""

    @property
    def steps(self) -> int:
        """Calls of `advance` after which a sample is over."""

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """The state of samples before their first step."""

    def advance(self, state: State) -> None:
        """One step for all; "broken", "found" and "over" never go back."""


@dataclass(frozen=True)
class Caught:
    """What a pursuit found.

    Attributes:
        examples: (n, ...) an example where one was found, else the input.
        broken: (n,) whether one was found, and confirmed.
        steps: (n,) steps taken.
        unconfirmed: claims that the model itself, or the ball, did not bear out.
    """

    examples: Tensor
    broken: Tensor
    steps: Tensor
    unconfirmed: int


def pursue(
    walk: Walk, target: Scored, origin: Tensor, labels: Tensor, ids: Tensor, ball: Ball, criterion: Criterion
) -> Caught:
    """Let a walk run on all samples.

    Ends: each turn takes a step of every living sample or begins new ones; a sample takes at most ``walk.steps``.

    Args:
        walk: the attack.
        target: confirms what the walk claims.
        origin: (n, ...) inputs.
        labels: (n,) their classes, or the goals of a targeted attack.
        ids: (n,) numbers of the samples, which their random numbers hang on.
        ball: examples must lie in it.
        criterion: what counts as broken.
    """
    examples, broken = origin.clone(), torch.zeros(len(origin), dtype=torch.bool)
    steps = torch.zeros(len(origin), dtype=torch.int64)
    begun, unconfirmed, state = 0, 0, State()
    while begun < len(origin) or state:
        alive = len(state["at"]) if state else 0
        if begun < len(origin) and alive <= target.batch * 3 // 4:
            stop = min(len(origin), begun + target.batch - alive)
            new = walk.begin(origin[begun:stop], labels[begun:stop], ids[begun:stop])
            new["at"] = torch.arange(begun, stop)
            state = {name: torch.cat((state[name], new[name])) for name in new} if state else new
            begun = stop
        walk.advance(state)
        at = state["at"]
        steps[at] += 1
        state["over"] |= steps[at] >= walk.steps
        done = state["broken"] | state["over"]
        if int(done.sum()) * WORTH < len(done):
            continue
        unconfirmed += _confirm(target, state, ball, criterion)
        done = state["broken"] | state["over"]
        held = at[state["broken"]]
        examples[held], broken[held] = state["found"][state["broken"]], True
        state = {} if bool(done.all()) else {name: values[~done] for name, values in state.items()}
    return Caught(examples, broken, steps, unconfirmed)


def _confirm(target: Scored, state: State, ball: Ball, criterion: Criterion) -> int:
    """Take back claims that do not hold on the model itself; those samples walk on."""
    claimed = state["broken"].nonzero()[:, 0]
    if not len(claimed):
        return 0
    origin = state["origin"][claimed]
    arriving = target.quantized(state["found"][claimed], origin)
    far = ~ball.holds(arriving, origin)
    arriving[far] = target.quantized(state["found"][claimed][far], origin[far], inward=True)
    good = criterion.met(target.confirm(arriving), state["labels"][claimed]) & ball.holds(arriving, origin)
    state["found"][claimed] = arriving
    state["broken"][claimed[~good]] = False
    return int((~good).sum())


def claim(state: State, current: Tensor, wrong: Tensor) -> None:
    """Note the current points as examples of those samples that are wrong and had none."""
    new = wrong & ~state["broken"]
    if bool(new.any()):
        state["found"][new] = current[new]
        state["broken"] |= new


def fresh(origin: Tensor, labels: Tensor, ids: Tensor) -> State:
    """What every walk's state holds."""
    return {
        "origin": origin,
        "labels": labels,
        "ids": ids,
        "found": origin.clone(),
        "broken": torch.zeros(len(origin), dtype=torch.bool),
        "over": torch.zeros(len(origin), dtype=torch.bool),
    }
