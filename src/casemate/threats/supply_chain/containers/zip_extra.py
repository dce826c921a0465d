"""Extra fields of a zip header (APPNOTE 4.5): known ones are covered, as far as their content is what it must be."""

from __future__ import annotations

import zlib
from typing import Final

from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed
from casemate.threats.supply_chain.view import View, printable

FULL16: Final = 0xFFFF
FULL32: Final = 0xFFFFFFFF
_ZIP64: Final = 0x0001
_UNICODE_PATH: Final = 0x7075
_TORCH_PADDING: Final = 0x4246
_ANDROID_ALIGNMENT: Final = 0xD935
_KNOWN: Final = {
    0x000A: 32,  # NTFS times
    0x5455: 13,  # extended time stamp
    0x5855: 12,  # Info-ZIP Unix, old
    0x7855: 4,  # Info-ZIP Unix, user and group
    0x7875: 24,  # Info-ZIP Unix, new
    0x756E: 14,  # ASi Unix, without a link's name
    0x9901: 7,  # AES
    0xCAFE: 0,  # Java archive
}
"""Fields that hold times, owners and marks, and how many bytes they may have."""


class Extra:
    """The extra fields of one header.

    Args:
        view, report: of the archive.
        at, count: where they stand.
    """

    def __init__(self, view: View, report: Report, at: int, count: int) -> None:
        self._report = report
        self.at = at
        self.wide: bytes | None = None
        self.path: bytes | None = None
        stop = at + count
        while stop - at >= 4:
            kind, size = view.number(at, 2), view.number(at + 2, 2)
            if at + 4 + size > stop:
                break
            body = view.raw(at + 4, size)
            if self._known(kind, body):
                report.cover(at, 4 + size)
            at += 4 + size
        rest = view.raw(at, stop - at)
        if not rest.strip(b"\0"):  # zipalign pads with zeros that are no field
            report.cover(at, stop - at)

    def _known(self, kind: int, body: bytes) -> bool:
        if kind == _ZIP64:
            if self.wide is not None:
                self._report.fact("zip.mismatch", "a header has two zip64 fields", self.at)
            self.wide = body
            return len(body) <= 28
        if kind == _UNICODE_PATH:
            self.path = body
            return True
        if kind == _TORCH_PADDING:
            return not body.strip(b"Z")
        if kind == _ANDROID_ALIGNMENT:
            return len(body) >= 2 and not body[2:].strip(b"\0")
        return len(body) <= _KNOWN.get(kind, -1)

    def widen(self, size: int, packed: int, header: int = 0, disk: int = 0) -> tuple[int, int, int, int]:
        """Size, packed size, place of the header and disk, from the zip64 field where the narrow numbers are full.

        The field holds only what is full, in this order (APPNOTE 4.5.3); some writers always write two or three. Both
        readings must then agree.

        Raises:
            Malformed: a narrow number is full and there is no wide one.
        """
        fields, used = [size, packed, header], 0
        for index, value in enumerate(fields):
            if value == FULL32:
                fields[index] = self._wide(used, 8)
                used += 8
        if disk == FULL16:
            disk, used = self._wide(used, 4), used + 4
        if self.wide is not None and len(self.wide) > used:
            for index, value in enumerate(fields[: len(self.wide) // 8]):
                if self._wide(8 * index, 8) != value:
                    message = f"a header says {value}, its zip64 field {self._wide(8 * index, 8)}"
                    self._report.fact("zip.mismatch", message, self.at)
        return fields[0], fields[1], fields[2], disk

    def check_name(self, raw: bytes, name: str) -> str:
        """The name that readers of the Unicode path field see (APPNOTE 4.6.9); a name in ASCII needs none."""
        path = self.path
        if path is None or len(path) < 5 or int.from_bytes(path[1:5], "little") != zlib.crc32(raw):
            return name
        other = path[5:].decode("utf-8", "backslashreplace")
        if raw.isascii() and other != name:
            message = f"one reader sees {printable(name)}, another {printable(other)}"
            self._report.fact("zip.mismatch", message, self.at, name)
        return other

    def _wide(self, at: int, count: int) -> int:
        if self.wide is None or at + count > len(self.wide):
            raise Malformed("a zip64 field is missing or cut short", self.at)
        return int.from_bytes(self.wide[at : at + count], "little")
