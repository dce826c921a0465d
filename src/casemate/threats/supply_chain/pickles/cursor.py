"""A place in a pickle's bytes, which never runs past the end of the file or of a frame.

The C loader ignores the end of a FRAME until Python 3.13.15 and 3.14.7 (cpython issue 154848), the Python loader obeys
it; a stream in which the two would differ is refused.
"""

from __future__ import annotations

from casemate.threats.supply_chain.stops import Malformed, Refused


class Cursor:
    """Reads forward through ``data[start:]``."""

    __slots__ = ("data", "end", "frame_end", "pos", "view")

    def __init__(self, data: bytes, start: int = 0) -> None:
        self.data = data
        self.view = memoryview(data)
        self.pos = start
        self.end = len(data)
        self.frame_end = start

    @property
    def left(self) -> int:
        """Bytes behind the cursor."""
        return self.end - self.pos

    def take(self, count: int) -> int:
        """Step over ``count`` bytes and say where they began."""
        start, stop = self.pos, self.pos + count
        if stop > self.end:
            raise Malformed(f"{count} bytes are announced but {self.end - start} are left", start)
        if start < self.frame_end < stop:
            raise Refused("pickle.frame", "an opcode crosses the end of its frame", start)
        self.pos = stop
        return start

    def unsigned(self, width: int) -> int:
        """A little-endian unsigned number of ``width`` bytes."""
        start = self.take(width)
        return int.from_bytes(self.view[start : start + width], "little")

    def signed(self, width: int) -> int:
        """A little-endian signed number of ``width`` bytes."""
        start = self.take(width)
        return int.from_bytes(self.view[start : start + width], "little", signed=True)

    def raw(self, count: int) -> bytes:
        """A copy of the next ``count`` bytes."""
        start = self.take(count)
        return self.data[start : start + count]

    def line(self) -> bytes:
        """The bytes before the next newline, which is stepped over."""
        found = self.data.find(b"\n", self.pos)
        if found < 0:
            raise Malformed("a text argument does not end", self.pos)
        start = self.take(found + 1 - self.pos)
        return self.data[start:found]

    def enter_frame(self, size: int) -> None:
        """Begin a frame of ``size`` bytes here."""
        if self.pos < self.frame_end:
            raise Refused("pickle.frame", "a frame lies inside another frame", self.pos)
        if size > self.end - self.pos:
            raise Refused("pickle.frame", "a frame is longer than the file", self.pos)
        self.frame_end = self.pos + size

    @property
    def inside_frame(self) -> bool:
        """Whether bytes of the current frame are left."""
        return self.pos < self.frame_end
