"""Pictures that model folders hold: PNG, JPEG and GIF, block by block to the declared end; nothing is decoded.

Bytes behind the end belong to no block, so they are never covered. Each turn of a loop passes a block.
"""

from __future__ import annotations

import zlib

from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine
from casemate.threats.supply_chain.view import View

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
GIF = (b"GIF87a", b"GIF89a")

_CHUNKS = frozenset(
    [
        b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT",
        b"sRGB", b"tEXt", b"zTXt", b"iTXt", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"tIME",
        b"eXIf", b"acTL", b"fcTL", b"fdAT", b"cICP", b"mDCV", b"cLLI", b"oFFs",
    ]
)  # fmt: skip
_PIECE = 1 << 20


def parse(view: View, report: Report) -> None:
    """Read a picture.

    Raises:
        NotMine: it is none of the three.
        Malformed: a block is damaged or missing.
    """
    if view.begins(PNG):
        end, kind = _png(view, report), "png"
    elif view.begins(JPEG):
        end, kind = _jpeg(view), "jpeg"
    elif any(view.begins(magic) for magic in GIF):
        end, kind = _gif(view), "gif"
    else:
        raise NotMine
    report.cover(0, end)
    report.describe("kind", kind)


def _png(view: View, report: Report) -> int:
    """The end of the chunk IEND (PNG specification, section 5)."""
    at, first = len(PNG), True
    while True:
        size, name = view.number(at, 4, "big"), view.raw(at + 4, 4)
        if first != (name == b"IHDR") or not name.isalpha():
            raise Malformed("a chunk is not where it belongs", at)
        checksum = 0
        for start in range(at + 4, at + 8 + size, _PIECE):
            checksum = zlib.crc32(view.raw(start, min(_PIECE, at + 8 + size - start)), checksum)
        if checksum != view.number(at + 8 + size, 4, "big"):
            raise Malformed("the checksum of a chunk is wrong", at)
        if name not in _CHUNKS:
            report.fact("image.block", f"a chunk of the kind {name.decode('ascii')}", at)
        at, first = at + 12 + size, False
        if name == b"IEND":
            return at


def _jpeg(view: View) -> int:
    """The end of the marker EOI (ITU T.81, annex B)."""
    at = 2
    while True:
        if view.number(at, 1) != 0xFF:
            raise Malformed("a marker is missing", at)
        marker = view.number(at + 1, 1)
        if marker == 0xFF:
            at += 1
        elif marker == 0xD9:
            return at + 2
        elif marker in (0x00, 0x01, 0xD8) or 0xD0 <= marker <= 0xD7:
            raise Malformed("a marker is not where it belongs", at)
        else:
            size = view.number(at + 2, 2, "big")
            if size < 2:
                raise Malformed("a segment is too short", at)
            at += 2 + size
            view.part(at, 0)
            if marker == 0xDA:
                at = _entropy(view, at)


def _entropy(view: View, at: int) -> int:
    """Where the next marker stands behind coded data, in which 0xFF is followed by zero or a restart."""
    while True:
        at = view.find(b"\xff", at)
        if at < 0:
            raise Malformed("the picture does not end", len(view))
        following = view.number(at + 1, 1)
        if following != 0 and not 0xD0 <= following <= 0xD7:
            return at
        at += 2


def _gif(view: View) -> int:
    """The end of the trailer (GIF89a specification, sections 18 to 27)."""
    at = 13 + _palette(view.number(10, 1))
    while True:
        kind = view.number(at, 1)
        if kind == 0x3B:
            return at + 1
        if kind == 0x21:
            at = _blocks(view, at + 2)
        elif kind == 0x2C:
            at = _blocks(view, at + 11 + _palette(view.number(at + 9, 1)))
        else:
            raise Malformed("a block is of no known kind", at)


def _palette(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks(view: View, at: int) -> int:
    while size := view.number(at, 1):
        at += 1 + size
    return at + 1
