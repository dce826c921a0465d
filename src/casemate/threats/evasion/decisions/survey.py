"""Finding the boundary's normal by yes-or-no questions: a belief, sharpened where it is least sure.

The gradient of the lead of the wrong class is taken for g = w + e, w the believed unit normal and e an unknown,
normally distributed rest. A probe orthogonal to w, asked from a point on the boundary, tells the sign of e along it; a
second one, shifted along w, whether e is large or small there. So the two answers leave an eighth of what was unknown,
while answers to random probes that know nothing of the belief only average out. Probes of a block are orthogonal, so
that they do not disturb each other.

Reference:
    Chen, Jordan and Wainwright 2020, "HopSkipJumpAttack: a query-efficient decision-based attack", section 3.2, for the
    passive estimate (arXiv 1904.02144); Max 1960, "Quantizing for minimum distortion", table 1, for the two levels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.threats.evasion.balls import spread
from casemate.threats.evasion.decisions.door import Door
from casemate.threats.evasion.decisions.waves import Waves, hadamard
from casemate.threats.evasion.noise import Noise

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

OUTER = 0.9816
"""The second question asks whether e exceeds this many of its standard deviations."""
NEAR, BEYOND = 0.4528, 1.510
"""Means of a normal variable's size below and above OUTER."""
REST = 0.1175
"""Share of the variance that the two answers leave."""
STRIDE = 1 << 20
"""Each sample has so many turns of random numbers."""


class Belief:
    """What is believed about the normals of n samples' boundaries.

    Args:
        waves: basis in which the mean and a variance for each coefficient are kept.
        count: n.
        doubt: total variance of e at first, for |w| = 1.
        corner: of the spectrum, see `Waves.spectrum`.
    """

    def __init__(self, waves: Waves, count: int, doubt: float, corner: float) -> None:
        self.waves, self._doubt = waves, doubt
        self.prior = waves.spectrum(corner)
        self._mean = torch.zeros(count, len(self.prior))
        self._variance = torch.zeros_like(self._mean)

    def begin(self, rows: Tensor, normal: Tensor) -> None:
        """Believe in (r, ...) normals, with the doubt of the beginning."""
        mean = self.waves.analyze(normal)
        self._mean[rows] = mean / mean.norm(dim=1, keepdim=True).clamp_min(1e-12)
        self._variance[rows] = self._doubt * self.prior

    def normal(self, rows: Tensor) -> Tensor:
        """(r, ...) unit normals."""
        return self.waves.render(self._mean[rows])

    def doubt(self, rows: Tensor) -> Tensor:
        """(r,) total variance left: (1 / cosine)^2 - 1 of the angle to the truth, if the belief is right."""
        return self._variance[rows].sum(1)

    def forget(self, rows: Tensor, more: Tensor) -> None:
        """Add (r,) variance, spread like the first: the boundary turns on the way to another point."""
        self._variance[rows] += more[:, None] * self.prior

    def sharpen(
        self, door: Door, rows: Tensor, center: Tensor, streams: Tensor, noise: Noise, size: Tensor, block: int
    ) -> Tensor:
        """Ask about a block of directions, the least sure ones, twice each.

        Args:
            door: to the target.
            rows: (r,) samples.
            center: (r, ...) points on the boundary, as well as they are known.
            streams: (r,) of random numbers, for signs.
            noise: gives them.
            size: (r,) length of probes.
            block: number of directions, a power of 2.

        Returns:
            (r,) by how much, along the normal, the center seems to lie beyond the boundary.
        """
        probes, which, deviation = self._probes(rows, streams, noise, block)
        moves, normal = self.waves.render(probes), self.normal(rows)[:, None]
        reach = spread(size, moves)
        first = door.ask(rows, center[:, None] + reach * moves)
        share = first.float().mean(1).clamp(0.5 / block, 1 - 0.5 / block)
        tilt = _quantile(share) * deviation  # the center's offset, in units of the probes' length
        sign = torch.where(first, 1.0, -1.0)
        shift = sign * OUTER * deviation[:, None] + tilt[:, None]
        shift = shift.reshape(*shift.shape, *[1] * (moves.ndim - 2))
        second = door.ask(rows, center[:, None] + reach * (moves - shift * normal))
        beyond = torch.where(first, second, ~second)
        rate = beyond.float().mean(1).clamp(1 / block, 1 - 1 / block)
        ratio = (OUTER / _quantile(1 - rate / 2)).clamp(0.4, 2.5)  # the true deviation over the believed one
        sure = (4 * share * (1 - share)).clamp(0.05, 1)
        found = sign * torch.where(beyond, BEYOND, NEAR) * (deviation * ratio * sure.sqrt())[:, None]
        mean = self._mean[rows] + (found[:, :, None] * probes).sum(1)
        variance = self._variance[rows] * ratio.sqrt()[:, None]
        after = (1 - (1 - REST) * sure) * (deviation * ratio) ** 2
        variance.scatter_(1, which, after[:, None].expand_as(which))
        far = mean.norm(dim=1, keepdim=True).clamp_min(1e-12)
        self._mean[rows], self._variance[rows] = mean / far, variance / far**2
        return tilt * size

    def _probes(self, rows: Tensor, streams: Tensor, noise: Noise, block: int) -> tuple[Tensor, Tensor, Tensor]:
        """(r, b, d) orthogonal to the mean, (r, b) which coefficients they mix, (r,) the deviation of e along them."""
        mean = self._mean[rows]
        variance, which = self._variance[rows].topk(block, dim=1)
        signs = torch.from_numpy(noise.uniform(streams.numpy(), (block,))) < 0.5
        mixed = hadamard(block)[None] * torch.where(signs, -1.0, 1.0)[:, None]
        probes = torch.zeros(len(rows), block, mean.shape[1])
        probes.scatter_(2, which[:, None].expand(-1, block, -1), mixed)
        along = probes @ mean[:, :, None]
        return probes - along * mean[:, None], which, variance.mean(1).sqrt().clamp_min(1e-9)


def _quantile(share: Tensor) -> Tensor:
    """Of the standard normal distribution."""
    return math.sqrt(2) * torch.erfinv(2 * share - 1)
