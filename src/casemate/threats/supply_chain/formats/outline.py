"""The top of a protocol-buffer message, without tables: what a sniff needs.

Source: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from casemate.threats.supply_chain.stops import Malformed
from casemate.threats.supply_chain.view import Buffer, View

Fields: TypeAlias = dict[int, int]
"""Wire types by field number."""


def varint(data: Buffer, base: int, at: int, end: int) -> tuple[int, int, bool]:
    """A number, where it ends, and whether it was written as short as it can be.

    Raises:
        Malformed: it does not end before ``end``, or is longer than 64 bits.
    """
    if at < end and data[base + at] < 128:  # most have one byte
        return data[base + at], at + 1, True
    value = shift = 0
    for place in range(at, min(end, at + 10)):
        byte = data[base + place]
        value |= (byte & 127) << shift
        if byte < 128:
            if value >> 64:
                break
            return value, place + 1, byte != 0 or place == at
        shift += 7
    raise Malformed("a number does not end", at)


def outline(view: View, most: int = 4096) -> Fields | None:
    """Field numbers and wire types at the top of a view, read up to ``most`` fields; None if it is no message.

    Cheap enough for a sniff: no table is read, contents are stepped over. Of a field that stands there in two wire
    types the one with a length is told; the fields of a group are told like those around it.
    """
    found: Fields = {}
    at, end = 0, len(view)
    try:
        for _ in range(most):
            if at >= end:
                break
            key, at, _ = varint(view.data, view.start, at, end)
            if key & 7 == 0:
                _, at, _ = varint(view.data, view.start, at, end)
            elif key & 7 == 2:
                size, at, _ = varint(view.data, view.start, at, end)
                at += size
            elif key & 7 in (1, 5):
                at += 8 if key & 7 == 1 else 4
            elif key & 7 > 4:
                return None
            if at > end or not 0 < key >> 3 < 1 << 29:
                return None
            if found.get(key >> 3) != 2:
                found[key >> 3] = key & 7
    except Malformed:
        return None
    return found


class Message:
    """A sniff for messages by the fields at their top, which are read once for all formats that ask for them."""

    def __init__(self, fits: Callable[[Fields], bool]) -> None:
        self.fits = fits

    def __call__(self, view: View) -> bool:
        """Whether the view is a message with the right fields."""
        found = outline(view)
        return found is not None and self.fits(found)
