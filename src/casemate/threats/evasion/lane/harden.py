"""Training with stickers on the road: random ones, lines that are none, and ones made against the network as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from casemate.core.observer import Observer
from casemate.core.optional import require
from casemate.threats.evasion.lane.render import expose
from casemate.threats.evasion.lane.stickers import BLACK, WHITE, Stickers, printable
from casemate.threats.evasion.lane.training import Lessons, Sight, imitate
from casemate.threats.evasion.noise import Noise

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

CELLS = (6, 3)
"""Grays along and across of a sticker to learn from."""


@dataclass(frozen=True)
class StickerTraining:
    """Train a driver on roads with stickers, so that it learns to steer by what stickers cannot change.

    Each frame gets a few stickers of random size and place ahead of the car. A part of the frames keeps none, a part
    has random grays; in the rest the grays take a step or more against the network of the moment, to a random side.

    Attributes:
        lessons: how long to train.
        count: stickers a frame.
        longest, widest: metres of the largest.
        bare: share of frames without stickers.
        steps: of ascent a frame; 0 leaves random grays.
        stride: of a step, in reflectance.
        seed: of the drill.

    Reference:
        Wu, Tong & Vorobeychik 2020, arXiv:1909.09552 (occlusion attacks); Rao, Stutz & Schiele 2020, arXiv:2005.02313
        (adversarial training against location-optimized patches).
    """

    lessons: Lessons = field(default_factory=Lessons)
    count: int = 3
    longest: float = 5.0
    widest: float = 1.1
    bare: float = 0.25
    steps: int = 1
    stride: float = 0.8
    seed: int = 0

    def apply(self, network: Any, *, observer: Observer | None = None) -> Any:
        """A hardened copy of a driving network, which is not changed."""
        return imitate(network, self.seed, self.lessons, purpose="hardening", clutter=self.lay, observer=observer)

    def lay(self, network: Any, seen: Sight) -> Stickers:
        """Stickers for a batch of frames, (n, count, ...)."""
        n, cells = len(seen.scenes), CELLS[0] * CELLS[1]
        numbers = np.arange(seen.numbers.start, seen.numbers.stop)
        unit = torch.from_numpy(Noise(self.seed, "lane.clutter").uniform(numbers, (self.count, 6 + cells)))
        side = torch.from_numpy(Noise(self.seed, "lane.clutter.sides").uniform(numbers, (2,)))
        sizes = torch.stack([1.0 + (self.longest - 1.0) * unit[..., 0], 0.2 + (self.widest - 0.2) * unit[..., 1]], -1)
        places = torch.stack([seen.along[:, None] + 3 + 27 * unit[..., 2] ** 2, 3.6 * (unit[..., 3] - 0.5)], -1)
        # from one gray over two to any gray in each cell
        contrast = 0.5 + (unit[..., 6:] - 0.5) * torch.where(unit[..., 4:5] < 0.5, 0.0, 4.0)
        grays = torch.where(unit[..., 4:5] < 0.5, unit[..., 5:6], contrast).clamp(0, 1)
        prints = (BLACK + (WHITE - BLACK) * grays).reshape(n, self.count, *CELLS)
        none = side[:, 0] < self.bare
        sizes = torch.where(none[:, None, None], torch.full_like(sizes, 1e-3), sizes)
        hostile = (side[:, 0] > self.bare + (1 - self.bare) / 3).nonzero()[:, 0]
        if self.steps and len(hostile):
            wanted = torch.where(side[hostile, 1] < 0.5, -1.0, 1.0)
            prints[hostile] = self._against(network, seen, Stickers(places, prints, sizes), hostile, wanted)
        return Stickers(places, prints, sizes)

    def _against(self, network: Any, seen: Sight, laid: Stickers, rows: Tensor, side: Tensor) -> Tensor:
        scenes, view, prints = seen.scenes.chosen(rows), seen.view.chosen(rows), laid.prints[rows]
        for _ in range(self.steps):
            prints = prints.requires_grad_(True)
            with torch.enable_grad():
                answer = network(expose(scenes, view, Stickers(laid.places[rows], prints, laid.sizes[rows])))
                (slope,) = torch.autograd.grad((side * answer).sum(), prints)
            prints = printable(prints.detach() + self.stride * slope.sign())
        return prints
