"""Run walks one after another on the samples that are still undecided, and say what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError
from casemate.core.optional import require
from casemate.stats.proportions import clopper_pearson
from casemate.targets.differentiable import Scored
from casemate.threats.evasion.balls import Ball
from casemate.threats.evasion.criteria import Criterion
from casemate.threats.evasion.pursuit import Walk, pursue

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

Stage: TypeAlias = tuple[str, Walk]
"""A name for reports, and the walk."""


@dataclass(frozen=True)
class Evaluation:
    """What an attack found on n samples.

    Attributes:
        attack: the attack, as written.
        subject: name of the target.
        ball: the adversary's reach.
        adversarial: (n, ...) float32 inputs that fool the model where ``broken``, the given inputs elsewhere.
        correct: (n,) whether the clean input is classified rightly.
        broken: (n,) whether an example was found and confirmed.
        by: (n,) name of the stage that found it, or "".
        unconfirmed: claims that the deployed model did not bear out; they do not count.
        forwards, gradients, confirmations: passes made, in samples.
        seconds: CPU time.
        notes: what a reader should know.
        confidence: of the interval.
    """

    attack: str
    subject: str
    ball: Ball
    adversarial: Tensor
    correct: Tensor
    broken: Tensor
    by: tuple[str, ...]
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
    def robust(self) -> Tensor:
        """(n,) classified rightly, and not broken."""
        return self.correct & ~self.broken

    @property
    def clean_accuracy(self) -> float:
        """Share of samples that are classified rightly without an attack."""
        return float(self.correct.float().mean())

    @property
    def estimate(self) -> float:
        """Robust accuracy: an upper bound on what holds against every attack."""
        return int(self.robust.sum()) / self.n

    @property
    def low(self) -> float:
        """Lower end of the exact interval around robust accuracy."""
        return clopper_pearson(int(self.robust.sum()), self.n, self.confidence).low

    @property
    def high(self) -> float:
        """Upper end of it."""
        return clopper_pearson(int(self.robust.sum()), self.n, self.confidence).high

    def __str__(self) -> str:
        return (
            f"{self.attack}: robust accuracy {self.estimate:.1%} [{self.low:.1%}, {self.high:.1%}], "
            f"{int(self.robust.sum())} of {self.n}; clean {self.clean_accuracy:.1%}; {self.ball}; "
            f"{self.seconds:.1f} CPU s"
        )

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<p>{escape(str(self))}</p>" + (f"<ul>{notes}</ul>" if notes else "")


def evaluate(
    attack: str,
    stages: Sequence[Stage],
    target: Scored,
    inputs: Tensor | npt.ArrayLike,
    labels: Tensor | npt.ArrayLike,
    ball: Ball,
    criterion: Criterion,
    *,
    goals: Tensor | npt.ArrayLike | None = None,
    ids: Sequence[int] | None = None,
) -> Evaluation:
    """Attack with each stage those samples that no stage before has broken.

    Samples that are misclassified without an attack are not attacked and not counted as broken. In a targeted attack
    those whose goal is their class are not either.

    Args:
        attack: what reports call the whole.
        stages: in order.
        target: what is attacked.
        inputs: (n, ...) within the target's bounds.
        labels: (n,) right classes.
        ball: the adversary's reach.
        criterion: what counts as broken.
        goals: (n,) wanted classes, for a targeted criterion.
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
    numbers = torch.as_tensor(np.arange(len(origin)) if ids is None else np.asarray(ids, dtype=np.int64))
    target.sense(origin)
    correct = target.confirm(origin).argmax(1) == right
    open_ = correct.clone() if goals is None else correct & (wanted != right)
    adversarial, broken = origin.clone(), torch.zeros_like(correct)
    by, unconfirmed = np.full(len(origin), "", dtype=object), 0
    for name, walk in stages if ball.eps > 0 else ():
        left = open_.nonzero()[:, 0]
        if not len(left):
            break
        caught = pursue(walk, target, origin[left], wanted[left], numbers[left], ball, criterion)
        held = left[caught.broken]
        adversarial[held] = caught.examples[caught.broken]
        broken[held], open_[held] = True, False
        by[held.numpy()] = name
        unconfirmed += caught.unconfirmed
    usage = target.usage
    return Evaluation(
        attack,
        target.name,
        ball,
        adversarial,
        correct,
        broken,
        tuple(by),
        unconfirmed,
        usage.forwards - before[0],
        usage.gradients - before[1],
        usage.confirmations - before[2],
        time.process_time() - started,
        target.notes,
    )


def classes(labels: Tensor | npt.ArrayLike, count: int, most: int) -> Tensor:
    """Labels as (n,) int64, checked.

    Raises:
        DataError: not one a sample, or not whole numbers from 0 to ``most - 1``.
    """
    given = torch.as_tensor(np.asarray(labels) if not isinstance(labels, torch.Tensor) else labels)
    if given.ndim != 1 or len(given) != count:
        raise DataError(
            f"labels of shape {tuple(given.shape)} for {count} inputs", next_step="give one class number for each input"
        )
    if given.is_floating_point() and not bool((given == given.round()).all()):
        raise DataError("labels are not whole numbers", next_step="give class numbers, not probabilities")
    numbers = given.to(torch.int64)
    if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < most:
        raise DataError(
            f"labels reach from {int(numbers.min())} to {int(numbers.max())}",
            cause=f"the target has {most} classes, numbered from 0",
            next_step="check the labels, or the number of classes given to the target",
        )
    return numbers
