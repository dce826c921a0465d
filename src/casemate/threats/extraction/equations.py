"""Equation solving: a linear model's logits are affine, so d + 1 exact answers are its coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from casemate.core.errors import UsageError
from casemate.core.seeds import derive
from casemate.targets.answers import AnswerPolicy
from casemate.targets.target import Target
from casemate.threats.extraction.affine import Affine, fit, solve
from casemate.threats.extraction.bounds import Bounds, ask, from_labels
from casemate.threats.extraction.copies import AffineCopy
from casemate.threats.extraction.design import Precision, candidates, choose
from casemate.threats.extraction.space import InputSpace

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

CHECKS = 10
"""Rows that a solved model is checked on, where the budget allows."""

POPULATION = 300
"""Rows that stand for the population when the next questions are chosen."""

RARE = 0.2
"""Weight of rows far from the population beside it, so that coefficients it hardly shows are learned in the end."""

FINE = 3
"""From this many digits on, answers are precise enough to walk through the dimensions one by one."""

MOST_OWN = 3000
"""Own labels beyond this many add time and next to nothing else."""


@dataclass(frozen=True)
class EquationSolving:
    """Steal a linear model through its answers, adapting to whatever the answer policy leaves.

    Exact scores: one row a dimension, each moving one dimension while what is already known keeps the logit near
    zero, then a linear solve. Rounded scores: rows chosen by sequential optimal design near p = 1/2, and maximum
    likelihood under interval censoring. Labels: rows on the current boundary, chosen likewise
    (an adaptive form of Lowd and Meek's line searches), and logistic maximum likelihood.

    Labels of the attacker's own rows, where there are any, enter the likelihood as what they are: noisy answers,
    with P(label) = sigma(logit). They matter while answers are few.

    Attributes:
        queries: budget; None stands for d + 1.
        ridge: precision of the Gaussian prior, in encoded units.
        softness: scale of the latent noise as a share of an answer's interval.
        floor: scale of that noise for one-sided answers.
        rounds: how often, at most, the estimate is renewed on the way to a budget.
        pool: candidate rows considered in each round.

    Reference:
        Tramer et al. 2016, "Stealing machine learning models via prediction APIs", USENIX Security, sections 4.1 and 6;
        Lowd & Meek 2005, "Adversarial learning", KDD.
    """

    queries: int | None = None
    ridge: float = 0.02
    softness: float = 0.15
    floor: float = 0.1
    rounds: int = 12
    pool: int = 600

    def __call__(
        self, target: Target, space: InputSpace, *, own_labels: Codes | None = None, seed: int = 0
    ) -> AffineCopy:
        """Ask, and return the copy.

        Args:
            target: what is asked; its meter counts.
            space: the input space, from the public schema.
            own_labels: (n,) labels of the rows in ``space.values``, where the attacker knows them.
            seed: the same seed asks the same rows.

        Raises:
            AccessError: the target's own budget is smaller than ``queries``.
            UsageError: the budget is not positive.
        """
        budget = space.width + 1 if self.queries is None else self.queries
        return self.curve(target, space, (budget,), own_labels=own_labels, seed=seed)[0]

    def curve(
        self,
        target: Target,
        space: InputSpace,
        budgets: Sequence[int],
        *,
        own_labels: Codes | None = None,
        seed: int = 0,
    ) -> list[AffineCopy]:
        """One attack, looked at after each of these (ascending) numbers of queries."""
        if not budgets or budgets[0] < 1 or sorted(budgets) != list(budgets):
            raise UsageError("query budgets must be positive and ascending", next_step="give for example (100, 1000)")
        hunt = _Hunt(self, target, space, own_labels, np.random.default_rng(derive(seed, "equations")))
        return [hunt.until(budget) for budget in budgets]


@dataclass
class _Hunt:
    """The state of one attack."""

    attack: EquationSolving
    target: Target
    space: InputSpace
    own_labels: Codes | None
    rng: np.random.Generator
    asked: Floats = field(init=False)
    told: Bounds = field(init=False)
    now: Affine = field(init=False)
    known: Precision = field(init=False)
    checked: AffineCopy | None = None

    def __post_init__(self) -> None:
        self.asked = np.empty((0, len(self.space.fields)))
        self.told = self.own = Bounds.none()
        self.own_encoded = np.empty((0, self.space.width))
        self.now = Affine(np.zeros((len(self.target.classes), self.space.width + 1)))
        self.policy: AnswerPolicy = self.target.answers
        if self.own_labels is not None and self.space.values is not None:
            chosen = self.rng.permutation(len(self.own_labels))[:MOST_OWN]
            self.own = from_labels(self.own_labels[chosen], len(self.target.classes))
            self.own_encoded = self.space.encode(self.space.values[chosen])
        self.plan = self._plan()
        self._renew()

    def until(self, budget: int) -> AffineCopy:
        """Ask until ``budget`` rows are asked in all, or nothing is left to learn."""
        walk = len(self.plan)
        while len(self.asked) < min(budget, walk):
            step = min(max(1, walk // self.attack.rounds), budget - len(self.asked), walk - len(self.asked))
            self._ask(self._walk(len(self.asked), step))
        if self._solved:
            return self._check(min(budget - len(self.asked), CHECKS))
        least = -(-(budget - len(self.asked)) // self.attack.rounds)
        while len(self.asked) < budget:
            share = max(1, least, len(self.asked) // 5)
            self._ask(self._search(min(share, budget - len(self.asked))))
        return AffineCopy(self.space, self.now, len(self.asked))

    @property
    def _solved(self) -> bool:
        return len(self.asked) >= len(self.plan) > 0 and self.told.exact

    def _plan(self) -> list[tuple[int, float]]:
        """The walk through all dimensions; coarse answers tell too little about single dimensions for it."""
        if not self.target.gives_scores or (self.policy.digits or FINE) < FINE:
            return []
        moves = self.space.moves()
        return [(-1, 0.0), *(moves[k] for k in self.rng.permutation(len(moves)))]

    def _walk(self, done: int, count: int) -> Floats:
        """The next rows of the walk: what is known stays where the logits are near zero, one new dimension moves."""
        base = np.tile(self.space.center, (self.attack.pool, 1))
        free = sorted({column for column, _ in self.plan[1:done]} - {column for column, _ in self.plan[done:]})
        if free:
            base[:, free] = self.space.sample(self.attack.pool, self.rng)[:, free]
        z = self.now.logits(self.space.encode(base))
        rows = base[np.argsort(z.max(axis=1) - z.min(axis=1), kind="stable")[:count]].copy()
        for row, (column, value) in zip(rows, self.plan[done : done + count], strict=True):
            if column >= 0:
                row[column] = value
        return rows

    def _search(self, count: int) -> Floats:
        """The most informative of many candidates near the boundary."""
        spread = 1.0 if self.target.gives_scores else 0.0
        rows = candidates(self.space, self.now, self.attack.pool, spread, self.rng)
        design = np.column_stack([np.ones(len(rows)), self.space.encode(rows)])
        information = self._information(_slope(self.now.logits(design[:, 1:])))
        everyone = self.space.sample(POPULATION, self.rng) if self.space.values is None else self.space.values
        usual = self.space.encode(everyone[self.rng.permutation(len(everyone))[:POPULATION]])
        rare = self.space.encode(self.space.corners(POPULATION // 3, self.rng))
        population = np.column_stack([np.ones(len(usual) + len(rare)), np.concatenate([usual, rare])])
        slope = _slope(self.now.logits(usual))
        weight = np.concatenate([slope, np.full(len(rare), RARE * slope.mean())])
        return rows[choose(design, information, self.known, count, population=population, weight=weight)]

    def _information(self, slope: Floats) -> Floats:
        """(n,) how much an answer tells about a logit where the probability has this slope."""
        if not self.target.gives_scores:
            return slope / self.attack.floor**2
        half = 0.5 * 10.0 ** -(self.policy.digits or 12)
        return (slope / half) ** 2

    def _ask(self, rows: Floats) -> None:
        told = ask(self.target, self.space.frame(rows))
        self.told = told.after(self.told, len(self.asked))
        self.asked = np.concatenate([self.asked, rows])
        self._renew()

    def _renew(self) -> None:
        """Estimate again from everything known, and say how well."""
        encoded = self.space.encode(self.asked)
        if len(encoded) and self.told.exact:
            self.now = solve(encoded, self.told, len(self.target.classes))
            return
        everything = np.concatenate([self.own_encoded, encoded])
        scale = np.concatenate([np.ones(len(self.own.row)), self.told.scale(self.attack.softness, self.attack.floor)])
        told = self.told.after(self.own, len(self.own_encoded))
        self.now = fit(everything, told, scale, self.now, self.attack.ridge)
        slope = _slope(self.now.logits(everything))
        information = np.concatenate(
            [slope[: len(self.own_encoded)], self._information(slope[len(self.own_encoded) :])]
        )
        design = np.column_stack([np.ones(len(everything)), everything])
        gathered = (design * information[:, None]).T @ design + self.attack.ridge * np.eye(design.shape[1])
        self.known = Precision(np.asarray(np.linalg.inv(gathered), dtype=np.float64))

    def _check(self, count: int) -> AffineCopy:
        """The solved model, with its largest gap on a few more rows that the equations did not use."""
        if self.checked is not None or count <= 0:
            return self.checked or AffineCopy(self.space, self.now, len(self.asked))
        rows = self.space.sample(count, self.rng)
        told = ask(self.target, self.space.frame(rows))
        z = self.now.logits(self.space.encode(rows))
        gap = np.abs(z[told.row, told.high] - z[told.row, told.low] - told.lower)[told.lower == told.upper]
        self.checked = AffineCopy(self.space, self.now, len(self.asked) + count, float(gap.max(initial=0.0)))
        return self.checked


def _slope(logits: Floats) -> Floats:
    """(n,) p (1 - p) of the two likeliest classes: how fast the answer changes with the logit."""
    p = np.sort(softmax(logits, axis=1), axis=1)
    return np.asarray(p[:, -1] * p[:, -2])
