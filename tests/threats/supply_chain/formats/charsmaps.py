"""Small normalization tables of sentencepiece for tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping

LEAF = 1 << 31


def units(values: Mapping[bytes, int]) -> list[int]:
    """A double array of one block that leads from each key to its value."""
    made, taken = [0] * 256, {0}
    places = {b"": 0}
    prefixes = sorted({key[:length] for key in values for length in range(len(key) + 1)}, key=len)
    for prefix in prefixes:
        labels = sorted({key[len(prefix)] for key in values if key.startswith(prefix) and key != prefix})
        wanted = [*([0] if prefix in values else []), *labels]
        base = next(base for base in range(1, 256) if taken.isdisjoint(base ^ label for label in wanted))
        place = places[prefix]
        made[place] |= (base ^ place) << 10
        taken |= {base ^ label for label in wanted}
        if prefix in values:
            made[place] |= 1 << 8
            made[base] = LEAF | values[prefix]
        for label in labels:
            made[base ^ label] = label
            places[prefix + bytes([label])] = base ^ label
    return made


def table(made: list[int] | None = None, texts: bytes = b"a\0\xc3\xa4\0\0") -> bytes:
    """A table; by itself one that leads "A" to "a", "AE" to "\u00e4" and "B" to nothing."""
    made = units({b"A": 0, b"AE": 2, b"B": 5}) if made is None else made
    return struct.pack(f"<{len(made) + 1}I", 4 * len(made), *made) + texts
