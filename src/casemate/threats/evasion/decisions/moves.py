"""Moves of decision-based attacks; each asks the door about candidates, which keeps what is nearer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from casemate.core.optional import require
from casemate.threats.evasion.balls import spread
from casemate.threats.evasion.decisions.door import Door
from casemate.threats.evasion.gradients.fab import nearest_l2, nearest_linf
from casemate.threats.evasion.norms.measures import between, length

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

BLENDS: Final = (1.0, 0.6, 0.3, 0.1)
"""How far from the current point to the nearest point of the plane each path of a race goes."""
LEVELS: Final = (0.995, 0.97, 0.92, 0.84, 0.7, 0.5)
"""Distances at which a race asks, as shares of the present one."""


def bisect(door: Door, rows: Tensor, example: Tensor, steps: int) -> Tensor:
    """(r, ...) examples, at most as far from the inputs as those given: the way between them is bisected."""
    origin = door.origin[rows]
    low, high = torch.zeros(len(rows)), torch.ones(len(rows))
    for _ in range(steps):
        middle = (low + high) / 2
        met = door.ask_one(rows, between(origin, example, middle, door.norm))
        low, high = torch.where(met, low, middle), torch.where(met, middle, high)
    return between(origin, example, high, door.norm)


def onto(door: Door, rows: Tensor, point: Tensor, normal: Tensor, size: Tensor) -> Tensor:
    """(r, ...) points on the boundary near the given ones, away from the edges of the box, so that probes have room.

    Args:
        door: to the target.
        rows: (r,) samples.
        point: (r, ...) near the boundary.
        normal: (r, ...) along which the boundary is sought, first by doubling, then by halving.
        size: (r,) length of probes.
    """
    low, high = door.target.bounds
    room = spread(size / point[0].numel() ** 0.5, point).clamp_max((high - low) / 4)
    inner = torch.maximum(torch.minimum(point, high - room), low + room)
    along = spread(size, normal) * normal

    def asked(place: Tensor, wanted: Tensor | None = None) -> Tensor:
        return door.ask_one(rows, inner + spread(place, inner) * along, wanted)

    step = torch.zeros(len(rows))
    inside = asked(step)
    away = torch.where(inside, -0.25, 0.25)
    no, yes = torch.where(inside, -8.0, 0.0), torch.where(inside, 0.0, 8.0)
    crossed = torch.zeros_like(inside)
    for turn in range(5):
        place = away * 2**turn
        met = asked(place, ~crossed)
        here = ~crossed
        yes = torch.where(here & met, place, yes)
        no = torch.where(here & ~met, place, no)
        crossed |= here & (met != inside)
    for _ in range(4):
        middle = (no + yes) / 2
        met = asked(middle)
        no, yes = torch.where(met, no, middle), torch.where(met, middle, yes)
    return inner + spread((no + yes) / 2, inner) * along


def race(door: Door, rows: Tensor, point: Tensor, normal: Tensor, refine: int = 5) -> Tensor:
    """(r, ...) examples nearer than the given ones where one is found, else those.

    Paths lead from the input through points between the current one and the nearest point of the plane through it; all
    are asked about at shrinking distances, until one is left, which is bisected.
    """
    origin, here = door.origin[rows], torch.arange(len(rows))
    nearest = nearest_linf if door.norm == "Linf" else nearest_l2
    rise = (normal * (point - origin)).flatten(1).sum(1)
    goal = origin + nearest(origin, normal, rise, door.target.bounds)
    paths = torch.stack([point + share * (goal - point) - origin for share in BLENDS], 1)
    far = length(paths.flatten(0, 1), door.norm).reshape(paths.shape[:2]).clamp_min(1e-12)
    unit = paths / spread(far.flatten(), paths.flatten(0, 1)).reshape(*far.shape, *[1] * (paths.ndim - 2))
    base = length(point - origin, door.norm)
    alive = torch.ones(far.shape, dtype=torch.bool)
    low, high, chosen = torch.zeros(len(rows)), torch.ones(len(rows)), torch.zeros(len(rows), dtype=torch.int64)
    for level in LEVELS:
        met = door.ask(rows, origin[:, None] + spread(level * base, unit) * unit, alive)
        going = alive.any(1)
        alive = met
        held = alive.any(1)
        high = torch.where(held, level, high)
        low = torch.where(going & ~held, level, low)
        chosen = torch.where(held, alive.int().argmax(1), chosen)
    ray = unit[here, chosen]
    good = high < 1
    for _ in range(refine):
        middle = (low + high) / 2
        met = door.ask_one(rows, origin + spread(middle * base, ray) * ray, good)
        low, high = torch.where(met, low, middle), torch.where(met, middle, high)
    moved = (origin + spread(high * base, ray) * ray).clamp(*door.target.bounds)
    nearer = good & (length(moved - origin, door.norm) < base)
    return torch.where(spread(nearer, point), moved, point)
