"""A place in a pickle's bytes, which never runs past the end of its view.

The C loader ignores the end of a FRAME until Python 3.13.15 and 3.14.7 (cpython issue 154848), the Python loader obeys
it. The cursor goes on as the C loader does, which sees all that either would run, and reports where they differ.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

from casemate.threats.supply_chain.stops import Malformed
from casemate.threats.supply_chain.view import View

if TYPE_CHECKING:
    from casemate.threats.supply_chain.pickles.facts import Watch
    from casemate.threats.supply_chain.pickles.values import Value

_PIECE: Final = 1 << 20


class Cursor:
    """Reads forward through a view's bytes. Positions are places in the view's buffer; ``place`` counts from the view.

    Attributes:
        pos: of the next byte.
        at: of the opcode that is being followed.
        end: of the view.
        limit: where something must be looked at before the next opcode: the end of the frame, or of the view.
        frame_end: of the last frame.
        cut: whether a frame was longer than the view.
    """

    watch: Watch

    def __init__(self, view: View, at: int = 0) -> None:
        self.window = view
        self.data = view.data
        self.pos = self.at = view.start + at
        self.end = self.limit = view.stop
        self.frame_end = 0
        self.cut = False

    @property
    def place(self) -> int:
        """Offset of the current opcode in the view."""
        return self.at - self.window.start

    @property
    def left(self) -> int:
        """Bytes behind the cursor."""
        return self.end - self.pos

    def edge(self, at: int, pos: int) -> int:
        """Look at what lies before ``pos``, where a frame or the view ended; the next place to do so.

        Raises:
            Malformed: the opcode at ``at`` runs past the end, or nothing follows it.
        """
        self.at, self.pos = at, pos
        self.crossing(pos)
        self.frame_end = 0
        self.limit = self.end
        if pos >= self.end:
            raise Malformed("the stream ends before it stops" if pos == self.end else "an opcode is cut short", pos)
        return self.limit

    def crossing(self, stop: int) -> None:
        """Report it if the current opcode reads from its frame on to ``stop``, behind it.

        The Python loader stops there. The C loader goes on in its buffer; from a file it skips what is left of the
        frame and reads on behind it.
        """
        if self.at < self.frame_end < stop:
            self.watch.find("pickle.frame", "an opcode crosses the end of its frame", self.place)

    def enter_frame(self, size: int) -> None:
        """Begin a frame of ``size`` bytes here."""
        if self.pos < self.frame_end:
            self.watch.find("pickle.frame", "a frame lies inside another frame", self.place)
        if size > self.left:
            self.watch.find("pickle.cut", "a frame is longer than the file, and a loader may not mind", self.place)
            self.cut, size = True, self.left
        self.frame_end = self.limit = self.pos + size

    def take(self, count: int) -> int:
        """Step over ``count`` bytes and say where they began."""
        start = self.pos
        if count > self.end - start:
            self.crossing(start + count)
            raise Malformed(f"{count} bytes are announced but {self.end - start} are left", self.place)
        self.pos = start + count
        return start

    def unsigned(self, width: int) -> int:
        """A little-endian unsigned number of ``width`` bytes."""
        start = self.take(width)
        return int.from_bytes(self.data[start : start + width], "little")

    def signed(self, width: int) -> int:
        """A little-endian signed number of ``width`` bytes."""
        start = self.take(width)
        return int.from_bytes(self.data[start : start + width], "little", signed=True)

    def raw(self, count: int) -> bytes:
        """A copy of the next ``count`` bytes."""
        start = self.take(count)
        return self.data[start : start + count]

    def line(self) -> bytes:
        """The bytes before the next newline, which is stepped over.

        Without a newline the C loader stops; the Python loader cuts off the last byte and goes on, so this does too.
        """
        start = self.pos
        found = self.data.find(b"\n", start, self.end)
        if found < 0:
            self.watch.find("pickle.cut", "a text argument does not end, and a loader may not mind", self.place)
            found = max(self.end - 1, start)
        self.pos = min(found + 1, self.end)
        return self.data[start:found]

    def surrogates(self, at: int, start: int, stop: int) -> Value:
        """Text that is UTF-8 but for surrogates."""
        self.at = at
        self.crossing(stop)
        try:
            return self.data[start:stop].decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise Malformed("text is not UTF-8", self.place) from error

    def check_text(self, at: int, start: int, size: int) -> None:
        """Check that long text is UTF-8, piece by piece."""
        self.at = at
        self.crossing(start + size)
        if size > self.end - start:
            raise Malformed(f"{size} bytes are announced but {max(self.end - start, 0)} are left", self.place)
        decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
        try:
            for piece in range(start, start + size, _PIECE):
                stop = min(piece + _PIECE, start + size)
                decoder.decode(self.data[piece:stop], final=stop == start + size)
        except UnicodeDecodeError as error:
            raise Malformed("text is not UTF-8", self.place) from error
