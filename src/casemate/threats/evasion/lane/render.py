"""Frames of the forward camera: the road in perspective, what lies on it, light, blur, noise, eight bits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from casemate.core.optional import require
from casemate.threats.evasion.lane.camera import (
    FAR,
    FOCAL,
    HEIGHT,
    MIDDLE,
    WIDTH,
    Cameras,
    Ground,
    ground,
    pixels,
    project,
)
from casemate.threats.evasion.lane.car import Cars
from casemate.threats.evasion.lane.road import EDGE, LANE, Roads
from casemate.threats.evasion.lane.scenes import Scenes
from casemate.threats.evasion.lane.stickers import Stickers, cover
from casemate.threats.evasion.noise import Noise

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional as F
else:
    torch = require("torch", extra="torch")
    F = require("torch.nn.functional", extra="torch")

PAINT = 0.15
"""Metres of a line's width."""

TILE = 128
"""Cells of a tile of grain from side to side."""

GRAIN = 0.25
"""Metres of a cell."""

TAPS = 2
"""Pixels to either side that the blur reaches."""


@dataclass(frozen=True)
class View:
    """What n cameras see, before light and lens.

    Attributes:
        bare: (n, height, width) reflectance of the road without stickers.
        along, across: (n, height, width) road coordinates.
        at: what the cameras see of the ground.
        roads: in the cars' frames.
        cameras: their mounting.
    """

    bare: Tensor
    along: Tensor
    across: Tensor
    at: Ground
    roads: Roads
    cameras: Cameras

    def chosen(self, rows: Tensor) -> View:
        """What the cameras at these rows see."""
        at = Ground(*(each[rows] for each in vars(self.at).values()))
        cameras = Cameras(*(each[rows] for each in vars(self.cameras).values()))
        bare, along, across = self.bare[rows], self.along[rows], self.across[rows]
        return View(bare, along, across, at, Roads(self.roads.nodes[rows]), cameras)

    def boxes(self, stickers: Stickers) -> Tensor:
        """(n, count, 4) first row, row after the last, first and after-last column of the pixels stickers may touch."""
        with torch.no_grad():
            count = len(self.bare)
            places, half = stickers.places.expand(count, -1, -1), stickers.sizes.expand(count, -1, -1) / 2
            ends = torch.stack([places[..., 0] - half[..., 0], places[..., 0] + half[..., 0]], -1)
            reach = self._reach(ends)
            steps = torch.linspace(0, 1, 7)
            along = (reach[..., :1] + (reach[..., 1:] - reach[..., :1]) * steps)[..., None].expand(-1, -1, -1, 2)
            across = places[..., 1:] + half[..., 1:] * torch.tensor([-1.0, 1.0])
            ground_ = self.roads.place(along, across[:, :, None].expand_as(along)).flatten(2, 3)
            # what lies beside or behind the camera is below the picture
            forward = ground_[..., 0].clamp(min=1.0)
            seen = project(self.cameras, forward.flatten(1), ground_[..., 1].flatten(1)).view(*forward.shape, 2)
            gone = (ground_[..., 0].amax(-1) < 1.0) | (ground_[..., 0].amin(-1) > FAR)
            columns, rows = seen[..., 0] + (WIDTH - 1) / 2, seen[..., 1] + MIDDLE
            edges = [rows.amin(-1) - 1, rows.amax(-1) + 2, columns.amin(-1) - 1, columns.amax(-1) + 2]
            most = (HEIGHT, HEIGHT, WIDTH, WIDTH)
            found = [edge.floor().clamp(0, top).long() for edge, top in zip(edges, most, strict=True)]
            found[1] = torch.where(gone, found[0], found[1])
            return torch.stack(found, -1)

    def _reach(self, ends: Tensor) -> Tensor:
        """Metres along of the nearest and farthest pixel's middle whose footprint reaches what lies between two ends.

        A pixel that sees the ground at distance r covers about r^2 / scale of it, half before and half behind.
        """
        scale = FOCAL * self.cameras.above[:, None]
        here = self.along[:, -1, WIDTH // 2, None] - self.at.forward.view(self.along.shape)[:, -1, WIDTH // 2, None]
        near, far = ((end - here).clamp(0, FAR) for end in ends.unbind(-1))
        before = scale * ((1 + 2 * near / scale).sqrt() - 1)
        behind = scale * (1 - (1 - 2 * far / scale).clamp(min=0).sqrt())
        return torch.stack([ends[..., 0] - (near - before), ends[..., 1] + (behind - far)], -1)


def survey(scenes: Scenes, cars: Cars, guess: Tensor, at: Ground | None = None) -> View:
    """What the cameras of n cars see.

    Args:
        scenes: n scenes.
        cars: n cars in them.
        guess: (n,) metres along at which the cars are.
        at: what the cameras see of the ground, if that is known already.
    """
    at = at or ground(scenes.cameras)
    roads = scenes.roads.seen_from(cars.x, cars.y, cars.heading)
    shape = (-1, HEIGHT, WIDTH)
    along, across = roads.locate(at.forward, at.left, guess[:, None] + at.forward, turns=1)
    view = View(along, along.view(shape), across.view(shape), at, roads, scenes.cameras)
    return replace(view, bare=_surface(scenes, view))


def expose(scenes: Scenes, view: View, stickers: Stickers | None = None, turn: int = 0) -> Tensor:
    """Frames (n, 1, height, width) in [0, 1], eight bits deep; gradients pass the rounding as if it were not there.

    Args:
        scenes: n scenes.
        view: what their cameras see.
        stickers: on the road, if any.
        turn: number of the frame; the sensor's noise hangs on it.
    """
    lit = view.bare if stickers is None else _covered(view.bare, view, stickers)
    gain, slope, haze = (each[:, None, None] for each in scenes.light.unbind(1))
    # shining through haze, on a surface lit from one side
    seen = view.at.seen.view(lit.shape)
    frame = gain * torch.lerp(haze, lit * (1 + slope * _sides()), seen)
    frame = _blurred(frame[:, None], scenes.blur)
    frame = (frame + _sensor(scenes, turn)).clamp(0, 1)
    return frame + ((frame.detach() * 255).round() / 255 - frame.detach())


def _surface(scenes: Scenes, view: View) -> Tensor:
    asphalt, verge, paint, strength = (each[:, None, None] for each in scenes.surface.unbind(1))
    deep, wide = (each.view(view.along.shape) for each in (view.at.deep, view.at.wide))
    grain = strength * _grained(scenes, view) * (GRAIN / deep).clamp(max=1)
    aside = view.across.abs()
    road = ((EDGE - aside) / wide + 0.5).clamp(0, 1)
    lit = torch.lerp(verge + 3 * grain, asphalt + grain, road)
    if scenes.repairs.shape[1]:
        mended = scenes.repairs[..., 4][..., None, None]
        lit = _covered(lit, view, Stickers(scenes.repairs[..., :2], mended, 2 * scenes.repairs[..., 2:4]))
    line = _share((aside - LANE).abs(), wide, PAINT / 2)
    dashed, period, first = (each[:, None, None] for each in scenes.dashes.unbind(1))
    from_middle = (torch.frac((view.along + first) / period) - 0.5).abs_() * period
    dash = _share(from_middle, deep, period / 4)
    gap = dashed * (view.across > 0) * (1 - dash)
    return torch.lerp(lit, paint, line * (1 - gap))


def _covered(lit: Tensor, view: View, stickers: Stickers) -> Tensor:
    deep, wide = (each.view(view.along.shape) for each in (view.at.deep, view.at.wide))
    return cover(lit, view.along, view.across, deep, wide, stickers, view.boxes(stickers))


def _share(distance: Tensor, foot: Tensor, half: Tensor | float) -> Tensor:
    """The share of a footprint, this far from the middle of a stripe, that the stripe covers."""
    least = (2 * half / foot).clamp(max=1)
    return torch.minimum(((half - distance) / foot + 0.5).clamp_(min=0), least)


def _grained(scenes: Scenes, view: View) -> Tensor:
    first = scenes.grain[:, :1, None]
    row = (view.along / GRAIN + first).int() & (TILE - 1)
    column = (view.across / GRAIN + first).int() & (TILE - 1)
    return _tile().view(-1).index_select(0, (row * TILE + column).view(-1)).view(row.shape)


@cache
def _tile() -> Tensor:
    """(128, 128) of grain between -1 and 1."""
    values = Noise(0, "lane.grain").uniform([0], (TILE, TILE))[0]
    return torch.from_numpy(2 * values - 1)


@cache
def _static() -> Tensor:
    """A long strip of normal sensor noise."""
    values = np.clip(Noise(0, "lane.sensor").uniform([0, 1, 2, 3], (2 * HEIGHT * WIDTH * 8,)), 1e-6, 1)
    # the sum of four uniform numbers, to unit variance, is near enough to normal
    return torch.from_numpy(((values.sum(0) - 2) * np.float32(3**0.5)).astype(np.float32))


@cache
def _sides() -> Tensor:
    """(height, width) from -1 at the left to 1 at the right."""
    return (pixels()[:, 0] / (WIDTH / 2)).view(HEIGHT, WIDTH)


def _sensor(scenes: Scenes, turn: int) -> Tensor:
    size = HEIGHT * WIDTH
    static = _static()
    first = (scenes.grain[:, 1] * 7 + turn * 2741).long() % (len(static) - size)
    strips = static.unfold(0, size, 1)[first]
    return (strips * scenes.grain[:, 2:3]).view(-1, 1, HEIGHT, WIDTH)


def _blurred(frame: Tensor, spread: Tensor) -> Tensor:
    """Gaussian blur with a standard deviation (n,) of each frame's own."""
    offsets = torch.arange(-TAPS, TAPS + 1)
    weights = torch.exp(-0.5 * (offsets / spread[:, None]) ** 2)
    weights = weights / weights.sum(1, keepdim=True)
    count = len(frame)
    padded = F.pad(frame, (TAPS, TAPS, TAPS, TAPS), mode="replicate").transpose(0, 1)
    across = F.conv2d(padded, weights.view(count, 1, 1, -1), groups=count)
    return F.conv2d(across, weights.view(count, 1, -1, 1), groups=count).transpose(0, 1)
