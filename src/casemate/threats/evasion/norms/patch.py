"""An adversarial patch: one small picture that turns the answer wherever it is put, in whatever light.

It is learned in expectation over place, angle, scale and light, and judged on images and transforms that it was not
learned on, beside a patch of noise in the very same places.

Reference:
    Brown et al. 2017, "Adversarial patch", section 2 (arXiv 1712.09665); Athalye et al. 2018, "Synthesizing robust
    adversarial examples", section 2 (expectation over transformation).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError, UsageError
from casemate.core.measurement import Interval
from casemate.core.optional import require
from casemate.stats.proportions import clopper_pearson
from casemate.targets.differentiable import Differentiable, Scored
from casemate.threats.evasion.evaluation import classes
from casemate.threats.evasion.losses import cross_entropy
from casemate.threats.evasion.noise import Noise

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


@dataclass(frozen=True)
class Scenes:
    """The distribution of transforms.

    Attributes:
        scale: least and greatest side of the patch, as a share of the image's shorter side.
        angle: greatest rotation either way, in degrees.
        light: greatest change of brightness either way, as a share of the box.
    """

    scale: tuple[float, float] = (0.3, 0.4)
    angle: float = 20.0
    light: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1] <= 1 or not 0 <= self.angle <= 180 or not 0 <= self.light <= 1:
            raise UsageError(
                f"{self} makes no sense", next_step="give shares between 0 and 1, and an angle of at most 180 degrees"
            )

    def place(self, images: Tensor, patch: Tensor, draws: Tensor, bounds: tuple[float, float]) -> Tensor:
        """Images with the patch put somewhere; differentiable by the patch.

        Args:
            images: (n, channels, height, width).
            patch: (channels, side, side).
            draws: (n, 5) in [0, 1): scale, angle, row, column, light.
            bounds: the box.
        """
        count, _, high, wide = images.shape
        side = (self.scale[0] + (self.scale[1] - self.scale[0]) * draws[:, 0]) * min(high, wide)
        angle = (2 * draws[:, 1] - 1) * math.radians(self.angle)
        reach = side / 2 * (angle.cos().abs() + angle.sin().abs())  # half of what the turned patch covers

        def center(draw: Tensor, size: int) -> Tensor:
            free = (size - 2 * reach).clamp_min(0)
            return (size - free) / 2 + draw * free

        row, column = center(draws[:, 2], high), center(draws[:, 3], wide)
        rows = (torch.arange(high) + 0.5)[None, :, None] - row[:, None, None]
        columns = (torch.arange(wide) + 0.5)[None, None, :] - column[:, None, None]
        turn, half = angle[:, None, None], (side / 2)[:, None, None]
        across = (columns * turn.cos() + rows * turn.sin()) / half
        down = (rows * turn.cos() - columns * turn.sin()) / half
        grid = torch.stack((across, down), 3)
        picture = torch.nn.functional.grid_sample(
            patch[None].expand(count, -1, -1, -1), grid, padding_mode="border", align_corners=False
        )
        covered = ((across.abs() <= 1) & (down.abs() <= 1))[:, None]
        light = (2 * draws[:, 4] - 1) * self.light * (bounds[1] - bounds[0])
        return (torch.where(covered, picture, images) + light[:, None, None, None]).clamp(*bounds)


@dataclass(frozen=True)
class Patched:
    """What a patch does to samples and transforms it was not learned on, one transform a sample.

    Attributes:
        fooled: (n,) answered wrongly, or with the wanted class, under the patch.
        control: (n,) the same under a patch of noise in the same place and light.
        correct: (n,) answered rightly as they are, and not of the wanted class; only those count.
    """

    fooled: Tensor
    control: Tensor
    correct: Tensor

    @property
    def rate(self) -> Interval:
        """Share of the rightly answered samples that the patch fools, with its exact interval."""
        return clopper_pearson(int((self.fooled & self.correct).sum()), max(int(self.correct.sum()), 1))

    @property
    def baseline(self) -> Interval:
        """The same for the patch of noise."""
        return clopper_pearson(int((self.control & self.correct).sum()), max(int(self.correct.sum()), 1))

    def __str__(self) -> str:
        count = int(self.correct.sum())
        fooled, control = (int((each & self.correct).sum()) for each in (self.fooled, self.control))
        return (
            f"patch fools {fooled} of {count} samples, {self.rate.low:.1%} to {self.rate.high:.1%} of others alike; "
            f"a patch of noise {control}"
        )


@dataclass(frozen=True)
class Patch:
    """A learned patch.

    Attributes:
        picture: (channels, side, side) float32.
        scenes: transforms it was learned for.
        goal: the wanted class, or None.
        seed: its own; judgement draws other transforms than learning did.
    """

    picture: Tensor
    scenes: Scenes
    goal: int | None
    seed: int = 0

    def evaluate(self, target: Scored, inputs: Tensor | npt.ArrayLike, labels: Tensor | npt.ArrayLike) -> Patched:
        """Put the patch and a patch of noise on (n, channels, height, width) samples it was not learned on.

        Raises:
            DataError: inputs or labels that cannot be used.
        """
        images = _images(target, inputs)
        right = classes(labels, len(images), target.classes)
        target.sense(images)
        correct = target.confirm(images).argmax(1) == right
        if self.goal is not None:
            correct &= right != self.goal
        draws = torch.from_numpy(Noise(self.seed, "patch-judged").uniform(np.arange(len(images)), (5,)))
        low, high = target.bounds
        noise = Noise(self.seed, "patch-noise").uniform([0], self.picture.shape)[0]
        met = []
        for picture in (self.picture, torch.from_numpy(noise) * (high - low) + low):
            answers = target.confirm(self.scenes.place(images, picture, draws, target.bounds)).argmax(1)
            met.append((answers != right if self.goal is None else answers == self.goal) & correct)
        return Patched(met[0], met[1], correct)


@dataclass(frozen=True)
class AdversarialPatch:
    """Learns a patch.

    Attributes:
        scenes: transforms that expectations are taken over.
        side: pixels of the patch.
        goal: wanted class, or None for any wrong one.
        steps: gradient steps.
        batch: samples a step, each under a transform of its own.
        rate: of Adam, in units of the box.
        seed: of samples and transforms.
    """

    scenes: Scenes = field(default_factory=Scenes)
    side: int = 16
    goal: int | None = None
    steps: int = 200
    batch: int = 64
    rate: float = 0.05
    seed: int = 0

    def learn(self, target: Differentiable, inputs: Tensor | npt.ArrayLike, labels: Tensor | npt.ArrayLike) -> Patch:
        """Learn on (n, channels, height, width) samples with (n,) right classes.

        Raises:
            DataError: inputs that are no images, or labels that cannot be used.
            TargetError: the model raised, or has no gradients.
        """
        images = _images(target, inputs)
        right = classes(labels, len(images), target.classes)
        target.sense(images)
        low, high = target.bounds
        picture = torch.full((images.shape[1], self.side, self.side), (low + high) / 2).requires_grad_()
        descent = torch.optim.Adam([picture], self.rate * (high - low))
        noise = Noise(self.seed, "patch-learned")
        for step in range(self.steps):
            drawn = torch.from_numpy(noise.uniform(np.arange(self.batch), (6,), step))
            rows = (drawn[:, 5] * len(images)).to(torch.int64)
            there = right[rows] if self.goal is None else torch.full_like(rows, self.goal)
            sign = 1.0 if self.goal is None else -1.0
            placed = self.scenes.place(images[rows], picture, drawn[:, :5], target.bounds)
            _, _, slope = target.gradient(placed.detach(), partial(_signed, sign, there))
            descent.zero_grad()
            placed.backward(-slope / self.batch)  # type: ignore[no-untyped-call]
            descent.step()
            with torch.no_grad():
                picture.clamp_(low, high)
        return Patch(picture.detach(), self.scenes, self.goal, self.seed)


def _images(target: Scored, inputs: Tensor | npt.ArrayLike) -> Tensor:
    images = target.tensor(inputs)
    if images.ndim != 4:
        raise DataError(
            f"inputs of shape {tuple(images.shape)} are no images",
            next_step="give (n, channels, height, width)",
        )
    return images


def _signed(sign: float, labels: Tensor, logits: Tensor) -> Tensor:
    return sign * cross_entropy(logits, labels)
