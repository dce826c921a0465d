"""The privacy loss of many releases together, on a grid, never below the truth.

Each release's pair is moved to a grid of losses so that in every interval both masses stay what they are ("connecting
the dots"): the hockey-stick curve of the moved pair is the chord of the true one, so it lies above it, and by little.
Convolution is multiplication of Fourier transforms. Two things are done beforehand, so that it is exact where it is
read: the distribution is tilted by exp(tilt * loss), which puts its middle where delta is read and its tail beyond any
rounding, whatever delta is; and what a finite window and rounding can do is bounded and added.

References:
    Doroshenko, Ghazi, Kamath, Kumar and Manurangsi 2022, "Connect the dots: tighter discrete approximations of privacy
    loss distributions" (arXiv 2207.04380); Gopi, Lee and Wutschitz 2021, "Numerical composition of differential
    privacy" (arXiv 2106.02848); Alghamdi et al. 2023, "The saddle-point method in differential privacy" for the tilt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.optimize import brentq, minimize_scalar

from casemate.privacy.dp.accounting.pairs import Floats, Pair

FINE, BULK = 40, 10
"""Grid steps in the deviation of one release's loss, tilted and as it is: they add 1 / (6 FINE^2) to its variance."""
FARTHEST: Final = 1e9
"""Loss beyond which no difference is made."""
TAIL: Final = 1e-13
"""Of the tilted distribution, outside the window; and of each release, beyond the grid, as a share of delta."""
SHORT, LONG = 1 << 13, 1 << 18
"""Grid steps of one release, at least and at most; a wider grid is only more careful."""
LONGEST: Final = 1 << 22
"""Grid steps of a window at most; what is outside is added."""
SLACK: Final = 1e-11
"""Share of each interval's mass that is moved up against rounding."""
SMALL: Final = 0.01
"""Epsilon below which 0 is looked at where it belongs."""
CLOSE: Final = 1e-7
"""To which share of Chernoff's bound an epsilon is found; added twice."""
ROUNDING: Final = 2.0**-46
"""Of a Fourier transform of numbers that add up to 1, for each coefficient."""


@dataclass(frozen=True)
class Masses:
    """The loss of one release, where it is finite.

    Attributes:
        losses: ascending.
        masses: of P, positive.
    """

    losses: Floats
    masses: Floats

    @cached_property
    def logs(self) -> Floats:
        """Of ``masses``."""
        found: Floats = np.log(self.masses)
        return found

    def cumulant(self, tilt: float) -> float:
        """Log of the mean of exp(tilt * loss)."""
        total = self.logs + tilt * self.losses
        most = float(total.max())
        return most + math.log(float(np.exp(total - most).sum()))

    def tilted(self, tilt: float) -> Floats:
        """Masses times exp(tilt * loss), scaled to add up to 1."""
        found: Floats = np.exp(self.logs + tilt * self.losses - self.cumulant(tilt))
        return found

    def moments(self, tilt: float) -> tuple[float, float]:
        """Mean and variance of the tilted loss."""
        masses = self.tilted(tilt)
        mean = float(masses @ self.losses)
        return mean, float(masses @ (self.losses - mean) ** 2)

    def span(self, least: float) -> float:
        """How far the losses lie apart, but for ``least`` at each end."""
        low = self.losses[np.searchsorted(self.masses.cumsum(), least, side="right")]
        high = self.losses[-1 - np.searchsorted(self.masses[::-1].cumsum(), least, side="right")]
        return float(high - low)


@dataclass(frozen=True)
class Dots(Masses):
    """The same on a grid.

    Attributes:
        first: the lowest loss, in grid steps.
        certain: of P, at an infinite loss.
        step: of the grid.
    """

    first: int
    certain: float
    step: float


def sketch(pair: Pair) -> Masses:
    """The loss of one release, rounded up by a hundredth of itself or less, to choose a grid by."""
    away = np.geomspace(1e-9, FARTHEST, 4000)
    edges = np.concatenate(([-math.inf], -away[::-1], away, [math.inf]))
    p, _ = pair.between(edges)
    places = np.append(edges[1:-1], FARTHEST)
    there = p > 1e-300
    return Masses(places[there], p[there])


def dots(pair: Pair, step: float, least: float) -> Dots:
    """A pair on the grid.

    Args:
        pair: of one release.
        step: of the grid.
        least: mass of P that may be left out at the upper end, and is taken for an infinite loss.
    """
    low, high = _range(pair, step, least)
    edges = np.arange(low, high + 1) * step
    p, q = pair.between(np.concatenate(([-math.inf], edges, [math.inf])))
    masses = np.zeros(len(edges))
    masses[0] = p[0]  # what lies below is moved up
    inner_p, inner_q = p[1:-1], q[1:-1]
    with np.errstate(over="ignore", invalid="ignore"):
        up = (inner_p - inner_q * np.exp(edges[:-1])) / -math.expm1(-step)
    up = np.clip(np.nan_to_num(up, nan=np.inf) + SLACK * inner_p, 0.0, inner_p)
    masses[:-1] += inner_p - up
    masses[1:] += up
    finite = min(float(q[-1]) * math.exp(min(edges[-1], 700.0)), float(p[-1]))
    masses[-1] += finite
    certain = pair.certain + float(p[-1]) - finite
    kept = np.flatnonzero(masses > 0)
    first, masses = low + int(kept[0]), np.maximum(masses[kept[0] : kept[-1] + 1], 1e-300)
    losses: Floats = (first + np.arange(len(masses), dtype=np.float64)) * step
    return Dots(losses, masses, first, certain, step)


def _range(pair: Pair, step: float, least: float) -> tuple[int, int]:
    """Grid steps between which the loss lies, but for ``least`` above; what is below may be as much."""

    def outside(at: float) -> tuple[float, float]:
        p, _ = pair.between(np.array([-math.inf, -at, at, math.inf]))
        return float(p[0]), float(p[2])

    ends = []
    for side in (0, 1):
        near, far = 0.0, step
        while outside(far)[side] > least and far < FARTHEST:
            near, far = far, 2 * far
        while far - near > max(step, 0.01 * far):
            middle = (near + far) / 2
            near, far = (middle, far) if outside(middle)[side] > least else (near, middle)
        ends.append(math.ceil(far / step))
    return -ends[0], ends[1]


@dataclass(frozen=True)
class Sketched:
    """Independent releases, each as often as it was made, in one direction.

    Attributes:
        parts: losses of one release, and how often it was made.
    """

    parts: Sequence[tuple[Masses, int]]

    def cumulant(self, tilt: float) -> float:
        """Log of the mean of exp(tilt * loss) of all together."""
        return sum(count * each.cumulant(tilt) for each, count in self.parts)

    def moments(self, tilt: float) -> tuple[float, float]:
        """Mean and variance of the tilted sum."""
        found = [(count, each.moments(tilt)) for each, count in self.parts]
        return sum(count * mean for count, (mean, _) in found), sum(count * much for count, (_, much) in found)

    @property
    def highest(self) -> float:
        """What no loss of all together is above, if it is finite."""
        return sum(count * float(each.losses[-1]) for each, count in self.parts)

    def tilt_at(self, epsilon: float) -> float:
        """Where the bound exp(cumulant - tilt * epsilon) on delta is least."""
        if self.moments(0.0)[0] >= epsilon:
            return 0.0
        return self._best(lambda tilt: self.cumulant(tilt) - tilt * epsilon)

    def tilt_for(self, delta: float) -> float:
        """Where the bound (cumulant - log delta) / tilt on epsilon is least."""
        return self._best(lambda tilt: (self.cumulant(tilt) - math.log(delta)) / tilt)

    @staticmethod
    def _best(bound: Callable[[float], float]) -> float:
        found = minimize_scalar(
            lambda log: bound(math.exp(log)), bounds=(math.log(1e-4), math.log(1e6)), method="bounded"
        )
        return math.exp(float(found.x))


@dataclass(frozen=True)
class Composed(Sketched):
    """The same on a grid."""

    parts: Sequence[tuple[Dots, int]]

    @property
    def certain(self) -> float:
        """Chance of an infinite loss, at most."""
        return -math.expm1(sum(count * math.log1p(-each.certain) for each, count in self.parts))

    def window(self, tilt: float) -> Window:
        """The tilted sum around its mean, so wide that hardly anything is outside."""
        step, base = self.parts[0][0].step, self.cumulant(tilt)
        low, high = (self._end(tilt, base, sign) for sign in (-1, 1))
        start = math.floor(low / step) - 1
        size = next_fast_len(min(math.ceil(high / step) + 2 - start, LONGEST), real=True)
        outside = 2 * TAIL if high - low < (LONGEST - 3) * step else 1.0
        transform, least = np.ones(size // 2 + 1, dtype=complex), np.ones(size // 2 + 1)
        offset, error = 0, 0.0
        for dots, count in self.parts:
            wrapped = np.bincount(np.arange(len(dots.masses)) % size, dots.tilted(tilt), size)
            each = rfft(wrapped)
            transform = transform * each**count
            least = np.minimum(least, np.abs(each) ** max(count - 1, 0))
            offset += count * dots.first
            error += count * ROUNDING
        masses = np.roll(irfft(transform, size), offset - start)
        return Window(tilt, base, start, step, masses, outside, error * float(least.mean() + 1 / size))

    def _end(self, tilt: float, base: float, sign: int) -> float:
        """Loss beyond which the tilted sum lies with probability `TAIL` at most, upward or downward (Chernoff)."""
        spread = math.sqrt(self.moments(tilt)[1]) + self.parts[0][0].step

        def bound(log: float) -> float:
            extra = math.exp(log) / spread
            return (self.cumulant(tilt + sign * extra) - base - math.log(TAIL)) / extra

        return sign * float(minimize_scalar(bound, bounds=(-5.0, 5.0), method="bounded", options={"xatol": 0.02}).fun)


@dataclass(frozen=True)
class Window:
    """The tilted sum on a grid.

    Attributes:
        tilt: of losses.
        base: log of what all masses were divided by.
        start: lowest loss, in grid steps.
        step: of the grid.
        masses: from ``start`` on, without what is certain.
        outside: mass that may have been wrapped around.
        rounding: error of each mass, at most.
    """

    tilt: float
    base: float
    start: int
    step: float
    masses: Floats
    outside: float
    rounding: float

    def delta(self, epsilon: float) -> float:
        """Bound on the hockey-stick divergence at ``epsilon``, but for infinite losses."""
        at = max(math.ceil(epsilon / self.step - 1e-12), self.start)
        over = (np.arange(at, self.start + len(self.masses)) * self.step) - epsilon
        weights = np.exp(-self.tilt * np.maximum(over, 0)) * -np.expm1(-np.maximum(over, 0))
        tail = self.masses[at - self.start :]
        found = float(tail @ weights) + self.outside + self.rounding * float(weights.sum())
        return math.exp(min(self.base - self.tilt * epsilon, 700.0)) * max(found, 0.0)


def delta_of(composed: Composed, epsilon: float) -> float:
    """Delta at ``epsilon``, at most 1."""
    return min(composed.window(composed.tilt_at(epsilon)).delta(epsilon) + composed.certain, 1.0)


def epsilon_of(composed: Composed, delta: float, tilt: float) -> float:
    """Epsilon at ``delta``; infinite where infinite losses alone are likelier.

    Any tilt gives a bound, a good one that of `Sketched.tilt_for`.
    """
    left = delta - composed.certain
    if left <= 0:
        return math.inf
    bound = max((composed.cumulant(tilt) - math.log(left)) / tilt, 0.0)
    window = composed.window(tilt)
    if window.delta(0.0) <= left or (bound < SMALL and delta_of(composed, 0.0) <= delta):
        return 0.0
    if window.delta(bound) > left:  # the window's own error is above what is asked for
        return bound
    found = float(brentq(lambda epsilon: window.delta(epsilon) - left, 0.0, bound, xtol=CLOSE * bound, rtol=CLOSE))
    return min(found + 2 * CLOSE * bound, bound)
