"""Can the attack be trusted? Signs that a model hides its gradients instead of being robust.

A figure of robust accuracy is the failure of an attack. These signs tell whether it failed because there was nothing to
find or because it was blinded. They see the target and nothing of how it is defended. What a blinded attack leaves
standing is no evidence: the verdict is then MASKED, whatever the figure, the cause is named, and the attacks that the
cause does not blind are run. Robust accuracy is the least over all of them.

References:
    Athalye, Carlini and Wagner 2018, "Obfuscated gradients give a false sense of security", section 3.1;
    Carlini et al. 2019, "On evaluating adversarial robustness", sections 4 and 5;
    Pintor et al. 2022, "Indicators of attack failure".
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy.typing as npt

from casemate.core.errors import TargetError
from casemate.core.optional import require
from casemate.stats.paired import mcnemar
from casemate.stats.proportions import clopper_pearson
from casemate.targets.differentiable import Differentiable
from casemate.targets.drawn import Drawn
from casemate.threats.evasion.attacks import APGD, FAB, FGSM, PGD, Square
from casemate.threats.evasion.balls import Linf, spread
from casemate.threats.evasion.evaluation import Evaluation, classes
from casemate.threats.evasion.losses import cross_entropy, margin
from casemate.threats.evasion.noise import Noise

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

Trusted = Literal["ATTACKED", "MASKED"]

BLIND: Final = 0.05
"""Share of samples without a gradient."""
DISAGREE: Final = 0.15
"""Share of samples where finite differences contradict the gradient."""
NEIGHBORS, PATIENCE = 8, 20
"""Inputs of other classes that are started from, and steps from each."""
STANDING: Final = 0.05
"""Robust accuracy that a working attack may leave when the ball is the whole box."""
SATURATED: Final = 1e-12
"""Greatest entry of a gradient that float32 arithmetic has emptied."""
LEVEL: Final = 0.01
"""Of McNemar's exact test, for one attack breaking what another leaves."""
WORTH: Final = 0.04
"""Share of samples by which it must do so to matter."""
DISSENT: Final = 0.15
"""Share of samples that cross-entropy leaves and other losses break: all climb towards the same boundary."""
DETOUR: Final = 0.05
"""Share of the rise up to an example by which the margin first falls; share of examples of which that may be said."""
LEAP: Final = 0.2
"""Change of probabilities within less than a ten-thousandth of the radius that no slope explains."""
PACES, CLOSER = 257, 6
"""Points looked at along the gradient for leaps, and halvings of the interval with the largest change."""
STATIONS: Final = 17
"""Points looked at on the straight way to an example."""
WAVERS: Final = 1e-3
"""Change of probabilities from one question to the next."""
DRAWS: Final = 8
VOTES: Final = 40
"""Draws for a gradient, and for a confirmation, of a target that answers at random."""


@dataclass(frozen=True)
class Sign:
    """One indicator.

    Attributes:
        name: short.
        value: what was measured.
        limit: above it the sign is raised.
        raised: whether it is.
        meaning: what it would mean, in a sentence.
        remedy: what sees through it.
    """

    name: str
    value: float
    limit: float
    raised: bool
    meaning: str
    remedy: str


@dataclass(frozen=True)
class Trust:
    """Whether attacks on a target can be believed.

    Attributes:
        verdict: MASKED if any sign is raised, else ATTACKED. MASKED is never a pass.
        signs: all that were looked for.
        correct: (n,) classified rightly without an attack.
        robust: (n,) left by all attacks together.
        evidence: robust accuracy under each attack, by name.
        seconds: CPU time.
    """

    verdict: Trusted
    signs: tuple[Sign, ...]
    correct: Tensor
    robust: Tensor
    evidence: dict[str, float]
    seconds: float

    @property
    def estimate(self) -> float:
        """Robust accuracy, the least over all evidence."""
        return int(self.robust.sum()) / len(self.robust)

    @property
    def causes(self) -> tuple[str, ...]:
        """What the raised signs mean."""
        return tuple(sign.meaning for sign in self.signs if sign.raised)

    def __str__(self) -> str:
        interval = clopper_pearson(int(self.robust.sum()), len(self.robust))
        why = "; ".join(self.causes) or "no sign of masking"
        return f"{self.verdict}: at most {interval.high:.1%} robust ({self.estimate:.1%} measured); {why}"


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
    verdict: Trusted = "MASKED" if any(sign.raised for sign in signs) else "ATTACKED"
    return Trust(verdict, signs, run.correct, run.robust, run.evidence, time.process_time() - started)


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
        self._wavers = float((first - second).abs().max())
        self.random = self._wavers > WAVERS
        self._target: Differentiable = Drawn(target, DRAWS, VOTES) if self.random else target
        self._queries = queries // DRAWS if self.random else queries
        self.correct = self._target.confirm(inputs).argmax(1) == self._y
        self.robust = self.correct.clone()
        self.evidence: dict[str, float] = {}
        self._examples, self._broken = inputs.clone(), torch.zeros_like(self.correct)

    def signs(self) -> tuple[Sign, ...]:
        """Every indicator, cheap ones first."""
        blind = self._blind()
        if blind.value >= 1.0:  # nothing to follow: gradient attacks would walk at random
            black = self._attack("Square", Square(self._ball, self._seed, self._queries))
            return (self._random(None), blind, self._unlike("score attack", black, self.correct, blind=True))
        single = self._attack("FGSM", FGSM(self._ball, self._seed))
        cross = self._attack("PGD-CE", PGD(self._ball, self._seed, steps=40, random_start=False))
        ratio = self._attack("APGD-DLR", APGD(self._ball, self._seed, loss="dlr", steps=50))
        goals = self._attack("APGD-T", APGD(self._ball, self._seed, loss="targeted-dlr", steps=50, ranks=3))
        white = cross.robust & ratio.robust & goals.robust
        black = self._attack("Square", Square(self._ball, self._seed, self._queries))
        detour = self._detour()
        foreign, arrived = self._foreign()
        others = ratio.broken | goals.broken | arrived
        losses = self._dissent(cross, others)
        if losses.raised or detour.raised:
            self._attack("APGD-T, all classes", APGD(self._ball, self._seed, loss="targeted-dlr", steps=50))
            self._attack("FAB-T", FAB(self._ball, self._seed, steps=50))
        return (
            self._random(cross),
            blind,
            self._differences(),
            self._unlike("one step", single, white),
            self._saturates(cross, others),
            losses,
            detour,
            foreign,
            self._leaps(),
            self._unlike("score attack", black, white),
            self._unbounded(),
        )

    def _attack(
        self, name: str, attack: FGSM | PGD | APGD | FAB | Square, target: Differentiable | None = None
    ) -> Evaluation:
        found = attack.evaluate(target or self._target, self._x, self._y)
        self.robust &= ~found.broken
        new = found.broken & ~self._broken
        self._examples[new], self._broken = found.adversarial[new], self._broken | new
        self.evidence[name] = int((self.correct & ~found.broken).sum()) / len(self.correct)
        return found

    def _random(self, plain: Evaluation | None) -> Sign:
        """Random answers hide gradients when the mean of many shows more than a single one."""
        gain = 0.0
        if self.random and plain is not None:
            alone = PGD(self._ball, self._seed, steps=40, random_start=False).evaluate(self._given, self._x, self._y)
            still = self._target.confirm(alone.adversarial)
            fooled = (still.argmax(1) != self._y) & still.isfinite().all(1)
            gain = float((self.correct & ~fooled & plain.broken).float().mean())
        return Sign(
            "randomness",
            gain,
            WORTH,
            gain > WORTH,
            "the model answers at random, and an attack that does not average is led astray",
            "expectation over the model's draws",
        )

    def _blind(self) -> Sign:
        """Share of samples whose margin has no gradient, at the input and at a random point nearby."""
        right = self.correct.nonzero()[:, 0]
        share = 0.0
        if len(right):
            noise = torch.from_numpy(Noise(self._seed, "blind").uniform(right.numpy(), self._x.shape[1:])) * 2 - 1
            near = self._ball.project(self._x[right] + self._ball.start(noise), self._x[right], self._target.bounds)
            try:
                dead = [self._slope(each, right)[1].flatten(1).abs().amax(1) == 0 for each in (self._x[right], near)]
                share = float((dead[0] | dead[1]).float().mean())
            except TargetError:
                share = 1.0
        return Sign(
            "blind gradients",
            share,
            BLIND,
            share > BLIND,
            "gradients vanish or do not exist, though the answer depends on the input",
            "attacks by scores, or a differentiable stand-in for the layer that cuts them (BPDA)",
        )

    def _slope(self, points: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        labels = self._y[which]
        _, values, slope = self._target.gradient(points, lambda logits: margin(logits, labels))
        return values, slope

    def _differences(self) -> Sign:
        """Does the margin rise along its gradient as the gradient says?

        Over half of the radius: a shorter step stays within a stair of what is quantized, or within a cell of what is
        projected, where a gradient may be true and of no use.
        """
        right = self.correct.nonzero()[:, 0]
        share = 0.0
        if len(right) and not self.random:  # what a mean over draws wavers by would drown the difference
            points, labels = self._x[right], self._y[right]
            _, slope = self._slope(points, right)
            step = self._ball.eps / 2
            ahead = self._ball.project(points + step * self._ball.ascent(slope), points, self._target.bounds)
            promised = (slope * (ahead - points)).flatten(1).sum(1)
            risen = margin(self._target.logits(ahead), labels) - margin(self._target.logits(points), labels)
            wrong = (risen < 0.2 * promised) & (promised > 0)
            share = float(wrong.float().mean())
        return Sign(
            "finite differences",
            share,
            DISAGREE,
            share > DISAGREE,
            "the gradient does not say where the answer changes",
            "gradients averaged over a neighborhood, attacks by scores",
        )

    def _saturates(self, cross: Evaluation, others: Tensor) -> Sign:
        """Share of samples that cross-entropy leaves standing where its gradient has died, and that other losses break.

        Where the right class' probability is one in float32, the gradient of its logarithm is zero or noise, however
        near the boundary lies; the margin still has a gradient. Where that finds nothing either, nothing was hidden.
        """
        left = (cross.robust & others).nonzero()[:, 0]
        share = 0.0
        if len(left):
            points, labels = self._x[left], self._y[left]
            _, _, slope = self._target.gradient(points, lambda logits: cross_entropy(logits, labels))
            share = float((slope.flatten(1).abs().amax(1) < SATURATED).sum()) / len(self.correct)
        return Sign("other loss", share, BLIND, share > BLIND, MEANINGS["other loss"], REMEDIES["other loss"])

    def _detour(self) -> Sign:
        """Does the straight way to the examples that were found first lead down?

        Where it does, whoever climbs from the input walks away from them. The scores are looked at, not their gradient:
        answers that are bent on purpose can have a true gradient and still point to the wrong side.
        """
        found = self._broken.nonzero()[:, 0]
        share, sure = 0.0, 0.0
        if len(found) and not self.random:
            origin, way, labels = self._x[found], (self._examples - self._x)[found], self._y[found]
            stations = torch.linspace(0, 1, STATIONS).tolist()
            heights = torch.stack([margin(self._target.logits(origin + each * way), labels) for each in stations])
            rise = (heights[-1] - heights[0]).clamp_min(1e-9)
            falls = int(((heights[0] - heights.amin(0)) > DETOUR * rise).sum())
            share, sure = falls / len(found), clopper_pearson(falls, len(found)).low
        return Sign("detour", share, DETOUR, sure > DETOUR, MEANINGS["detour"], REMEDIES["detour"])

    def _leaps(self) -> Sign:
        """Share of samples whose answer jumps on the way along the gradient: no slope shows what lies behind."""
        right = self.correct.nonzero()[:, 0]
        share = 0.0
        if len(right) and not self.random:
            points = self._x[right]
            way = self._ball.eps * self._ball.ascent(self._slope(points, right)[1])

            def answers(place: Tensor) -> Tensor:
                moved = (points + spread(place, way) * way).clamp(*self._target.bounds)
                return self._target.logits(moved).softmax(1)

            low, most, last = torch.zeros(len(right)), torch.zeros(len(right)), answers(torch.zeros(len(right)))
            for place in torch.linspace(0, 1, PACES).tolist()[1:]:
                now = answers(torch.full((len(right),), place))
                change = (now - last).abs().amax(1)
                low, most = torch.where(change > most, place - 1 / (PACES - 1), low), torch.maximum(change, most)
                last = now
            high = low + 1 / (PACES - 1)
            for _ in range(CLOSER):
                middle = (low + high) / 2
                first, between, second = answers(low), answers(middle), answers(high)
                left, rest = (between - first).abs().amax(1), (second - between).abs().amax(1)
                low, high = torch.where(left > rest, low, middle), torch.where(left > rest, middle, high)
                most = torch.maximum(left, rest)
            share = float((most > LEAP).float().mean())
        return Sign("leaps", share, BLIND, share > BLIND, MEANINGS["leaps"], REMEDIES["leaps"])

    def _dissent(self, cross: Evaluation, others: Tensor) -> Sign:
        """How much of what cross-entropy leaves do all other gradient attacks together break?"""
        share = int((cross.robust & others).sum()) / len(self.correct)
        return Sign("losses", share, DISSENT, share > DISSENT, MEANINGS["losses"], REMEDIES["losses"])

    def _foreign(self) -> tuple[Sign, Tensor]:
        """Is there what no loss leads to from the input? Walks from inputs of other classes, brought into the ball.

        A projection onto data, or an answer computed from the input itself, leaves the way out flat or uphill; the way
        back from the other side shows where it lies.
        """
        standing = self.robust.nonzero()[:, 0]
        arrived = torch.zeros_like(self.correct)
        gain, sure = 0.0, 0.0
        if len(standing) and not self.random:
            broken = torch.zeros(len(standing), dtype=torch.bool)
            found = self._x[standing].clone()
            for rank in range(NEIGHBORS):
                others = (self._y[None] != self._y[standing][:, None]).sum(1)
                open_ = (~broken & (others > rank)).nonzero()[:, 0]
                if not len(open_):
                    break
                met, moved = self._from(standing[open_], rank)
                found[open_[met]], broken[open_[met]] = moved[met], True
            fooled = self._target.confirm(found)
            broken &= (fooled.argmax(1) != self._y[standing]) & fooled.isfinite().all(1)
            rows = standing[broken]
            arrived[rows], self.robust[rows] = True, False
            self._examples[rows], self._broken[rows] = found[broken], True
            gain = len(rows) / len(self.correct)
            sure = clopper_pearson(len(rows), len(self.correct)).low
            self.evidence["foreign starts"] = int(self.robust.sum()) / len(self.correct)
        raised = gain > WORTH and sure > WORTH / 2
        name = "foreign starts"
        return Sign(name, gain, WORTH, raised, MEANINGS[name], REMEDIES[name]), arrived

    def _from(self, rows: Tensor, rank: int) -> tuple[Tensor, Tensor]:
        """(r,) whether and (r, ...) where (r,) samples turn, starting from their ``rank``-th nearest foreign input."""
        origin, labels = self._x[rows], self._y[rows]
        far = torch.cdist(origin.flatten(1), self._x.flatten(1))
        far[self._y[None] == labels[:, None]] = float("inf")
        start = far.argsort(dim=1)[:, rank]
        goals, bounds = self._y[start], self._target.bounds
        current = self._ball.project(self._x[start], origin, bounds)
        met, best = torch.zeros(len(rows), dtype=torch.bool), current.clone()

        def lead(logits: Tensor) -> Tensor:
            return (logits.gather(1, goals[:, None]) - logits.gather(1, labels[:, None]))[:, 0]

        for step in range(PATIENCE):
            logits, _, slope = self._target.gradient(current, lead)
            now = (logits.argmax(1) != labels) & ~met
            best[now], met = current[now], met | now
            pace = self._ball.eps * (1 - step / PATIENCE) / 4
            current = self._ball.project(current + pace * self._ball.ascent(slope), origin, bounds)
        return met, best

    def _unlike(self, name: str, found: Evaluation, left: Tensor, *, blind: bool = False) -> Sign:
        """Does an attack that should be weaker break what a stronger one left?"""
        more = int((left & found.broken).sum())
        less = int((self.correct & ~left & ~found.broken).sum())
        share = (more - less) / len(left)
        sure = bool(more > less and mcnemar(more, less) < LEVEL)
        return Sign(
            name,
            share,
            WORTH,
            share > WORTH and (sure or blind),
            MEANINGS[name],
            REMEDIES[name],
        )

    def _unbounded(self) -> Sign:
        """An attack that may do anything must break everything."""
        low, high = self._target.bounds
        whole = Linf(high - low)
        left = torch.ones_like(self.correct)
        for attack in (PGD(whole, self._seed, steps=40), APGD(whole, self._seed, loss="dlr", steps=50)):
            left &= attack.evaluate(self._target, self._x, self._y).robust
        share = float(left.float().mean())
        return Sign(
            "whole box",
            share,
            STANDING,
            share > STANDING,
            "even without a bound the attack does not succeed, so it does not work",
            "another loss, attacks by scores",
        )


MEANINGS: Final = {
    "one step": "one step breaks what many steps do not, so the many are led astray",
    "other loss": "the gradient of cross-entropy has died where the margin's has not: its logits are scaled up",
    "losses": "cross-entropy leaves much that other losses break, so what one loss leaves is no evidence",
    "detour": "the scores fall on the straight way to examples that exist, so whoever follows scores is led away",
    "foreign starts": "walks that begin at other inputs arrive where no walk from the input itself did",
    "leaps": "the answer jumps, and the slopes on this side of the jump say nothing of the other",
    "score attack": "an attack that sees scores only breaks what gradients do not",
}
REMEDIES: Final = {
    "one step": "more starts, smaller steps, attacks by scores",
    "other loss": "the difference of logits ratio",
    "losses": "targeted losses, one for each class",
    "detour": "attacks that look for the boundary and not for a greater loss (FAB), targeted losses",
    "foreign starts": "starts from inputs of other classes",
    "leaps": "steps as long as the radius, attacks on each part by itself",
    "score attack": "attacks by scores",
}
