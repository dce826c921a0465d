"""Drives in a closed loop: frame, network, steering, and the next frame from where the car then is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from casemate.core.optional import require
from casemate.threats.evasion.lane.camera import ground
from casemate.threats.evasion.lane.car import HALF_WIDTH, Cars
from casemate.threats.evasion.lane.driver import UNIT
from casemate.threats.evasion.lane.render import expose, survey
from casemate.threats.evasion.lane.road import EDGE
from casemate.threats.evasion.lane.scenes import Scenes
from casemate.threats.evasion.lane.stickers import Stickers

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

SECONDS = 0.1
"""Between frames."""

FRAMES = 62
"""Of a drive."""

OVER = 3.0
"""Metres off the lane's center at which a drive is over: the car stands there."""

OFF = EDGE - HALF_WIDTH
"""Metres off the lane's center at which a wheel leaves the pavement."""


@dataclass(frozen=True)
class Drives:
    """What n cars did.

    Attributes:
        along, across: (frames + 1, n) road coordinates.
        turned: (frames + 1, n) radians off the road's direction.
        steered: (frames, n) curvature that the network wanted, 1/m.
    """

    along: Tensor
    across: Tensor
    turned: Tensor
    steered: Tensor

    @property
    def deviation(self) -> Tensor:
        """(n,) most metres off the lane's center, at most :data:`OVER`, where a drive ends."""
        return self.across.abs().amax(0).clamp(max=OVER)

    @property
    def off(self) -> Tensor:
        """(n,) whether a wheel left the pavement."""
        return self.deviation > OFF


def placed(scenes: Scenes, along: Tensor, across: Tensor, turned: Tensor) -> Cars:
    """Cars at road coordinates (n,), their wheels straight for the road's bend."""
    point = scenes.roads.place(along[:, None], across[:, None])[:, 0]
    heading = scenes.roads.heading(along[:, None])[:, 0] + turned
    return Cars(point[:, 0], point[:, 1], heading, torch.zeros_like(heading), scenes.speed)


def drive(network: Any, scenes: Scenes, stickers: Stickers | None = None, frames: int = FRAMES) -> Drives:
    """Let a network drive n cars by what their cameras see.

    Args:
        network: a ``torch.nn.Module`` like :class:`casemate.threats.evasion.lane.driver.Driver`.
        scenes: n scenes.
        stickers: on the road, if any.
        frames: how long.
    """
    at = ground(scenes.cameras)
    along, across, turned = scenes.start.unbind(1)
    cars = placed(scenes, along, across, turned)
    told: list[tuple[Tensor, Tensor, Tensor]] = [(along, across, turned)]
    steered = []
    with torch.no_grad():
        for turn in range(frames):
            view = survey(scenes, cars, along, at)
            steered.append(network(expose(scenes, view, stickers, turn)) * UNIT)
            over = across.abs() > OVER
            cars = cars.kept(cars.drive(steered[-1], SECONDS), over)
            guess = torch.where(over, along, along + scenes.speed * SECONDS)
            along, across = (
                each[:, 0] for each in scenes.roads.locate(cars.x[:, None], cars.y[:, None], guess[:, None])
            )
            turned = cars.heading - scenes.roads.heading(along[:, None])[:, 0]
            told.append((along, across, turned))
    way, aside, directions = (torch.stack(each) for each in zip(*told, strict=True))
    return Drives(way, aside, directions, torch.stack(steered))
