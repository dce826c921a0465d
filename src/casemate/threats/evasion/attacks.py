"""The attacks by name: frozen bags of hyper-parameters, each with ``evaluate(target, inputs, labels)``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.targets.differentiable import Differentiable, Scored
from casemate.threats.evasion.balls import L1, Ball, Linf
from casemate.threats.evasion.criteria import Criterion, Misclassified, Targeted
from casemate.threats.evasion.evaluation import Evaluation, Stage, evaluate
from casemate.threats.evasion.gradients.apgd import AutoDescent
from casemate.threats.evasion.gradients.fab import Boundary
from casemate.threats.evasion.gradients.pgd import Descent
from casemate.threats.evasion.gradients.sparse import SparseDescent
from casemate.threats.evasion.resume import resumed
from casemate.threats.evasion.scores.square import Squares

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class _Attack(ABC):
    """What all attacks share.

    Attributes:
        ball: the adversary's reach, in units of inputs.
        seed: of all that is random; each sample has its own numbers.
    """

    ball: Ball
    seed: int = 0

    def evaluate(
        self,
        target: Differentiable,
        inputs: Tensor | npt.ArrayLike,
        labels: Tensor | npt.ArrayLike,
        *,
        goals: Tensor | npt.ArrayLike | None = None,
        ids: Sequence[int] | None = None,
        checkpoint: str | Path | None = None,
    ) -> Evaluation:
        """Attack (n, ...) inputs with (n,) right classes; with ``goals`` towards those classes.

        With ``checkpoint``, a folder, samples are attacked in batches of the target's size whose results are kept
        there: the same call goes on where it was interrupted, see `casemate.threats.evasion.resume`.

        Raises:
            DataError: inputs or labels that cannot be used.
            TargetError: the model raised, or has no gradients where they are needed.
            UsageError: the checkpoint is of another run.
        """
        if checkpoint is not None:
            return resumed(
                lambda x, y, wanted, numbers: self.evaluate(target, x, y, goals=wanted, ids=numbers),
                repr(self),
                target,
                inputs,
                labels,
                checkpoint,
                goals=goals,
                ids=ids,
            )
        criterion = Misclassified() if goals is None else Targeted()
        stages = self.stages(target, criterion)
        return evaluate(str(self), stages, target, inputs, labels, self.ball, criterion, goals=goals, ids=ids)

    @abstractmethod
    def stages(self, target: Differentiable, criterion: Criterion) -> Sequence[Stage]:
        """The walks of this attack."""

    def within(self, eps: float) -> Self:
        """The same attack with another radius."""
        return replace(self, ball=replace(self.ball, eps=eps))


@dataclass(frozen=True)
class FGSM(_Attack):
    """One step of the radius' length along the gradient's sign.

    Reference:
        Goodfellow, Shlens and Szegedy 2015, "Explaining and harnessing adversarial examples", section 4.
    """

    def stages(self, target: Differentiable, criterion: Criterion) -> Sequence[Stage]:
        """One walk."""
        return [("FGSM", Descent(target, self.ball, criterion, 1, self.ball.eps, random_start=False))]


@dataclass(frozen=True)
class PGD(_Attack):
    """Gradient steps of one length from random starts, each projected into the ball.

    Attributes:
        steps: gradient steps a start.
        step: length of each in units of inputs; 2.5 radii divided by ``steps`` if not given.
        restarts: random starts.
        random_start: False begins at the input.

    Reference:
        Madry et al. 2018, "Towards deep learning models resistant to adversarial attacks", section 2.1.
    """

    steps: int = 40
    step: float | None = None
    restarts: int = 1
    random_start: bool = True

    def stages(self, target: Differentiable, criterion: Criterion) -> Sequence[Stage]:
        """One walk a start."""
        length = 2.5 * self.ball.eps / self.steps if self.step is None else self.step
        return [
            (
                "PGD",
                Descent(target, self.ball, criterion, self.steps, length, self.random_start, None, self.seed, restart),
            )
            for restart in range(self.restarts)
        ]


@dataclass(frozen=True)
class MIM(_Attack):
    """PGD along an accumulated gradient, without a random start.

    Attributes:
        steps: gradient steps.
        step: length of each; the radius divided by ``steps`` if not given.
        decay: of the accumulated gradient.

    Reference:
        Dong et al. 2018, "Boosting adversarial attacks with momentum", algorithm 1.
    """

    steps: int = 10
    step: float | None = None
    decay: float = 1.0

    def stages(self, target: Differentiable, criterion: Criterion) -> Sequence[Stage]:
        """One walk."""
        length = self.ball.eps / self.steps if self.step is None else self.step
        return [("MIM", Descent(target, self.ball, criterion, self.steps, length, False, self.decay))]


@dataclass(frozen=True)
class APGD(_Attack):
    """Auto-PGD, see `casemate.threats.evasion.gradients.apgd`; in L1 `casemate.threats.evasion.gradients.sparse`.

    Attributes:
        loss: "ce", "dlr", or "targeted-dlr", which aims at the next best classes one after another.
        steps: gradient steps a start.
        restarts: random starts.
        ranks: number of classes aimed at.
    """

    loss: Literal["ce", "dlr", "targeted-dlr"] = "ce"
    steps: int = 100
    restarts: int = 1
    ranks: int = 9

    def stages(self, target: Differentiable, criterion: Criterion) -> Sequence[Stage]:
        """One walk a start and class aimed at; a wanted class is the only one to aim at."""
        if self.loss == "targeted-dlr" and isinstance(criterion, Targeted):
            return replace(self, loss="dlr").stages(target, criterion)
        ranks = range(2, min(self.ranks + 2, target.classes + 1)) if self.loss == "targeted-dlr" else (2,)
        walk = SparseDescent if isinstance(self.ball, L1) else AutoDescent
        name = {"ce": "APGD-CE", "dlr": "APGD-DLR", "targeted-dlr": "APGD-T"}[self.loss]
        return [
            (name, walk(target, self.ball, criterion, self.loss, self.steps, rank, self.seed, restart))
            for restart in range(self.restarts)
            for rank in ranks
        ]


@dataclass(frozen=True)
class FAB(_Attack):
    """Targeted fast adaptive boundary attack, see `casemate.threats.evasion.gradients.fab`.

    Attributes:
        steps: gradient steps a class.
        ranks: number of classes aimed at.
    """

    steps: int = 100
    ranks: int = 9

    def stages(self, target: Differentiable, criterion: Criterion) -> Sequence[Stage]:
        """One walk a class aimed at; a wanted class is the only one to aim at."""
        ranks = range(2, 3 if isinstance(criterion, Targeted) else min(self.ranks + 2, target.classes + 1))
        return [("FAB-T", Boundary(target, self.ball, criterion, self.steps, rank)) for rank in ranks]


@dataclass(frozen=True)
class Square(_Attack):
    """Random search by scores, see `casemate.threats.evasion.scores.square`.

    Attributes:
        queries: forward passes a sample.
        share: of the area that the first squares cover.
        give_up: pairs of queries and a share: where so many have not brought the margin below this share of what it was
            at the input, no more are asked. Nothing is given up if it is empty.

    Raises:
        UsageError: a norm other than Linf.
    """

    queries: int = 5000
    share: float = 0.8
    give_up: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.ball, Linf):
            raise UsageError(f"Square in {self.ball.norm} is not offered", next_step="use Linf, or a gradient attack")

    def stages(self, target: Scored, criterion: Criterion) -> Sequence[Stage]:
        """One walk."""
        return [("Square", Squares(target, self.ball, criterion, self.queries, self.share, self.seed, self.give_up))]


@dataclass(frozen=True)
class AutoAttack(_Attack):
    """The published standard: APGD-CE, APGD-T, FAB-T and Square, one after another, each with its full budget.

    Attributes:
        version: "standard" and nothing else; a cheaper mixture has another name (`Bracket`).

    Reference:
        Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free
        attacks", section 5.

    Raises:
        UsageError: another version, or a norm for which the standard is not built here.
    """

    version: str = "standard"

    def __post_init__(self) -> None:
        if self.version != "standard" or not isinstance(self.ball, Linf):
            raise UsageError(
                f"AutoAttack(version={self.version!r}) in {self.ball.norm} is not offered",
                next_step='use version="standard" with Linf, or the attacks by themselves',
            )

    def stages(self, target: Differentiable, criterion: Criterion) -> Sequence[Stage]:
        """Twenty walks: 1 of APGD-CE, 9 of APGD-T, 9 of FAB-T, 1 of Square."""
        members: tuple[_Attack, ...] = (
            APGD(self.ball, self.seed),
            APGD(self.ball, self.seed, loss="targeted-dlr"),
            FAB(self.ball, self.seed),
            Square(self.ball, self.seed),
        )
        return [stage for member in members for stage in member.stages(target, criterion)]
