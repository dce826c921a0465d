"""Random numbers that belong to a sample: the same whatever batch it is in, and whenever it gets its turn.

Each number is a hash of (seed, sample, what for, index), so that thousands of samples draw at once and nothing is
stored. The hash is the finalizer of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
generators", figure 15).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from casemate.core.seeds import derive

Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mixed(state: Words) -> Words:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


class Noise:
    """Streams of random numbers, one a sample.

    Args:
        seed: of the attack.
        purpose: what they are for; another purpose gives other numbers.

    Example:
        >>> noise = Noise(0, "start")
        >>> bool((noise.uniform([7, 3], (2,))[0] == noise.uniform([7], (2,))[0]).all())
        True
    """

    def __init__(self, seed: int, purpose: str) -> None:
        self._root = np.uint64(derive(seed, "casemate.evasion", purpose))

    def uniform(self, samples: Sequence[int] | npt.NDArray[np.int64], shape: Sequence[int], turn: int = 0) -> Floats:
        """(n, *shape) float32 in [0, 1).

        Args:
            samples: n numbers of samples.
            shape: of what each gets.
            turn: another turn gives other numbers.
        """
        given = np.asarray(samples, dtype=np.uint64)
        with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is meant
            own = _mixed(self._root + (given + np.uint64(1)) * GOLDEN)
            own = _mixed(own + np.uint64(turn + 1) * GOLDEN)
            counts = np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * GOLDEN
            words = _mixed(own[:, None] + counts[None])
        # 24 bits are all that float32 keeps
        return ((words >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)).reshape(len(given), *shape)
