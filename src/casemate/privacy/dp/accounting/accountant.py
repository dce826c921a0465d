"""What releases from the same private data spend together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from casemate.privacy.dp import curves
from casemate.privacy.dp.accounting import losses
from casemate.privacy.dp.accounting.events import (
    Approximate,
    Event,
    Gaussian,
    Laplace,
    Poisson,
    Repeated,
    Single,
    counted,
)
from casemate.privacy.dp.accounting.losses import BULK, FINE, LONG, SHORT, Composed, Sketched, dots, sketch
from casemate.privacy.dp.accounting.pairs import Pair, pairs_of
from casemate.privacy.dp.checks import check_delta, check_epsilon

SHARE: Final = 1e-6
"""Of delta, that the ends of all grids together may take."""
SMALLEST: Final = 1e-9
"""Between losses that are told apart."""
LEAST: Final = 1e-60
"""Delta below which the ends of grids are not followed."""


@dataclass(frozen=True)
class Accountant:
    """All that was released, and what it spends: a bound that is never too small, and hardly too large.

    Neighbors differ in one record that is there or not (``add_remove``; ``zero_out`` spends the same).

    Attributes:
        events: in any order.

    Example:
        >>> training = Accountant().compose(Poisson(256 / 60_000, Gaussian(1.1)), 14_063)
        >>> round(training.epsilon(1e-5), 3)
        2.382
        >>> round(training.compose(Gaussian(5.0)).epsilon(1e-5), 3)
        2.531
    """

    events: tuple[Event, ...] = ()

    def compose(self, release: Single, count: int = 1) -> Accountant:
        """The same and ``count`` releases more."""
        return Accountant((*self.events, Repeated(release, count)))

    @property
    def pure(self) -> float:
        """Pure epsilon; infinite where a release has none."""
        return sum(count * _pure(each) for each, count in counted(self.events).items())

    def epsilon(self, delta: float) -> float:
        """The least epsilon that can be shown for ``delta``; infinite if none.

        Raises:
            UsageError: delta is not at least 0 and below 1.
        """
        check_delta(delta, pure=True)
        singles = _merged(counted(self.events))
        if not singles:
            return 0.0
        if delta == 0.0:
            return self.pure
        if list(map(type, singles)) == [Gaussian]:
            return curves.epsilon_of(_signal(singles), delta)
        found = 0.0
        for rough, pairs in _directions(singles):
            tilt = rough.tilt_for(delta)
            found = max(found, losses.epsilon_of(_on_grid(rough, pairs, tilt, delta), delta, tilt))
        return min(found, self.pure)

    def delta(self, epsilon: float) -> float:
        """The least delta that can be shown for ``epsilon``.

        Raises:
            UsageError: epsilon is negative or no number.
        """
        check_epsilon(epsilon, spent=True)
        singles = _merged(counted(self.events))
        if not singles or epsilon >= self.pure:
            return 0.0
        if list(map(type, singles)) == [Gaussian]:
            return curves.delta_of(_signal(singles), epsilon)
        found = 0.0
        for rough, pairs in _directions(singles):
            certain = any(pair.certain for pair, _ in pairs)
            if epsilon >= rough.highest and not certain:
                continue
            tilt = rough.tilt_at(epsilon)
            scale = math.exp(min(rough.cumulant(tilt) - tilt * epsilon, 0.0))
            found = max(found, losses.delta_of(_on_grid(rough, pairs, tilt, scale), epsilon))
        return found


Counted = list[tuple[Pair, int]]


def _merged(singles: dict[Single, int]) -> dict[Single, int]:
    """The same with all unsampled Gaussian releases as one, which is exact (see `casemate.privacy.dp.curves`)."""
    plain: dict[Single, int] = {each: count for each, count in singles.items() if isinstance(each, Gaussian)}
    if not plain:
        return singles
    rest = {each: count for each, count in singles.items() if each not in plain}
    return {Gaussian(1 / _signal(plain)): 1, **rest}


def _signal(singles: dict[Single, int]) -> float:
    return math.sqrt(sum(n / each.noise_multiplier**2 for each, n in singles.items() if isinstance(each, Gaussian)))


def _pure(event: Single) -> float:
    if isinstance(event, Laplace):
        return 1 / event.noise_multiplier
    if isinstance(event, Poisson):
        inner = _pure(event.release)
        return math.log1p(event.rate * math.expm1(inner)) if inner < math.inf else math.inf
    if isinstance(event, Approximate) and not event.delta:
        return event.epsilon
    return math.inf


def _directions(singles: dict[Single, int]) -> list[tuple[Sketched, Counted]]:
    """Roughly and by pairs, for a record that is added and one that is removed, where that makes a difference."""
    pairs = {each: pairs_of(each) for each in singles}
    found = []
    for direction in range(max(len(each) for each in pairs.values())):
        chosen = [(pairs[each][min(direction, len(pairs[each]) - 1)], count) for each, count in singles.items()]
        found.append((Sketched([(sketch(pair), count) for pair, count in chosen]), chosen))
    return found


def _on_grid(rough: Sketched, pairs: Counted, tilt: float, delta: float) -> Composed:
    """On a grid that is fine enough where ``tilt`` puts the middle."""
    releases = sum(count for _, count in pairs)
    least = max(SHARE * delta / releases, LEAST)
    deviations = {fine: math.sqrt(rough.moments(at)[1] / releases) for at, fine in ((tilt, FINE), (0.0, BULK))}
    step = min(deviation / fine for fine, deviation in deviations.items())
    span = max(SMALLEST, *(each.span(least) for each, _ in rough.parts))
    step = min(max(step, span / LONG), span / SHORT)
    return Composed([(dots(pair, step, least), count) for pair, count in pairs])
