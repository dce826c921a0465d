"""Pictures as files that every browser shows: PNG, with nothing but what has to be in it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence


def png(rows: Sequence[bytes], channels: int = 1) -> bytes:
    """A PNG file (ISO/IEC 15948, sections 5 and 11).

    Args:
        rows: from the top; a byte a pixel and channel.
        channels: 1 for gray, 3 for red, green and blue.
    """
    header = struct.pack(">IIBBBBB", len(rows[0]) // channels, len(rows), 8, {1: 0, 3: 2}[channels], 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    parts = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
