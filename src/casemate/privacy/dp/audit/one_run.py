"""How many right guesses refute a claim of privacy, when all canaries share one run.

Each of m canaries is put in or left out by a coin of its own. An adversary who sees what was released guesses the coins
it is surest of. A private mechanism leaves little to guess from, so too many right guesses refute the claim; no other
run and no assumption about how canaries influence each other is needed.

Reference:
    Steinke, Nasr and Jagielski 2023, "Privacy auditing with one (1) training run", theorem 5.2 (arXiv 2305.08846).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import binom

from casemate.core.errors import UsageError

LEAST, MOST = 1e-6, 200.0
"""Epsilons between which a lower bound is sought."""


@dataclass(frozen=True)
class Guesses:
    """What an adversary made of one run.

    Attributes:
        canaries: how many coins were tossed.
        made: how many of them were guessed.
        right: how many of these rightly.

    Raises:
        UsageError: there are more right guesses than guesses, or more guesses than canaries.
    """

    canaries: int
    made: int
    right: int

    def __post_init__(self) -> None:
        if not 0 <= self.right <= self.made <= self.canaries or not self.canaries:
            raise UsageError(
                f"{self.right} right of {self.made} guesses about {self.canaries} canaries cannot be",
                next_step="count right guesses among those made",
            )


def guess(scores: npt.NDArray[np.float64], there: npt.NDArray[np.bool_], made: int) -> Guesses:
    """Guess the ``made`` coins whose scores lie farthest out: half of them as there, half as not.

    Args:
        scores: (m,) larger where a canary seems to be there.
        there: (m,) the coins.
        made: guesses.
    """
    order = np.argsort(scores, kind="stable")
    half = made // 2
    right = int(there[order[len(order) - half :]].sum()) + int((~there[order[: made - half]]).sum())
    return Guesses(len(scores), made, right)


def chance(guesses: Guesses, epsilon: float, delta: float) -> float:
    """Bound on the chance of as many right guesses if the mechanism is (epsilon, delta)-private.

    Example:
        >>> chance(Guesses(100, 100, 60), 0.0, 0.0) < 0.03, chance(Guesses(100, 100, 60), 1.0, 0.0) > 0.9
        (True, True)
    """
    share = 1 / (1 + math.exp(-epsilon))
    beta = float(binom.sf(guesses.right - 1, guesses.made, share))
    if not delta or not guesses.right:
        return min(beta, 1.0)
    missed = np.arange(1, guesses.right + 1)
    alpha = float((binom.pmf(guesses.right - missed, guesses.made, share).cumsum() / missed).max())
    return min(beta + 2 * guesses.canaries * delta * alpha, 1.0)


def lower_bound(guesses: Guesses, delta: float, confidence: float, *, steps: int = 1) -> float:
    """Epsilon that the mechanism exceeds at ``delta`` with this confidence; 0 if none is shown.

    Args:
        guesses: what was guessed.
        delta: of the claim.
        confidence: that an honest mechanism is not said to exceed more than it does.
        steps: how many times one goes from neighbor to neighbor between the two worlds of a coin; so much group
            privacy is granted (Dwork and Roth 2014, "The algorithmic foundations of differential privacy", theorem
            2.2).

    Example:
        >>> many = Guesses(100, 60, 60)
        >>> round(lower_bound(many, 0.0, 0.99), 6), round(2 * lower_bound(many, 0.0, 0.99, steps=2), 6)
        (2.528543, 2.528543)
    """
    doubt = 1 - confidence

    def excess(epsilon: float) -> float:
        grown = delta * sum(math.exp(step * epsilon) for step in range(steps))
        return chance(guesses, steps * epsilon, grown) - doubt

    least, most = LEAST / steps, MOST / steps
    if excess(least) > 0:
        return 0.0
    if excess(most) <= 0:
        return most
    return float(brentq(excess, least, most, xtol=1e-9))
