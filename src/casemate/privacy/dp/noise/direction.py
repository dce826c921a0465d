"""A direction drawn by how much of a matrix lies along it: the exponential mechanism on the sphere.

The density of a unit vector u is proportional to ``exp(u' S u)`` (Bingham's distribution). Drawn is from a wider
distribution that is easily drawn from, a normal vector brought to length 1, and some draws are rejected (Kent, Ganeiber
and Mardia 2013). All of this happens with `BITS` bits, in a basis of eigenvectors that is made orthogonal to as many;
what is shown is a vector rounded to a grid. So rounding decides as it would for real numbers, but with a probability
far below ``DISTANCE``. The eigenvalues are those of float64: they err by less than ``SLIP`` of the largest times the
number of columns (Anderson et al. 1999, "LAPACK users' guide", section 4.7), which callers pay for.
"""

from __future__ import annotations

import math
from typing import Final

import mpmath
import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from casemate.privacy.dp.noise.entropy import Entropy
from casemate.privacy.dp.noise.rounded import BITS

Floats = npt.NDArray[np.float64]

FIXED: Final = 200
"""Bits behind the point of whole numbers that stand for reals."""
GRID: Final = 24
"""Steps of what is shown, as a power of two below 1."""
SLIP: Final = 2.0**-48
"""Error of an eigenvalue, divided by the largest and by the number of columns."""


def direction(matrix: Floats, entropy: Entropy) -> Floats:
    """A unit vector u with density proportional to ``exp(u' matrix u)``.

    Args:
        matrix: (d, d) symmetric.
        entropy: where randomness comes from.

    Returns:
        (d,) on a grid, of length 1 but for rounding.

    Example:
        >>> from casemate.privacy.dp.noise import SeededEntropy
        >>> found = direction(np.diag([4000.0, 0.0, 0.0]), SeededEntropy(0))
        >>> bool(abs(found[0]) > 0.99)
        True
    """
    values, vectors = np.linalg.eigh(matrix)
    steep = values[-1] - values
    wide = _width(steep)
    with mpmath.workprec(BITS):
        spreads = [mpmath.sqrt(1 / (1 + 2 * mpmath.mpf(float(each)) / wide)) for each in steep]
        place = _accepted(steep, wide, spreads, entropy)
        whole = np.array([int(mpmath.floor(mpmath.ldexp(each, FIXED))) for each in place], dtype=object)
    turned = _orthogonal(vectors) @ whole
    half = 1 << (2 * FIXED - GRID - 1)
    found: Floats = np.array([float((int(each) + half) >> (2 * FIXED - GRID)) for each in turned]) * 2.0**-GRID
    return found


def _width(steep: Floats) -> float:
    """The b that solves ``sum 1 / (b + 2 steep) = 1``; any between 0 and d is right, this one rejects least."""
    d = len(steep)
    if d == 1:
        return 1.0
    return float(brentq(lambda b: float((1 / (b + 2 * steep)).sum()) - 1, 1e-9, float(d)))


def _accepted(steep: Floats, wide: float, spreads: list[mpmath.mpf], entropy: Entropy) -> list[mpmath.mpf]:
    """Coordinates along eigenvectors.

    A proposal y is accepted with ``exp(-t) (1 + 2 t / b)^(d/2)`` over its largest value, for ``t = sum steep y^2``;
    that is reached where ``1 + 2 t / b = d / b``.
    """
    d = len(spreads)
    least = -(d - mpmath.mpf(wide)) / 2 + mpmath.mpf(d) / 2 * mpmath.log(d / mpmath.mpf(wide))
    while True:  # ends with probability 1: about one in the root of d proposals is accepted
        place = [spread * each for spread, each in zip(spreads, _normals(d, entropy), strict=True)]
        length = mpmath.sqrt(mpmath.fsum(each * each for each in place))
        place = [each / length for each in place]
        t = mpmath.fsum(mpmath.mpf(float(each)) * at * at for each, at in zip(steep, place, strict=True))
        chance = -t + mpmath.mpf(d) / 2 * mpmath.log(1 + 2 * t / mpmath.mpf(wide)) - least
        if mpmath.log(_uniforms(1, entropy)[0]) < chance:
            return place


def _uniforms(count: int, entropy: Entropy) -> list[mpmath.mpf]:
    words = entropy.words(3 * count).reshape(-1, 3).tolist()
    return [mpmath.ldexp(2 * (a << 128 | b << 64 | c) + 1, -193) for a, b, c in words]


def _normals(count: int, entropy: Entropy) -> list[mpmath.mpf]:
    """Standard normal numbers, two at a time (Box and Muller 1958)."""
    found: list[mpmath.mpf] = []
    pairs = math.ceil(count / 2)
    numbers = _uniforms(2 * pairs, entropy)
    for first, second in zip(numbers[:pairs], numbers[pairs:], strict=True):
        size = mpmath.sqrt(-2 * mpmath.log(first))
        found += [size * mpmath.cospi(2 * second), size * mpmath.sinpi(2 * second)]
    return found[:count]


def _orthogonal(vectors: Floats) -> npt.NDArray[np.object_]:
    """(d, d) whole numbers of 2^-FIXED: the same columns, orthogonal and of length 1 to nearly all their bits.

    One turn of Newton's iteration ``V (3 - V' V) / 2`` squares what is missing, which is some 2^-48 of float64.
    """
    one = 1 << FIXED
    exact = np.array([[int(each * 2.0**60) << (FIXED - 60) for each in row] for row in vectors.tolist()], dtype=object)
    for _ in range(3):
        gap = 3 * one * np.eye(len(exact), dtype=object) - ((exact.T @ exact) >> FIXED)
        exact = (exact @ gap) >> (FIXED + 1)
    return exact
