"""Preprocessors that take detail out of images: fewer gray values, medians, blurs, total variation, random resizing.

References:
    Xu, Evans and Qi 2018, "Feature squeezing: detecting adversarial examples in deep neural networks", section III
    (arXiv 1704.01155); Guo et al. 2018, "Countering adversarial images using input transformations", section 4 (arXiv
    1711.00117); Xie et al. 2018, "Mitigating adversarial effects through randomization" (arXiv 1711.01991).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.threats.evasion.guards.preprocess import Preprocessor, StandIn, identity

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional as F
else:
    torch = require("torch", extra="torch")
    F = require("torch.nn.functional", extra="torch")


class BitDepth(Preprocessor):
    """Values rounded to 2 ** bits levels between 0 and 1.

    Args:
        bits: 1 to 8.

    Raises:
        UsageError: another number of bits.

    Example:
        >>> BitDepth(1)(torch.tensor([[[[0.2, 0.7]]]])).tolist()
        [[[[0.0, 1.0]]]]
    """

    def __init__(self, bits: int) -> None:
        super().__init__()
        if not 1 <= bits <= 8:
            raise UsageError(f"a depth of {bits} bits", next_step="give 1 to 8")
        self.steps = 2**bits - 1

    def forward(self, inputs: Tensor) -> Tensor:
        """The nearest levels."""
        made: Tensor = (inputs * self.steps).round() / self.steps
        return made

    def ways(self) -> Mapping[str, StandIn]:
        """The identity, and stairs with slopes, steepest between two levels."""
        return {"identity": identity, "soft stairs": self._soft}

    def _soft(self, inputs: Tensor) -> Tensor:
        scaled = inputs * self.steps
        floor = scaled.detach().floor()
        made: Tensor = (floor + torch.sigmoid(6 * (scaled - floor - 0.5))) / self.steps
        return made


class Median(Preprocessor):
    """The median of each size x size neighborhood; edges are mirrored.

    Args:
        size: 2 or more; an even window looks one pixel further up and left, as in scipy's ``median_filter``, and takes
            the upper of the two middle values.

    Raises:
        UsageError: a size below 2.
    """

    def __init__(self, size: int = 3) -> None:
        super().__init__()
        if size < 2:
            raise UsageError(f"medians of {size} x {size} pixels", next_step="give a size of 2 or more")
        self.size = size

    def forward(self, inputs: Tensor) -> Tensor:
        """Medians."""
        ordered = _windows(inputs, self.size).sort(dim=-1).values
        return ordered[..., self.size**2 // 2]

    def ways(self) -> Mapping[str, StandIn]:
        """Its own gradient, which goes to the pixel in the middle of the order; the mean of the window; identity."""
        return {"own": self.forward, "mean": lambda inputs: _windows(inputs, self.size).mean(-1), "identity": identity}


class Gaussian(Preprocessor):
    """A Gaussian blur; edges are mirrored. It is linear, and hides nothing.

    Args:
        sigma: in pixels, above 0; cut off at three sigma.

    Raises:
        UsageError: no such sigma.
    """

    def __init__(self, sigma: float = 1.0) -> None:
        super().__init__()
        if not 0 < sigma < 100:
            raise UsageError(f"a blur of {sigma} pixels", next_step="give a sigma above 0, and below 100")
        self.reach = max(1, round(3 * sigma))
        bell = torch.exp(-0.5 * (torch.arange(-self.reach, self.reach + 1) / sigma) ** 2)
        self.register_buffer("bell", bell / bell.sum())

    def forward(self, inputs: Tensor) -> Tensor:
        """Blurred images."""
        count, channels, high, wide = inputs.shape
        bell, planes = self.get_buffer("bell").to(inputs.dtype), inputs.reshape(count * channels, 1, high, wide)
        planes = _mirrored(planes, self.reach, self.reach)
        made = F.conv2d(F.conv2d(planes, bell[None, None, :, None]), bell[None, None, None, :])
        return made.reshape(inputs.shape)

    def ways(self) -> Mapping[str, StandIn]:
        """Its own gradient."""
        return {"own": self.forward}


class TotalVariation(Preprocessor):
    """The image nearest to the input for which distance plus ``weight`` times total variation is least, nearly.

    A fixed number of steps of projected gradient descent on the dual, which can be differentiated.

    Args:
        weight: of the sum of absolute differences between neighbors, in units of inputs.
        steps: of the descent.

    Raises:
        UsageError: a weight that is not above 0, or no steps.

    Reference:
        Chambolle 2004, "An algorithm for total variation minimization and applications"; the anisotropic form.
    """

    def __init__(self, weight: float = 0.1, steps: int = 20) -> None:
        super().__init__()
        if not 0 < weight < float("inf") or steps < 1:
            raise UsageError(f"total variation of weight {weight} in {steps} steps", next_step="give both above 0")
        self.weight = weight
        self.steps = steps

    def forward(self, inputs: Tensor) -> Tensor:
        """Smoothed images."""
        down = torch.zeros_like(inputs[:, :, 1:])
        right = torch.zeros_like(inputs[:, :, :, 1:])
        for _ in range(self.steps):
            made = inputs - _gathered(down, right)
            # 1/8 is the largest step for which this converges: the norm of the differences squared is at most 8
            down = (down + made.diff(dim=2) / 8).clamp(-self.weight, self.weight)
            right = (right + made.diff(dim=3) / 8).clamp(-self.weight, self.weight)
        return (inputs - _gathered(down, right)).clamp(0, 1)

    def ways(self) -> Mapping[str, StandIn]:
        """Its own gradient, and the identity."""
        return {"own": self.forward, "identity": identity}


class RandomResized(Preprocessor):
    """Each image shrunk by a random factor and laid at a random place on black, anew each time.

    Args:
        least: smallest factor; the largest is 1.

    Raises:
        UsageError: a factor that is not between 0 and 1.
    """

    random = True

    def __init__(self, least: float = 0.8) -> None:
        super().__init__()
        if not 0 < least < 1:
            raise UsageError(f"images shrunk to {least} of their size", next_step="give a factor between 0 and 1")
        self.least = least

    def forward(self, inputs: Tensor) -> Tensor:
        """Bilinear interpolation at the drawn places, by torch's global generator."""
        count = len(inputs)
        factor = self.least + (1 - self.least) * torch.rand(count)
        away = (2 * torch.rand(count, 2) - 1) * (1 - factor)[:, None]
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0] = theta[:, 1, 1] = 1 / factor
        theta[:, :, 2] = away / factor[:, None]
        grid = F.affine_grid(theta, list(inputs.shape), align_corners=False)
        return F.grid_sample(inputs, grid, align_corners=False)

    def ways(self) -> Mapping[str, StandIn]:
        """The gradient through other draws, the mean of which is the gradient of the mean."""
        return {"own": self.forward}


def _windows(inputs: Tensor, size: int) -> Tensor:
    """(n, channels, height, width, size * size) neighborhoods."""
    return _mirrored(inputs, size // 2, (size - 1) // 2).unfold(2, size, 1).unfold(3, size, 1).flatten(-2)


def _mirrored(planes: Tensor, before: int, after: int) -> Tensor:
    """Images with mirrored edges, the edge itself repeated (scipy's "reflect"), of any width."""
    for axis in (2, 3):
        size = planes.shape[axis]
        at = torch.arange(-before, size + after) % (2 * size)
        planes = planes.index_select(axis, torch.where(at < size, at, 2 * size - 1 - at))
    return planes


def _gathered(down: Tensor, right: Tensor) -> Tensor:
    """Minus the divergence of a field of differences: the adjoint of taking differences."""
    vertical = F.pad(down, (0, 0, 1, 0)) - F.pad(down, (0, 0, 0, 1))
    return vertical + F.pad(right, (1, 0)) - F.pad(right, (0, 1))
