"""Populations whose truth is known, drawn many samples at a time, for the coverage tests and benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

Floats = NDArray[np.float64]
SLACK = 1e-12
"""Bounds that equal the truth up to rounding cover it."""


def covered(low: Floats, high: Floats, truth: float) -> float:
    """The share of intervals that hold the truth."""
    return float(np.mean((low <= truth + SLACK) & (truth - SLACK <= high)))


def binomial(n: int, p: float) -> Floats:
    """The probabilities of 0..n successes."""
    k = np.arange(n + 1.0)
    return np.exp(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, p) + xlogy(n - k, 1 - p))


def pairs(n: int, first: float, second: float) -> tuple[Floats, Floats, Floats]:
    """All (first, second) counts of changed inputs among n, with their trinomial probabilities."""
    grid = np.arange(n + 1.0)
    b, c = (part.ravel() for part in np.meshgrid(grid, grid, indexing="ij"))
    b, c = b[b + c <= n], c[b + c <= n]
    rest = n - b - c
    weight = gammaln(n + 1) - gammaln(b + 1) - gammaln(c + 1) - gammaln(rest + 1)
    weight += xlogy(b, first) + xlogy(c, second) + xlogy(rest, 1 - first - second)
    return b, c, np.exp(weight)


@dataclass(frozen=True)
class Clusters:
    """Clustered trials: beta-binomial, sizes equal or very unequal.

    Attributes:
        number: clusters.
        sizes: "10" or "50" each, "geometric" (mean 13), "lognormal" (mean 12, the largest of 50 about 90).
        rate: mean rate.
        icc: intra-cluster correlation, 1 when each cluster succeeds or fails as a whole.
    """

    number: int
    sizes: str
    rate: float
    icc: float

    def draw(self, rng: np.random.Generator, repeats: int) -> tuple[Floats, Floats]:
        """Successes and trials, (repeats, clusters) each."""
        shape = (repeats, self.number)
        if self.sizes == "geometric":
            n = 1 + rng.geometric(1 / 12, size=shape)
        elif self.sizes == "lognormal":
            n = np.maximum(1, np.round(np.exp(rng.normal(2.0, 1.0, size=shape)))).astype(np.int64)
        else:
            n = np.full(shape, int(self.sizes))
        if self.icc == 0.0 or self.rate == 0.0:
            rates = np.full(shape, self.rate)
        elif self.icc == 1.0:
            rates = (rng.random(shape) < self.rate).astype(np.float64)
        else:
            strength = (1 - self.icc) / self.icc
            rates = rng.beta(self.rate * strength, (1 - self.rate) * strength, size=shape)
        return rng.binomial(n, rates).astype(np.float64), n.astype(np.float64)


Draw = Callable[[np.random.Generator, tuple[int, ...], float], Floats]

SCORES: dict[str, Draw] = {
    "normal": lambda rng, shape, shift: rng.normal(size=shape) + shift,
    "wide positives": lambda rng, shape, shift: rng.normal(size=shape) * (3 if shift else 1) + 1.5 * shift,
    "heavy tails": lambda rng, shape, shift: rng.standard_t(2, size=shape) + 1.5 * shift,
    "skewed": lambda rng, shape, shift: np.exp(1.5 * rng.normal(size=shape) + shift),
    "few exposed": lambda rng, shape, shift: rng.normal(size=shape) + 4.0 * (rng.random(shape) < 0.1 * shift),
    "coarse ties": lambda rng, shape, shift: np.round(rng.normal(size=shape) + shift),
    "fine ties": lambda rng, shape, shift: np.round((rng.normal(size=shape) + shift) / 0.25),
}
"""Scores of negatives (shift 0) and positives (shift > 0), from easy to nasty."""


@cache
def true_auc(kind: str, shift: float) -> float:
    """The area of a population, from a million scores."""
    rng = np.random.default_rng(20)
    pos, neg = SCORES[kind](rng, (1_000_000,), shift), np.sort(SCORES[kind](rng, (1_000_000,), 0.0))
    ranks = np.searchsorted(neg, pos, "left") + np.searchsorted(neg, pos, "right")
    return float(ranks.mean() / 2 / neg.size)


@cache
def true_tpr(kind: str, shift: float, fpr: float) -> float:
    """The true positive rate at the lowest threshold whose true false positive rate keeps the promise."""
    pos = SCORES[kind](np.random.default_rng(21), (1_000_000,), shift)
    return float((pos > _true_threshold(kind, fpr)).mean())


@cache
def _true_threshold(kind: str, fpr: float) -> float:
    neg = SCORES[kind](np.random.default_rng(22), (4_000_000,), 0.0)
    rank = neg.size - round(fpr * neg.size) - 1
    return float(np.partition(neg, rank)[rank])
