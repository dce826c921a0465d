"""Robust accuracy from both sides: what is proven to hold, and what an attack has not broken.

The truth lies between. The order saves the dear steps for the samples that need them: a short attack breaks what is
easy, certificates settle what is provable, the strong attacks go to the rest, and branch and bound, if it is given
time, to what no attack has broken.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy.typing as npt

from casemate.core.errors import TargetError, UsageError
from casemate.core.optional import require
from casemate.stats.proportions import clopper_pearson
from casemate.targets.differentiable import TorchClassifier
from casemate.threats.evasion.attacks import APGD, PGD, Square
from casemate.threats.evasion.balls import Ball, Linf
from casemate.threats.evasion.certificates.certify import Certificate, Effort, certify
from casemate.threats.evasion.evaluation import Evaluation
from casemate.threats.evasion.resume import resumed

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

QUICK = 10
"""Steps of the first attack."""
PROBE = 8
"""Samples that linear relaxation is tried on; where it proves none of them it is left."""
HOPELESS = ((0.05, 0.6), (0.1, 0.4), (0.2, 0.25), (0.4, 0.1))
"""Square is given up on a sample after these shares of its queries where more than such a share of the margin is left.
Of those that gradients had left and it broke, on two networks, at most two thirds of that were left."""


@dataclass(frozen=True, kw_only=True)
class Bracketed(Evaluation):
    """An evaluation with certificates.

    Attributes:
        certified: (n,) proven: no input within the ball and the box is answered wrongly.
        decided: (n,) what settled each sample: a certificate's method, an attack's name, "misclassified" or "".
    """

    certified: Tensor
    decided: tuple[str, ...]

    @property
    def lower(self) -> float:
        """Certified accuracy: at least this much is robust, among these samples."""
        return int(self.certified.sum()) / self.n

    @property
    def low(self) -> float:
        """Lower end of the exact interval around certified accuracy."""
        return clopper_pearson(int(self.certified.sum()), self.n, self.confidence).low

    @property
    def undecided(self) -> Tensor:
        """(n,) neither broken nor certified."""
        return self.robust & ~self.certified

    def __str__(self) -> str:
        return (
            f"{self.attack}: robust accuracy in [{self.lower:.1%}, {self.estimate:.1%}] for these {self.n} samples, "
            f"[{self.low:.1%}, {self.high:.1%}] for others like them; clean {self.clean_accuracy:.1%}; {self.ball}; "
            f"{int(self.undecided.sum())} undecided; {self.seconds:.1f} CPU s"
        )


@dataclass(frozen=True)
class Bracket:
    """Certified and attacked robust accuracy in one run.

    Attributes:
        ball: the adversary's reach; certificates are for Linf.
        seed: of attacks.
        effort: where certificates stop; the dear ones only see what no attack has broken.
        seconds: CPU time that branch and bound may take for one sample; 0 leaves it out.
        queries: of Square.
    """

    ball: Ball
    seed: int = 0
    effort: Effort = "crown"
    seconds: float = 0.0
    queries: int = 5000

    def evaluate(
        self,
        target: TorchClassifier,
        inputs: Tensor | npt.ArrayLike,
        labels: Tensor | npt.ArrayLike,
        *,
        ids: Sequence[int] | None = None,
        checkpoint: str | Path | None = None,
    ) -> Bracketed:
        """Bracket the robust accuracy on (n, ...) inputs with (n,) right classes.

        With ``checkpoint``, a folder, batches are kept there and an interrupted run goes on, as for attacks; what
        branch and bound decides within its ``seconds`` hangs on the machine.

        A module with layers for which no bounds are known is attacked only, and the notes say so.

        Raises:
            DataError: inputs or labels that cannot be used.
            TargetError: the model raised, or has no gradients.
            UsageError: a certificate was asked for in another norm.
        """
        if not isinstance(self.ball, Linf):
            raise UsageError(f"no certificate in {self.ball.norm}", next_step="use Linf, or an attack by itself")
        if checkpoint is not None:
            return resumed(
                lambda x, y, _, numbers: self.evaluate(target, x, y, ids=numbers),
                repr(self),
                target,
                inputs,
                labels,
                checkpoint,
                ids=ids,
            )
        started = time.process_time()
        run = _Run(self, target, inputs, labels, ids)
        run.attack(PGD(self.ball, self.seed, steps=QUICK, step=self.ball.eps / 4))
        run.certify("ibp")
        if self.effort != "ibp":
            run.certify("crown", probe=PROBE)
        run.attack(APGD(self.ball, self.seed))
        run.attack(APGD(self.ball, self.seed, loss="targeted-dlr"))
        marks = tuple((round(when * self.queries), share) for when, share in HOPELESS)
        run.attack(Square(self.ball, self.seed, self.queries, give_up=marks))
        if self.seconds > 0:
            run.certify("branch and bound", self.seconds)
        return run.result(time.process_time() - started)


class _Run:
    """The pool of undecided samples between steps."""

    def __init__(
        self,
        how: Bracket,
        target: TorchClassifier,
        inputs: Tensor | npt.ArrayLike,
        labels: Tensor | npt.ArrayLike,
        ids: Sequence[int] | None,
    ) -> None:
        self._how, self._target = how, target
        self._found = PGD(replace(how.ball, eps=0.0)).evaluate(target, inputs, labels)
        self._x, self._y = self._found.adversarial, torch.as_tensor(labels).to(torch.int64)
        self._ids = torch.arange(len(self._x)) if ids is None else torch.as_tensor(list(ids))
        self._broken = torch.zeros_like(self._found.correct)
        self._certified = torch.zeros_like(self._found.correct)
        self._examples = self._x.clone()
        self._by = ["" if right else "misclassified" for right in self._found.correct.tolist()]
        self._notes: tuple[str, ...] = ()
        self._passes = [self._found.forwards, self._found.gradients, self._found.confirmations, 0]

    def _open(self) -> Tensor:
        return (self._found.correct & ~self._broken & ~self._certified).nonzero()[:, 0]

    def attack(self, attack: PGD | APGD | Square) -> None:
        """Break what is still undecided, if this attack can."""
        left = self._open()
        if not len(left) or not self._how.ball.eps:
            return
        found = attack.evaluate(self._target, self._x[left], self._y[left], ids=self._ids[left].tolist())
        held = left[found.broken]
        self._examples[held], self._broken[held] = found.adversarial[found.broken], True
        for at, name in zip(left.tolist(), found.by, strict=True):
            self._by[at] = name or self._by[at]
        for at, count in enumerate((found.forwards, found.gradients, found.confirmations, found.unconfirmed)):
            self._passes[at] += count

    def certify(self, effort: Effort, seconds: float = 0.0, *, probe: int = 0) -> None:
        """Prove what is still undecided, if this effort can; with a probe, only where it pays."""
        left = self._open()
        if not len(left) or self._notes:
            return
        first = left[:: max(1, len(left) // probe)][:probe] if probe else left
        if not self._prove(first, effort, seconds) and probe:
            return
        self._prove(self._open() if probe else left[:0], effort, seconds)

    def _prove(self, which: Tensor, effort: Effort, seconds: float) -> int:
        """How many of these samples were proven."""
        if not len(which):
            return 0
        try:
            made = certify(
                self._target.module,
                self._x[which],
                self._y[which],
                self._how.ball.eps,
                box=self._target.bounds,
                effort=effort,
                seconds=seconds,
            )
        except TargetError as error:
            self._notes = (f"no certificates: {error}",)
            return 0
        for at, each in zip(which.tolist(), made, strict=True):
            self._note(at, each)
        return sum(each.certified for each in made)

    def _note(self, at: int, made: Certificate) -> None:
        if made.certified:
            self._certified[at], self._by[at] = True, made.method
        elif made.example is not None:
            example = torch.from_numpy(made.example)[None]
            if int(self._target.confirm(example).argmax(1)) != int(self._y[at]):
                self._examples[at], self._broken[at], self._by[at] = example[0], True, made.method

    def result(self, seconds: float) -> Bracketed:
        """What came of it."""
        return Bracketed(
            attack=str(self._how),
            subject=self._target.name,
            ball=self._how.ball,
            adversarial=self._examples,
            correct=self._found.correct,
            broken=self._broken,
            by=tuple(name if broken else "" for name, broken in zip(self._by, self._broken.tolist(), strict=True)),
            unconfirmed=self._passes[3],
            forwards=self._passes[0],
            gradients=self._passes[1],
            confirmations=self._passes[2],
            seconds=seconds,
            notes=self._target.notes + self._notes,
            certified=self._certified,
            decided=tuple(self._by),
        )
