"""A learned surrogate: ask where the copy is unsure, imitate the answers, repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.errors import UsageError
from casemate.core.seeds import derive
from casemate.targets.target import Target
from casemate.threats.extraction.learners import (
    FLOOR,
    Answers,
    Boosted,
    Hint,
    Learner,
    Linear,
    Rows,
    Unchanged,
    nearness,
    normalized,
    weigh,
)
from casemate.threats.extraction.space import InputSpace

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SurrogateCopy:
    """A mixture of learners that imitates the target.

    Attributes:
        space: the input space.
        hint: the attacker's own model, or None.
        learners: what was fitted; without any and without a hint, the copy gives the first class.
        mixture: the learners' weights.
        queries: rows the target was asked about.
        classes: how many classes there are.
    """

    space: InputSpace
    hint: Hint | None
    learners: tuple[Learner, ...]
    mixture: Floats
    queries: int
    classes: int

    def scores(self, rows: pd.DataFrame) -> Floats:
        """(n, classes) probabilities."""
        return np.asarray(np.exp(self._logits(rows)))

    def labels(self, rows: pd.DataFrame) -> Codes:
        """(n,) codes of the classes the copy predicts."""
        return np.asarray(self._logits(rows).argmax(axis=1), dtype=np.int64)

    def _logits(self, rows: pd.DataFrame) -> Floats:
        values = self.space.read(rows)
        if not self.learners:
            return self.hint.logits(values) if self.hint else np.zeros((len(values), self.classes))
        return mixed(self.learners, self.mixture, forms(self.space, self.hint, values))

    def _repr_html_(self) -> str:
        return (
            f"<table><tr><th>stolen copy</th><td>{len(self.learners)} learners</td></tr>"
            f"<tr><th>queries</th><td>{self.queries:,}</td></tr></table>"
        )


@dataclass(frozen=True)
class LearnedSurrogate:
    """Steal any classifier by imitation, with whatever the answer policy leaves.

    Rounds grow geometrically. Each asks rows that the current copy finds near its decision boundary: rows of the
    attacker's own first, then mixes of two of them. Each round's answers, before they are learned from, say how much
    to trust each learner.

    Attributes:
        queries: budget.
        growth: how many times the answers of one round the next round ends with.
        first: queries of the first round.
        explore: share of a round asked regardless of the boundary.

    Reference:
        Orekondy, Schiele & Fritz 2019, "Knockoff Nets", CVPR; Pal et al. 2020, "ActiveThief", AAAI (uncertainty
        sampling on natural data); Tramer et al. 2016, USENIX Security, section 6 (adaptive retraining).
    """

    queries: int = 1000
    growth: float = 2.0
    first: int = 40
    explore: float = 0.1

    def __call__(
        self, target: Target, space: InputSpace, *, own_labels: Codes | None = None, seed: int = 0
    ) -> SurrogateCopy:
        """Ask, and return the copy.

        Args:
            target: what is asked; its meter counts.
            space: the input space, from the public schema, with the attacker's own rows where it has any.
            own_labels: (n,) labels of those rows, where the attacker knows them.
            seed: the same seed asks the same rows.

        Raises:
            AccessError: the target's own budget is smaller than ``queries``.
            UsageError: the budget is not positive.
        """
        return self.curve(target, space, (self.queries,), own_labels=own_labels, seed=seed)[0]

    def curve(
        self,
        target: Target,
        space: InputSpace,
        budgets: Sequence[int],
        *,
        own_labels: Codes | None = None,
        seed: int = 0,
    ) -> list[SurrogateCopy]:
        """One attack, looked at after each of these (ascending) numbers of queries; 0 shows what needs no answers."""
        if not budgets or budgets[0] < 0 or sorted(budgets) != list(budgets):
            raise UsageError("query budgets must be ascending", next_step="give for example (0, 100, 1000)")
        hunt = _Hunt(self, target, space, own_labels, derive(seed, "surrogate"))
        return [hunt.until(budget) for budget in budgets]


@dataclass
class _Hunt:
    """The state of one attack."""

    attack: LearnedSurrogate
    target: Target
    space: InputSpace
    own_labels: Codes | None
    seed: int
    learners: tuple[Learner, ...] = ()
    hint: Hint | None = None
    told: list[Answers] = field(default_factory=list)
    guesses: list[list[Floats]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.classes = len(self.target.classes)
        self.hint = hint_of(self.space, self.own_labels, self.classes, self.seed)
        own = self.space.values
        self.left = np.empty((0, len(self.space.fields))) if own is None else own
        self.left_hint = self.hint.own if self.hint else np.empty((len(self.left), 0))
        self.asked = Rows(self.left[:0], self.space.encode(self.left[:0]), self.left_hint[:0])
        self.mixture = np.empty(0)

    def until(self, budget: int) -> SurrogateCopy:
        """Ask until ``budget`` rows are asked in all."""
        done = len(self.asked.raw)
        while done < budget:
            aim = max(self.attack.first, int(done * self.attack.growth))
            # A round that would leave only a few queries before the budget takes them too.
            aim = budget if aim * 1.2 > budget else aim
            self._round(aim - done)
            done = aim
        return SurrogateCopy(self.space, self.hint, self.learners, self.mixture, done, self.classes)

    def _round(self, count: int) -> None:
        rows = self._choose(count)
        answers = self._ask(rows)
        if self.learners:
            self.guesses.append([learner.logits(rows) for learner in self.learners])
        self.told.append(answers)
        self.asked = Rows(
            *(np.concatenate([getattr(self.asked, part), getattr(rows, part)]) for part in ("raw", "encoded", "hint"))
        )
        everything = Answers(
            None
            if answers.logits is None
            else np.concatenate([one.logits for one in self.told if one.logits is not None]),
            np.concatenate([one.labels for one in self.told]),
            np.concatenate([one.weight for one in self.told]),
        )
        fresh: tuple[Learner, ...] = (Linear(), Boosted(self.space, hint=False))
        self.learners = (*fresh, Boosted(self.space, hint=True), Unchanged()) if self.hint else fresh
        for learner in self.learners:
            learner.fit(self.asked, everything, self.classes, derive(self.seed, "fit", len(self.told)))
        self.mixture = self._mixture()

    def _mixture(self) -> Floats:
        """Trust by how well learners foretold the answers of the last two rounds."""
        if not self.guesses:
            return np.full(len(self.learners), 1.0 / len(self.learners))
        recent = self.guesses[-2:]
        foretold = [np.concatenate([guess[which] for guess in recent]) for which in range(len(self.learners))]
        truth = [
            np.eye(self.classes)[one.labels] if one.logits is None else np.exp(one.logits)
            for one in self.told[-len(recent) :]
        ]
        return weigh(foretold, np.concatenate(truth))

    def _choose(self, count: int) -> Rows:
        """Own rows and mixes of them, sampled in proportion to their nearness to the current boundary."""
        extra = self._mixes(max(count, 200)) if len(self.left) < 2 * count else self.left[:0]
        pool = np.concatenate([self.left, extra])
        hints = self.left_hint
        if self.hint:
            hints = np.concatenate([hints, self.hint.logits(extra)]) if len(extra) else hints
        else:
            hints = np.empty((len(pool), 0))
        rows = Rows(pool, self.space.encode(pool), hints)
        if self.learners:
            near = nearness(mixed(self.learners, self.mixture, rows))
        else:
            near = nearness(rows.hint) if self.hint else np.ones(len(pool))
        chance = (1.0 - self.attack.explore) * near / max(near.sum(), 1e-12) + self.attack.explore / len(pool)
        picks = self.rng.choice(len(pool), size=count, replace=False, p=chance / chance.sum())
        stays = np.ones(len(self.left), dtype=bool)
        stays[picks[picks < len(self.left)]] = False
        self.left, self.left_hint = self.left[stays], self.left_hint[stays]
        return Rows(rows.raw[picks], rows.encoded[picks], rows.hint[picks])

    def _mixes(self, count: int) -> Floats:
        """Rows that take a third of their columns from another own row; rows of the schema where there are none."""
        own = self.space.values
        if own is None:
            return self.space.sample(3 * count, self.rng)
        one, other = own[self.rng.integers(len(own), size=(2, 3 * count))]
        return np.asarray(np.where(self.rng.random(one.shape) < 1.0 / 3.0, other, one))

    def _ask(self, rows: Rows) -> Answers:
        frame = self.space.frame(rows.raw)
        if not self.target.gives_scores:
            labels = self.target.labels(frame)
            return Answers(None, labels, np.ones(len(labels)))
        told = self.target.scores(frame)
        digits = self.target.answers.digits
        least = FLOOR if digits is None else max(FLOOR, 0.25 * 10.0**-digits)
        logits = normalized(np.log(np.maximum(told, least)))
        return Answers(logits, np.asarray(told.argmax(axis=1), dtype=np.int64), nearness(logits) + 0.05)


def hint_of(space: InputSpace, own_labels: Codes | None, classes: int, seed: int) -> Hint | None:
    """The attacker's own model, where it has labeled rows of at least two classes."""
    if own_labels is None or space.values is None or np.bincount(own_labels, minlength=1).max() > len(own_labels) - 3:
        return None
    return Hint.learn(space, own_labels, values=space.values, classes=classes, seed=derive(seed, "hint"))


def forms(space: InputSpace, hint: Hint | None, values: Floats) -> Rows:
    """Rows in all forms."""
    return Rows(values, space.encode(values), hint.logits(values) if hint else np.empty((len(values), 0)))


def mixed(learners: Sequence[Learner], mixture: Floats, rows: Rows) -> Floats:
    """(n, classes) log-probabilities of a mixture of logits."""
    total = sum(weight * learner.logits(rows) for weight, learner in zip(mixture, learners, strict=True) if weight)
    return normalized(np.asarray(total))
