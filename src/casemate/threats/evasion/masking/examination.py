"""Attacks, and what they and the probes say of one another."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import numpy.typing as npt

from casemate.core.optional import require
from casemate.stats.paired import mcnemar
from casemate.stats.proportions import clopper_pearson
from casemate.targets.differentiable import Differentiable
from casemate.targets.drawn import Drawn
from casemate.threats.evasion.attacks import APGD, FAB, FGSM, PGD, Square
from casemate.threats.evasion.balls import Linf
from casemate.threats.evasion.evaluation import Evaluation, classes
from casemate.threats.evasion.masking.foreign import foreign
from casemate.threats.evasion.masking.probes import Probe
from casemate.threats.evasion.masking.signs import Sign, Trust

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

BLIND: Final = 0.05
"""Share of samples without a gradient, or that leap."""
DISAGREE: Final = 0.15
"""Share of samples where finite differences contradict the gradient."""
STANDING: Final = 0.05
"""Robust accuracy that a working attack may leave when the ball is the whole box."""
LEVEL: Final = 0.01
"""Of McNemar's exact test, for one attack breaking what another leaves."""
WORTH: Final = 0.04
"""Share of samples by which it must do so to matter."""
DISSENT: Final = 0.15
"""Share of samples that cross-entropy leaves and other losses break: all climb towards the same boundary."""
DETOUR: Final = 0.05
"""Share of examples whose straight way first leads down."""
WAVERS: Final = 1e-3
"""Change of probabilities from one question to the next."""
DRAWS: Final = 8
VOTES: Final = 40
"""Draws for a gradient, and for a confirmation, of a target that answers at random."""


def examine(
    target: Differentiable,
    inputs: Tensor | npt.ArrayLike,
    labels: Tensor | npt.ArrayLike,
    ball: Linf,
    *,
    seed: int = 0,
    queries: int = 1000,
) -> Trust:
    """Look for every sign, and attack by every means that some sign calls for.

    Args:
        target: what is attacked; a hundred samples take seconds on small networks.
        inputs: (n, ...) within the target's bounds.
        labels: (n,) right classes.
        ball: the adversary's reach.
        seed: of all that is random.
        queries: of the attack that sees scores only.

    Raises:
        DataError: inputs or labels that cannot be used.
        TargetError: the model raised.
    """
    started = time.process_time()
    run = _Examination(target, target.tensor(inputs), labels, ball, seed, queries)
    signs = run.signs()
    masked = any(sign.raised for sign in signs)
    spent = time.process_time() - started
    return Trust("MASKED" if masked else "ATTACKED", signs, run.correct, run.robust, run.evidence, spent)


class _Examination:
    def __init__(
        self,
        target: Differentiable,
        inputs: Tensor,
        labels: Tensor | npt.ArrayLike,
        ball: Linf,
        seed: int,
        queries: int,
    ) -> None:
        self._given, self._x, self._ball, self._seed = target, inputs, ball, seed
        self._y = classes(labels, len(inputs), target.classes)
        target.sense(inputs)
        first, second = (target.confirm(inputs).softmax(1) for _ in range(2))
        self.random = float((first - second).abs().max()) > WAVERS
        self._target: Differentiable = Drawn(target, DRAWS, VOTES) if self.random else target
        self._queries = queries // DRAWS if self.random else queries
        self._probe = Probe(self._target, ball, inputs, self._y)
        self.correct = self._target.confirm(inputs).argmax(1) == self._y
        self.robust = self.correct.clone()
        self.evidence: dict[str, float] = {}
        self._examples, self._broken = inputs.clone(), torch.zeros_like(self.correct)

    @property
    def _right(self) -> Tensor:
        return self.correct.nonzero()[:, 0]

    @property
    def _still(self) -> Tensor:
        """What can be probed: the mean over draws wavers by more than the probes look for."""
        return self._right[:0] if self.random else self._right

    def signs(self) -> tuple[Sign, ...]:
        """Every indicator, cheap ones first."""
        dead = self._probe.blind(self._right, self._seed)
        blind = Sign("blind gradients", dead, BLIND, dead > BLIND)
        if dead >= 1.0:  # nothing to follow: gradient attacks would walk at random
            black = self._attack("Square", Square(self._ball, self._seed, self._queries))
            return (self._random(None), blind, self._unlike("score attack", black, self.correct, blind=True))
        single = self._attack("FGSM", FGSM(self._ball, self._seed))
        cross = self._attack("PGD-CE", PGD(self._ball, self._seed, steps=40, random_start=False))
        ratio = self._attack("APGD-DLR", APGD(self._ball, self._seed, loss="dlr", steps=50))
        goals = self._attack("APGD-T", APGD(self._ball, self._seed, loss="targeted-dlr", steps=50, ranks=3))
        white = cross.robust & ratio.robust & goals.robust
        black = self._attack("Square", Square(self._ball, self._seed, self._queries))
        detour = self._detour()
        foreign_, arrived = self._foreign()
        others = ratio.broken | goals.broken | arrived
        losses = self._dissent(cross, others)
        if losses.raised or detour.raised:
            self._finish("APGD-T, all classes", APGD(self._ball, self._seed, loss="targeted-dlr", steps=50))
            self._finish("FAB-T", FAB(self._ball, self._seed, steps=50))
        contradicted, leaps = self._probe.contradicted(self._still), self._probe.leaps(self._still)
        return (
            self._random(cross),
            blind,
            Sign("finite differences", contradicted, DISAGREE, contradicted > DISAGREE),
            self._unlike("one step", single, white),
            self._saturates(cross, others),
            losses,
            detour,
            foreign_,
            Sign("leaps", leaps, BLIND, leaps > BLIND),
            self._unlike("score attack", black, white),
            self._unbounded(),
        )

    def _attack(self, name: str, attack: FGSM | PGD | APGD | Square) -> Evaluation:
        found = attack.evaluate(self._target, self._x, self._y)
        self._take(torch.arange(len(self._x)), found.broken, found.adversarial)
        self.evidence[name] = int((self.correct & ~found.broken).sum()) / len(self.correct)
        return found

    def _finish(self, name: str, attack: APGD | FAB) -> None:
        """An attack on what still stands, to come as near to the truth as can be."""
        rows = self.robust.nonzero()[:, 0]
        if len(rows):
            found = attack.evaluate(self._target, self._x[rows], self._y[rows])
            self._take(rows, found.broken, found.adversarial)
        self.evidence[name] = int(self.robust.sum()) / len(self.correct)

    def _take(self, rows: Tensor, broken: Tensor, examples: Tensor) -> None:
        """Keep the first example of each sample."""
        self.robust[rows[broken]] = False
        new = broken & ~self._broken[rows]
        self._examples[rows[new]], self._broken[rows[new]] = examples[new], True

    def _random(self, plain: Evaluation | None) -> Sign:
        """Random answers hide gradients when the mean of many shows more than a single one."""
        gain = 0.0
        if self.random and plain is not None:
            alone = PGD(self._ball, self._seed, steps=40, random_start=False).evaluate(self._given, self._x, self._y)
            still = self._target.confirm(alone.adversarial)
            fooled = (still.argmax(1) != self._y) & still.isfinite().all(1)
            gain = float((self.correct & ~fooled & plain.broken).float().mean())
        return Sign("randomness", gain, WORTH, gain > WORTH)

    def _saturates(self, cross: Evaluation, others: Tensor) -> Sign:
        """Share of samples that cross-entropy leaves standing where its gradient has died, and that other losses break.

        Where those find nothing either, nothing was hidden.
        """
        share = self._probe.saturated((cross.robust & others).nonzero()[:, 0]) / len(self.correct)
        return Sign("other loss", share, BLIND, share > BLIND)

    def _detour(self) -> Sign:
        """Does the straight way to the examples that were found first lead down?

        Where it does, whoever climbs from the input walks away from them.
        """
        rows = self._broken.nonzero()[:, 0]
        if self.random or not len(rows):
            return Sign("detour", 0.0, DETOUR, raised=False)
        falls = self._probe.detours(rows, self._examples[rows])
        return Sign("detour", falls / len(rows), DETOUR, clopper_pearson(falls, len(rows)).low > DETOUR)

    def _dissent(self, cross: Evaluation, others: Tensor) -> Sign:
        """How much of what cross-entropy leaves do all other gradient attacks together break?"""
        share = int((cross.robust & others).sum()) / len(self.correct)
        return Sign("losses", share, DISSENT, share > DISSENT)

    def _foreign(self) -> tuple[Sign, Tensor]:
        """Is there what no loss leads to from the input?"""
        rows = self.robust.nonzero()[:, 0]
        arrived = torch.zeros_like(self.correct)
        if len(rows) and not self.random:
            turned, examples = foreign(self._probe, rows)
            arrived[rows[turned]] = True
            self._take(rows, turned, examples)
            self.evidence["foreign starts"] = int(self.robust.sum()) / len(self.correct)
        count, total = int(arrived.sum()), len(self.correct)
        raised = count > WORTH * total and clopper_pearson(count, total).low > WORTH / 2
        return Sign("foreign starts", count / total, WORTH, raised), arrived

    def _unlike(self, name: str, found: Evaluation, left: Tensor, *, blind: bool = False) -> Sign:
        """Does an attack that should be weaker break what a stronger one left?"""
        more = int((left & found.broken).sum())
        less = int((self.correct & ~left & ~found.broken).sum())
        share = (more - less) / len(left)
        sure = bool(more > less and mcnemar(more, less) < LEVEL)
        return Sign(name, share, WORTH, share > WORTH and (sure or blind))

    def _unbounded(self) -> Sign:
        """An attack that may do anything must break everything."""
        low, high = self._target.bounds
        whole = Linf(high - low)
        left = torch.ones_like(self.correct)
        for attack in (PGD(whole, self._seed, steps=40), APGD(whole, self._seed, loss="dlr", steps=50)):
            left &= attack.evaluate(self._target, self._x, self._y).robust
        share = float(left.float().mean())
        return Sign("whole box", share, STANDING, share > STANDING)
