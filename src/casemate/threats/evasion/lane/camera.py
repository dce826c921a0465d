"""A pinhole camera over a plane: which point of the ground each pixel sees, and how much of it.

The car's frame has x forward, y to the left and z up, its origin on the ground below the camera. A pixel's ray is cut
with the ground; this is the inverse of the homography between the ground and the image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

HEIGHT, WIDTH = 32, 80
"""Pixels of an image."""

MIDDLE = 11.5
"""Row that the optical axis meets: rows that show nothing but sky are cut off."""

FOCAL = 70.0
"""Focal length in pixels: 59 degrees from side to side."""

FAR = 60.0
"""Metres behind which the road is lost in haze."""


@dataclass(frozen=True)
class Cameras:
    """How n cameras are mounted.

    Attributes:
        above: (n,) metres above the ground.
        pitch: (n,) radians downwards.
        yaw: (n,) radians to the left.
        roll: (n,) radians, the left side down.
    """

    above: Tensor
    pitch: Tensor
    yaw: Tensor
    roll: Tensor

    def axes(self) -> Tensor:
        """(n, 3, 3) whose rows are the camera's right, down and forward in the car's frame."""
        ones, zeros = torch.ones_like(self.yaw), torch.zeros_like(self.yaw)
        cy, sy = self.yaw.cos(), self.yaw.sin()
        cp, sp = self.pitch.cos(), self.pitch.sin()
        cr, sr = self.roll.cos(), self.roll.sin()
        forward = torch.stack([cy * cp, sy * cp, -sp], -1)
        level = torch.stack([sy, -cy, zeros * ones], -1)
        down = torch.linalg.cross(forward, level)
        right = cr[:, None] * level - sr[:, None] * down
        return torch.stack([right, sr[:, None] * level + cr[:, None] * down, forward], 1)


@dataclass(frozen=True)
class Ground:
    """What n cameras see of the ground, a row of :data:`HEIGHT` * :data:`WIDTH` pixels each.

    Attributes:
        forward, left: (n, pixels) metres in the car's frame; beyond :data:`FAR` where a pixel sees no ground.
        seen: (n, pixels) share of haze that is absent: 1 near the car, 0 at the horizon and above.
        deep, wide: (n, pixels) metres of ground that a pixel covers along and across the line of sight.
    """

    forward: Tensor
    left: Tensor
    seen: Tensor
    deep: Tensor
    wide: Tensor


def pixels() -> Tensor:
    """(pixels, 2) centers of the pixels, right and down from the optical axis."""
    rows = torch.arange(HEIGHT) - MIDDLE
    columns = torch.arange(WIDTH) - (WIDTH - 1) / 2
    down, right = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([right.reshape(-1), down.reshape(-1)], -1)


def ground(cameras: Cameras) -> Ground:
    """Cut the rays of all pixels with the ground."""
    axes = cameras.axes()
    plane = torch.cat([pixels() / FOCAL, torch.ones(HEIGHT * WIDTH, 1)], 1)
    rays = plane @ axes  # (n, pixels, 3): right, down and forward components add up
    falling = (-rays[..., 2]).clamp(min=1e-3)
    distance = cameras.above[:, None] / falling
    forward = (distance * rays[..., 0]).clamp(max=2 * FAR)
    left = (distance * rays[..., 1]).clamp(-FAR, FAR)
    seen = ((FAR - forward) / (FAR / 2)).clamp(0, 1) * (rays[..., 2] < 0)
    wide = distance / FOCAL
    return Ground(forward, left, seen, wide / falling.clamp(min=0.02), wide)


def project(cameras: Cameras, forward: Tensor, left: Tensor) -> Tensor:
    """Where points of the ground appear: (n, points, 2) pixels right and down from the optical axis.

    Raises nothing for points behind the camera; their pixels mean nothing.
    """
    points = torch.stack([forward, left, -cameras.above[:, None].expand_as(forward)], -1)
    seen = points @ cameras.axes().transpose(1, 2)
    return FOCAL * seen[..., :2] / seen[..., 2:]


def degrees(value: float) -> float:
    """Degrees as radians."""
    return math.radians(value)
