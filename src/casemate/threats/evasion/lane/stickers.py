"""Flat rectangles on the road: where they lie, what is printed on them, and the light that a pixel gets from them.

A sticker is a grid of cells of one gray each. A pixel mixes what lies below its footprint by the share of the
footprint that each cell covers (a box filter), which is differentiable in the grays and in the place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.threats.evasion.lane.road import EDGE

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

BLACK, WHITE = 0.05, 0.85
"""Reflectance of black and of white print: nothing printed is darker or brighter."""


@dataclass(frozen=True)
class Reach:
    """What an adversary may put on the road.

    Attributes:
        count: stickers.
        long, wide: metres of each, along and across the road.
        cells: (along, across) grays printed on each.
        first, last: metres along between which they lie.
        side: metres to either side of the lane's center within which they lie.

    Raises:
        UsageError: stickers that do not fit, or none.
    """

    count: int = 3
    long: float = 3.0
    wide: float = 0.6
    cells: tuple[int, int] = (6, 3)
    first: float = 42.0
    last: float = 62.0
    side: float = EDGE

    def __post_init__(self) -> None:
        if self.count < 1 or min(self.cells) < 1 or min(self.long, self.wide) <= 0:
            raise UsageError(f"{self.count} stickers of {self.long} by {self.wide} m", next_step="ask for at least one")
        if self.long > self.last - self.first or self.wide > 2 * self.side:
            raise UsageError(
                f"stickers of {self.long} by {self.wide} m do not fit where they may lie",
                next_step="make them smaller, or the place larger",
            )

    @property
    def area(self) -> float:
        """Square metres of all stickers."""
        return self.count * self.long * self.wide

    def within(self, places: Tensor) -> Tensor:
        """Places (..., 2) moved to the nearest ones at which the whole sticker lies inside."""
        along = places[..., 0].clamp(self.first + self.long / 2, self.last - self.long / 2)
        across = places[..., 1].clamp(-self.side + self.wide / 2, self.side - self.wide / 2)
        return torch.stack([along, across], -1)

    def spread(self, unit: Tensor) -> Tensor:
        """Places (..., 2) for numbers (..., 2) in [0, 1): all places are equally likely."""
        low = self.within(torch.tensor([-1e9, -1e9]))
        high = self.within(torch.tensor([1e9, 1e9]))
        return low + (high - low) * unit


@dataclass(frozen=True)
class Stickers:
    """Stickers of n scenes, or of one that serves for all.

    Attributes:
        places: (n or 1, count, 2) middle of each, metres along and across.
        prints: (n or 1, count, along, across) reflectance of each cell.
        sizes: (n or 1, count, 2) metres along and across.
    """

    places: Tensor
    prints: Tensor
    sizes: Tensor

    def of(self, rows: Tensor) -> Stickers:
        """The stickers of these scenes."""
        return self if len(self.places) == 1 else Stickers(self.places[rows], self.prints[rows], self.sizes[rows])


def printable(prints: Tensor) -> Tensor:
    """Grays moved into what can be printed."""
    return prints.clamp(BLACK, WHITE)


def sized(reach: Reach, places: Tensor, prints: Tensor) -> Stickers:
    """Stickers of a reach's size, moved inside it and into what can be printed."""
    inside = reach.within(places)
    sizes = torch.tensor([reach.long, reach.wide]).expand(*inside.shape)
    return Stickers(inside, printable(prints), sizes)


def scattered(reach: Reach, unit: Tensor) -> Stickers:
    """Random stickers for numbers (n, count, 2 + along * across) in [0, 1): any place, each cell any gray."""
    prints = BLACK + (WHITE - BLACK) * unit[..., 2:]
    return sized(reach, reach.spread(unit[..., :2]), prints.reshape(*unit.shape[:2], *reach.cells))


def shuffled(stickers: Stickers, unit: Tensor) -> Stickers:
    """The same stickers for n scenes, the grays of each in a random order, that of numbers (n, count, cells)."""
    n, count, cells = unit.shape
    order = unit.argsort(-1)
    prints = stickers.prints.expand(n, *stickers.prints.shape[1:]).reshape(n, count, cells).gather(2, order)
    shape = (n, *stickers.prints.shape[1:])
    places, sizes = (each.expand(n, count, 2) for each in (stickers.places, stickers.sizes))
    return Stickers(places, prints.reshape(shape), sizes)


def cover(
    base: Tensor, along: Tensor, across: Tensor, deep: Tensor, wide: Tensor, stickers: Stickers, boxes: Tensor
) -> Tensor:
    """Lay stickers over reflectances, one after another.

    Args:
        base: (n, rows, columns) reflectances without stickers.
        along: (n, rows, columns) road coordinates of the pixels' middles.
        across: likewise.
        deep: (n, rows, columns) metres along that they cover.
        wide: likewise across.
        stickers: of the n scenes.
        boxes: (n, count, 4) first row, row after the last, first column and column after the last that each may touch.

    Returns:
        (n, rows, columns) reflectances.
    """
    cells, flat = stickers.prints.shape[-2:], base.reshape(-1)
    one = len(stickers.places) == 1
    for number in range(stickers.places.shape[1]):
        scene, touched = _inside(boxes[:, number], base.shape)
        if not len(touched):
            continue
        owner = torch.zeros_like(scene) if one else scene
        place, size, prints = (each[:, number] for each in (stickers.places, stickers.sizes, stickers.prints))
        share = [
            _shares(
                value.reshape(-1)[touched],
                foot.reshape(-1)[touched],
                place[owner, axis],
                size[owner, axis],
                cells[axis],
            )
            for axis, (value, foot) in enumerate(((along, deep), (across, wide)))
        ]
        rows = share[0] @ prints[0] if one else torch.bmm(share[0][:, None], prints[owner])[:, 0]
        lit = (rows * share[1]).sum(1)
        bare = 1 - share[0].sum(1) * share[1].sum(1)
        flat = flat.index_copy(0, touched, flat[touched] * bare + lit)
    return flat.view(base.shape)


def _inside(boxes: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Scene and flat number of every pixel inside boxes (n, 4)."""
    _, rows, columns = shape
    top, bottom, left, right = boxes.unbind(1)
    tall, broad = (bottom - top).clamp(min=0), (right - left).clamp(min=0)
    sizes = tall * broad
    scene = torch.repeat_interleave(torch.arange(len(boxes)), sizes)
    place = torch.arange(len(scene)) - (sizes.cumsum(0) - sizes)[scene]
    row = top[scene] + torch.div(place, broad[scene], rounding_mode="floor")
    column = left[scene] + place % broad[scene]
    return scene, (scene * rows + row) * columns + column


def _shares(value: Tensor, foot: Tensor, place: Tensor, size: Tensor, cells: int) -> Tensor:
    """(m, cells) share of each footprint that each cell covers, along one axis."""
    edges = torch.linspace(-0.5, 0.5, cells + 1)
    beyond = ((value - place)[:, None] - size[:, None] * edges) / foot[:, None] + 0.5
    covered = beyond.clamp(0, 1)
    return covered[:, :-1] - covered[:, 1:]
