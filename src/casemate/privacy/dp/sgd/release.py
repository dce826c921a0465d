"""Sums of clipped gradients, released on a grid of whole numbers with rounded Gaussian noise.

The sum of a batch comes in floating point. It is rounded to the grid, which moves two sums apart by a grid step in each
coordinate at most, and noise is added in whole numbers; so what is released has no trace of floating-point noise
(`casemate.privacy.dp.noise`). Both this rounding and ``SLACK``, for the rounding of the gradients themselves, are part
of the sensitivity that the noise is made for.
"""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.privacy.dp.noise import DISTANCE, Entropy, gaussian

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

FINE: Final = 22
"""The clip norm is at least two to this many grid steps, divided by the noise multiplier where that is below 1."""
SLACK: Final = 2.0**-10
"""Share of the clip norm by which rounding in float32 may lengthen what a record adds to a sum: assumed, and tested."""


class GradientRelease:
    """Adds noise to sums of one shape. Use it in a ``with`` block: noise is drawn ahead in another thread.

    Args:
        size: coordinates of a sum.
        clip_norm: largest L2 norm of what one record adds.
        noise_multiplier: deviation of the noise over the sensitivity.
        entropy: where randomness comes from; this object's own.
        times: releases that are accounted as one, with ``clip_norm`` for all of them together.

    Attributes:
        grid: of the released sums, in the gradients' units.
        sensitivity: in grid steps, rounding included.
        scale: of the noise, in grid steps.

    Raises:
        UsageError: clip norm or noise multiplier is no positive number.
    """

    def __init__(
        self, size: int, clip_norm: float, noise_multiplier: float, entropy: Entropy, *, times: int = 1
    ) -> None:
        for value, what in ((clip_norm, "clip norm"), (noise_multiplier, "noise multiplier")):
            if not 0 < value < math.inf:
                raise UsageError(f"{what} {value} is not a positive number", next_step="give one above 0")
        self.size, self.entropy = size, entropy
        self.grid = 2.0 ** (math.floor(math.log2(clip_norm * min(noise_multiplier, 1.0))) - FINE)
        exact = clip_norm * (1 + SLACK) / self.grid + math.sqrt(size * times)
        self.sensitivity = math.nextafter(exact, math.inf)
        self.scale = math.nextafter(noise_multiplier * self.sensitivity, math.inf)
        self._pool = ThreadPoolExecutor(1)
        self._ahead: Future[npt.NDArray[np.int64]] = self._pool.submit(self._draw)

    @property
    def distance(self) -> float:
        """Total variation distance of one release's noise from its distribution."""
        return self.size * DISTANCE

    def __call__(self, total: Tensor) -> Tensor:
        """(size,) a sum with noise, in the gradients' units.

        Raises:
            UsageError: the sum has another size.
        """
        if total.shape != (self.size,):
            raise UsageError(f"a sum of {tuple(total.shape)} was not planned for", next_step=f"give ({self.size},)")
        noise = self._ahead.result()
        self._ahead = self._pool.submit(self._draw)
        whole = total.to(torch.float64, copy=True).div_(self.grid).round_()
        return whole.add_(torch.from_numpy(noise)).mul_(self.grid)

    def _draw(self) -> npt.NDArray[np.int64]:
        return gaussian(self.scale, self.size, self.entropy)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
