"""Batches in a fixed order, and releases whose noise is correlated over steps (DP-FTRL): one object, one account.

Where records come in an order that is not ours (a stream, devices, a loader that cannot sample), nothing is gained from
sampling and nothing may be claimed for it. Every record takes part once an epoch, at the same place, and all steps
together are one Gaussian release of known sensitivity (`casemate.privacy.dp.sgd.factorization`): what is accounted is
the whole training, from the same object that hands out the batches.
"""

from __future__ import annotations

import math
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.privacy.dp.accounting.events import Gaussian
from casemate.privacy.dp.noise import Entropy
from casemate.privacy.dp.sgd.factorization import Factor, best_factor
from casemate.privacy.dp.sgd.release import GradientRelease

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


class FixedOrder:
    """Hands out batches in the order of the records, again and again; each record takes part once an epoch.

    Args:
        records: how many there are; public.
        batch: records in a batch; the last one of an epoch may be smaller.
        epochs: passes.

    Raises:
        UsageError: there are no records, or a batch holds none or more than all.

    Example:
        >>> order = FixedOrder(records=10, batch=4, epochs=2)
        >>> [order.draw().tolist() for _ in range(4)]
        [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [0, 1, 2, 3]]
        >>> order.steps, order.period
        (6, 3)
    """

    def __init__(self, records: int, batch: int, epochs: int) -> None:
        if not 0 < batch <= records or epochs < 1:
            raise UsageError(
                f"{epochs} epochs of {records} records in batches of {batch} cannot be",
                next_step="give at least one epoch, and batches of at least one record and no more than all",
            )
        self.records, self.batch = records, batch
        self.period = math.ceil(records / batch)
        self.steps = self.period * epochs
        self._at = 0

    @property
    def name(self) -> str:
        """What the certificate calls it."""
        return f"fixed order, each record once in {self.period} steps"

    @property
    def expected(self) -> float:
        """What sums are divided by: fixed, and no secret, since the order is none."""
        return float(self.batch)

    def draw(self) -> npt.NDArray[np.int64]:
        """Which records take part next.

        Raises:
            UsageError: all batches that were planned have been handed out.
        """
        if self._at >= self.steps:
            raise UsageError("all planned batches have been handed out", next_step="plan more epochs beforehand")
        start = self._at % self.period * self.batch
        self._at += 1
        return np.arange(start, min(start + self.batch, self.records))

    def factor(self, width: int | None = None) -> Factor:
        """How noise is best correlated for this order."""
        return best_factor(self.steps, self.period, width)

    @staticmethod
    def event(noise_multiplier: float) -> Gaussian:
        """What all steps together are, with noise of so many times the sensitivity of the whole training."""
        return Gaussian(noise_multiplier)


class CorrelatedRelease:
    """Adds correlated noise to sums of gradients, step by step. Use it in a ``with`` block, as `GradientRelease`.

    Released with fresh noise is ``sum_j band[j] total[t - j]``, on a grid; the rest is arithmetic on what was released:
    what earlier steps left in it is taken out again, and the sum of this step stays, with noise that earlier noise
    partly cancels. The last sums, one a number in the band, are kept in memory; they are as private as the records.

    Args:
        size: coordinates of a sum.
        clip_norm: largest L2 norm of what one record adds to one sum.
        noise_multiplier: deviation of the noise over the sensitivity of the whole training.
        factor: how noise is correlated.
        entropy: where randomness comes from; this object's own.

    Attributes:
        sensitivity: of the whole training, in grid steps, rounding included.
        scale: of the noise, in grid steps.
        grid: of the released sums, in the gradients' units.
    """

    def __init__(self, size: int, clip_norm: float, noise_multiplier: float, factor: Factor, entropy: Entropy) -> None:
        far = factor.sensitivity
        self.size, self.factor, self.entropy = size, factor, entropy
        # one release: as if a record took part once, with a gradient as long as all that it changes
        self._inner = GradientRelease(size, clip_norm * far, noise_multiplier, entropy, times=factor.steps)
        self.grid, self.sensitivity, self.scale = self._inner.grid, self._inner.sensitivity, self._inner.scale
        self._band, self.left = factor.band, factor.steps
        self._sums: deque[Tensor] = deque(maxlen=len(self._band))
        self._made: deque[Tensor] = deque(maxlen=len(self._band) - 1)

    @property
    def distance(self) -> float:
        """Total variation distance of one step's noise from its distribution."""
        return self._inner.distance

    def __call__(self, total: Tensor) -> Tensor:
        """(size,) a sum with noise, in the gradients' units.

        Raises:
            UsageError: the sum has another size, or all steps that were planned are done.
        """
        if not self.left:
            raise UsageError("all planned steps are released", next_step="plan more of them beforehand")
        self.left -= 1
        self._sums.appendleft(total.double())
        mixed = sum((weight * each for weight, each in zip(self._band, self._sums, strict=False)), torch.zeros(()))
        noisy = self._inner(torch.as_tensor(mixed))
        for weight, each in zip(self._band[1:], self._made, strict=False):
            noisy = noisy - weight * each
        self._made.appendleft(noisy)
        return noisy

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, trace)
