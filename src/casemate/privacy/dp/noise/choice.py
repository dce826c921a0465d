"""A choice among candidates with probabilities in proportion to exponentials, exact to the stated distance.

Weights are worked out with 256 bits and met by a uniform number of 192 bits, so that neither rounding nor underflow
gives a candidate a chance that the exponential mechanism would not (Ilvento 2020, "Implementing the exponential
mechanism with base-2 differential privacy", shows what goes wrong in floating point).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import mpmath

from casemate.core.errors import UsageError
from casemate.privacy.dp.noise.entropy import Entropy

WORDS: Final = 3
"""Random words of a choice: it is within 2^-190 a candidate of its distribution, far below ``DISTANCE``."""
BITS: Final = 256


def choose(scores: Sequence[float], factor: float, entropy: Entropy) -> int:
    """Draw a place with probability in proportion to ``exp(factor * score)``.

    Args:
        scores: finite, one a candidate.
        factor: finite; products are not rounded to floating point.
        entropy: where randomness comes from.

    Returns:
        A place in ``scores``, within ``DISTANCE`` of its distribution.

    Raises:
        UsageError: there is no candidate, or a score is not finite.

    Example:
        >>> from casemate.privacy.dp.noise import SeededEntropy
        >>> source = SeededEntropy(1)
        >>> drawn = [choose([0.0, 1.0], 1.0, source) for _ in range(2000)]
        >>> 0.70 < sum(drawn) / 2000 < 0.76  # e / (1 + e) = 0.731
        True
    """
    if not scores or not all(math.isfinite(each) for each in (*scores, factor)):
        raise UsageError("there is nothing to choose from", next_step="give one finite score a candidate")
    with mpmath.workprec(BITS):
        exponents = [mpmath.mpf(each) * mpmath.mpf(factor) for each in scores]
        most = max(exponents)
        weights = [mpmath.exp(each - most) for each in exponents]
        drawn = 0
        for word in entropy.words(WORDS):
            drawn = (drawn << 64) | int(word)
        left = (drawn + mpmath.mpf(0.5)) / mpmath.mpf(2) ** (64 * WORDS) * mpmath.fsum(weights)
        for place, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return place
    return len(exponents) - 1
