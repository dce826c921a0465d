"""Format-preserving encryption: sixteen digits become sixteen other digits, and come back with the key.

FF1 of NIST SP 800-38G (2016), algorithms 6 to 8, over AES; FF3 was withdrawn and is not here. A domain holds at least a
million values, as revision 1 asks: what is smaller can be tried out. Equal values have equal ciphertexts under one
tweak, so a tweak says what a value is and whose: type, field, tenant.

This is pseudonymization (GDPR article 4(5)), never anonymization: whoever has the key has the value.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from casemate.core.errors import UsageError

LEAST: Final = 1_000_000
"""Values that a domain has at least (SP 800-38G revision 1, section 5.1)."""
LONGEST: Final = 4096
ROUNDS: Final = 10
_ALPHABET: Final = string.digits + string.ascii_lowercase
_WORD: Final = 1 << 48
"""Halves below it are computed in 64 bits, many values at once."""
_TRIES: Final = 10_000

_Numbers = np.ndarray[Any, np.dtype[np.uint64]]
Accept = Callable[[str], bool]


class FF1:
    """Encrypts texts of digits, or of digits and small letters.

    Args:
        key: of AES: 16, 24 or 32 bytes.
        radix: 2 to 36; letters are those of ``0123456789abcdefghijklmnopqrstuvwxyz``.
        tweak: not secret; what a value is, and whose.

    Raises:
        UsageError: the key has another length, or there is no such radix.

    Example:
        >>> cipher = FF1(bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C"))
        >>> cipher.encrypt("0123456789"), cipher.decrypt("2433477484")
        ('2433477484', '0123456789')
    """

    def __init__(self, key: bytes, radix: int = 10, tweak: bytes = b"") -> None:
        if len(key) not in (16, 24, 32):
            raise UsageError(f"a key of {len(key)} bytes is none of AES", next_step="give 16, 24 or 32 bytes")
        if not 2 <= radix <= 36:
            raise UsageError(f"there is no radix {radix}", next_step="give 2 to 36")
        self.radix, self._tweak = radix, bytes(tweak)
        # One block at a time is what the standard's PRF is made of; the mode itself is nowhere used as encryption.
        self._block = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update  # noqa: S305
        self._shapes: dict[int, _Shape] = {}
        self._digit = np.full(256, 255, dtype=np.uint8)
        self._digit[np.frombuffer(_ALPHABET[:radix].encode(), dtype=np.uint8)] = np.arange(radix)

    def __repr__(self) -> str:
        return f"<FF1 radix {self.radix}>"

    def encrypt(self, text: str, accept: Accept | None = None) -> str:
        """One value. See ``encrypt_many``."""
        return self.encrypt_many([text], accept)[0]

    def decrypt(self, text: str, accept: Accept | None = None) -> str:
        """What was encrypted, with the same ``accept``."""
        return self.decrypt_many([text], accept)[0]

    def encrypt_many(self, texts: Sequence[str], accept: Accept | None = None) -> list[str]:
        """Encrypt values, as many of a length as there are at once.

        Args:
            texts: values.
            accept: which values are real ones (a checksum holds, a number is given to people): encrypted again until
                one is (cycle-walking), so that those stay among themselves.

        Raises:
            UsageError: a value has other letters, too few or too many, or is none of those that ``accept`` knows.
        """
        return self._walked(texts, accept, forward=True)

    def decrypt_many(self, texts: Sequence[str], accept: Accept | None = None) -> list[str]:
        """What was encrypted, with the same ``accept``."""
        return self._walked(texts, accept, forward=False)

    def _walked(self, texts: Sequence[str], accept: Accept | None, *, forward: bool) -> list[str]:
        if accept is not None and not all(map(accept, texts)):
            raise UsageError("a value is none of those that may come out", next_step="leave out accept for it")
        made = self._many(texts, forward=forward)
        if accept is None:
            return made
        left = [at for at, each in enumerate(made) if not accept(each)]
        for _ in range(_TRIES):
            if not left:
                return made
            for at, again in zip(left, self._many([made[at] for at in left], forward=forward), strict=True):
                made[at] = again
            left = [at for at in left if not accept(made[at])]
        raise UsageError("nearly no value may come out", next_step="encrypt without accept")

    def _many(self, texts: Sequence[str], *, forward: bool) -> list[str]:
        by_length: dict[int, list[int]] = {}
        for at, each in enumerate(texts):
            by_length.setdefault(len(each), []).append(at)
        made = [""] * len(texts)
        for length, places in by_length.items():
            shape = self._shape(length)
            some = [texts[at] for at in places]
            if len(some) > 1 and max(shape.moduli) <= _WORD:
                done = self._vector(some, shape, forward=forward)
            else:
                done = [self._one(each, shape, forward=forward) for each in some]
            for at, each in zip(places, done, strict=True):
                made[at] = each
        return made

    def _shape(self, length: int) -> _Shape:
        if length not in self._shapes:
            if length > LONGEST or self.radix**length < LEAST:
                raise UsageError(
                    f"{length} letters of {self.radix} are {'too many' if length > LONGEST else 'too few'}",
                    cause="" if length > LONGEST else f"fewer than {LEAST:,} values can be tried out",
                    next_step="replace them in another way",
                )
            self._shapes[length] = self._made(length)
        return self._shapes[length]

    def _made(self, length: int) -> _Shape:
        left, radix, tweak = length // 2, self.radix, self._tweak
        right = length - left
        size = ((radix**right - 1).bit_length() + 7) // 8
        head = bytes([1, 2, 1]) + radix.to_bytes(3, "big") + bytes([10, left % 256])
        head += length.to_bytes(4, "big") + len(tweak).to_bytes(4, "big")
        head += tweak + bytes(-(len(tweak) + size + 1) % 16)
        whole = len(head) // 16 * 16
        return _Shape(
            left, size, 4 * -(-size // 4) + 4, (radix**left, radix**right), self._mac(bytes(16), head[:whole]),
            head[whole:],
        )  # fmt: skip

    def _mac(self, state: bytes, data: bytes) -> bytes:
        for at in range(0, len(data), 16):
            state = self._block(_xor(state, data[at : at + 16]))
        return state

    def _one(self, text: str, shape: _Shape, *, forward: bool) -> str:
        """Algorithms 7 and 8 as they are written, for one value of any length."""
        if any(each not in _ALPHABET[: self.radix] for each in text):
            raise _letters(self.radix)
        a, b = int(text[: shape.left], self.radix), int(text[shape.left :], self.radix)
        for number in range(ROUNDS) if forward else range(ROUNDS - 1, -1, -1):
            modulus, given = shape.moduli[number % 2], b if forward else a
            found = self._mac(shape.state, shape.tail + bytes([number]) + given.to_bytes(shape.size, "big"))
            stream = found
            for more in range(1, -(-shape.taken // 16)):
                stream += self._block(_xor(found, more.to_bytes(16, "big")))
            y = int.from_bytes(stream[: shape.taken], "big")
            a, b = (b, (a + y) % modulus) if forward else ((b - y) % modulus, a)
        return _text(a, self.radix, shape.left) + _text(b, self.radix, len(text) - shape.left)

    def _vector(self, texts: list[str], shape: _Shape, *, forward: bool) -> list[str]:
        """The same for many values of one length, a round of all at once."""
        try:
            raw = np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8)
        except UnicodeEncodeError:
            raise _letters(self.radix) from None
        digits = self._digit[raw].reshape(len(texts), -1)
        if digits.max() == 255:
            raise _letters(self.radix)
        a, b = self._number(digits[:, : shape.left]), self._number(digits[:, shape.left :])
        tail = shape.tail + bytes(shape.size + 1)  # one block, because halves are below 2^48
        template = np.frombuffer(_xor(shape.state, tail), dtype=np.uint8)
        for number in range(ROUNDS) if forward else range(ROUNDS - 1, -1, -1):
            modulus, given = np.uint64(shape.moduli[number % 2]), b if forward else a
            blocks = np.tile(template, (len(texts), 1))
            blocks[:, 15 - shape.size] ^= number
            blocks[:, 16 - shape.size :] ^= given.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - shape.size :]
            found = np.frombuffer(self._block(blocks.tobytes()), dtype=np.uint8).reshape(-1, 16)
            y = _remainder(found[:, : shape.taken], modulus)
            a, b = (b, (a + y) % modulus) if forward else ((b + modulus - y) % modulus, a)
        out = np.empty_like(digits)
        self._spell(a, out[:, : shape.left])
        self._spell(b, out[:, shape.left :])
        letters = np.frombuffer(_ALPHABET.encode(), dtype=np.uint8)[out]
        return letters.view(f"S{out.shape[1]}").ravel().astype(str).tolist()

    def _number(self, digits: np.ndarray) -> _Numbers:
        powers = np.array([self.radix**at for at in range(digits.shape[1] - 1, -1, -1)], dtype=np.uint64)
        return digits.astype(np.uint64) @ powers

    def _spell(self, numbers: _Numbers, out: np.ndarray) -> None:
        for at in range(out.shape[1] - 1, -1, -1):
            numbers, digit = np.divmod(numbers, np.uint64(self.radix))
            out[:, at] = digit


class _Shape(NamedTuple):
    """What all values of one length share.

    The left half's length, bytes of the right half's number and of the pseudo-random one, both halves' moduli, the MAC
    of the whole blocks before the rounds, and what begins the last.
    """

    left: int
    size: int
    taken: int
    moduli: tuple[int, int]
    state: bytes
    tail: bytes


def tweak(type: str, field: str = "", tenant: str = "") -> bytes:
    """A tweak that no other type, field and tenant have.

    Example:
        >>> tweak("CREDIT_CARD", "card", "shop") != tweak("CREDIT_CARD", "car", "dshop")
        True
    """
    parts = [each.encode() for each in (type, field, tenant)]
    return b"".join(len(each).to_bytes(2, "big") + each for each in parts)


def _remainder(data: np.ndarray, modulus: np.uint64) -> _Numbers:
    """Big-endian bytes, (n, 8) or (n, 12), modulo less than 2^48."""
    rest: _Numbers = np.ascontiguousarray(data[:, :8]).view(">u8").ravel().astype(np.uint64) % modulus
    for at in range(8, data.shape[1], 2):
        step = np.ascontiguousarray(data[:, at : at + 2]).view(">u2").ravel().astype(np.uint64)
        rest = (rest * np.uint64(1 << 16) + step) % modulus
    return rest


def _text(number: int, radix: int, length: int) -> str:
    if radix == 10:
        return f"{number:0{length}d}"
    letters = []
    for _ in range(length):
        number, digit = divmod(number, radix)
        letters.append(_ALPHABET[digit])
    return "".join(reversed(letters))


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(16, "big")


def _letters(radix: int) -> UsageError:
    return UsageError(
        "a value has other letters than those of its radix", next_step=f"give texts of {_ALPHABET[:radix]!r} only"
    )
