"""Counts, histograms, sums, means and quantiles of a column, with noise.

Bounds, categories and bins are public inputs, never looked up in the data; values outside the bounds are moved to them.
Sums are sums of whole numbers: values are rounded to a grid of 2^20 steps between the bounds before they are added. So
sensitivities are counts, and the noise is exact (`casemate.privacy.dp.noise`). Without ``delta`` a guarantee is pure.

References:
    Dwork and Roth 2014, "The algorithmic foundations of differential privacy", sections 3.3 and 3.5.1; quantiles by a
    noisy binary search: Blum, Ligett and Roth 2013, "A learning theory approach to noninteractive database privacy".
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError, UsageError
from casemate.privacy.dp.certificate import Certificate
from casemate.privacy.dp.checks import check_delta, check_epsilon
from casemate.privacy.dp.curves import mu_of
from casemate.privacy.dp.noise import DISTANCE, Entropy, SystemEntropy, gaussian, laplace

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

STEPS: Final = 1 << 20
"""Of the grid, between two bounds."""
SHARES: Final = 1 << 12
"""To which a quantile's share is rounded."""
HALVINGS: Final = 20
"""Of the range, in the search for a quantile."""


@dataclass(frozen=True)
class Released:
    """What may be shown, and what it rests on.

    Attributes:
        value: one number, or one for each category or bin.
        certificate: the guarantee.
        deviation: of the noise in ``value``, as far as it is known; for plotting error bars.
    """

    value: Floats
    certificate: Certificate
    deviation: float

    def __float__(self) -> float:
        return float(self.value)


@dataclass(frozen=True)
class Statistics:
    """Releases under one budget each: what they spend adds up, see `casemate.privacy.dp.accounting`.

    Attributes:
        epsilon: of each release.
        delta: of each release, with Gaussian noise; 0 for pure epsilon, with Laplace noise.
        entropy: where randomness comes from.

    Example:
        >>> ages = [31, 45, 62, 29, 50] * 400
        >>> 1990 < float(Statistics(epsilon=1.0).count(ages)) < 2010
        True
        >>> 42 < float(Statistics(epsilon=1.0).mean(ages, bounds=(0, 100))) < 45
        True
    """

    epsilon: float
    delta: float = 0.0
    entropy: Entropy | None = None

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon)
        check_delta(self.delta, pure=True)

    def count(self, values: Sequence[object] | npt.NDArray[np.generic]) -> Released:
        """How many records there are."""
        return self._released("count", np.array([len(values)]), 1.0, 1.0)

    def histogram(self, values: Sequence[Hashable], categories: Sequence[Hashable]) -> Released:
        """How many records there are of each category; others are not counted.

        Args:
            values: one a record.
            categories: all that there can be, whether or not they occur.

        Raises:
            UsageError: a category is there twice.
        """
        places = {category: place for place, category in enumerate(categories)}
        if len(places) != len(categories):
            raise UsageError("a category is listed twice", next_step="list each once")
        found = np.zeros(len(places), dtype=np.int64)
        for value in values:
            place = places.get(value)
            if place is not None:
                found[place] += 1
        return self._released("histogram", found, 1.0, 1.0)

    def sum(self, values: npt.ArrayLike, bounds: tuple[float, float]) -> Released:
        """The sum of values, each moved between the bounds."""
        self._grid(bounds)
        far = max(abs(bounds[0]), abs(bounds[1]))
        moved = self._whole(np.clip(np.asarray(values, dtype=np.float64), *bounds), (-far, far)) - STEPS // 2
        return self._released("sum", np.array([moved.sum()]), STEPS // 2 + 0.0, 2 * far / STEPS)

    def mean(self, values: npt.ArrayLike, bounds: tuple[float, float]) -> Released:
        """The mean of values, each moved between the bounds; half of the budget is for their sum, half for how many."""
        step, low = self._grid(bounds)
        whole = self._whole(values, bounds)
        half = Statistics(self.epsilon / 2, self.delta / 2, self._source())
        middle = STEPS // 2
        total = half._released("sum", np.array([(whole - middle).sum()]), middle + 0.0, step)
        number = half._released("count", np.array([len(whole)]), 1.0, 1.0)
        many = max(float(number), 1.0)
        found = np.clip(low + middle * step + float(total) / many, *bounds)
        spent = total.certificate.spent(self.epsilon, self.delta, "mean: a sum and a count, half of the budget each")
        leaning = (found - low - middle * step) * number.deviation
        return Released(np.array(found), spent, math.hypot(total.deviation, leaning) / many)

    def quantile(self, values: npt.ArrayLike, share: float, bounds: tuple[float, float]) -> Released:
        """The value below which a share of the records lies, by a binary search whose counts are noisy.

        Args:
            values: one a record.
            share: between 0 and 1; 0.5 for the median.
            bounds: of the search.

        Raises:
            UsageError: the share lies not between 0 and 1.
        """
        if not 0 <= share <= 1:
            raise UsageError(f"a share of {share} is none", next_step="give a number from 0 to 1; 0.5 is the median")
        step, low = self._grid(bounds)
        whole = np.sort(self._whole(values, bounds))
        # below minus share: one record moves (1 - share) * below - share * above by at most the larger of the two
        weight = round(share * SHARES)
        first, last = 0, STEPS
        release = self._noise(HALVINGS, max(weight, SHARES - weight) + 0.0)
        for _ in range(HALVINGS):
            middle = (first + last) // 2
            below = int(np.searchsorted(whole, middle, side="right"))
            excess = (SHARES - weight) * below - weight * (len(whole) - below)
            if excess + int(release.draw(1)[0]) >= 0:
                last = middle
            else:
                first = middle
        certificate = release.certificate(f"quantile by {HALVINGS} noisy counts", 1.0 / SHARES)
        return Released(np.array(low + (first + last) / 2 * step), certificate, math.nan)

    def _grid(self, bounds: tuple[float, float]) -> tuple[float, float]:
        low, high = bounds
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise UsageError(
                f"between {low} and {high} there is nothing", next_step="give the least and greatest value that can be"
            )
        return (high - low) / STEPS, low

    def _whole(self, values: npt.ArrayLike, bounds: tuple[float, float]) -> Whole:
        """Values in grid steps from the lower bound."""
        step, low = self._grid(bounds)
        given = np.asarray(values, dtype=np.float64).ravel()
        if np.isnan(given).any():
            raise DataError(
                "values are missing", next_step="impute them or leave their records out; no budget was spent"
            )
        found: Whole = np.clip(np.rint((np.clip(given, *bounds) - low) / step), 0, STEPS).astype(np.int64)
        return found

    def _source(self) -> Entropy:
        return self.entropy or SystemEntropy()

    def _noise(self, count: int, sensitivity: float) -> _Noise:
        return _Noise(self, count, sensitivity, self._source())

    def _released(self, what: str, answer: Whole, sensitivity: float, grid: float) -> Released:
        """Answers of which one record changes one only, by ``sensitivity`` at most."""
        release = self._noise(1, sensitivity)
        found = (answer + release.draw(len(answer))) * grid
        value = found[0] if what in ("count", "sum") else found
        return Released(np.array(value, dtype=np.float64), release.certificate(what, grid), release.deviation * grid)


class _Noise:
    """Noise for a number of answers to queries of one sensitivity, in whole steps."""

    def __init__(self, budget: Statistics, count: int, sensitivity: float, entropy: Entropy) -> None:
        self.budget, self.count, self.sensitivity, self.entropy = budget, count, sensitivity, entropy
        self.drawn = 0
        if budget.delta:
            spare = budget.delta * (1 - 1e-9)
            self.scale = sensitivity * math.sqrt(count) / mu_of(budget.epsilon, spare)
        else:
            self.scale = sensitivity * count / budget.epsilon * (1 + 2.0**-40)

    @property
    def deviation(self) -> float:
        """Of one answer's noise."""
        return self.scale * (1.0 if self.budget.delta else math.sqrt(2))

    def draw(self, size: int) -> Whole:
        """(size,) of it."""
        self.drawn += size
        return (gaussian if self.budget.delta else laplace)(self.scale, size, self.entropy)

    def certificate(self, what: str, grid: float) -> Certificate:
        """What was spent."""
        return Certificate(
            mechanism=f"{what}, with rounded {'Gaussian' if self.budget.delta else 'Laplace'} noise",
            relation="add_remove",
            epsilon=self.budget.epsilon,
            delta=self.budget.delta,
            curve=(),
            sensitivity=self.sensitivity,
            noise=self.scale,
            releases=self.count,
            grid=grid,
            sampler="every record in every release",
            entropy=self.entropy.name,
            trusted=self.entropy.trusted,
            distance=self.drawn * DISTANCE,
        )
