"""Checksums of wallets: base58check, and the letter case of Ethereum's addresses (EIP-55)."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Final

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_MASK: Final = (1 << 64) - 1
_RATE: Final = 136


def base58check(text: str) -> bool | None:
    """Whether the last four bytes are the double SHA-256 of what is before.

    Example:
        >>> base58check("1BoatSLRHtKNngkdXEeobR76b53LETtpyT"), base58check("1BoatSLRHtKNngkdXEeobR76b53LETtpyU")
        (True, False)
    """
    number = 0
    for letter in text:
        digit = _BASE58.find(letter)
        if digit < 0:
            return False
        number = number * 58 + digit
    if number >= 1 << 200:
        return False
    raw = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def bech32(text: str) -> bool | None:
    """A segregated witness address: the BCH code's remainder is 1 (BIP 173) or 0x2bc830a3 (BIP 350).

    Example:
        >>> bech32("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"), bech32("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5")
        (True, False)
    """
    prefix, _, data = text.lower().rpartition("1")
    if any(letter not in _BECH32 for letter in data):
        return False
    values = [ord(each) >> 5 for each in prefix] + [0] + [ord(each) & 31 for each in prefix]
    rest = 1
    for value in [*values, *map(_BECH32.index, data)]:
        top = rest >> 25
        rest = (rest & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            rest ^= generator if top >> bit & 1 else 0
    return rest == (1 if data[0] == "q" else 0x2BC830A3)


def ethereum(text: str) -> bool | None:
    """Whether the case of the letters is the checksum; None where all are of one case.

    Source: EIP-55.

    Example:
        >>> ethereum("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), ethereum("0x" + "ab" * 20)
        (True, None)
    """
    letters = text[2:]
    if letters in (letters.lower(), letters.upper()):
        return None if len(set(letters)) > 4 or "a" in letters.lower() else False
    digest = keccak256(letters.lower().encode()).hex()
    return all(letter == (letter.upper() if digest[at] > "7" else letter.lower()) for at, letter in enumerate(letters))


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as submitted to NIST, which pads otherwise than SHA-3 and is what Ethereum uses.

    Source: Bertoni et al., "The Keccak reference", version 3.0, section 1.2.

    Example:
        >>> keccak256(b"").hex()[:16]
        'c5d2460186f7233c'
    """
    padded = bytearray(data + b"\x01" + bytes(-(len(data) + 1) % _RATE))
    padded[-1] |= 0x80
    state = [0] * 25
    for block in range(0, len(padded), _RATE):
        for lane in range(_RATE // 8):
            at = block + 8 * lane
            state[lane] ^= int.from_bytes(padded[at : at + 8], "little")
        state = _permuted(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def _permuted(a: list[int]) -> list[int]:
    """Twenty-four rounds over lanes in the order x + 5 y."""
    moves, constants = _rounds()
    for constant in constants:
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        d = [c[x - 1] ^ ((c[x - 4] << 1 | c[x - 4] >> 63) & _MASK) for x in range(5)]
        b = a.copy()
        for source, goal, left, right in moves:
            lane = a[source] ^ d[source % 5]
            b[goal] = (lane << left | lane >> right) & _MASK
        for y in range(0, 25, 5):
            p, q, r, s, t = b[y : y + 5]
            a[y : y + 5] = p ^ (~q & r), q ^ (~r & s), r ^ (~s & t), s ^ (~t & p), t ^ (~p & q)
        a[0] ^= constant
    return a


@cache
def _rounds() -> tuple[list[tuple[int, int, int, int]], list[int]]:
    """Where each lane goes and how far it turns; what is added to the first one in each round."""
    moves, x, y = [(0, 0, 0, 64)], 1, 0
    for step in range(24):
        turn = (step + 1) * (step + 2) // 2 % 64
        moves.append((x + 5 * y, y + 5 * ((2 * x + 3 * y) % 5), turn, 64 - turn))
        x, y = y, (2 * x + 3 * y) % 5
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for bit in range(7):
            register = ((register << 1) ^ ((register >> 7) * 0x71)) % 256
            if register & 2:
                constant |= 1 << ((1 << bit) - 1)
        constants.append(constant)
    return moves, constants
