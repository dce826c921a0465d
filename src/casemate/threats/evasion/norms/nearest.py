"""Run a search for the nearest example on many samples, confirm what it claims, and say what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from casemate.core.measurement import Interval
from casemate.core.optional import require
from casemate.stats.proportions import clopper_pearson
from casemate.targets.differentiable import Scored
from casemate.threats.evasion.balls import spread
from casemate.threats.evasion.criteria import Criterion, Misclassified, Targeted
from casemate.threats.evasion.evaluation import classes
from casemate.threats.evasion.norms.measures import Norm, between, length
from casemate.threats.evasion.norms.pruning import pruned
from casemate.threats.evasion.pursuit import State

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

POLISH = 10
"""Forward passes that take the last slack out of an example."""
OUTWARD = (1e-4, 1e-3, 1e-2, 0.1)
"""Shares by which an example that the model itself does not bear out is moved away from the input."""


class Search(Protocol):
    """An attack that shortens its best example, one step at a time.

    Each state has, one row a sample: "origin", "labels", "ids", "best" (n, ...) and "distance" (n,), infinite before
    the first example; and for the steps "handed" (n, ...), what the searches before this one found, the input where
    they found nothing.
    """

    @property
    def steps(self) -> int:
        """Calls of `advance`."""

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """The state before the first step."""

    def advance(self, state: State) -> None:
        """One step for all; "distance" never grows."""


@dataclass(frozen=True)
class Nearest:
    """The nearest examples that an attack found for n samples.

    Attributes:
        attack: the attack, as written.
        subject: name of the target.
        norm: what distances are measured in.
        adversarial: (n, ...) float32 examples where ``found``, the given inputs elsewhere.
        correct: (n,) whether the clean input is classified rightly; only those are attacked.
        found: (n,) whether an example was found and confirmed.
        distance: (n,) float64 distance of the example; infinite where none was found, 0 where the model is wrong.
        unconfirmed: claims that the deployed model did not bear out.
        forwards, gradients, confirmations: passes made, in samples.
        seconds: CPU time.
        notes: what a reader should know.
        confidence: of intervals.
    """

    attack: str
    subject: str
    norm: Norm
    adversarial: Tensor
    correct: Tensor
    found: Tensor
    distance: npt.NDArray[np.float64]
    unconfirmed: int
    forwards: int
    gradients: int
    confirmations: int
    seconds: float
    notes: tuple[str, ...] = ()
    confidence: float = 0.95

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.correct)

    @property
    def median(self) -> float:
        """Median distance of the samples that were attacked; those without an example count as infinitely far."""
        attacked = self.distance[self.correct.numpy()]
        return float(np.median(attacked)) if len(attacked) else float("nan")

    def robust(self, eps: float) -> Interval:
        """Robust accuracy at any radius, an upper bound on what holds, with its exact interval."""
        held = self.correct.numpy() & (self.distance > eps)
        return clopper_pearson(int(held.sum()), self.n, self.confidence)

    def __str__(self) -> str:
        return (
            f"{self.attack}: median {self.norm} distance {self.median:.4g}, {int(self.found.sum())} examples for "
            f"{int(self.correct.sum())} samples; {self.gradients} gradients, {self.seconds:.1f} CPU s"
        )

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<p>{escape(str(self))}</p>" + (f"<ul>{notes}</ul>" if notes else "")


def search(
    attack: str,
    walks: Sequence[Search],
    target: Scored,
    norm: Norm,
    inputs: Tensor | npt.ArrayLike,
    labels: Tensor | npt.ArrayLike,
    *,
    goals: Tensor | npt.ArrayLike | None = None,
    ids: Sequence[int] | None = None,
) -> Nearest:
    """Let searches look, one after another, for an example nearer than the best so far.

    Args:
        attack: what reports call the whole.
        walks: in order.
        target: what is attacked.
        norm: of distances.
        inputs: (n, ...) within the target's bounds.
        labels: (n,) right classes.
        goals: (n,) wanted classes, for a targeted attack.
        ids: numbers of the samples, their positions if not given. Random numbers hang on them.

    Raises:
        DataError: inputs or labels that cannot be used.
        TargetError: the model raised, or has no gradients where they are needed.
    """
    started = time.process_time()
    before = (target.usage.forwards, target.usage.gradients, target.usage.confirmations)
    origin = target.tensor(inputs)
    right = classes(labels, len(origin), target.classes)
    wanted = right if goals is None else classes(goals, len(origin), target.classes)
    criterion: Criterion = Misclassified() if goals is None else Targeted()
    numbers = torch.as_tensor(np.arange(len(origin)) if ids is None else np.asarray(ids, dtype=np.int64))
    target.sense(origin)
    answers = target.confirm(origin).argmax(1)
    correct = answers == right
    open_ = correct if goals is None else correct & (wanted != right)
    best, distance = origin.clone(), torch.where(open_ | correct, float("inf"), 0.0).double()
    unconfirmed = 0
    left = open_.nonzero()[:, 0]
    for rows in torch.split(left, target.batch) if len(left) and target.classes > 1 else ():
        for walk in walks:
            state = walk.begin(origin[rows], wanted[rows], numbers[rows]) | {"handed": best[rows]}
            for _ in range(walk.steps):
                walk.advance(state)
            claims, failed = _settled(target, state, norm, criterion)
            unconfirmed += failed
            far = length((claims - origin[rows]).double(), norm)
            nearer = (far < distance[rows]) & (claims != origin[rows]).flatten(1).any(1)
            best[rows[nearer]], distance[rows[nearer]] = claims[nearer], far[nearer]
    usage = target.usage
    return Nearest(
        attack,
        target.name,
        norm,
        best,
        correct,
        open_ & distance.isfinite(),
        distance.numpy(),
        unconfirmed,
        usage.forwards - before[0],
        usage.gradients - before[1],
        usage.confirmations - before[2],
        time.process_time() - started,
        target.notes,
    )


def _settled(target: Scored, state: State, norm: Norm, criterion: Criterion) -> tuple[Tensor, int]:
    """Polished examples that the model itself bears out, the inputs where there is none; and how many claims failed."""
    origin, labels = state["origin"], state["labels"]
    claimed = state["distance"].isfinite().nonzero()[:, 0]
    settled, pending = origin.clone(), claimed
    if len(claimed):
        shorter = pruned if norm == "L0" else partial(polished, norm=norm)
        near = shorter(target, origin[claimed], state["best"][claimed], labels[claimed], criterion=criterion)
        for share in (0.0, *OUTWARD):
            for source in (near, state["best"][claimed]) if not share else (near,):
                move = source - origin[claimed]
                tried = target.quantized((origin[claimed] + move * (1 + share)).clamp(*target.bounds))
                todo = torch.isin(claimed, pending).nonzero()[:, 0]
                if not len(todo):
                    return settled, 0
                held = todo[criterion.met(target.confirm(tried[todo]), labels[claimed[todo]])]
                settled[claimed[held]] = tried[held]
                pending = pending[~torch.isin(pending, claimed[held])]
    return settled, len(pending)


def polished(
    target: Scored, origin: Tensor, example: Tensor, labels: Tensor, *, norm: Norm, criterion: Criterion
) -> Tensor:
    """Examples moved towards their inputs as far as bisection finds them to remain examples; `POLISH` passes."""
    low, high = torch.zeros(len(origin)), torch.ones(len(origin))
    for _ in range(POLISH):
        middle = (low + high) / 2
        tried = target.quantized(between(origin, example, middle, norm))
        met = criterion.met(target.logits(tried), labels)
        low, high = torch.where(met, low, middle), torch.where(met, middle, high)
    return target.quantized(between(origin, example, high, norm))


def begun(origin: Tensor, labels: Tensor, ids: Tensor) -> State:
    """What every search's state holds."""
    return {
        "origin": origin,
        "labels": labels,
        "ids": ids,
        "best": origin.clone(),
        "distance": torch.full((len(origin),), float("inf")),
    }


def note(state: State, current: Tensor, met: Tensor, norm: Norm) -> None:
    """Keep the current points of those samples where they are examples, and nearer than the best so far."""
    far = length(current - state["origin"], norm)
    nearer = met & (far < state["distance"])
    state["distance"] = torch.where(nearer, far, state["distance"])
    state["best"] = torch.where(spread(nearer, current), current, state["best"])
