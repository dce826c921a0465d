"""Heaps of HDF5: names of old groups (local), lists and texts (global), links and attributes of new groups (fractal).

Source: HDF5 File Format Specification 3.0, III.D (local), III.E (global), III.G (fractal).
Termination: a heap is read once for each address; free lists and objects lie at growing offsets or are counted.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

from casemate.threats.supply_chain.formats.hdf5_file import Cursor, File, width_of
from casemate.threats.supply_chain.stops import Malformed, Refused


class LocalHeap:
    """Names of a group, or of external files."""

    def __init__(self, file: File, at: int) -> None:
        cursor = file.expect(at, b"HEAP")
        cursor.zeros(3)
        self.size, free, self.file = cursor.length(), cursor.length(), file
        data = cursor.address()
        if data is None:
            raise Malformed("a local heap has no data", at)
        self.data = data
        if file.own(at, cursor.at - at):
            file.cover(at, cursor.at)
            file.own(data, self.size)
        self._free(free)

    def _free(self, offset: int) -> None:
        seen: set[int] = set()
        while offset != 1 and offset != (1 << (8 * self.file.lengths)) - 1:
            if offset in seen:
                raise Refused("hdf5.cycle", "the free list of a heap runs in a circle", self.data)
            seen.add(offset)
            self.file.report.budget.spend(4)
            if offset + 2 * self.file.lengths > self.size:
                raise Malformed("a free block lies outside its heap", self.data)
            cursor = Cursor(self.file, self.data + offset)
            following, size = cursor.length(), cursor.length()
            if offset + size > self.size:
                raise Malformed("a free block lies outside its heap", self.data)
            cursor.cover()
            offset = following

    def text(self, offset: int) -> str:
        """The text at an offset."""
        if offset >= self.size:
            raise Malformed("a name lies outside its heap", self.data)
        cursor = Cursor(self.file, self.data + offset, self.data + self.size)
        found = cursor.text()
        self.file.report.budget.spend(1 + len(found) // 8)
        cursor.cover()
        return found


def global_heap(file: File, at: int) -> dict[int, tuple[int, int]]:
    """The objects of a global heap collection by index: where they lie and how long they are."""
    cursor = file.expect(at, b"GCOL")
    cursor.zeros(3)
    size = cursor.length()
    file.own(at, size)
    cursor.end = at + size
    found: dict[int, tuple[int, int]] = {}
    while cursor.left >= 8 + file.lengths:
        begin = cursor.at
        index = cursor.number(2)
        cursor.skip(6)
        count = cursor.length()
        if index == 0:
            if count != at + size - begin and count:
                raise Malformed("the free space of a heap is not what is left of it", begin)
            file.cover(begin, cursor.at)
            break
        if index in found:
            raise Malformed("a heap has two objects of one index", begin)
        found[index] = (cursor.skip(count), count)
        cursor.skip(min(-count % 8, cursor.left))
        file.cover(begin, cursor.at)
    file.cover(at, at + 8 + file.lengths)
    return found


@dataclass
class FractalHeap:
    """Objects of a new group.

    Attributes:
        blocks: offset in the heap, place in the file and size of every direct block, by offset.
        wide, long: bytes of an offset and of a length in an object's id.
    """

    file: File
    at: int
    blocks: list[tuple[int, int, int]] = field(default_factory=list)
    huge: int | None = None
    wide: int = 0
    long: int = 0
    prefix: int = 0

    def __post_init__(self) -> None:
        file = self.file
        cursor = file.expect(self.at, b"FRHP")
        self.id_length, filters, flags = cursor.number(2), cursor.number(2), cursor.number(1)
        most = cursor.number(4)
        cursor.length()
        self.huge = cursor.address()
        cursor.length()
        self.space = cursor.address()
        for _ in range(8):
            cursor.length()
        self.width, self.starting = cursor.number(2), cursor.length()
        self.largest, bits = cursor.length(), cursor.number(2)
        cursor.number(2)
        root, rows = cursor.address(), cursor.number(2)
        if filters or not self.width or not self.starting or not self.largest or bits > 64:
            raise Malformed("a fractal heap of this kind is not supported", self.at)
        cursor.skip(4)
        cursor.cover()
        file.own(self.at, cursor.at - self.at)
        self.wide = (bits + 7) // 8
        self.long = min(width_of(self.largest), width_of(most))
        self.prefix = 5 + file.offsets + self.wide + (4 if flags & 2 else 0)
        if self.largest.bit_length() < self.starting.bit_length():
            raise Malformed("the blocks of a fractal heap shrink", self.at)
        self.direct_rows = self.largest.bit_length() - self.starting.bit_length() + 2
        if root is not None and rows:
            self._indirect(root, rows, 0, 0)
        elif root is not None:
            self._direct(root, self.starting, 0)

    def _row(self, row: int) -> int:
        return self.starting << max(0, row - 1)

    def _direct(self, at: int, size: int, offset: int) -> None:
        cursor = self.file.expect(at, b"FHDB")
        if cursor.address() != self.at:
            raise Malformed("a block belongs to another heap", at)
        if not self.file.own(at, size):
            raise Malformed("a block is used twice", at)
        self.file.cover(at, at + self.prefix)
        self.blocks.append((offset, at, size))

    def _indirect(self, at: int, rows: int, offset: int, depth: int) -> None:
        if rows > 64 or depth > 32:
            raise Malformed("a fractal heap is too deep", at)
        cursor = self.file.expect(at, b"FHIB")
        if cursor.address() != self.at:
            raise Malformed("a block belongs to another heap", at)
        cursor.skip(self.wide)
        if not self.file.own(at, cursor.at - at + rows * self.width * self.file.offsets + 4):
            raise Malformed("a block is used twice", at)
        for row in range(rows):
            for _ in range(self.width):
                child = cursor.address()
                if child is not None and row < self.direct_rows:
                    self._direct(child, self._row(row), offset)
                elif child is not None:
                    inner = self._row(row).bit_length() - (self.starting * self.width).bit_length() + 1
                    self._indirect(child, inner, offset, depth + 1)
                offset += self._row(row)
        cursor.skip(4)
        self.file.cover(at, cursor.at)

    def find(self, identifier: Cursor) -> tuple[int, int] | None:
        """Where an object lies and how long it is, from its id; None for kinds of objects that are not supported."""
        first = identifier.number(1)
        if first >> 6:
            raise Malformed("an object's id has an unknown version", identifier.at)
        if first >> 4 & 3 == 2:
            count = (first & 15) + 1
            return identifier.skip(count), count
        if first >> 4 & 3:
            return None
        offset, count = identifier.number(self.wide), identifier.number(self.long)
        number = bisect.bisect(self.blocks, offset, key=lambda block: block[0]) - 1
        start, at, size = self.blocks[number] if number >= 0 else (0, 0, 0)
        if start + self.prefix <= offset and offset + count <= start + size:
            return at + offset - start, count
        raise Malformed("an object lies outside its heap", identifier.at)
