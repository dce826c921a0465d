"""Pairs of distributions that tell two neighboring data sets apart no worse than any release of an event does.

A pair (P, Q) is all an accountant needs: its privacy loss at an outcome is log P/Q. Pairs answer one question, how much
of P and of Q lies between given losses, to nearly full relative precision, in tails and in narrow intervals alike.

Reference:
    Zhu, Dong and Wang 2022, "Optimal accounting of differential privacy via characteristic function", propositions 7
    and 30 (arXiv 2106.08567): dominating pairs, and those of Poisson sampling, one for each direction.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from casemate.privacy.dp.accounting.events import Approximate, Gaussian, Laplace, Single

Floats = npt.NDArray[np.float64]

NARROW: Final = 0.02
"""Intervals of a normal variable narrower than this, and than this over its distance, are integrated by a series."""


class Pair(ABC):
    """Two distributions, by their privacy loss."""

    @abstractmethod
    def between(self, edges: Floats) -> tuple[Floats, Floats]:
        """How much of P and of Q has a loss between neighboring edges.

        Args:
            edges: (n,) ascending losses; the first may be -inf, the last inf.

        Returns:
            (n - 1,) and (n - 1,). Where a loss has an atom at an edge, it counts on one of its sides.
        """

    @property
    def certain(self) -> float:
        """How much of P cannot come from Q at all."""
        return 0.0


@dataclass(frozen=True)
class Shifted(Pair):
    """Normal distributions with means 1 and 0: the Gaussian mechanism, the same in both directions."""

    deviation: float

    def between(self, edges: Floats) -> tuple[Floats, Floats]:
        """The loss at x is (2 x - 1) / (2 deviation^2)."""
        places = edges * self.deviation + 0.5 / self.deviation
        return _normal(places - 1 / self.deviation), _normal(places)


@dataclass(frozen=True)
class Peaked(Pair):
    """Laplace distributions around 1 and 0, the same in both directions."""

    scale: float

    def between(self, edges: Floats) -> tuple[Floats, Floats]:
        """The loss is the same atom for all x below 0, another for all x above 1, and linear between them."""
        far = 1 / self.scale
        inside = np.clip(edges, -far, far)
        # of Q: the chance of a loss beyond an edge, which is exp(-x / scale) / 2 at x = (1 + edge * scale) / 2
        above = np.where(edges < far, 0.5 * np.exp(-(far + inside) / 2), 0.0)
        above = np.where(edges < -far, 1.0, above)
        q = above[:-1] - above[1:]
        below = np.where(edges < -far, 0.0, 0.5 * np.exp(-(far - inside) / 2))
        below = np.where(edges < far, below, 1.0)
        return below[1:] - below[:-1], q


@dataclass(frozen=True)
class Sampled(Pair):
    """P becomes the mixture of P and Q in which P has weight ``rate``: a record is there in one sample of many."""

    base: Pair
    rate: float

    def between(self, edges: Floats) -> tuple[Floats, Floats]:
        """A loss of the mixture stands for log((exp(loss) - (1 - rate)) / rate) of the base."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            small = np.log1p(np.expm1(edges) / self.rate)
            large = edges + np.log1p(-(1 - self.rate) * np.exp(-edges)) - math.log(self.rate)
        inner = np.where(edges > 1, large, small)
        inner = np.where(edges <= math.log1p(-self.rate) if self.rate < 1 else np.isneginf(edges), -math.inf, inner)
        p, q = self.base.between(np.maximum.accumulate(inner))
        return self.rate * p + (1 - self.rate) * q, q


@dataclass(frozen=True)
class Reversed(Pair):
    """P and Q exchanged; every loss changes its sign."""

    base: Pair

    def between(self, edges: Floats) -> tuple[Floats, Floats]:
        """The same intervals from the other end."""
        p, q = self.base.between(-edges[::-1])
        return q[::-1], p[::-1]


@dataclass(frozen=True)
class Answered(Pair):
    """A randomized answer of one bit: with probability delta the truth, else with odds exp(epsilon)."""

    epsilon: float
    delta: float

    @property
    def certain(self) -> float:
        """Delta."""
        return self.delta

    def between(self, edges: Floats) -> tuple[Floats, Floats]:
        """Two atoms."""
        p, q = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
        likely = (1 - self.delta) / (1 + math.exp(-self.epsilon))
        rare = (1 - self.delta) / (1 + math.exp(self.epsilon))
        for loss, mine, other in ((self.epsilon, likely, rare), (-self.epsilon, rare, likely)):
            at = min(max(int(np.searchsorted(edges, loss)) - 1, 0), len(p) - 1)
            p[at] += mine
            q[at] += other
        return p, q


def pairs_of(event: Single) -> tuple[Pair, ...]:
    """One pair, or two where adding and removing a record differ; each has to be composed by itself."""
    if isinstance(event, Gaussian):
        return (Shifted(event.noise_multiplier),)
    if isinstance(event, Laplace):
        return (Peaked(event.noise_multiplier),)
    if isinstance(event, Approximate):
        return (Answered(event.epsilon, event.delta),)
    base = pairs_of(event.release)[0]
    if event.rate == 1:
        return (base,)
    return Sampled(base, event.rate), Reversed(Sampled(base, event.rate))


def _normal(places: Floats) -> Floats:
    """How much of a standard normal variable lies between neighboring places."""
    low, high = places[:-1], places[1:]
    with np.errstate(invalid="ignore", over="ignore"):
        upper = low > 0
        wide = np.where(upper, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
        middle, width = (low + high) / 2, high - low
        square, step = middle * middle, width * width
        density = np.exp(-square / 2) / math.sqrt(2 * math.pi)
        series = 1 + step * (square - 1) / 24 + step * step * (square * square - 6 * square + 3) / 1920
        return np.where(width * (1 + np.abs(middle)) < NARROW, density * width * series, wide)
