"""One member of a zip archive, unpacked when its turn comes: stored ones stay where they are."""

from __future__ import annotations

from collections.abc import Iterable

from casemate.threats.supply_chain.containers.expand import (
    Alone,
    Decoder,
    Sink,
    Zlib,
    Zstd,
    bz2_decoder,
    crc_of,
    expand,
    xz_decoder,
)
from casemate.threats.supply_chain.containers.zip_directory import Entry
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed
from casemate.threats.supply_chain.view import View, printable

STORED, DEFLATED, BZIP2, LZMA, ZSTD, XZ = 0, 8, 12, 14, 93, 95


class ZipMember:
    """A member behind its headers.

    Args:
        packed: its data as they stand in the archive; the view is called like the member.
        entry: what the directory says of it.
    """

    def __init__(self, packed: View, entry: Entry) -> None:
        self._packed = packed
        self._entry = entry

    def open(self, report: Report) -> Iterable[View]:
        """The content; whatever differs from the directory becomes a fact, and the content is scanned all the same.

        An entry that is marked as encrypted is read as if it were not: some readers ignore the mark.

        Raises:
            Malformed: it is damaged, encrypted, or packed by an unknown method.
            Refused: it expands beyond the budget.
        """
        entry = self._entry
        if not entry.encrypted:
            yield self._content(report)
            return
        if self._matches(report):
            message = f"{printable(entry.name)} is marked as encrypted but is not"
            report.fact("zip.mismatch", message, self._at(report), entry.name)
            yield self._content(report)
            return
        report.fact("archive.encrypted", f"{printable(entry.name)} is encrypted", self._at(report), entry.name)
        raise Malformed(f"{printable(entry.name)} is encrypted", self._at(report))

    def _at(self, report: Report) -> int:
        return self._packed.start - report.view.start

    def _matches(self, report: Report) -> bool:
        """Whether the data, taken as they are, have the CRC of the entry: then they are not encrypted."""
        if self._entry.method == STORED:
            return crc_of(self._packed) == self._entry.crc
        sink = Sink(report.budget)
        try:
            decoder, skipped = self._decoder()
            expand(self._packed, skipped, len(self._packed), decoder, sink)
        except Malformed:
            return False
        return sink.crc == self._entry.crc

    def _content(self, report: Report) -> View:
        entry, at = self._entry, self._at(report)
        if entry.method == STORED:
            self._check(report, crc_of(self._packed), len(self._packed))
            return self._packed
        decoder, skipped = self._decoder()
        sink = Sink(report.budget)
        taken = skipped + expand(self._packed, skipped, len(self._packed), decoder, sink)
        if taken < len(self._packed):
            message = f"{len(self._packed) - taken} bytes follow the packed data of {printable(entry.name)}"
            report.fact("zip.hidden", message, at + taken, entry.name)
        self._check(report, sink.crc, sink.size)
        return View(sink.buffer(), where=self._packed.where, name=self._packed.name)

    def _check(self, report: Report, crc: int, size: int) -> None:
        entry, at = self._entry, self._at(report)
        if size != entry.size:
            message = f"{printable(entry.name)} has {size} bytes, the directory says {entry.size}"
            report.fact("zip.mismatch", message, at, entry.name)
        if crc != entry.crc:
            report.fact("zip.checksum", f"the CRC of {printable(entry.name)} is wrong", at, entry.name)

    def _decoder(self) -> tuple[Decoder, int]:
        """The decompressor, and how many bytes stand before the compressed data."""
        method = self._entry.method
        if method == DEFLATED:
            return Zlib(-15), 0
        if method == BZIP2:
            return bz2_decoder(), 0
        if method == XZ:
            return xz_decoder(), 0
        if method == ZSTD:
            return Zstd(), 0
        if method == LZMA:  # two bytes version, two of length, five of properties (APPNOTE 5.8.8)
            if self._packed.number(2, 2) != 5:
                raise Malformed("the LZMA properties are not five bytes", 0)
            ends = self._entry.flags & 2
            size = (1 << 64) - 1 if ends else self._entry.size
            return Alone(self._packed.raw(4, 5) + size.to_bytes(8, "little")), 9
        raise Malformed(f"{printable(self._entry.name)} is packed by method {method}, which is not read", 0)
