"""Where C2SP tlog-tiles keeps what: hash tiles of 256, entry bundles beside them, the checkpoint.

    checkpoint                  the signed note
    tile/<L>/<N>[.p/<W>]        hashes of level L; a hash of level L+1 is the root of a full tile of level L
    tile/entries/<N>[.p/<W>]    entries, each with a 2-byte big-endian length before it

N is written in groups of three digits, all but the last with an x (1234067 is x001/x234/067). A tile that is not full
has its width W in its name. Of a partial tile only the newest width is kept: an older one is its prefix.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence

from casemate.core.errors import UnreadableError
from casemate.ledger.merkle import HASH_SIZE

WIDTH = 256
ENTRY_LIMIT = 65_535
"""The longest entry in bytes; its length is written in two."""
CHECKPOINT = "checkpoint"
JOURNAL = "journal"
BLOBS = "blobs"
ENTRIES = "entries"

_LENGTH = struct.Struct(">H")
_PATH = re.compile(r"tile/(entries|0|[1-9]\d?)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?")


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Path of a tile or (level "entries") of a bundle, relative to the ledger.

    Example:
        >>> tile_path(0, 1234067), tile_path("entries", 3, 17)
        ('tile/0/x001/x234/067', 'tile/entries/003.p/17')
    """
    name = f"{index % 1000:03d}"
    while index := index // 1000:
        name = f"x{index % 1000:03d}/{name}"
    return f"tile/{level}/{name}" if width == WIDTH else f"tile/{level}/{name}.p/{width}"


def parse_tile_path(path: str) -> tuple[str, int, int] | None:
    """Level, index and width of a tile's path, or None when it is not the path of a tile."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    index = int(match[2].replace("x", "").replace("/", ""))
    width = int(match[3] or WIDTH)
    return (match[1], index, width) if tile_path(match[1], index, width) == path else None


def widths(size: int) -> Iterator[tuple[int, int]]:
    """Level and number of hashes there, for every level that a tree of ``size`` leaves has."""
    level, count = 0, size
    while count:
        yield level, count
        level, count = level + 1, count // WIDTH


def tiles(count: int) -> Iterator[tuple[int, int]]:
    """Index and width of the tiles that hold ``count`` hashes or entries."""
    for index in range(count // WIDTH):
        yield index, WIDTH
    if count % WIDTH:
        yield count // WIDTH, count % WIDTH


def expected_tiles(size: int) -> Iterator[str]:
    """Paths of every tile and bundle of a tree of ``size`` leaves, and no other."""
    for level, count in widths(size):
        for index, width in tiles(count):
            yield tile_path(level, index, width)
    for index, width in tiles(size):
        yield tile_path(ENTRIES, index, width)


def pack(entries: Sequence[bytes]) -> bytes:
    """Entries as they lie in a bundle: each with its length before it."""
    return b"".join([part for entry in entries for part in (_LENGTH.pack(len(entry)), entry)])


def split(bundle: bytes) -> tuple[list[bytes], int]:
    """The whole entries at the beginning of a bundle, and how many bytes after them are no entry."""
    entries: list[bytes] = []
    at = 0
    while at + 2 <= len(bundle) and (end := at + 2 + int.from_bytes(bundle[at : at + 2], "big")) <= len(bundle):
        entries.append(bundle[at + 2 : end])
        at = end
    return entries, len(bundle) - at


def unpack(bundle: bytes, what: str, first: int = 0) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        UnreadableError: the bundle ends inside an entry; the message names the record, counted from ``first``.
    """
    entries, rest = split(bundle)
    if rest:
        raise UnreadableError(f"record {first + len(entries)}: {what} ends inside it")
    return entries


def tile_size(width: int) -> int:
    """Bytes of a hash tile."""
    return width * HASH_SIZE
