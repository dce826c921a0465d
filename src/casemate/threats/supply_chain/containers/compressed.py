"""Compressed streams: gzip (RFC 1952), zlib (RFC 1950), bzip2, xz, lzma, lz4 and zstandard (RFC 8878) frames.

Streams that follow one another are one content, as their own tools read them. Whatever else follows is a finding: it is
invisible to readers that stop at the end, and content to those that do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from casemate.threats.supply_chain.containers.expand import (
    Alone,
    Decoder,
    Sink,
    Zlib,
    Zstd,
    bz2_decoder,
    expand,
    lz4_decoder,
    xz_decoder,
    zeros,
)
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine
from casemate.threats.supply_chain.view import View


class _Kind(NamedTuple):
    name: str
    magic: bytes
    decoder: Callable[[], Decoder]
    again: bool = True
    padding: int = 0


_KINDS: Final = (
    _Kind("gzip", b"\x1f\x8b\x08", lambda: Zlib(31), padding=1),
    _Kind("bzip2", b"BZh", bz2_decoder),
    _Kind("xz", b"\xfd7zXZ\0", xz_decoder, padding=4),
    _Kind("lz4", b"\x04\x22\x4d\x18", lz4_decoder),
    _Kind("zstd", b"\x28\xb5\x2f\xfd", Zstd),
    _Kind("zlib", b"\x78", lambda: Zlib(15), again=False),
    _Kind("lzma", b"\x5d\0\0", Alone, again=False),
)
_WEAK: Final = frozenset({"zlib", "lzma"})
"""Kinds whose first bytes prove little: what does not decompress at all is not of them."""

_SKIPPED: Final = b"\x2a\x4d\x18"
"""A skippable frame of lz4 and zstd: 0x184D2A50 to 0x184D2A5F, a length, and bytes that no reader gives back."""

_BLOCKS: Final = (b"BC", b"RA")
"""Extra fields of gzip that are known: block sizes of BGZF and dictzip."""


def parse(view: View, report: Report) -> None:
    """Decompress all streams into one member.

    Raises:
        NotMine: nothing of it decompresses, and its first bytes prove little.
        Malformed: a stream is damaged or cut short.
        Refused: the content is larger than the file's size allows.
    """
    kind = next((kind for kind in _KINDS if view.begins(kind.magic)), None)
    if kind is None:
        raise NotMine
    sink, at, streams = Sink(report.budget), 0, 0
    while at < len(view) and (streams == 0 or (kind.again and view.begins(kind.magic, at))):
        try:
            taken = expand(view, at, len(view), kind.decoder(), sink)
        except Malformed:
            if kind.name in _WEAK and not sink.size:
                raise NotMine from None
            raise
        _cover(kind, view, report, at, taken)
        at, streams = _skip(kind, view, report, at + taken), streams + 1
    if at < len(view):
        report.fact("stream.trailing", f"{len(view) - at} bytes follow the end of the {kind.name} data", at)
    report.describe("streams", streams)
    if sink.size:
        report.member(view.inner(sink.buffer(), "content"))


def _cover(kind: _Kind, view: View, report: Report, at: int, taken: int) -> None:
    """All of a stream, but for extra fields of gzip that nobody knows: no reader shows them."""
    if kind.name == "gzip" and view.number(at + 3, 1) & 4:
        size = view.number(at + 10, 2)
        report.cover(at, 12)
        if size < 4 or view.raw(at + 12, 2) not in _BLOCKS or view.number(at + 14, 2) != size - 4:
            at, taken = at + 12 + size, taken - 12 - size
    report.cover(at, taken)


def _skip(kind: _Kind, view: View, report: Report, at: int) -> int:
    """Padding that the format allows behind a stream, and small skippable frames (pzstd writes sizes there)."""
    if kind.padding:
        stop = zeros(view, at, len(view))
        stop -= (stop - at) % kind.padding
        report.cover(at, stop - at)
        return stop
    while kind.name in ("lz4", "zstd") and view.begins(_SKIPPED, at + 1) and view.number(at, 1) >> 4 == 5:
        count = 8 + view.number(at + 4, 4)
        if count > 12:
            break
        report.cover(at, count)
        at += count
    return at
