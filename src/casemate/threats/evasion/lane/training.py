"""Training by imitation: the network learns what a driver who knows the car's place would steer, from frames alone.

Frames are drawn afresh for every step, from places on and off the lane's center, so that the network learns to come
back (Pomerleau 1989, "ALVINN", section 4; Bojarski et al. 2016, section 4: augmentation with shifted views).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from casemate.core.observer import Observer, Silent
from casemate.core.optional import require
from casemate.threats.evasion.lane.car import privileged
from casemate.threats.evasion.lane.drive import placed
from casemate.threats.evasion.lane.driver import UNIT
from casemate.threats.evasion.lane.render import View, expose, survey
from casemate.threats.evasion.lane.scenes import LENGTH, Purpose, Scenes, draw
from casemate.threats.evasion.lane.stickers import Stickers
from casemate.threats.evasion.noise import Noise

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional as F
else:
    torch = require("torch", extra="torch")
    F = require("torch.nn.functional", extra="torch")

AHEAD = 4.0
"""Metres ahead of the car whose bend the privileged driver steers."""


@dataclass(frozen=True)
class Sight:
    """Frames to learn from: what cameras see in n scenes, and what the privileged driver would steer there."""

    scenes: Scenes
    view: View
    wanted: Tensor
    numbers: range
    along: Tensor


Clutter: TypeAlias = Callable[[Any, Sight], "Stickers | None"]
"""What to lay on the road of frames to learn from, given the network as it is."""


def sight(seed: int, purpose: Purpose, numbers: range, first: float = 10.0, last: float = LENGTH - 40.0) -> Sight:
    """Draw frames to learn from.

    Args:
        seed: of the drill.
        purpose: whose scenes.
        numbers: which ones.
        first: metres along from which the cars are.
        last: metres along up to which they are.
    """
    scenes = draw(seed, purpose, numbers)
    unit = torch.from_numpy(Noise(seed, f"lane.{purpose}.poses").uniform(np.arange(numbers.start, numbers.stop), (3,)))
    along = first + (last - first) * unit[:, 0]
    across = 3.6 * (unit[:, 1] - 0.5)
    # whoever is far off to one side is more often on the way back than farther away
    turned = 0.36 * (unit[:, 2] - 0.5) - 0.03 * across
    return aim(scenes, along, across, turned, numbers)


def aim(scenes: Scenes, along: Tensor, across: Tensor, turned: Tensor, numbers: range) -> Sight:
    """What cameras see from cars at road coordinates (n,), and what to steer there."""
    with torch.no_grad():
        view = survey(scenes, placed(scenes, along, across, turned), along)
        bend = scenes.roads.curvature((along + AHEAD)[:, None])[:, 0]
    return Sight(scenes, view, privileged(across, turned, bend) / UNIT, numbers, along)


@dataclass(frozen=True)
class Lessons:
    """How long to train and how fast.

    Attributes:
        steps: of Adam, whose rate rises over the first twentieth and falls to zero in a line.
        batch: frames a step.
        rate: the highest learning rate.
    """

    steps: int = 350
    batch: int = 96
    rate: float = 2e-3


def imitate(
    network: Any,
    seed: int,
    lessons: Lessons,
    *,
    purpose: Purpose = "training",
    clutter: Clutter | None = None,
    observer: Observer | None = None,
) -> Any:
    """Train a copy of a network to steer like the privileged driver.

    Args:
        network: a ``torch.nn.Module`` like :class:`casemate.threats.evasion.lane.driver.Driver`; it is not changed.
        seed: of the drill.
        lessons: how long.
        purpose: whose scenes the frames are drawn from.
        clutter: lays stickers on the road of each batch.
        observer: hears about progress, under the name of the purpose.

    Returns:
        The trained copy.
    """
    observer = observer or Silent()
    made = copy.deepcopy(network)
    adam = torch.optim.Adam(made.parameters(), lr=lessons.rate)
    observer.begin(purpose, lessons.steps)
    for step in range(lessons.steps):
        share = step / lessons.steps
        adam.param_groups[0]["lr"] = lessons.rate * min(1.0, 20 * share + 0.05, 1 - share)
        seen = sight(seed, purpose, range(step * lessons.batch, (step + 1) * lessons.batch))
        with torch.no_grad():
            frames = expose(seen.scenes, seen.view, None if clutter is None else clutter(made, seen), step)
        loss = F.smooth_l1_loss(made(frames), seen.wanted, beta=0.5)
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        adam.step()
        observer.advance(purpose)
    observer.end(purpose)
    return made.eval()
