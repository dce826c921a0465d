"""A window on bytes: what every parser reads. Nothing is copied until a parser asks for it, nothing is ever written."""

from __future__ import annotations

import mmap
from typing import Literal, TypeAlias

from casemate.threats.supply_chain.stops import Malformed

Buffer: TypeAlias = bytes | mmap.mmap


class View:
    """``data[start:stop]``, with offsets counted from ``start``.

    A read outside the window is ``Malformed``, never a short answer, so no parser can run past its own bytes.

    Args:
        data: the bytes, or a map of a file.
        start, stop: the window.
        where: what to call it in a location: the file's name, then ``!member`` for each container around it.
        name: a member's own name, as its container writes it; claims of its siblings use it.
    """

    __slots__ = ("data", "name", "start", "stop", "where")

    def __init__(self, data: Buffer, start: int = 0, stop: int | None = None, where: str = "", name: str = "") -> None:
        self.data = data
        self.start = start
        self.stop = len(data) if stop is None else stop
        self.where = where
        self.name = name
        if not 0 <= self.start <= self.stop <= len(data):
            raise ValueError(f"a view of {self.start}:{self.stop} in {len(data)} bytes")

    def __len__(self) -> int:
        return self.stop - self.start

    def raw(self, at: int, count: int) -> bytes:
        """A copy of ``count`` bytes.

        Raises:
            Malformed: they do not lie inside the view.
        """
        if at < 0 or count < 0 or at + count > len(self):
            raise Malformed(f"{count} bytes are announced at {at} but the view has {len(self)}", max(at, 0))
        return self.data[self.start + at : self.start + at + count]

    def number(self, at: int, width: int, order: Literal["little", "big"] = "little", *, signed: bool = False) -> int:
        """The integer of ``width`` bytes at ``at``."""
        return int.from_bytes(self.raw(at, width), order, signed=signed)

    def begins(self, prefix: bytes, at: int = 0) -> bool:
        """Whether these bytes stand at ``at``; False where the view is too short."""
        first = self.start + at
        last = first + len(prefix)
        return at >= 0 and last <= self.stop and self.data[first:last] == prefix

    def find(self, needle: bytes, at: int = 0, stop: int | None = None) -> int:
        """Where ``needle`` first stands at or behind ``at``, or -1."""
        end = self.stop if stop is None else min(self.start + stop, self.stop)
        found = self.data.find(needle, self.start + at, end)
        return found if found < 0 else found - self.start

    def rfind(self, needle: bytes, at: int = 0) -> int:
        """Where ``needle`` last stands at or behind ``at``, or -1."""
        found = self.data.rfind(needle, self.start + at, self.stop)
        return found if found < 0 else found - self.start

    def part(self, at: int, count: int, name: str = "") -> View:
        """A window inside this one; with a name, it is a member of it."""
        if at < 0 or count < 0 or at + count > len(self):
            raise Malformed(f"{count} bytes are announced at {at} but the view has {len(self)}", max(at, 0))
        where = f"{self.where}!{printable(name)}" if name else self.where
        return View(self.data, self.start + at, self.start + at + count, where, name or self.name)

    def inner(self, data: Buffer, name: str) -> View:
        """Bytes that were decompressed from this view, as a member of it."""
        return View(data, where=f"{self.where}!{printable(name)}", name=name)

    def memory(self, at: int = 0, count: int | None = None) -> memoryview:
        """Bytes without a copy. A map cannot be closed while one of these is alive."""
        size = len(self) - at if count is None else count
        if at < 0 or size < 0 or at + size > len(self):
            raise Malformed(f"{size} bytes are announced at {at} but the view has {len(self)}", max(at, 0))
        return memoryview(self.data)[self.start + at : self.start + at + size]


def printable(text: str, most: int = 200) -> str:
    """A name from a file as a report may print it: one line, no control characters, bounded."""
    short = text[:most]
    return short if short.isprintable() else "".join(c if c.isprintable() else "?" for c in short)
