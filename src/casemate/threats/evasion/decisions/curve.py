"""What a decision-based attack found, by queries; and the frame that all of them run in."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError, UsageError
from casemate.core.optional import require
from casemate.targets.differentiable import Scored
from casemate.threats.evasion.criteria import Criterion, Misclassified, Targeted
from casemate.threats.evasion.decisions.door import Door
from casemate.threats.evasion.evaluation import classes
from casemate.threats.evasion.norms.measures import Norm

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

Run: TypeAlias = "Callable[[Door, Tensor, Tensor | None], None]"
"""Asks a door about samples with these numbers, from these starts or none, until their budgets are spent."""

CREW = 64
"""Samples that walk together, at most."""
ROOM = 1 << 23
"""Numbers that the probes of a crew may hold."""


@dataclass(frozen=True)
class Curve:
    """Distances by queries, for n samples.

    Attributes:
        attack: the attack, as written.
        subject: name of the target.
        norm: of distances.
        points: query counts.
        distance: (n, points) float64 distance of the nearest example found within so many queries, and confirmed;
            infinite where there is none, 0 where the model is wrong without an attack.
        adversarial: (n, points, ...) float32 those examples, the inputs where there is none.
        correct: (n,) whether the clean input is classified rightly; only those are attacked.
        used: (n,) queries spent on each; confirmations are not queries.
        unconfirmed: (n, points) examples that the deployed model did not bear out.
        seconds: CPU time.
        notes: what a reader should know.
    """

    attack: str
    subject: str
    norm: Norm
    points: tuple[int, ...]
    distance: npt.NDArray[np.float64]
    adversarial: Tensor
    correct: Tensor
    used: Tensor
    unconfirmed: Tensor
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def median(self) -> npt.NDArray[np.float64]:
        """(points,) median distance over the attacked samples; those without an example count as infinitely far."""
        attacked = self.distance[self.correct.numpy()]
        return np.median(attacked, axis=0) if len(attacked) else np.full(len(self.points), np.nan)

    def __str__(self) -> str:
        parts = ", ".join(f"{each:.4g} at {at}" for at, each in zip(self.points, self.median, strict=True))
        return f"{self.attack}: median {self.norm} distance {parts} queries; {self.seconds:.1f} CPU s"

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>"


def curve(
    attack: str,
    run: Run,
    target: Scored,
    norm: Norm,
    points: tuple[int, ...],
    inputs: Tensor | npt.ArrayLike,
    labels: Tensor | npt.ArrayLike,
    *,
    goals: Tensor | npt.ArrayLike | None = None,
    starts: Tensor | npt.ArrayLike | None = None,
    ids: Sequence[int] | None = None,
    probes: int = 1,
) -> Curve:
    """Let an attack run on all samples that are classified rightly.

    Args:
        attack: what reports call it.
        run: the attack.
        target: what is attacked; its best class is all that is looked at.
        norm: of distances.
        points: query counts.
        inputs: (n, ...) within the target's bounds.
        labels: (n,) right classes.
        goals: (n,) wanted classes, for a targeted attack.
        starts: (n, ...) a first point for each sample; one that is no example costs its query and is left.
        ids: numbers of the samples, their positions if not given. Random numbers hang on them.
        probes: candidates of one sample that are asked about at once.

    Raises:
        DataError: inputs, labels or starts that cannot be used.
        TargetError: the model raised.
        UsageError: points that are no query counts.
    """
    if not points or min(points) < 1:
        raise UsageError(f"query counts {points}", next_step="give one or more whole numbers above 0")
    began = time.process_time()
    origin = target.tensor(inputs)
    right = classes(labels, len(origin), target.classes)
    wanted = right if goals is None else classes(goals, len(origin), target.classes)
    criterion: Criterion = Misclassified() if goals is None else Targeted()
    first = None if starts is None else target.tensor(starts)
    if first is not None and first.shape != origin.shape:
        raise DataError(
            f"starts of shape {tuple(first.shape)} for inputs of shape {tuple(origin.shape)}",
            next_step="give one start for each input",
        )
    numbers = torch.as_tensor(np.arange(len(origin)) if ids is None else np.asarray(ids, dtype=np.int64))
    target.sense(origin)
    correct = target.confirm(origin).argmax(1) == right
    open_ = (correct if goals is None else correct & (wanted != right)).nonzero()[:, 0]
    ordered = tuple(sorted(points))
    found = torch.stack([origin] * len(ordered), 1)
    distance = torch.where(correct, float("inf"), 0.0).double()[:, None].repeat(1, len(ordered))
    used, unconfirmed = torch.zeros(len(origin), dtype=torch.int64), torch.zeros(distance.shape, dtype=torch.bool)
    crew = max(1, min(CREW, ROOM // (probes * origin[0].numel())))
    for rows in torch.split(open_, crew) if len(open_) and target.classes > 1 else ():
        door = Door(target, criterion, norm, origin[rows], wanted[rows], ordered)
        run(door, numbers[rows], None if first is None else first[rows])
        met = criterion.met(target.confirm(door.best_at.flatten(0, 1)), wanted[rows].repeat_interleave(len(ordered)))
        held, claimed = met.reshape(len(rows), -1), door.distance_at.isfinite()
        used[rows], unconfirmed[rows] = door.used, claimed & ~held
        good = claimed & held
        distance[rows] = torch.where(good, door.distance_at.double(), distance[rows])
        examples = found[rows]
        examples[good] = door.best_at[good]
        found[rows] = examples
    seconds = time.process_time() - began
    return Curve(
        attack,
        target.name,
        norm,
        ordered,
        distance.numpy(),
        found,
        correct,
        used,
        unconfirmed,
        seconds,
        target.notes,
    )
