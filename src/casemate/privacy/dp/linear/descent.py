"""Full-batch gradient descent whose gradients are released with noise.

Each step sums what every record wants to change, clipped, on a grid of whole numbers, and adds rounded Gaussian or
Laplace noise. There is no sampling and so no argument about it: T steps are T releases, composed exactly. The size of
the noise in the weights depends on how far the descent goes (its ``time``, the sum of its step lengths), not on the
number of steps for Gaussian noise, and only as its root for Laplace noise; so the time is set from rows and budget,
before anything is looked at.

References:
    Bassily, Smith and Thakurta 2014, "Private empirical risk minimization"; Song, Chaudhuri and Sarwate 2013,
    "Stochastic gradient descent with differentially private updates"; composition: see `casemate.privacy.dp.curves`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from scipy.sparse import csr_array

from casemate.core.errors import DataError
from casemate.privacy.dp.certificate import CURVE, Certificate
from casemate.privacy.dp.curves import delta_of, mu_of
from casemate.privacy.dp.linear.grid import MOST, RESIDUAL_BITS, Clip, Floats
from casemate.privacy.dp.noise import DISTANCE, Entropy, gaussian, laplace

FINE: Final = 20
"""A release's sensitivity is at least two to this many steps, so that rounding to the grid adds next to nothing."""


@dataclass(frozen=True)
class Plan:
    """How a descent goes, fixed before the data are looked at.

    Attributes:
        steps: releases.
        rate: step length.
        momentum: of the heavy ball.
        tail: share of the steps, the last ones, whose weights are averaged.
        pull: weight of the squared norm in the loss; costs nothing.
    """

    steps: int
    rate: float
    momentum: float
    tail: float = 0.5
    pull: float = 0.0


@dataclass(frozen=True)
class Budget:
    """What may be spent: (epsilon, delta) with Gaussian noise, or pure epsilon with Laplace noise where delta is 0."""

    epsilon: float
    delta: float = 0.0

    @property
    def pure(self) -> bool:
        """Whether no delta is given."""
        return self.delta == 0.0


class Releasing(Protocol):
    """What adds noise to the sums of a descent."""

    shape: tuple[int, ...]

    def __call__(self, total: Floats) -> Floats:
        """The sum with noise, in the same steps."""


class Release:
    """Answers sums on the grid with noise, a fixed number of times.

    Args:
        budget: for all releases together.
        count: releases.
        bound: largest norm of one record's part, in steps of the sum's grid: L1 for a pure budget, else L2.
        shape: of a sum.
        entropy: where noise comes from.
    """

    def __init__(self, budget: Budget, count: int, bound: float, shape: tuple[int, ...], entropy: Entropy) -> None:
        self.budget, self.count, self.left, self.shape, self.entropy = budget, count, count, shape, entropy
        size = math.prod(shape)
        self.shift = max(0, math.floor(math.log2(bound)) - FINE)
        rounded = size if budget.pure else math.sqrt(size)
        coarse = bound / 2.0**self.shift + (
            rounded if self.shift else 0
        )  # rounding moves two sums apart by a step each
        self.sensitivity = math.nextafter(coarse, math.inf)
        if budget.pure:
            self.noise = self.sensitivity * count / budget.epsilon * (1 + 2.0**-40)
        else:
            spare = budget.delta - self.distance * (1 + math.exp(budget.epsilon))
            self.noise = self.sensitivity * math.sqrt(count) / mu_of(budget.epsilon, spare)

    @property
    def distance(self) -> float:
        """Total variation distance of all noise together."""
        return self.count * math.prod(self.shape) * DISTANCE

    def __call__(self, total: Floats) -> Floats:
        """The sum with noise, in steps of its own grid.

        Raises:
            DataError: all releases have been spent.
        """
        if not self.left:
            raise DataError("all releases of this budget are spent", next_step="plan more of them beforehand")
        self.left -= 1
        draw = laplace if self.budget.pure else gaussian
        noise = draw(self.noise, total.size, self.entropy).reshape(total.shape)
        whole = np.rint(total / 2.0**self.shift) + noise
        return np.asarray(whole * 2.0**self.shift, dtype=np.float64)

    def certificate(
        self, grid: float, assumed: tuple[str, ...], settings: dict[str, float | int | str | bool]
    ) -> Certificate:
        """What was spent."""
        budget, curve = self.budget, tuple[tuple[float, float], ...]()
        if not budget.pure:
            mu = self.sensitivity * math.sqrt(self.count) / self.noise
            points = [budget.epsilon * each for each in CURVE]
            extra = [self.distance * (1 + math.exp(each)) for each in points]
            curve = tuple((each, delta_of(mu, each) + more) for each, more in zip(points, extra, strict=True))
        return Certificate(
            mechanism=f"full-batch gradient descent with rounded {'Laplace' if budget.pure else 'Gaussian'} noise",
            relation="zero_out",
            epsilon=budget.epsilon,
            delta=budget.delta,
            curve=curve,
            sensitivity=self.sensitivity,
            noise=self.noise,
            releases=self.count,
            grid=grid * 2.0**self.shift,
            sampler="every record in every release",
            entropy=self.entropy.name,
            trusted=self.entropy.trusted,
            distance=self.distance,
            assumed=assumed,
            settings=settings,
        )


def descend(
    rows: Floats | csr_array,
    residuals: Callable[[Floats], Floats],
    clip: Clip,
    release: Releasing,
    plan: Plan,
    row_bits: int,
) -> Floats:
    """The weights, averaged over the tail.

    Args:
        rows: (n, d) rows as whole numbers of steps, dense or sparse.
        residuals: from (n, k) scores to (n, k) residuals, the slope of each record's loss.
        clip: of residuals; their bound times the rows' is what ``release`` was made for.
        release: adds the noise.
        plan: how it goes.
        row_bits: a unit of the rows is two to this many steps.

    Returns:
        (d, k) weights, for rows in their own units.

    Raises:
        DataError: there are too many rows for exact sums.
    """
    n, d = rows.shape
    if n > MOST:
        raise DataError(
            f"{n:,} rows are too many for exact sums", cause=f"{MOST:,} are the most", next_step="train on a sample"
        )
    k = release.shape[1]
    weights, speed, kept, many = np.zeros((d, k)), np.zeros((d, k)), np.zeros((d, k)), 0
    unit = 2.0**-row_bits
    for step in range(plan.steps):
        total = rows.T @ clip(residuals(rows @ (weights * unit)))
        slope = release(total) * (2.0 ** -(row_bits + RESIDUAL_BITS) / n) + plan.pull * weights
        speed = plan.momentum * speed - plan.rate * slope
        weights = weights + speed
        if step >= plan.steps * (1 - plan.tail):
            kept, many = kept + weights, many + 1
    return kept / many
