"""Cheap looks at the first or last bytes, for containers whose magic is not at their start or proves little."""

from __future__ import annotations

from typing import Final

from casemate.threats.supply_chain.view import View

END: Final = b"PK\x05\x06"
END_SIZE: Final = 22
TAIL: Final = (1 << 16) + END_SIZE
BLOCK: Final = 512


def has_zip(view: View) -> bool:
    """A member's header at the start, or an end of the central directory within reach of its longest comment."""
    if view.begins(b"PK\x03\x04") or view.begins(END):
        return True
    return view.find(END, max(len(view) - TAIL, 0)) >= 0


def has_tar(view: View) -> bool:
    """A first header whose checksum holds; the magic came later than the format."""
    if len(view) < BLOCK or view.begins(b"\0"):
        return False
    try:
        stored = int(view.raw(148, 8).strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    return stored in checksums(view.raw(0, BLOCK))


def checksums(header: bytes) -> tuple[int, int]:
    """The checksum of a tar header with its own field blank: of unsigned bytes, and of signed ones (old Sun tars)."""
    blank = header[:148] + b" " * 8 + header[156:BLOCK]
    unsigned = sum(blank)
    return unsigned, unsigned - 256 * sum(1 for byte in blank if byte > 127)


def has_zlib(view: View) -> bool:
    """A header of zlib with a 32 KiB window, which is what is written: two bytes that are a multiple of 31."""
    return len(view) > 2 and view.begins(b"\x78") and view.number(0, 2, "big") % 31 == 0


def has_lzma(view: View) -> bool:
    """The usual properties, a dictionary of at least 64 KiB, and a size that is unknown or below 1 TiB."""
    if len(view) <= 13 or not view.begins(b"\x5d\0\0"):
        return False
    size = view.number(5, 8)
    return size == (1 << 64) - 1 or size < 1 << 40
