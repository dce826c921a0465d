"""Scales of charts: from a figure to a place, with ticks at round numbers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class Scale:
    """A linear or logarithmic scale from figures to shares of an axis."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def share(self, value: float) -> float:
        """The place of a value, 0 at the start of the axis and 1 at its end; values outside are drawn at the edge.

        Example:
            >>> Scale(0.0, 0.2, (0.0, 0.1, 0.2)).share(0.05)
            0.25
        """
        if not math.isfinite(value):
            return 0.0 if value != math.inf else 1.0
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(max(value, self.low))
        return min(1.0, max(0.0, (value - low) / (high - low)))


def linear(values: Iterable[float | None], *, floor: float = -math.inf, ceiling: float = math.inf) -> Scale:
    """A scale around these values that starts and ends at round numbers.

    Args:
        values: what has to fit; None and what is not finite are left out.
        floor: the least the figure can be, 0 for proportions.
        ceiling: the most it can be, 1 for proportions.
    """
    found = [v for v in values if v is not None and math.isfinite(v)] or [0.0, 1.0]
    low, high = min(found), max(found)
    if 0 <= low < 0.65 * high:
        low = 0.0
    room = 0.06 * (high - low) or 0.02 * abs(high) or 0.5
    low, high = max(floor, low - room if low else low), min(ceiling, high + room)
    if high <= low:
        low, high = (low - 0.5, high + 0.5) if floor == -math.inf else (floor, floor + 1.0)
    step = _step(high - low)
    start = max(floor, math.floor(low / step + 1e-9) * step)
    end = min(ceiling, math.ceil(high / step - 1e-9) * step)
    return Scale(start, end, _ticks(start, end, step))


def logarithmic(values: Iterable[float]) -> Scale:
    """A logarithmic scale with ticks at powers of ten, or at the values themselves where those are few."""
    found = sorted(set(values))
    low, high = found[0], found[-1]
    powers = tuple(
        10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) if low <= 10.0**e <= high
    )
    powers = powers[:: -(-len(powers) // 6) or 1]
    whole = Scale(low, high, powers, log=True)
    if len(powers) < 2:
        return Scale(low, high, (low, high), log=True)
    ends = tuple(v for v in (low, high) if all(abs(whole.share(v) - whole.share(p)) > 0.2 for p in powers))
    return Scale(low, high, tuple(sorted((*powers, *ends))), log=True)


def budget(values: Iterable[float]) -> Scale:
    """The x axis of a curve: logarithmic where the values span more than a factor of ten."""
    found = sorted(set(values))
    if len(found) > 1 and found[0] > 0 and found[-1] / found[0] > 10:
        return logarithmic(found)
    if len(found) < 2:
        return linear(found)
    low = 0.0 if 0 <= found[0] < 0.65 * found[-1] else found[0]
    return Scale(low, found[-1], _ticks(low, found[-1], _step(found[-1] - low)))


def _ticks(low: float, high: float, step: float) -> tuple[float, ...]:
    """The multiples of a step from low to high, without the dust of binary fractions."""
    first = math.ceil(low / step - 1e-9)
    count = int((high - first * step) / step + 1e-9) + 1
    return tuple(float(f"{(first + i) * step:.12g}") for i in range(count))


def _step(span: float) -> float:
    """The round step that gives three to six ticks."""
    raw = span / 4
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.95)
