"""Rounded Gaussian and Laplace noise by inversion: floating point where it decides beyond doubt, else 256 bits.

A word gives a sign and 63 bits of a uniform number. Those bits stand for all numbers that begin with them, and floating
point errs; so what they give is not one value but a short interval. Where it lies between two half-integers, every way
of going on gives the same whole number, and that is the sample. Where it does not, once in a million samples to once
in a hundred depending on the scale, more bits are drawn and the interval is found in 256-bit arithmetic, until
it does. What is left is the error of that arithmetic and the bound ``SLIP`` of scipy's quantiles, which tests measure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import mpmath
import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from casemate.core.errors import UsageError
from casemate.privacy.dp.noise.entropy import Entropy

Whole = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

DISTANCE: Final = 2.0**-100
"""Total variation distance of one sample from its distribution, at most; charged to delta."""
SLIP: Final = 2.0**-46
"""Error of a quantile in floating point, divided by 1 plus the quantile: at most. Measured: under 2^-50."""
FEW: Final = 1 << 40
"""Of the first 63 bits, as a whole number: below it, intervals get long."""
MANY: Final = 1 << 53
"""From here on, which is all but a thousandth, they are shorter than 2^-52 of the scale."""
NARROW: Final = 9 * SLIP
"""Doubt about a place there, over the scale: quantiles are below 7, and rounding is far less than ``SLIP``."""
WIDE: Final = 2 * (18 * SLIP + 2.0**-40)
"""The same from ``FEW`` on: quantiles are below 17."""
BLOCK: Final = 1 << 14
"""Samples made at a time, as many as stay in the cache."""
LARGEST: Final = 2.0**32
"""Greatest scale; beyond it most samples would need long arithmetic."""
BITS: Final = 256


def gaussian(scale: float, size: int, entropy: Entropy) -> Whole:
    """Samples of a normal variable with mean 0, rounded to whole numbers.

    Args:
        scale: standard deviation before rounding.
        size: how many.
        entropy: where randomness comes from.

    Returns:
        (size,) samples, independent, each within ``DISTANCE`` of its distribution.

    Raises:
        UsageError: the scale is not between 0 and 2^32.

    Example:
        >>> from casemate.privacy.dp.noise import SeededEntropy
        >>> noise = gaussian(1000.0, 10_000, SeededEntropy(1))
        >>> bool(abs(noise.std() / 1000 - 1) < 0.03), noise.dtype.name
        (True, 'int64')
    """
    return _draw(scale, size, entropy, lambda half: -ndtri(half), _normal)


def laplace(scale: float, size: int, entropy: Entropy) -> Whole:
    """Samples of a Laplace variable with mean 0, rounded to whole numbers; ``scale`` is its mean size.

    See ``gaussian``.
    """
    return _draw(scale, size, entropy, lambda half: -np.log(2 * half), _exponential)


def _draw(
    scale: float,
    size: int,
    entropy: Entropy,
    quantile: Callable[[Floats], Floats],
    exact: Callable[[mpmath.mpf], mpmath.mpf],
) -> Whole:
    if not 0 < scale <= LARGEST:
        raise UsageError(
            f"noise of scale {scale} cannot be drawn",
            cause="the scale counts grid steps and lies between 0 and 2^32",
            next_step="choose another grid",
        )
    found = np.empty(size, dtype=np.int64)
    for start in range(0, size, BLOCK):
        part = entropy.words(min(BLOCK, size - start)).view(np.int64)
        bits = part & (2**63 - 1)
        sizes, doubtful = _rounded(scale, bits, quantile)
        for at in doubtful:
            sizes[at] = _refined(scale, int(bits[at]), entropy, exact)
        sign = part >> 63  # 0 or -1
        np.subtract(sizes ^ sign, sign, out=found[start : start + BLOCK])
    return found


def _rounded(scale: float, bits: Whole, quantile: Callable[[Floats], Floats]) -> tuple[Whole, npt.NDArray[np.intp]]:
    """Sizes by floating point, and which of them it cannot tell for certain."""
    half = bits.astype(np.float64)
    half += 0.5
    half *= 2.0**-64  # half of the chance that a size is exceeded
    place = quantile(half)
    place *= scale
    place += 0.5
    sizes = np.floor(place)
    place -= sizes
    place -= 0.5
    away = np.abs(place, out=place)  # from the middle between two half-integers
    doubtful = away > 0.5 - NARROW * scale
    rare = np.flatnonzero(bits < MANY)
    doubtful[rare] = (away[rare] > 0.5 - WIDE * scale) | (bits[rare] < FEW)
    return sizes.astype(np.int64), np.flatnonzero(doubtful)


def _refined(scale: float, bits: int, entropy: Entropy, exact: Callable[[mpmath.mpf], mpmath.mpf]) -> int:
    """The size whose bits begin with these: more are drawn until all ways of going on give the same."""
    known = 63
    with mpmath.workprec(BITS):
        step = mpmath.mpf(scale)
        while True:  # ends with probability 1: each turn halves the doubt 64 times
            if bits:
                low, high = (mpmath.mpf(each) / (mpmath.mpf(2) ** (known + 1)) for each in (bits + 1, bits))
                near, far = (int(mpmath.floor(step * exact(each) + 0.5)) for each in (low, high))
                if near == far or known > BITS - 64:
                    return near
            bits, known = (bits << 64) | int(entropy.words(1)[0]), known + 64


def _normal(half: mpmath.mpf) -> mpmath.mpf:
    """The size that a standard normal variable exceeds upward with this chance, at most one half."""
    found = mpmath.mpf(-float(ndtri(max(float(half), 1e-300))))
    for _ in range(5):  # Newton's steps double the digits: 15 become 256 bits in three or four
        error = mpmath.erfc(found / mpmath.sqrt(2)) / 2 - half
        found += error * mpmath.sqrt(2 * mpmath.pi) * mpmath.exp(found * found / 2)
    return max(found, mpmath.mpf(0))


def _exponential(half: mpmath.mpf) -> mpmath.mpf:
    return max(-mpmath.log(2 * half), mpmath.mpf(0))
