"""Stickers that steer the car off its lane: gradients over many drives, then a choice by whole drives.

The adversary knows the network (its weights) and draws drives of its own. It cannot move the stickers between drives.
Each start draws places and grays; gradient ascent raises the curvature that the network wants towards one side,
averaged over frames of many scenes (expectation over transformation), first from places around the lane's center, then
from places where drives with the stickers of the moment really lead. Starts that serve less well in whole drives over
scenes of their own are dropped.

Reference:
    Athalye et al. 2018, arXiv:1707.07397 (EoT); Sato et al. 2021, arXiv:2009.06701 (dirty road patches, whose gradients
    are also taken along the drive that they cause).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from casemate.core.observer import Observer, Silent
from casemate.core.optional import require
from casemate.threats.evasion.lane.drive import OFF, OVER, Drives, drive
from casemate.threats.evasion.lane.render import expose
from casemate.threats.evasion.lane.scenes import draw
from casemate.threats.evasion.lane.stickers import BLACK, WHITE, Reach, Stickers, sized
from casemate.threats.evasion.lane.training import Sight, aim
from casemate.threats.evasion.noise import Noise

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

SEES = 26.0
"""Metres ahead from which a sticker fills enough pixels to matter."""


@dataclass(frozen=True)
class Effort:
    """How hard the adversary tries.

    Attributes:
        starts: places and grays drawn, in turn for the left and for the right side.
        steps: of gradient ascent a round.
        rounds: after each but the last, half of the starts are dropped; the first does not follow drives.
        frames: a step.
        drives: a start and round, to choose by; as many others to draw frames from.
    """

    starts: int = 6
    steps: int = 40
    rounds: int = 4
    frames: int = 48
    drives: int = 24


@dataclass
class _Start:
    """Stickers being made."""

    side: int
    places: Tensor
    grays: Tensor
    worth: float = -1.0
    led: Drives | None = None

    def stickers(self, reach: Reach) -> Stickers:
        return sized(reach, self.places[None], self.grays[None])


@dataclass(frozen=True)
class StickerAttack:
    """Optimize stickers against a network.

    Attributes:
        reach: what may be put on the road.
        effort: how hard to try.
        seed: of the drill.
    """

    reach: Reach
    effort: Effort = field(default_factory=Effort)
    seed: int = 0

    def run(
        self, network: Any, *, name: str = "attack", known: Stickers | None = None, observer: Observer | None = None
    ) -> Stickers:
        """The best stickers found, (1, count, ...), for all scenes.

        Args:
            network: a ``torch.nn.Module`` like :class:`casemate.threats.evasion.lane.driver.Driver`; its weights are
                used, and not changed.
            name: of this run; another name draws other numbers. Also what progress is called.
            known: stickers (1, count, ...) that served against another network; one more start for each side.
            observer: hears about progress.
        """
        observer = observer or Silent()
        effort = self.effort
        frozen = [parameter for parameter in network.parameters() if parameter.requires_grad]
        for parameter in frozen:
            parameter.requires_grad_(False)
        try:
            starts = self._starts(name)
            starts += [] if known is None else [self._known(network, known, side) for side in (1, -1)]
            observer.begin(name, sum(max(1, len(starts) >> turn) for turn in range(effort.rounds)))
            for turn in range(effort.rounds):
                for number, start in enumerate(starts):
                    self._climb(network, start, name, (turn, number))
                    observer.advance(name)
                starts.sort(key=lambda each: -each.worth)
                starts = starts[: max(1, len(starts) // 2)]
            observer.end(name)
        finally:
            for parameter in frozen:
                parameter.requires_grad_(True)
        return starts[0].stickers(self.reach)

    def _starts(self, name: str) -> list[_Start]:
        reach, count = self.reach, self.effort.starts
        cells = reach.cells[0] * reach.cells[1]
        unit = torch.from_numpy(
            Noise(self.seed, f"lane.starts.{name}").uniform(np.arange(count), (reach.count, 2 + cells))
        )
        places = reach.spread(unit[..., :2])
        grays = BLACK + (WHITE - BLACK) * (0.3 + 0.4 * unit[..., 2:]).reshape(count, reach.count, *reach.cells)
        return [_Start(1 - 2 * (i % 2), places[i], grays[i]) for i in range(count)]

    def _known(self, network: Any, known: Stickers, side: int) -> _Start:
        """Stickers from elsewhere as a start, with what they are worth as they are."""
        start = _Start(side, known.places[0], known.prints[0])
        start.worth, start.led = self._tried(network, start, self.effort.rounds)
        return start

    def _climb(self, network: Any, start: _Start, name: str, number: tuple[int, int]) -> None:
        """One round of gradient ascent, and drives to see what it is worth; each step is one of ``effort.steps``."""
        effort, reach = self.effort, self.reach
        places, grays = start.places.clone().requires_grad_(True), start.grays.clone().requires_grad_(True)
        # long steps from a random start, short ones along the drives that it leads to
        step_size = 0.06 if start.led is None else 0.025
        adam = torch.optim.Adam([{"params": [places], "lr": 1.5 * step_size}, {"params": [grays], "lr": step_size}])
        best = (start.worth, start.places, start.grays, start.led)
        for step in range(effort.steps):
            seen = self._frames(start, name, (*number, step))
            frames = expose(seen.scenes, seen.view, sized(reach, places[None], grays[None]), step)
            loss = -start.side * network(frames).mean()
            adam.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            adam.step()
            with torch.no_grad():
                places.copy_(reach.within(places))
                grays.clamp_(BLACK, WHITE)
        start.places, start.grays = places.detach(), grays.detach()
        start.worth, start.led = self._tried(network, start, number[0])
        if best[0] > start.worth:
            start.worth, start.places, start.grays, start.led = best

    def _frames(self, start: _Start, name: str, number: tuple[int, ...]) -> Sight:
        """Frames from before and among the stickers: scenes of their own each time."""
        effort, reach = self.effort, self.reach
        turn = (number[0] * (effort.starts + 2) + number[1]) * effort.steps + number[2]
        numbers = range(turn * effort.frames, (turn + 1) * effort.frames)
        scenes = draw(self.seed, "optimizing", numbers)
        unit = torch.from_numpy(
            Noise(self.seed, f"lane.poses.{name}").uniform(np.arange(numbers.start, numbers.stop), (5,))
        )
        reached = None if start.led is None else self._reached(start.led, start.side, unit)
        if reached is None:
            along = reach.first - SEES + (reach.last - reach.first + SEES) * unit[:, 0]
            across = start.side * (1.8 * unit[:, 1] - 0.4)
            turned = 0.2 * (unit[:, 2] - 0.5)
        else:
            along, across, turned = reached
        return aim(scenes, along, across, turned, numbers)

    def _reached(self, led: Drives, side: int, unit: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
        """Places around those that drives passed before and among the stickers; None if they passed none."""
        near = (led.along[:-1] > self.reach.first - SEES) & (led.along[:-1] < self.reach.last)
        near &= side * led.across[:-1] < OFF  # whoever has left needs no more
        frame, car = near.nonzero().unbind(1)
        if not len(frame):
            return None
        chosen = (unit[:, 0] * len(frame)).long().clamp(max=len(frame) - 1)
        frame, car = frame[chosen], car[chosen]
        along = led.along[frame, car] + 2 * (unit[:, 1] - 0.5)
        across = (led.across[frame, car] + 0.6 * (unit[:, 2] - 0.5)).clamp(-OVER, OVER)
        return along, across, led.turned[frame, car] + 0.06 * (unit[:, 3] - 0.5)

    def _tried(self, network: Any, start: _Start, turn: int) -> tuple[float, Drives]:
        """What stickers are worth in whole drives, the same ones for all starts of a round."""
        count = self.effort.drives
        scenes = draw(self.seed, "selecting", range(turn * count, (turn + 1) * count))
        led = drive(network, scenes, start.stickers(self.reach))
        return worth(led, start.side), led


def worth(led: Drives, side: int) -> float:
    """Cars that leave the pavement at the wanted side, and in smaller coin how near the others come to it."""
    most = (side * led.across).amax(0)
    return float((most > OFF).float().mean() + 0.2 * (most / OFF).clamp(0, 1).mean())
