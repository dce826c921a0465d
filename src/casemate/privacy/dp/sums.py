"""Sums over records, released with noise under one budget that is split into shares.

Every estimator that looks at its data through sums asks here. A query says what one record can contribute; the noise
follows from that. Sums are whole numbers, so the noise is exact (`casemate.privacy.dp.noise`), and shares compose
exactly: squares of Gaussian signals add up (Dong, Roth and Su 2022, corollary 3.3), and so do pure budgets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError
from casemate.privacy.dp.certificate import CURVE, Certificate
from casemate.privacy.dp.curves import delta_of, mu_of
from casemate.privacy.dp.linear.descent import Budget
from casemate.privacy.dp.noise import DISTANCE, Entropy, box, gaussian, laplace
from casemate.privacy.dp.noise.box import deviation

Floats = npt.NDArray[np.float64]

FINE: Final = 20
"""A sum's sensitivity is at most two to this many grid steps (and one step more); a finer sum is rounded."""
WIDE: Final = 31
"""Noise has at most two to this many grid steps."""
SPARE: Final = 1e-9
"""Share of delta that is left for the distance of the noise from its distribution."""
EXACT: Final = 2.0**53
"""Whole numbers below this are exact in float64."""


@dataclass(frozen=True)
class Query:
    """A sum over records.

    Attributes:
        total: (...) the sum, in whole steps of some grid.
        bound: largest norm of one record's contribution times ``weights``, in the same steps: L2 for Gaussian noise,
            L1 for Laplace noise.
        share: of the budget; of squared signals for Gaussian noise, of epsilon for Laplace noise.
        weights: (...) of coordinates: one that weighs twice has half of the noise.
        box: largest absolute value of a coordinate of one record's contribution, if that is known; then a pure budget
            has the noise of `casemate.privacy.dp.noise.box` where it is smaller than Laplace noise.
        alone: a record contributes to one row of ``total`` only, so rows are released each by itself.
    """

    total: Floats
    bound: float
    share: float
    weights: Floats | None = None
    box: float | None = None
    alone: bool = False


@dataclass(frozen=True)
class Noisy:
    """A sum with noise.

    Attributes:
        total: (...) in the query's steps.
        deviation: (...) of its noise, in the same steps.
        grid: of the answer, in the same steps: a coarser one where the query's is finer than noise needs.
    """

    total: Floats
    deviation: Floats
    grid: float


class NoisySums:
    """Answers queries until the budget is spent.

    Args:
        budget: for all queries together.
        entropy: where noise comes from.

    Example:
        >>> from casemate.privacy.dp.noise import SeededEntropy
        >>> ask = NoisySums(Budget(1.0), SeededEntropy(0))
        >>> ask(Query(np.array([40.0, 2.0]), bound=1.0, share=1.0)).total
        array([40.,  3.])
    """

    def __init__(self, budget: Budget, entropy: Entropy) -> None:
        self.budget, self.entropy = budget, entropy
        self.signal = budget.epsilon if budget.pure else mu_of(budget.epsilon, budget.delta * (1 - SPARE))
        self.spent, self.count, self.drawn, self.cubes = 0.0, 0, 0, 0

    def __call__(self, query: Query) -> Noisy:
        """The sum with noise.

        Raises:
            DataError: the query asks for more than is left, or its sum is too large to be exact.
        """
        total, size = query.total, query.total.size
        if not query.share > 0 or self.spent + query.share > 1 + 1e-9:
            raise DataError("the shares of this budget are spent", next_step="plan them so that they add up to 1")
        if np.abs(total).max(initial=0.0) >= EXACT:
            raise DataError("there are too many records for exact sums", next_step="train on a sample of them")
        pure = self.budget.pure
        signal = self.signal * (query.share if pure else math.sqrt(query.share)) * (1 - 2.0**-40)
        self.spent, self.count, self.drawn = self.spent + query.share, self.count + 1, self.drawn + size
        if pure and query.box is not None:
            boxed = _boxed(query, query.box, signal, self.entropy)
            if boxed is not None:
                self.cubes += 1
                return boxed
        return self._by_coordinate(query, signal)

    def set_aside(self, share: float, numbers: int) -> float:
        """Epsilon for another mechanism, as a share of a pure budget; ``numbers`` are what it will release.

        Raises:
            DataError: it is more than is left.
        """
        if not share > 0 or self.spent + share > 1 + 1e-9:
            raise DataError("the shares of this budget are spent", next_step="plan them so that they add up to 1")
        self.spent, self.count, self.drawn = self.spent + share, self.count + 1, self.drawn + numbers
        return self.signal * share * (1 - 2.0**-40)

    def _by_coordinate(self, query: Query, signal: float) -> Noisy:
        total, pure = query.total, self.budget.pure
        weights = np.ones(total.shape) if query.weights is None else query.weights
        shift = _shift(query.bound, signal * float(weights.min()))
        # rounding moves two sums apart by a step in each coordinate
        moved = float(weights.sum() if pure else np.linalg.norm(weights)) if shift else 0.0
        sensitivity = math.nextafter(query.bound / 2.0**shift + moved, math.inf)
        scales = sensitivity / signal / weights
        draw, noise = (laplace if pure else gaussian), np.empty(total.shape)
        for scale in np.unique(scales):
            same = scales == scale
            noise[same] = draw(float(scale), int(same.sum()), self.entropy)
        found = (np.rint(total / 2.0**shift) + noise) * 2.0**shift
        return Noisy(found, scales * (math.sqrt(2) if pure else 1.0) * 2.0**shift, 2.0**shift)

    def _noises(self) -> str:
        if not self.budget.pure:
            return "Gaussian"
        return {0: "Laplace", self.count: "cube"}.get(self.cubes, "Laplace and cube")

    @property
    def distance(self) -> float:
        """Total variation distance of all noise so far from its distribution."""
        return self.drawn * DISTANCE

    def certificate(
        self, mechanism: str, assumed: tuple[str, ...], settings: dict[str, float | int | str | bool]
    ) -> Certificate:
        """What was spent; sensitivity and noise are those of all queries as one, in units of its noise."""
        budget, curve = self.budget, tuple[tuple[float, float], ...]()
        if not budget.pure:
            points = [budget.epsilon * each for each in CURVE]
            extra = [self.distance * (1 + math.exp(each)) for each in points]
            curve = tuple((each, delta_of(self.signal, each) + more) for each, more in zip(points, extra, strict=True))
        return Certificate(
            mechanism=f"{mechanism}, with rounded {self._noises()} noise",
            relation="zero_out",
            epsilon=budget.epsilon,
            delta=budget.delta,
            curve=curve,
            sensitivity=self.signal,
            noise=1.0,
            releases=self.count,
            grid=1.0,
            sampler="every record in every release",
            entropy=self.entropy.name,
            trusted=self.entropy.trusted,
            distance=self.distance,
            assumed=assumed,
            settings=settings,
        )


def _shift(bound: float, signal: float) -> int:
    """Powers of two to which sums are rounded: the grid stays fine beside the bound, and noise can be drawn."""
    fine = math.floor(math.log2(bound)) - FINE
    return max(fine, math.ceil(math.log2(bound / signal)) + 1 - WIDE, 0)


def _boxed(query: Query, bound: float, signal: float, entropy: Entropy) -> Noisy | None:
    """The sum with noise by the largest coordinate; None where Laplace noise is smaller. Looks at no sum to decide."""
    total = query.total if query.alone else query.total.reshape(1, -1)
    size = math.prod(total.shape[1:])
    weights = np.ones(1) if query.weights is None else query.weights
    if deviation(bound, size) >= math.sqrt(2 * float(np.mean(weights**-2.0))) * query.bound:
        return None
    shift = _shift(bound, signal)
    moved = bound / 2.0**shift + (1 if shift else 0)  # rounding moves two sums apart by a step in each coordinate
    scale = math.nextafter(moved, math.inf) / signal
    noise = np.stack([box(scale, size, entropy) for _ in total]).reshape(query.total.shape)
    found = np.asarray((np.rint(query.total / 2.0**shift) + noise) * 2.0**shift, dtype=np.float64)
    return Noisy(found, np.full(query.total.shape, deviation(scale, size) * 2.0**shift), 2.0**shift)
