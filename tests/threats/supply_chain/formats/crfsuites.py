"""Small CRFsuite models for tests, written as the library writes them, or with one thing wrong."""

from __future__ import annotations

import struct
from collections.abc import Sequence

Feature = tuple[int, int, int]


def names(texts: Sequence[str], *, full: bool = False, lost: int = 0, last: int = 0) -> bytes:
    """A dictionary of names.

    Args:
        texts: the names, numbered from 0.
        full: whether no hash table has a vacant place.
        lost: how far places in hash tables are off.
        last: how far the places by number are off.
    """
    data, places, first = b"", [], 24 + 8 * 256
    for number, text in enumerate(texts):
        places.append(first + len(data))
        data += struct.pack("<II", number, len(text.encode()) + 1) + text.encode() + b"\0"
    references, tables = b"", b""
    for place in [*places, *[0] * (256 - len(places))]:  # one name a table: its hash is not what is tested
        references += struct.pack("<II", first + len(data) + len(tables) if place else 0, 2 if place else 0)
        vacant = (7, place + lost) if full else (0, 0)
        tables += struct.pack("<4I", 7, place + lost, *vacant) if place else b""
    backward = struct.pack(f"<{len(places)}I", *(place + last for place in places))
    size = first + len(data) + len(tables) + len(backward)
    at = size - len(backward) if places else 0
    return (
        struct.pack("<4s5I", b"CQDB", size, 5, 0x62445371, len(places) + 2, at) + references + data + tables + backward
    )


def model(
    features: Sequence[Feature] = ((0, 0, 1), (0, 1, 0), (1, 0, 1)),
    *,
    labels: bytes | None = None,
    attributes: bytes | None = None,
    lists: Sequence[Sequence[int]] = ((0,), (1, 2)),
) -> bytes:
    """A model of two labels and two attributes: features as (kind, source, label)."""
    out = bytearray(48)
    places = [len(out)]
    out += struct.pack("<4sII", b"FEAT", 12 + 20 * len(features), len(features))
    out += b"".join(struct.pack("<3Id", *feature, 0.5) for feature in features)
    for text in (labels or names(["B", "I"]), attributes or names(["word", "w[-1]"])):
        places.append(len(out))
        out += text
    for kind, vacant, each in ((b"LFRF", 2, ((2,), ())), (b"AFRF", 0, lists)):
        out += bytes(-len(out) % 4)
        places.append(len(out))
        at, offsets, body = len(out) + 12 + 4 * (len(each) + vacant), [], b""
        for numbers in each:
            offsets.append(at + len(body))
            body += struct.pack(f"<{len(numbers) + 1}I", len(numbers), *numbers)
        offsets += [0] * vacant
        head = struct.pack("<4sII", kind, 12 + 4 * len(offsets) + len(body), len(offsets))
        out += head + struct.pack(f"<{len(offsets)}I", *offsets) + body
    out[:48] = struct.pack("<4sI4s9I", b"lCRF", len(out), b"FOMC", 100, 0, 2, 2, *places)
    return bytes(out)
