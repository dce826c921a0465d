"""One perturbation for all: learned on some samples, judged on others.

Reference:
    Moosavi-Dezfooli et al. 2017, "Universal adversarial perturbations"; the descent is that of Shafahi et al. 2020,
    "Universal adversarial training", algorithm 1 (arXiv 1811.11304): the mean of losses that are cut off where a
    sample is already fooled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError
from casemate.core.optional import require
from casemate.targets.differentiable import Differentiable, Scored
from casemate.threats.evasion.balls import Ball
from casemate.threats.evasion.criteria import Criterion, Misclassified
from casemate.threats.evasion.evaluation import Evaluation, classes, evaluate
from casemate.threats.evasion.losses import margin
from casemate.threats.evasion.noise import Noise
from casemate.threats.evasion.pursuit import State, claim, fresh

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

CUT = 1.0
"""Lead of the wrong class, in logits, beyond which a sample no longer pulls at the perturbation."""


@dataclass(frozen=True)
class Shared:
    """A walk of one step: the same move for every sample.

    Attributes:
        target: is asked.
        ball: examples lie in it.
        criterion: what counts as an example.
        move: (...) the perturbation.
    """

    target: Scored
    ball: Ball
    criterion: Criterion
    move: Tensor
    steps: int = 1

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At the input."""
        return fresh(origin, labels, ids)

    def advance(self, state: State) -> None:
        """Add the move, stay in the ball and the box, look."""
        moved = self.ball.project(state["origin"] + self.move, state["origin"], self.target.bounds)
        claim(state, moved, self.criterion.met(self.target.logits(moved), state["labels"]))


@dataclass(frozen=True)
class Universal:
    """A perturbation and how it was learned.

    Attributes:
        move: (...) float32, within the ball.
        ball: its reach.
        learned: share of the training samples, of those classified rightly, that it fools.
    """

    move: Tensor
    ball: Ball
    learned: float

    def evaluate(
        self,
        target: Scored,
        inputs: Tensor | npt.ArrayLike,
        labels: Tensor | npt.ArrayLike,
        *,
        ids: Sequence[int] | None = None,
    ) -> Evaluation:
        """Robust accuracy on (n, ...) samples, which should not be those that the perturbation was learned on.

        Raises:
            DataError: inputs or labels that cannot be used.
        """
        criterion = Misclassified()
        walk = Shared(target, self.ball, criterion, self.move)
        name = f"Universal({self.ball})"
        return evaluate(name, [("universal", walk)], target, inputs, labels, self.ball, criterion, ids=ids)


@dataclass(frozen=True)
class UniversalPerturbation:
    """Learns one perturbation for all samples.

    Attributes:
        ball: the adversary's reach.
        epochs: passes over the training samples.
        step: length of each step in units of inputs; a tenth of the radius if not given.
        batch: samples a step.
        seed: of the order of samples.
    """

    ball: Ball
    epochs: int = 10
    step: float | None = None
    batch: int = 128
    seed: int = 0

    def learn(
        self, target: Differentiable, inputs: Tensor | npt.ArrayLike, labels: Tensor | npt.ArrayLike
    ) -> Universal:
        """Learn on (n, ...) samples with (n,) right classes.

        Raises:
            DataError: inputs or labels that cannot be used, or no sample is classified rightly.
            TargetError: the model raised, or has no gradients.
        """
        origin = target.tensor(inputs)
        right = classes(labels, len(origin), target.classes)
        target.sense(origin)
        held = (target.confirm(origin).argmax(1) == right).nonzero()[:, 0]
        if not len(held):
            raise DataError("no sample is classified rightly", next_step="check labels and preprocessing")
        origin, right = origin[held], right[held]
        move, none = torch.zeros_like(origin[:1]), torch.zeros_like(origin[:1])
        low, high = target.bounds
        box = low - high, high - low
        pace = self.ball.eps / 10 if self.step is None else self.step
        noise = Noise(self.seed, "universal")
        for epoch in range(self.epochs):
            order = torch.from_numpy(np.argsort(noise.uniform([epoch], (len(origin),))[0], kind="stable"))
            for rows in torch.split(order, self.batch):
                moved = (origin[rows] + move).clamp(low, high)
                _, _, slope = target.gradient(moved, partial(_lead, right[rows]))
                mean = slope.mean(0, keepdim=True)
                fall = pace * (1 - epoch / self.epochs)
                move = self.ball.project(move + fall * self.ball.ascent(mean), none, box)
        fooled = target.logits((origin + move).clamp(low, high)).argmax(1) != right
        return Universal(move[0], self.ball, float(fooled.float().mean()))


def _lead(labels: Tensor, logits: Tensor) -> Tensor:
    return margin(logits, labels).clamp_max(CUT)
