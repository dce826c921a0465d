"""7z archives ("7zFormat.txt" of the LZMA SDK 23.01): a signature, packed streams, and a header at the end.

A folder is unpacked as a whole when its turn comes; its files are windows in it.
"""

from __future__ import annotations

import stat
import zlib
from collections.abc import Iterable
from typing import Final

from casemate.threats.supply_chain.containers.expand import crc_of
from casemate.threats.supply_chain.containers.paths import Members
from casemate.threats.supply_chain.containers.sevenzip_coders import encrypted, unpack
from casemate.threats.supply_chain.containers.sevenzip_header import ENCODED, HEADER, Contents, File, Folder, Reader
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed
from casemate.threats.supply_chain.view import View, printable

_SIGNATURE: Final = 32
_UNIX: Final = 0x8000
_MOST_HEADERS: Final = 4
_MOST_LINK: Final = 4096


def parse(view: View, report: Report) -> None:
    """Walk the archive.

    Raises:
        Malformed: it is damaged, or uses something that this reader does not know.
        Refused: it announces more members than the budget allows.
    """
    start = view.raw(12, 20)
    if zlib.crc32(start) != view.number(8, 4):
        raise Malformed("the checksum of the start is wrong", 8)
    offset, size, crc = view.number(12, 8), view.number(20, 8), view.number(28, 4)
    report.cover(0, _SIGNATURE)
    if not size:
        return
    header = view.part(_SIGNATURE + offset, size)
    if crc_of(header) != crc:
        raise Malformed("the checksum of the header is wrong", _SIGNATURE + offset)
    report.cover(_SIGNATURE + offset, size)
    header = _plain(view, report, header)
    reader = Reader(header, report.budget)
    reader.at = 1
    contents = reader.header()
    if reader.at != len(header):
        raise Malformed(f"{len(header) - reader.at} bytes follow the end of the header", _SIGNATURE + offset)
    _walk(view, report, contents)


def _plain(view: View, report: Report, header: View) -> View:
    """The header itself may be packed, and that header again."""
    for _ in range(_MOST_HEADERS):
        reader = Reader(header, report.budget)
        kind = reader.byte()
        if kind == HEADER:
            return header
        if kind != ENCODED:
            break
        contents = Contents()
        reader.streams(contents)
        if len(contents.folders) != 1 or reader.at != len(header):
            break
        folder = contents.folders[0]
        if encrypted(folder):
            report.fact("archive.encrypted", "the names in the archive are encrypted", header.start - view.start)
            raise Malformed("the header is encrypted", header.start - view.start)
        at, packed = _SIGNATURE + contents.start, contents.packed[0]
        unpacked, taken = unpack(view.part(at, packed), folder, report)
        report.cover(at, taken)
        if folder.crc is not None and crc_of(unpacked) != folder.crc:
            raise Malformed("the checksum of the packed header is wrong", at)
        header = unpacked
    raise Malformed("the header is none", header.start - view.start)


def _walk(view: View, report: Report, contents: Contents) -> None:
    names = Members(report, twice="archive.duplicate")
    streams = iter([file for file in contents.files if file.stream])
    at = _SIGNATURE + contents.start
    for file in contents.files:
        kind = stat.S_IFMT(file.attributes >> 16) if file.attributes & _UNIX else 0
        names.see(file.name.rstrip("/"), 0, folder=file.folder)
        if kind and kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            report.fact("archive.device", f"{printable(file.name)} is a device or a pipe", logical=file.name)
    for folder, packed in zip(contents.folders, contents.packed, strict=True):
        files = [next(streams, None) for _ in folder.parts]
        if None in files:
            raise Malformed("there are more streams than files", at)
        report.member(SolidMember(view.part(at, packed), folder, [file for file in files if file], names))
        if not encrypted(folder):
            report.cover(at, packed)
        at += packed
    if next(streams, None) is not None:
        raise Malformed("there are more files than streams", at)
    report.describe("members", len(contents.files))


class SolidMember:
    """A folder of an archive, and the files in it.

    Args:
        packed: the packed stream.
        folder: how it is packed and divided.
        files: as many as the folder has parts.
        names: where links are noted.
    """

    def __init__(self, packed: View, folder: Folder, files: list[File], names: Members) -> None:
        self._packed = packed
        self._folder = folder
        self._files = files
        self._names = names

    def open(self, report: Report) -> Iterable[View]:
        """The files, one by one.

        Raises:
            Malformed: the folder is damaged, encrypted, or packed by an unknown method.
            Refused: it expands beyond the budget.
        """
        where = self._packed.start - report.view.start
        if encrypted(self._folder):
            names = ", ".join(printable(file.name) for file in self._files[:3])
            report.fact("archive.encrypted", f"{names} is encrypted", where, self._files[0].name if self._files else "")
            raise Malformed(f"{names} is encrypted", where)
        content, taken = unpack(self._packed, self._folder, report)
        if taken < len(self._packed):
            report.fact("archive.hidden", f"{len(self._packed) - taken} bytes follow the packed data", where + taken)
        if self._folder.crc is not None and crc_of(content) != self._folder.crc:
            report.fact("archive.checksum", "the checksum of a folder is wrong", where)
        at = 0
        for file, (size, crc) in zip(self._files, self._folder.parts, strict=True):
            part = content.part(at, size)
            at += size
            opened = View(part.data, part.start, part.stop, report.view.part(0, 0, file.name).where, file.name)
            if crc is not None and crc_of(opened) != crc:
                report.fact("archive.checksum", f"the checksum of {printable(file.name)} is wrong", where, file.name)
            if file.attributes & _UNIX and stat.S_ISLNK(file.attributes >> 16):
                target = opened.raw(0, min(size, _MOST_LINK)).decode("utf-8", "backslashreplace")
                self._names.link(file.name, target, where)
            elif size:
                report.budget.member()
                yield opened
