"""The compressed files that joblib writes, opened within bounds on size and ratio.

The first bytes decide, in joblib's own order. What follows the end of the compressed data is reported, because another
reader may see a second member there.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, Final

from casemate.core.optional import require
from casemate.threats.supply_chain.stops import Malformed, Refused

PREFIXES: Final[tuple[tuple[str, bytes], ...]] = (
    ("zlib", b"\x78"),
    ("gzip", b"\x1f\x8b"),
    ("bz2", b"BZ"),
    ("lzma", b"\x5d\x00"),
    ("xz", b"\xfd7zXZ"),
    ("lz4", b"\x04\x22\x4d\x18"),
)
MOST_RATIO: Final = 256
FREE: Final = 64 << 20
"""Bytes that any compressed file may grow to, whatever the ratio."""

_PIECE: Final = 1 << 20
_MEMORY: Final = 256 << 20


def compression(data: bytes) -> str | None:
    """Which of joblib's compressions these bytes begin with, or None."""
    return next((name for name, prefix in PREFIXES if data.startswith(prefix)), None)


def decompress(data: bytes, kind: str, most: int) -> tuple[bytes, int]:
    """The content, and how many bytes follow the compressed data.

    Raises:
        Malformed: the compressed data is damaged or cut short.
        Refused: the content would be larger than ``most``, or than the ratio allows.
        MissingPartError: lz4 is not installed.
    """
    bound = min(most, max(FREE, MOST_RATIO * len(data)))
    if kind in ("zlib", "gzip"):
        return _zlib(data, 15 if kind == "zlib" else 31, bound)
    if kind == "bz2":
        return _stepwise(data, bz2.BZ2Decompressor(), bound)
    if kind == "lz4":
        return _stepwise(data, require("lz4.frame", extra="lz4").LZ4FrameDecompressor(), bound)
    form = lzma.FORMAT_ALONE if kind == "lzma" else lzma.FORMAT_XZ
    return _stepwise(data, lzma.LZMADecompressor(format=form, memlimit=_MEMORY), bound)


def _zlib(data: bytes, wbits: int, bound: int) -> tuple[bytes, int]:
    state = zlib.decompressobj(wbits)
    rest = data

    def piece() -> bytes:
        nonlocal rest
        out = state.decompress(rest, _PIECE)
        rest = state.unconsumed_tail
        return out

    content = _gather(piece, lambda: state.eof, bound)
    return content, len(state.unused_data)


def _stepwise(data: bytes, state: Any, bound: int) -> tuple[bytes, int]:
    given = iter((data,))
    content = _gather(lambda: state.decompress(next(given, b""), _PIECE), lambda: state.eof, bound)
    return content, len(state.unused_data or b"")


def _gather(piece: Callable[[], bytes], ended: Callable[[], bool], bound: int) -> bytes:
    pieces, total = [], 0
    while not ended():
        try:
            out = piece()
        except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError, RuntimeError, MemoryError) as error:
            raise Malformed("the compressed data is damaged", 0) from error
        if not out and not ended():
            raise Malformed("the compressed data is cut short", 0)
        pieces.append(out)
        total += len(out)
        if total > bound:
            raise Refused("pickle.bomb", f"the compressed content is larger than {bound} bytes", 0)
    return b"".join(pieces)
