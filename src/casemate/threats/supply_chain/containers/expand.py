"""Decompression within the budget of the file: small results stay in memory, large ones go to an unlinked file."""

from __future__ import annotations

import bz2
import lzma
import mmap
import tempfile
import zlib
from collections.abc import Iterator
from typing import IO, Final, Protocol, cast

from casemate.core.optional import require
from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.stops import Malformed
from casemate.threats.supply_chain.view import Buffer, View

PIECE: Final = 1 << 20
IN_MEMORY: Final = 64 << 20
"""Expanded bytes beyond which they are kept in a file."""

MOST_MEMORY: Final = 256 << 20
"""What a decompressor may ask for its window; xz itself never needs more than 65 MB."""

DAMAGED: Final = (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError, RuntimeError, MemoryError)


class Decoder(Protocol):
    """A decompressor as bz2 and lzma have it."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take all of ``data`` and give at most ``max_length`` bytes; call again with b"" for the rest."""


class Zlib:
    """zlib, with the tail that it did not take kept inside, as bz2 and lzma do.

    Args:
        wbits: as in ``zlib.decompressobj``: 15 zlib, 31 gzip, -15 raw deflate.
    """

    def __init__(self, wbits: int) -> None:
        self._state = zlib.decompressobj(wbits)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most ``max_length`` bytes of content."""
        return self._state.decompress(self._state.unconsumed_tail + data, max_length)

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""
        return self._state.eof

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end."""
        return self._state.unused_data


class Zstd:
    """One frame of zstandard. Its output cannot be bounded, so its input is: 1 KiB gives at most 43 MB (RLE blocks)."""

    STEP: Final = 1 << 10

    def __init__(self) -> None:
        zstandard = require("zstandard", extra="zstd")
        self._error = zstandard.ZstdError
        self._state = zstandard.ZstdDecompressor(max_window_size=128 << 20).decompressobj()
        self._tail = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Content of the next bytes of input that have any."""
        self._tail += data
        while self._tail and not self.eof:
            step, self._tail = self._tail[: self.STEP], self._tail[self.STEP :]
            try:
                out = self._state.decompress(step)
            except self._error as error:
                raise ValueError("damaged") from error
            if out:
                return cast("bytes", out)
        return b""

    @property
    def eof(self) -> bool:
        """Whether the end of the frame was reached."""
        return bool(self._state.eof)

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end."""
        return cast("bytes", self._state.unused_data) + self._tail


def lz4_decoder() -> Decoder:
    """A decompressor for one LZ4 frame."""
    return cast("Decoder", require("lz4.frame", extra="lz4").LZ4FrameDecompressor())


def bz2_decoder() -> Decoder:
    """A decompressor for one bzip2 stream."""
    return cast("Decoder", bz2.BZ2Decompressor())


def xz_decoder() -> Decoder:
    """A decompressor for one xz stream."""
    return cast("Decoder", lzma.LZMADecompressor(lzma.FORMAT_XZ, MOST_MEMORY))


class Alone:
    """LZMA as .lzma files have it. With a header, properties that stand elsewhere (zip, 7z) are put in front.

    Args:
        header: the 13 bytes of an .lzma file, or b"" if the data begins with them.
    """

    def __init__(self, header: bytes = b"") -> None:
        self._state = lzma.LZMADecompressor(lzma.FORMAT_ALONE, MOST_MEMORY)
        self._header = header

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most ``max_length`` bytes of content."""
        header, self._header = self._header, b""
        return self._state.decompress(header + data, max_length)

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""
        return self._state.eof

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end."""
        return self._state.unused_data


class Sink:
    """Where expanded bytes go; the budget is asked before any is kept."""

    def __init__(self, budget: Budget) -> None:
        budget.expand(0)  # once it is spent, not even a first piece is decompressed
        self._budget = budget
        self._pieces: list[bytes] = []
        self._file: IO[bytes] | None = None
        self.size = 0
        self.crc = 0

    def write(self, piece: bytes) -> None:
        """Keep a piece.

        Raises:
            Refused: it is more than the file's size allows.
        """
        self._budget.expand(len(piece))
        self.size += len(piece)
        self.crc = zlib.crc32(piece, self.crc)
        if self._file is not None:
            self._file.write(piece)
            return
        self._pieces.append(piece)
        if self.size > IN_MEMORY:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the map of it
            self._file.writelines(self._pieces)
            self._pieces = []

    def buffer(self) -> Buffer:
        """All of it."""
        if self._file is None:
            return b"".join(self._pieces)
        self._file.flush()
        mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._file.close()
        return mapped


def expand(view: View, at: int, stop: int, decoder: Decoder, sink: Sink) -> int:
    """Decompress one stream that begins at ``at`` into ``sink``; returns how many bytes it takes up.

    Ends, because each round gives output, which the budget bounds, takes input, or raises.

    Raises:
        Malformed: the stream is damaged, or not at its end at ``stop``.
        Refused: it expands beyond the budget.
    """
    given = at
    while not decoder.eof:
        try:
            out = decoder.decompress(b"", PIECE) if given > at else b""
            if not out and not decoder.eof and given < stop:
                piece = view.raw(given, min(PIECE, stop - given))
                given += len(piece)
                out = decoder.decompress(piece, PIECE)
            elif not out and not decoder.eof:
                raise Malformed("the compressed data is cut short", given)
        except DAMAGED as error:
            raise Malformed("the compressed data is damaged", at) from error
        if out:
            sink.write(out)
    return given - at - len(decoder.unused_data or b"")


def crc_of(view: View) -> int:
    """The CRC-32 of a view, without a copy of more than a piece."""
    crc = 0
    for piece in pieces(view):
        crc = zlib.crc32(piece, crc)
    return crc


def pieces(view: View) -> Iterator[bytes]:
    """A view's bytes, a piece at a time."""
    for at in range(0, len(view), PIECE):
        yield view.raw(at, min(PIECE, len(view) - at))


def zeros(view: View, at: int, stop: int) -> int:
    """Where the first byte that is not zero stands, from ``at`` to ``stop``; ``stop`` if there is none."""
    while at < stop:
        piece = view.raw(at, min(PIECE, stop - at))
        rest = piece.lstrip(b"\0")
        if rest:
            return at + len(piece) - len(rest)
        at += len(piece)
    return stop
