"""JPEG as a defense: what the codec loses, computed in torch, and its gradient.

Only two steps of the baseline codec lose anything: rounding the cosine coefficients of 8 x 8 blocks to multiples of a
table, and rounding the decoded values to 8 bits. The rest, zigzag and Huffman coding, is undone exactly, so it is left
out. What comes out is what an encoder and a decoder with exact transforms show. libjpeg transforms in integers and
rounds a coefficient near a tie the other way now and then: of MNIST's pixels at quality 50, 96 % are equal to Pillow's.

References:
    ITU-T T.81 (1992), annexes A.3 and K.1; the Independent JPEG Group's scaling of the tables by quality. As a defense:
    Dziugaite, Ghahramani and Roy 2016 (arXiv 1608.00853). Rounding with a slope: Shin and Song 2017, "JPEG-resistant
    adversarial images".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from casemate.core.errors import DataError, UsageError
from casemate.core.optional import require
from casemate.threats.evasion.guards.preprocess import Preprocessor, StandIn, identity

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional as F
else:
    torch = require("torch", extra="torch")
    F = require("torch.nn.functional", extra="torch")

SIDE: Final = 8

LUMINANCE: Final = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""T.81 table K.1."""

CHROMINANCE: Final = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
)
"""T.81 table K.2."""

TO_YCC: Final = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""JFIF 1.02, page 3."""


class JPEG(Preprocessor):
    """An image as it comes back from a JPEG file of a given quality, color without subsampling (4:4:4).

    Args:
        quality: 1 to 100, as the Independent JPEG Group counts.

    Raises:
        UsageError: another quality.
        DataError: in use, images with neither one nor three channels.
    """

    def __init__(self, quality: int = 75) -> None:
        super().__init__()
        if not 1 <= quality <= 100:
            raise UsageError(f"JPEG of quality {quality}", next_step="give 1 to 100")
        self.quality = quality
        self.register_buffer("luminance", _scaled(LUMINANCE, quality))
        self.register_buffer("chrominance", _scaled(CHROMINANCE, quality))
        self.register_buffer("cosines", _cosines())

    def forward(self, inputs: Tensor) -> Tensor:
        """Encoded and decoded images; inputs are rounded to 8 bits first, as a file holds nothing else."""
        return self._coded(inputs, torch.round)

    def ways(self) -> Mapping[str, StandIn]:
        """The codec with a cubic instead of rounding, the codec without rounding, and the identity."""
        return {
            "cubic": lambda inputs: self._coded(inputs, _cubic),
            "unrounded": lambda inputs: self._coded(inputs, identity),
            "identity": identity,
        }

    def _coded(self, inputs: Tensor, rounded: StandIn) -> Tensor:
        channels, (high, wide) = inputs.shape[1], inputs.shape[2:]
        if channels not in (1, 3):
            raise DataError(f"JPEG of {channels} channels", next_step="give gray images or red, green and blue")
        values = (rounded(inputs * 255)).clamp(0, 255)
        if channels == 3:
            values = torch.einsum("nchw,dc->ndhw", values, values.new_tensor(TO_YCC))
            values = rounded(values + values.new_tensor([0.0, 128.0, 128.0])[:, None, None]).clamp(0, 255)
        padded = F.pad(values - 128, (0, -wide % SIDE, 0, -high % SIDE), mode="replicate")
        blocks = padded.unfold(2, SIDE, SIDE).unfold(3, SIDE, SIDE)
        cosines = self.get_buffer("cosines").to(inputs.dtype)
        table = torch.stack([self.get_buffer("luminance"), *[self.get_buffer("chrominance")] * (channels - 1)])
        table = table.to(inputs.dtype)[:, None, None]
        kept = rounded(cosines @ blocks @ cosines.T / table) * table
        decoded = (cosines.T @ kept @ cosines).permute(0, 1, 2, 4, 3, 5)
        planes = decoded.reshape(padded.shape)[:, :, :high, :wide]
        planes = rounded(planes + 128).clamp(0, 255)
        if channels == 3:
            planes = planes - planes.new_tensor([0.0, 128.0, 128.0])[:, None, None]
            back = torch.linalg.inv(torch.tensor(TO_YCC, dtype=torch.float64)).to(planes.dtype)
            planes = rounded(torch.einsum("nchw,dc->ndhw", planes, back)).clamp(0, 255)
        return planes / 255


def _cubic(values: Tensor) -> Tensor:
    """Rounding plus the cube of what it took away: flat on integers, slope 3/4 between them."""
    near = values.detach().round()
    return near + (values - near) ** 3


def _scaled(table: tuple[tuple[int, ...], ...], quality: int) -> Tensor:
    """The table for a quality, by the Independent JPEG Group's rule."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((torch.tensor(table) * scale + 50) // 100).clamp(1, 255).to(torch.float32)


def _cosines() -> Tensor:
    """(8, 8) orthonormal cosines, T.81 A.3.3."""
    at = torch.arange(SIDE, dtype=torch.float64)
    rows = torch.cos(math.pi * (2 * at[None] + 1) * at[:, None] / (2 * SIDE)) * math.sqrt(2 / SIDE)
    rows[0] /= math.sqrt(2)
    return rows.to(torch.float32)
