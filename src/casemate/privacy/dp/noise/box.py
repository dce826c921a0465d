"""Noise for vectors whose coordinates are each bounded: of density exp(-max|z| / scale), rounded to whole numbers.

A record that adds at most 1 to each of d coordinates adds d in L1, and Laplace noise for that has a deviation of
1.41 d / epsilon in each. Noise whose density falls with the largest coordinate instead is as private (two vectors that
are 1 apart in the largest coordinate have densities apart by a factor of exp(1 / scale)), and has one of only
0.58 d / epsilon.
Drawn is a length by a Gamma distribution of shape d + 1, times a point of the cube. Both are drawn to so many bits that
rounding decides as it would for the real numbers, but with a probability far below ``DISTANCE``: of d + 1 uniform
numbers 192 bits each are drawn, of their product's logarithm 256 are kept, and of each coordinate 191 bits and a sign.

References:
    Hardt and Talwar 2010, "On the geometry of differential privacy", section 4; for the cube Steinke and Ullman 2016,
    "Between pure and approximate differential privacy", section 4.
"""

from __future__ import annotations

import math
from typing import Final

import mpmath
import numpy as np
import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.privacy.dp.noise.entropy import Entropy
from casemate.privacy.dp.noise.rounded import BITS, LARGEST

Whole = npt.NDArray[np.int64]

WORDS: Final = 3
"""Random words a number."""
FRACTION: Final = 128
"""Bits of a length behind the point."""


def box(scale: float, size: int, entropy: Entropy) -> Whole:
    """A vector of whole numbers.

    Args:
        scale: of the largest coordinate; its mean size is ``size + 1 - 1 / 2`` of these, about.
        size: coordinates.
        entropy: where randomness comes from.

    Returns:
        (size,) coordinates, which depend on each other.

    Raises:
        UsageError: the scale is not between 0 and 2^32.

    Example:
        >>> from casemate.privacy.dp.noise import SeededEntropy
        >>> noise = box(1000.0, 400, SeededEntropy(1))
        >>> bool(0.8 < noise.std() / deviation(1000.0, 400) < 1.2)
        True
    """
    if not 0 < scale <= LARGEST:
        raise UsageError(
            f"noise of scale {scale} cannot be drawn",
            cause="the scale counts grid steps and lies between 0 and 2^32",
            next_step="choose another grid",
        )
    words = entropy.words(WORDS * (2 * size + 1)).reshape(-1, WORDS).tolist()
    numbers = [first << 128 | second << 64 | third for first, second, third in words]
    with mpmath.workprec(BITS):
        product = mpmath.mpf(1)
        for number in numbers[: size + 1]:
            product *= mpmath.ldexp(2 * number + 1, -193)
        length = int(mpmath.floor(mpmath.ldexp(-mpmath.log(product) * mpmath.mpf(scale), FRACTION)))
    below, half = 1 << 191, 1 << (FRACTION + 191)
    found = np.empty(size, dtype=np.int64)
    for at, number in enumerate(numbers[size + 1 :]):
        rounded = (2 * length * (number % below) + half) // (2 * half)
        found[at] = -rounded if number >= below else rounded
    return found


def deviation(scale: float, size: int) -> float:
    """Of each coordinate, before rounding."""
    return scale * math.sqrt((size + 1) * (size + 2) / 3)
