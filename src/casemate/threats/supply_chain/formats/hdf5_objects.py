"""Object headers of HDF5: the messages that describe a group, a dataset or a named type.

Source: HDF5 File Format Specification 3.0, IV.A.1.
Termination: every block of a header is read once, every message takes bytes of its block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from casemate.threats.supply_chain.formats.hdf5_file import Cursor, File
from casemate.threats.supply_chain.stops import Malformed, Refused

NIL, DATASPACE, LINK_INFO, DATATYPE, OLD_FILL, FILL, LINK, EXTERNAL, LAYOUT = range(9)
GROUP_INFO, FILTERS, ATTRIBUTE, COMMENT, OLD_TIME, SHARED_TABLE, CONTINUATION, SYMBOLS, TIME = range(10, 19)
TREE_SIZES, DRIVER, ATTRIBUTE_INFO, COUNT, SPACE = range(19, 24)
MOST_BLOCKS: Final = 100_000


class Message(NamedTuple):
    """One message.

    Attributes:
        kind: its type.
        flags: 2 says that its body is only a reference to a shared one.
        body: a cursor at its body, ending where the body ends.
    """

    kind: int
    flags: int
    body: Cursor


def messages(file: File, at: int) -> Iterator[Message]:
    """The messages of the object header at ``at``, continuations included."""
    if file.view.begins(b"OHDR", at):
        yield from _new(file, at)
    else:
        yield from _old(file, at)


def _old(file: File, at: int) -> Iterator[Message]:
    cursor = Cursor(file, at)
    if cursor.number(1) != 1:
        raise Malformed("an object header has an unknown version", at)
    cursor.zeros(1)
    total, _, size = cursor.number(2), cursor.number(4), cursor.number(4)
    cursor.zeros(4)
    file.own(at, 16 + size)
    file.cover(at, at + 16)
    blocks, seen = [(cursor.at, size)], 0
    for start, count in blocks:
        place = Cursor(file, start, start + count)
        while place.left >= 8 and seen < total:
            begin = place.at
            kind, length, flags = place.number(2), place.number(2), place.number(1)
            place.skip(3)
            body = Cursor(file, place.skip(length), place.at)
            file.cover(begin, begin + 8)
            seen += 1
            yield from _message(file, Message(kind, flags, body), blocks, b"")


def _new(file: File, at: int) -> Iterator[Message]:
    cursor = Cursor(file, at + 4)
    version, flags = cursor.number(1), cursor.number(1)
    if version != 2 or flags & 0xC0:
        raise Malformed("an object header has an unknown version", at)
    cursor.skip(16 if flags & 0x20 else 0)
    cursor.skip(4 if flags & 0x10 else 0)
    size = cursor.number(1 << (flags & 3))
    file.own(at, cursor.at - at + size + 4)
    file.cover(at, cursor.at)
    blocks = [(cursor.at, size)]
    ordered = 2 if flags & 4 else 0
    for start, count in blocks:
        place = Cursor(file, start, start + count)
        while place.left >= 4 + ordered:
            begin = place.at
            kind, length, mark = place.number(1), place.number(2), place.number(1)
            place.skip(ordered)
            body = Cursor(file, place.skip(length), place.at)
            file.cover(begin, body.at)
            yield from _message(file, Message(kind, mark, body), blocks, b"OCHK")
        file.cover(start + count, start + count + 4)


def _message(file: File, message: Message, blocks: list[tuple[int, int]], signature: bytes) -> Iterator[Message]:
    if message.kind != CONTINUATION:
        yield message
        return
    at, size = message.body.address(), message.body.length()
    message.body.cover()
    if at is None or len(blocks) >= MOST_BLOCKS:
        raise Malformed("an object header continues nowhere", message.body.start)
    if not file.own(at, size):
        file.report.budget.spend(len(blocks) + size // 8)
        if (at + len(signature), size - 2 * len(signature)) in blocks:
            raise Refused("hdf5.cycle", "an object header continues in itself", at)
    if signature:
        if not file.view.begins(signature, at) or size < 8:
            raise Malformed("OCHK is missing", at)
        file.cover(at, at + 4)
        blocks.append((at + 4, size - 8))
    else:
        blocks.append((at, size))
