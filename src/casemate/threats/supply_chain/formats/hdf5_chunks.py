"""Arrays that index the chunks of HDF5 datasets in files of the newer format.

Source: HDF5 File Format Specification 3.0, VII.C (fixed array) and VII.D (extensible array).
Termination: the number of entries is bounded by the bytes that hold them; no block is read twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from casemate.threats.supply_chain.formats.hdf5_file import Cursor, File
from casemate.threats.supply_chain.stops import Malformed, Refused


def _entries(cursor: Cursor, count: int, size: int, full: int) -> Iterator[tuple[int, int]]:
    """Chunks in an array: an address alone, or with a filtered size and a mask."""
    wide = cursor.file.offsets
    if cursor.left < count * size:
        raise Malformed("an array of chunks is longer than the file", cursor.at)
    for _ in range(count):
        at = cursor.address()
        stored = full if size == wide else cursor.number(size - wide - 4)
        cursor.skip(0 if size == wide else 4)
        if at is not None:
            yield at, stored


def _open(file: File, at: int, signature: bytes, header: int, size: int) -> Cursor:
    cursor = file.expect(at, signature)
    cursor.skip(1)
    if cursor.address() != header:
        raise Malformed("a block belongs to another array", at)
    if not file.own(at, size):
        raise Refused("hdf5.cycle", "an array of chunks is used twice", at)
    return cursor


def fixed_array(file: File, at: int, full: int) -> Iterator[tuple[int, int]]:
    """Chunks in a fixed array."""
    cursor = file.expect(at, b"FAHD")
    _, size, bits, count = cursor.number(1), cursor.number(1), cursor.number(1), cursor.length()
    data = cursor.address()
    cursor.skip(4)
    _whole(file, at, cursor)
    if size < file.offsets or bits > 32:
        raise Malformed("an array of chunks is not possible", at)
    if data is None:
        return
    page = 1 << bits
    pages = -(-count // page) if count > page else 0
    bitmap = (pages + 7) // 8
    cursor = _open(file, data, b"FADB", at, 6 + file.offsets + bitmap + count * size + 4 * (pages + 1))
    marks = cursor.raw(bitmap)
    if not pages:
        yield from _entries(cursor, count, size, full)
        cursor.skip(4)
        file.cover(data, cursor.at)
        return
    cursor.skip(4)
    file.cover(data, cursor.at)
    for number in range(pages):
        here = min(page, count - number * page)
        if marks[number // 8] >> (7 - number % 8) & 1:
            begin = cursor.at
            yield from _entries(cursor, here, size, full)
            cursor.skip(4)
            file.cover(begin, cursor.at)
        else:
            cursor.skip(here * size + 4)


def extensible_array(file: File, at: int, full: int) -> Iterator[tuple[int, int]]:
    """Chunks in an extensible array."""
    cursor = file.expect(at, b"EAHD")
    _, size, bits = cursor.number(1), cursor.number(1), cursor.number(1)
    inside, least, pointers, paged = cursor.number(1), cursor.number(1), cursor.number(1), cursor.number(1)
    cursor.skip(6 * file.lengths)
    index = cursor.address()
    cursor.skip(4)
    _whole(file, at, cursor)
    possible = size >= file.offsets and 0 < bits <= 64 and 0 < least <= 1 << 16 and pointers > 1
    if not possible or least & (least - 1) or pointers & (pointers - 1) or paged > 32:
        raise Malformed("an array of chunks is not possible", at)
    if index is None:
        return
    wide = (bits + 7) // 8
    supers = 1 + bits - (least.bit_length() - 1)
    direct = 2 * (pointers.bit_length() - 1)
    blocks = 2 * (pointers - 1)
    rest = max(0, supers - direct)
    cursor = _open(file, index, b"EAIB", at, 10 + file.offsets * (1 + blocks + rest) + inside * size)
    yield from _entries(cursor, inside, size, full)
    data = [cursor.address() for _ in range(blocks)]
    seconds = [cursor.address() for _ in range(rest)]
    cursor.skip(4)
    file.cover(index, cursor.at)
    sizes = [least << ((number + 1) // 2) for number in range(direct) for _ in range(1 << (number // 2))]
    block = _Block(file, at, wide, size, full, 1 << paged)
    for place, count in zip(data, sizes, strict=False):
        if place is not None:
            yield from block.data(place, count, None)
    for number, place in enumerate(seconds, start=direct):
        if place is not None:
            yield from block.second(place, 1 << (number // 2), least << ((number + 1) // 2))


class _Block:
    """Reads the blocks of one extensible array."""

    def __init__(self, file: File, header: int, wide: int, size: int, full: int, page: int) -> None:
        self.file, self.header, self.wide = file, header, wide
        self.size, self.full, self.page = size, full, page

    def data(self, at: int, count: int, marks: bytes | None) -> Iterator[tuple[int, int]]:
        head = 6 + self.file.offsets + self.wide
        pages = count // self.page if count > self.page else 0
        cursor = _open(self.file, at, b"EADB", self.header, head + count * self.size + 4 * (pages + 1))
        cursor.skip(self.wide)
        if not pages:
            yield from _entries(cursor, count, self.size, self.full)
            cursor.skip(4)
            self.file.cover(at, cursor.at)
            return
        cursor.skip(4)
        self.file.cover(at, cursor.at)
        for number in range(pages):
            begin = cursor.at
            if marks is not None and marks[number // 8] >> (7 - number % 8) & 1:
                yield from _entries(cursor, self.page, self.size, self.full)
                cursor.skip(4)
                self.file.cover(begin, cursor.at)
            else:
                cursor.skip(self.page * self.size + 4)

    def second(self, at: int, blocks: int, count: int) -> Iterator[tuple[int, int]]:
        pages = count // self.page if count > self.page else 0
        bitmap = (pages + 7) // 8
        head = 10 + self.file.offsets + self.wide
        if blocks > len(self.file.view):
            raise Malformed("an array of chunks is longer than the file", at)
        cursor = _open(self.file, at, b"EASB", self.header, head + blocks * (self.file.offsets + bitmap))
        cursor.skip(self.wide)
        marks = [cursor.raw(bitmap) for _ in range(blocks)]
        places = [cursor.address() for _ in range(blocks)]
        cursor.skip(4)
        self.file.cover(at, cursor.at)
        for place, mark in zip(places, marks, strict=True):
            if place is not None:
                yield from self.data(place, count, mark)


def _whole(file: File, at: int, cursor: Cursor) -> None:
    if not file.own(at, cursor.at - at):
        raise Refused("hdf5.cycle", "an array of chunks is used twice", at)
    file.cover(at, cursor.at)
