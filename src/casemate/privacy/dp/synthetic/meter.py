"""What is asked of the records, each question paid for before it is answered.

Two questions there are: a marginal (how many records have each combination of values of some columns), with rounded
Gaussian or Laplace noise; and a choice among candidates by the exponential mechanism. One record more or less changes
one cell of a marginal by 1, so its sensitivity is 1 in both norms. With a delta, everything is a Gaussian release to
the accountant: a choice counts as one that tells at least as much (`casemate.privacy.dp.curves.mu_of_choice`). Without,
pure budgets add up. It is the accountant who refuses, not the plan that says what shares things take.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from casemate.core.errors import SpentError, UsageError
from casemate.privacy.dp.accounting.accountant import Accountant
from casemate.privacy.dp.accounting.events import Approximate, Gaussian, Laplace, Single
from casemate.privacy.dp.accounting.events import counted as counted_events
from casemate.privacy.dp.certificate import CURVE, Certificate
from casemate.privacy.dp.curves import delta_of, epsilon_of_choice, mu_of, mu_of_choice
from casemate.privacy.dp.noise import DISTANCE, Entropy, choose, gaussian, laplace

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Sets = tuple[int, ...]
"""Numbers of columns, rising."""

DRAWS: Final = 1 << 30
"""Noise values of one budget, at most: what their distance takes from delta is set aside beforehand."""
LARGEST: Final = 1 << 26
"""Cells of a marginal, at most."""
CARE: Final = 1e-9
"""By which noise is larger than its share asks, so that rounding never overdraws."""


@dataclass(frozen=True, eq=False)
class Measured:
    """A marginal with noise.

    Attributes:
        columns: of which it is.
        counts: (size of each column, ...) counts with noise.
        precision: likewise, one over the variance of each.
    """

    columns: Sets
    counts: Floats
    precision: Floats

    @property
    def deviation(self) -> float:
        """Of the noise of a cell, at most."""
        return float(1 / math.sqrt(self.precision.min()))


class Meter:
    """Answers questions about records until the budget is spent.

    Args:
        epsilon: the budget.
        delta: with Gaussian noise; 0 for pure epsilon, with Laplace noise.
        entropy: where randomness comes from.

    Attributes:
        accountant: all that was paid for.
        left: share of the budget.
        drawn: noise values so far.
        asked: of each question, what it was and the scale of its noise (of a choice: its epsilon).
    """

    def __init__(self, epsilon: float, delta: float, entropy: Entropy) -> None:
        self.epsilon, self.delta, self.entropy = epsilon, delta, entropy
        self.accountant, self.left, self.drawn = Accountant(), 1.0, 0
        self.asked: list[tuple[Sets, float]] = []
        self.choices = 0
        self._spare = delta - DRAWS * DISTANCE * (1 + math.exp(min(epsilon, 700.0)))
        if delta and self._spare <= 0:
            raise UsageError(
                f"delta {delta:g} is less than the noise itself errs by",
                cause=f"at epsilon {epsilon:g} a distance of {DRAWS * DISTANCE:.1g} weighs e^epsilon as much",
                next_step="give a smaller epsilon, a larger delta, or none for pure epsilon; no budget was spent",
            )
        self._signal = mu_of(epsilon, self._spare) if delta else math.nan

    @property
    def pure(self) -> bool:
        """Whether there is no delta."""
        return not self.delta

    def noise_of(self, share: float) -> float:
        """Deviation of the noise of a marginal that takes this share of the budget."""
        return math.sqrt(2) / (self.epsilon * share) if self.pure else 1 / (self._signal * math.sqrt(share))

    def marginal(self, codes: list[Whole], sizes: list[int], columns: Sets, share: float) -> Measured:
        """Count the records of each combination, with noise.

        Args:
            codes: of each column, (n,) codes.
            sizes: of each column, how many codes there are.
            columns: which are counted together.
            share: of the whole budget.

        Raises:
            SpentError: no such share is left.
            UsageError: the marginal has too many cells.
        """
        shape = tuple(sizes[each] for each in columns)
        if math.prod(shape) > LARGEST or self.drawn + math.prod(shape) > DRAWS:
            raise UsageError(f"a marginal of {math.prod(shape):,} cells is too large", next_step="use fewer bins")
        deviation = self.noise_of(share) * (1 + CARE)
        scale = deviation / math.sqrt(2) if self.pure else deviation
        self._pay(Laplace(scale) if self.pure else Gaussian(scale), share)
        self.asked.append((columns, scale))
        noise = (laplace if self.pure else gaussian)(scale, math.prod(shape), self.entropy).reshape(shape)
        self.drawn += noise.size
        counts = (counted(codes, sizes, columns) + noise).astype(np.float64)
        return Measured(columns, counts, np.full(shape, 1 / (deviation**2 + 1 / 12)))

    def choose(self, scores: Floats, sensitivity: float, share: float) -> int:
        """Choose one of the candidates, rather a high score than a low one.

        Args:
            scores: (candidates,) one record more or less changes each by ``sensitivity`` at most.
            sensitivity: of a score.
            share: of the whole budget.

        Raises:
            SpentError: no such share is left.
        """
        if self.pure:
            epsilon = self.epsilon * share * (1 - CARE)
            event: Single = Approximate(epsilon)
        else:
            epsilon = epsilon_of_choice(self._signal * math.sqrt(share) * (1 - CARE))
            event = Gaussian(1 / mu_of_choice(epsilon))
        self._pay(event, share)
        self.asked.append(((), epsilon))
        self.choices += 1
        self.drawn += 1
        return choose(scores.tolist(), epsilon / (2 * sensitivity), self.entropy)

    def certificate(
        self, mechanism: str, assumed: tuple[str, ...], names: list[str], settings: Settings
    ) -> Certificate:
        """What was spent and what that rests on; the noise of each marginal is among the settings."""
        distance = self.drawn * DISTANCE
        points = [] if self.pure else [self.epsilon * each for each in CURVE]
        releases = counted_events(self.accountant.events)
        squares = [many / each.noise_multiplier**2 for each, many in releases.items() if isinstance(each, Gaussian)]
        signal = math.sqrt(sum(squares))
        curve = [(each, delta_of(signal, each) + distance * (1 + math.exp(min(each, 700.0)))) for each in points]
        marginals = {" x ".join(names[at] for at in columns): scale for columns, scale in self.asked if columns}
        said = {f"noise of {name}": scale for name, scale in marginals.items()}
        return Certificate(
            mechanism=f"{mechanism} with rounded {'Laplace' if self.pure else 'Gaussian'} noise",
            relation="add_remove",
            epsilon=self.epsilon,
            delta=self.delta,
            curve=tuple(curve),
            sensitivity=1.0,
            noise=min((scale for columns, scale in self.asked if columns), default=math.inf),
            releases=len(self.asked),
            grid=1.0,
            sampler="every record in every release",
            entropy=self.entropy.name,
            trusted=self.entropy.trusted,
            distance=distance,
            assumed=assumed,
            settings={**settings, "choices": self.choices, **said},
        )

    def _pay(self, event: Single, share: float) -> None:
        """Enter it in the account, or refuse."""
        after = self.accountant.compose(event)
        if after.epsilon(max(self._spare, 0.0)) > self.epsilon:
            raise SpentError("nothing of this budget is left", next_step="ask less; nothing was released")
        self.accountant, self.left = after, self.left - share


Settings = dict[str, float | int | str | bool]


def counted(codes: list[Whole], sizes: list[int], columns: Sets) -> Whole:
    """How many records have each combination of codes, without noise: not for release."""
    shape = tuple(sizes[each] for each in columns)
    key = np.zeros(len(codes[0]), dtype=np.int64)
    for each in columns:
        key = key * sizes[each] + codes[each]
    return np.bincount(key, minlength=math.prod(shape)).reshape(shape)
