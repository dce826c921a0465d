"""Batches by Poisson sampling: every record takes part by itself, with a probability that is exactly what is accounted.

No path leads from here to a shuffled loader: whoever has the indices has drawn them from this sampler, and the same
object says what a release from them spends. Batches of any size come out, empty ones too, which are released as well.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.privacy.dp.accounting.events import Gaussian, Poisson
from casemate.privacy.dp.noise import Entropy

WHOLE: Final = 1 << 64
"""Values of a random word."""


class PoissonSampler:
    """Draws batches of records.

    Args:
        records: how many there are; public.
        rate: probability with which each takes part.
        entropy: where randomness comes from.

    Attributes:
        rate: the probability, a multiple of 2^-64 and no less than what was asked for.

    Raises:
        UsageError: there are no records, or the rate lies not between 0 and 1.

    Example:
        >>> from casemate.privacy.dp.noise import SeededEntropy
        >>> sampler = PoissonSampler(1000, 0.01, SeededEntropy(0))
        >>> [len(sampler.draw()) for _ in range(3)]
        [15, 15, 12]
        >>> sampler.event(1.1).rate >= 0.01
        True
    """

    def __init__(self, records: int, rate: float, entropy: Entropy) -> None:
        if records < 1:
            raise UsageError("there are no records to draw from", next_step="give at least one")
        if not 0 < rate <= 1:
            raise UsageError(
                f"sample rate {rate} lies not between 0 and 1", next_step="give the share of records in a batch"
            )
        self.records, self.entropy = records, entropy
        self._below = min(math.ceil(rate * WHOLE), WHOLE)  # exact: a float times a power of two
        exact = self._below / WHOLE
        self.rate = exact if int(exact * WHOLE) >= self._below else math.nextafter(exact, 1.0)

    @property
    def name(self) -> str:
        """What the certificate calls it."""
        return f"Poisson, rate {self.rate:.6g}"

    @property
    def expected(self) -> float:
        """Mean size of a batch: what sums are divided by, since the size of a batch is as private as its records."""
        return self.records * self.rate

    def draw(self) -> npt.NDArray[np.int64]:
        """Which records take part."""
        if self._below == WHOLE:
            return np.arange(self.records)
        return np.flatnonzero(self.entropy.words(self.records) < np.uint64(self._below))

    def event(self, noise_multiplier: float) -> Gaussian | Poisson:
        """What one release with Gaussian noise from one batch is."""
        release = Gaussian(noise_multiplier)
        return release if self._below == WHOLE else Poisson(self.rate, release)
