"""Mutations of byte strings, for fuzzing where no engine that watches coverage is installed."""

from __future__ import annotations

import random
from collections.abc import Sequence

MOST = 1 << 20
INTERESTING = (
    b"\0", b"\xff", b"\x7f", b"\x80", b"\n", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80",
    b"\xff" * 8, b"\0" * 8, b"\xff" * 7 + b"\x7f", b"\x01\0\0\0", b"\0\0\0\x01", b"../", b"PK\x03\x04", b"PK\x01\x02",
)  # fmt: skip


def mutated(seeds: Sequence[bytes], draw: random.Random) -> bytes:
    """One of the seeds with one to eight changes: bits, bytes, lengths, cuts, repeats, pieces of other seeds."""
    data = bytearray(draw.choice(seeds))
    for _ in range(draw.randint(1, 8)):
        at = draw.randint(0, len(data))
        size = 1 << draw.randint(0, 8)
        match draw.randrange(8):
            case 0 if at < len(data):
                data[at] ^= 1 << draw.randrange(8)
            case 1 if at < len(data):
                data[at] = draw.randrange(256)
            case 2:
                value = draw.choice(INTERESTING)
                data[at : at + len(value)] = value
            case 3:
                data[at:at] = draw.choice(INTERESTING)
            case 4:
                del data[at : at + size]
            case 5:
                data[at:at] = data[at : at + size] * draw.randint(1, 4)
            case 6:
                other = draw.choice(seeds)
                start = draw.randint(0, len(other))
                data[at:at] = other[start : start + size]
            case 7 if draw.random() < 0.2:
                del data[at:]
    return bytes(data[:MOST])
