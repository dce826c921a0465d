"""The compressed streams of joblib: decompression is bounded, whatever the bytes."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib

from casemate.core.errors import MissingPartError
from casemate.threats.supply_chain.containers.streams import compression, decompress
from casemate.threats.supply_chain.stops import Malformed, Refused

MOST = 1 << 20


def seeds() -> list[bytes]:
    """One small stream of each compression, and one that expands."""
    data = b"benign " * 40
    packed = [zlib.compress(data), gzip.compress(data, mtime=0), bz2.compress(data), lzma.compress(data)]
    return [*packed, lzma.compress(data, format=lzma.FORMAT_ALONE), zlib.compress(bytes(1 << 16), 9)]


def one_input(data: bytes) -> None:
    """Decompress these bytes, if they look compressed."""
    kind = compression(data)
    if kind is None:
        return
    try:
        content, behind = decompress(data, kind, MOST)
    except (Malformed, Refused, MissingPartError):
        return
    if len(content) > MOST or not 0 <= behind < len(data):
        raise AssertionError("more came out than was allowed")
