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
from casemate.privacy.dp.noise import DISTANCE, Entropy, gaussian, laplace

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
    """

    total: Floats
    bound: float
    share: float
    weights: Floats | None = None


@dataclass(frozen=True)
class Noisy:
    """A sum with noise.

    Attributes:
        total: (...) in the query's steps.
        deviation: (...) of its noise, in the same steps.
    """

    total: Floats
    deviation: Floats


class NoisySums:
    """Answers queries until the budget is spent.

    Args:
        budget: for all queries together.
        entropy: where noise comes from.

    Example:
        >>> from casemate.privacy.dp.noise import SeededEntropy
        >>> ask = NoisySums(Budget(1.0), SeededEntropy(0))
        >>> ask(Query(np.array([40.0, 2.0]), bound=1.0, share=1.0)).total
        array([40.,  2.])
    """

    def __init__(self, budget: Budget, entropy: Entropy) -> None:
        self.budget, self.entropy = budget, entropy
        self.signal = budget.epsilon if budget.pure else mu_of(budget.epsilon, budget.delta * (1 - SPARE))
        self.spent, self.count, self.drawn = 0.0, 0, 0

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
        weights = np.ones(total.shape) if query.weights is None else query.weights
        pure = self.budget.pure
        signal = self.signal * (query.share if pure else math.sqrt(query.share)) * (1 - 2.0**-40)
        fine = max(math.floor(math.log2(query.bound)) - FINE, 0)
        shift = max(fine, math.ceil(math.log2(query.bound / (signal * weights.min()))) + 1 - WIDE)
        # rounding moves two sums apart by a step in each coordinate
        moved = float(weights.sum() if pure else np.linalg.norm(weights)) if shift else 0.0
        sensitivity = math.nextafter(query.bound / 2.0**shift + moved, math.inf)
        scales = sensitivity / signal / weights
        draw, noise = (laplace if pure else gaussian), np.empty(total.shape)
        for scale in np.unique(scales):
            same = scales == scale
            noise[same] = draw(float(scale), int(same.sum()), self.entropy)
        self.spent, self.count, self.drawn = self.spent + query.share, self.count + 1, self.drawn + size
        found = (np.rint(total / 2.0**shift) + noise) * 2.0**shift
        return Noisy(found, scales * (math.sqrt(2) if pure else 1.0) * 2.0**shift)

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
            mechanism=f"{mechanism}, with rounded {'Laplace' if budget.pure else 'Gaussian'} noise",
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
