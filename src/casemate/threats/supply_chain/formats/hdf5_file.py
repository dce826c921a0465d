"""The bytes of an HDF5 file: addresses, widths, and an account of which structure owns which bytes.

Source: HDF5 File Format Specification, version 3.0 (https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html).
"""

from __future__ import annotations

from typing import Final

from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed
from casemate.threats.supply_chain.view import View

_PIECE: Final = 1 << 20


class File:
    """One file, and everything known about it so far.

    Attributes:
        view, report: what is read and who is told.
        base: where address 0 lies in the view.
        offsets, lengths: widths of addresses and of sizes, in bytes.
        leaf, internal, indexed: how many entries the nodes of old B-trees have room for, halved.
        end: the end of the file as the superblock says it, in the view.
    """

    def __init__(self, view: View, report: Report, base: int) -> None:
        self.view = view
        self.report = report
        self.base = base
        self.offsets = self.lengths = 8
        self.leaf, self.internal, self.indexed = 4, 16, 32
        self.end = len(view)
        self._owned: dict[int, int] = {}

    def own(self, at: int, count: int) -> bool:
        """A structure or a block of data takes these bytes; False if it was seen before."""
        if self._owned.get(at) == count:
            return False
        if at < 0 or at + count > len(self.view):
            raise Malformed(f"{count} bytes are announced at {at} but the file has {len(self.view)}", max(at, 0))
        if self._owned.get(at, 0):
            self.report.fact("hdf5.overlap", "two parts of the file begin at one place", at)
        self._owned[at] = max(count, self._owned.get(at, 0))
        return True

    def expect(self, at: int, signature: bytes) -> Cursor:
        """A cursor behind a structure's signature and version byte, which must be the only one defined."""
        if not self.view.begins(signature, at):
            raise Malformed(f"{signature.decode()} is missing", max(at, 0))
        cursor = Cursor(self, at + len(signature))
        if cursor.number(1) != (1 if signature in (b"SNOD", b"GCOL") else 0):
            raise Malformed(f"{signature.decode()} has an unknown version", at)
        cursor.start = at
        return cursor

    def cover(self, start: int, stop: int) -> None:
        """These bytes were read and understood."""
        self.report.cover(start, stop - start)

    def slack(self, start: int, stop: int) -> None:
        """The unused slots of a node: old libraries leave addresses and sizes of what stood there, and nothing else.

        They are understood if each word is undefined or smaller than the file, which no text and no program is.
        """
        raw, wide = self.view.raw(start, stop - start), self.offsets
        words = (int.from_bytes(raw[at : at + wide], "little") for at in range(0, len(raw), wide))
        undefined, most = (1 << (8 * wide)) - 1, len(self.view)
        if all(word <= most or word == undefined for word in words):
            self.cover(start, stop)

    def finish(self) -> None:
        """Report what overlaps, and count zeros between structures as padding.

        Bytes that no structure owns are free space or alignment. Only zeros are accepted there: what was freed and not
        cleared may hold anything, and stays uncovered.
        """
        reached = 0
        for at in sorted(self._owned):
            if at < reached and self._owned[at]:
                self.report.fact("hdf5.overlap", "two parts of the file share bytes", at)
            reached = max(reached, at + self._owned[at])
        for start, stop in self.report.coverage.gaps():
            if stop <= self.end and self._zero(start, stop):
                self.report.cover(start, stop - start)

    def _zero(self, start: int, stop: int) -> bool:
        return all(not any(self.view.raw(at, min(_PIECE, stop - at)).strip(b"\0")) for at in range(start, stop, _PIECE))


class Cursor:
    """Reads forward from a place; what it passes is covered when it is told so.

    Args:
        file: the file.
        at: where to begin, in the view.
        end: where it must stop, or None for the end of the view.
    """

    __slots__ = ("at", "end", "file", "start")

    def __init__(self, file: File, at: int, end: int | None = None) -> None:
        self.file = file
        self.start = at
        self.at = at
        self.end = len(file.view) if end is None else min(end, len(file.view))

    @property
    def left(self) -> int:
        """Bytes up to the end."""
        return self.end - self.at

    def skip(self, count: int) -> int:
        """Step over bytes; where they began."""
        if count < 0 or count > self.end - self.at:
            raise Malformed(f"{count} bytes are announced, {self.end - self.at} are left", max(self.at, 0))
        self.at += count
        return self.at - count

    def raw(self, count: int) -> bytes:
        """The next bytes."""
        at = self.skip(count)
        return self.file.view.raw(at, count)

    def number(self, width: int) -> int:
        """The next little-endian number."""
        return int.from_bytes(self.raw(width), "little")

    def address(self) -> int | None:
        """The next address, as a place in the view; None if it is undefined."""
        value = self.number(self.file.offsets)
        return None if value == (1 << (8 * self.file.offsets)) - 1 else value + self.file.base

    def length(self) -> int:
        """The next size."""
        return self.number(self.file.lengths)

    def text(self) -> str:
        """Text up to the next NUL, which is passed as well."""
        stop = self.file.view.find(b"\0", self.at, self.end)
        if stop < 0:
            raise Malformed("a text does not end", self.at)
        raw = self.raw(stop + 1 - self.at)
        return raw[:-1].decode("utf-8", "backslashreplace")

    def zeros(self, count: int) -> None:
        """Reserved bytes, which must be zero to be understood; others are left uncovered by a Malformed."""
        if self.raw(count).strip(b"\0"):
            raise Malformed("reserved bytes are not zero", self.at - count)

    def align(self, unit: int = 8) -> None:
        """Step to the next multiple of ``unit`` from the start."""
        self.skip(-(self.at - self.start) % unit)

    def cover(self) -> None:
        """All bytes from the start to here were understood."""
        self.file.cover(self.start, self.at)


def width_of(value: int) -> int:
    """Bytes that a number up to ``value`` takes, at least one."""
    return max(1, (value.bit_length() + 7) // 8)
