"""Orthogonal directions made of waves: cosine transforms of images, mixed so that each direction holds many of them.

A boundary between classes turns slowly with the low frequencies and hardly with the high ones, so a belief about its
normal is kept in this basis (Li et al. 2020, "QEBA: query-efficient boundary-based blackbox attack", section 3.2).
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


class Waves:
    """An orthonormal cosine basis of inputs of one shape; the last two dimensions are transformed, or the only one.

    Args:
        shape: of an input.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        grid = shape[-2:] if len(shape) >= 2 else (1, math.prod(shape))
        self._grid = (math.prod(shape) // math.prod(grid), *grid)
        self._rows, self._columns = _cosines(grid[0]), _cosines(grid[1])

    def analyze(self, inputs: Tensor) -> Tensor:
        """(..., *shape) inputs as (..., d) coefficients."""
        lead = inputs.shape[: inputs.ndim - len(self.shape)]
        grid = inputs.reshape(*lead, *self._grid)
        return (self._rows @ grid @ self._columns.t()).reshape(*lead, -1)

    def render(self, coefficients: Tensor) -> Tensor:
        """(..., d) coefficients as (..., *shape) inputs."""
        lead = coefficients.shape[:-1]
        grid = coefficients.reshape(*lead, *self._grid)
        return (self._rows.t() @ grid @ self._columns).reshape(*lead, *self.shape)

    def spectrum(self, corner: float) -> Tensor:
        """(d,) relative variance of a coefficient before anything is known, falling beyond a corner frequency.

        Args:
            corner: as a share of the highest frequency.
        """
        _, high, wide = self._grid
        rows = torch.arange(high)[:, None] / max(high - 1, 1)
        columns = torch.arange(wide)[None] / max(wide - 1, 1)
        power = 1 / (1 + (rows**2 + columns**2) / corner**2)
        power = power.expand(self._grid).reshape(-1)
        return power / power.sum()


@cache
def _cosines(size: int) -> Tensor:
    """(size, size) the orthonormal cosine transform of type II."""
    place = torch.arange(size, dtype=torch.float64)
    matrix = torch.cos(math.pi / size * (place[None] + 0.5) * place[:, None]) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix.to(torch.float32)


@cache
def hadamard(size: int) -> Tensor:
    """(size, size) orthonormal, entries of one magnitude; size is a power of 2."""
    matrix = torch.ones(1, 1)
    while len(matrix) < size:
        matrix = torch.cat((torch.cat((matrix, matrix), 1), torch.cat((matrix, -matrix), 1)))
    return matrix / math.sqrt(size)
