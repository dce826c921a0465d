"""What differs from drive to drive: road, surface, the camera's mounting, light, blur, and where the car starts.

Each scene is drawn from its own random numbers (`casemate.threats.evasion.noise`), named by a purpose and a number.
Purposes never share numbers, so that the scenes an attack is judged on are none that it was optimized on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np

from casemate.core.optional import require
from casemate.threats.evasion.lane.camera import Cameras, degrees
from casemate.threats.evasion.lane.road import LANE, Roads, lay
from casemate.threats.evasion.noise import Noise

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

Purpose: TypeAlias = Literal["training", "hardening", "optimizing", "selecting", "judging"]
"""What scenes are drawn for; each purpose has its own."""

LENGTH = 150.0
"""Metres of road."""

START = 12.0
"""Metres along where the car starts, give or take :data:`SCATTER`."""

SCATTER = 2.0

REPAIRS = 5
"""Patches of mended asphalt a road."""


@dataclass(frozen=True)
class Scenes:
    """n scenes.

    Attributes:
        roads: their center lines.
        cameras: their cameras' mounting.
        repairs: (n, patches, 5) along, across, half length, half width in metres, and reflectance of mended asphalt.
        surface: (n, 4) reflectance of asphalt, verge, line paint, and strength of the asphalt's grain.
        dashes: (n, 3) whether the left line is dashed, its period in metres, and where a period begins.
        light: (n, 3) gain, gradient from side to side, and haze's brightness.
        blur: (n,) standard deviation of the lens' blur in pixels.
        grain: (n, 3) where the tiles of surface grain and of sensor noise begin, and the strength of the latter.
        start: (n, 3) metres along, metres across and radians off the road's direction where the car starts.
        speed: (n,) metres a second.
    """

    roads: Roads
    cameras: Cameras
    repairs: Tensor
    surface: Tensor
    dashes: Tensor
    light: Tensor
    blur: Tensor
    grain: Tensor
    start: Tensor
    speed: Tensor

    def __len__(self) -> int:
        return len(self.speed)

    def chosen(self, rows: Tensor) -> Self:
        """The scenes at these rows."""
        picked: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Roads):
                picked[field.name] = Roads(value.nodes[rows])
            elif isinstance(value, Cameras):
                picked[field.name] = Cameras(*(each[rows] for each in vars(value).values()))
            else:
                picked[field.name] = value[rows]
        return type(self)(**picked)


def draw(seed: int, purpose: Purpose, numbers: Sequence[int] | range) -> Scenes:
    """Draw scenes.

    Args:
        seed: of the drill.
        purpose: what for.
        numbers: which ones; the same number is the same scene in every batch.
    """
    unit = torch.from_numpy(Noise(seed, f"lane.{purpose}").uniform(np.asarray(numbers, dtype=np.int64), (64,)))
    parts = iter(unit.unbind(1))

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * next(parts)

    def around(width: float) -> Tensor:
        return between(-width, width)

    roads = lay(
        torch.stack([around(0.006), around(0.004)], 1),
        torch.stack([between(90, 160), between(45, 80)], 1),
        torch.stack([between(0, 2 * math.pi), between(0, 2 * math.pi)], 1),
        LENGTH,
    )
    cameras = Cameras(between(1.3, 1.5), degrees(9) + around(degrees(0.8)), around(degrees(0.8)), around(degrees(0.8)))
    asphalt = between(0.2, 0.36)
    surface = torch.stack([asphalt, asphalt + around(0.12), between(0.55, 0.85), between(0.02, 0.07)], 1)
    repairs = torch.stack(
        [
            torch.stack(
                [
                    between(10, LENGTH - 10),
                    around(LANE),
                    between(0.4, 2.5),
                    between(0.2, 0.9),
                    (asphalt + around(0.14)).clamp(min=0.08),
                ],
                1,
            )
            for _ in range(REPAIRS)
        ],
        1,
    )
    dashes = torch.stack([(next(parts) < 0.7).float(), between(4.5, 7.5), between(0, 7.5)], 1)
    light = torch.stack([between(0.65, 1.35), around(0.25), between(0.5, 0.9)], 1)
    blur = between(0.4, 1.1)
    grain = torch.stack([between(0, 4096), between(0, 4096), between(0.005, 0.02)], 1)
    start = torch.stack([START + around(SCATTER), around(0.35), around(0.03)], 1)
    return Scenes(roads, cameras, repairs, surface, dashes, light, blur, grain, start, between(11, 14))
