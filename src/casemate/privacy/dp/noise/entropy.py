"""Where noise comes from: random words that nobody can foresee, or ones that a test can repeat."""

from __future__ import annotations

import hashlib
import os
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

Words = npt.NDArray[np.uint64]

PIECE: Final = 1 << 17
"""Words made at a time, as many as stay in the cache."""
ZEROS: Final = bytes(8 * PIECE)


class Entropy(Protocol):
    """A source of random words."""

    @property
    def trusted(self) -> bool:
        """Whether nobody can foresee or repeat them; certificates say so."""

    @property
    def name(self) -> str:
        """What the certificate calls it."""

    def words(self, count: int) -> Words:
        """(count,) independent uniform 64-bit words."""


class _Counter:
    """AES-256 in counter mode (NIST SP 800-38A, section 6.5) over zeros."""

    def __init__(self, key: bytes) -> None:
        self._stream = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()

    def words(self, count: int) -> Words:
        """(count,) independent uniform 64-bit words."""
        made = bytearray(8 * count + 15)  # a cipher may ask for room for one block less a byte
        view, at, left = memoryview(made), 0, 8 * count
        while left:
            size = min(left, len(ZEROS))
            at += self._stream.update_into(ZEROS[:size] if size < len(ZEROS) else ZEROS, view[at:])
            left -= size
        return np.frombuffer(made, dtype=np.uint64, count=count)


class SystemEntropy(_Counter):
    """AES-256 in counter mode under a key of the operating system's that is never shown. Not for two processes.

    Example:
        >>> SystemEntropy().trusted, len(SystemEntropy().words(3))
        (True, 3)
    """

    trusted: Final = True
    name: Final = "AES-256-CTR, keyed by the operating system"

    def __init__(self) -> None:
        super().__init__(os.urandom(32))
        self._owner = os.getpid()

    def words(self, count: int) -> Words:
        """(count,) independent uniform 64-bit words; a forked process starts a stream of its own."""
        if os.getpid() != self._owner:
            self.__init__()  # type: ignore[misc]  # parent and child would draw the same noise
        return super().words(count)


class SeededEntropy(_Counter):
    """The same words for the same seed: for tests and for repeating an experiment on public data, nothing else.

    Example:
        >>> int(SeededEntropy(7).words(1)[0]) == int(SeededEntropy(7).words(1)[0])
        True
    """

    trusted: Final = False
    name: Final = "seeded: whoever knows the seed can take the noise away"

    def __init__(self, seed: int) -> None:
        super().__init__(hashlib.sha256(f"casemate.privacy.dp {seed}".encode()).digest())
