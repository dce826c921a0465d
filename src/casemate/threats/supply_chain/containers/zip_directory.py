"""The directory of a zip archive (PKWARE APPNOTE 6.3.10, sections 4.3.12 to 4.3.16), read as strictly as it is written.

Readers find the directory in different ways: from the last end record, by its absolute offset, by counting back from
the end, through the zip64 records or past them. Wherever two of these ways lead to different places it is a fact.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from casemate.threats.supply_chain.containers.sniffs import END, END_SIZE, TAIL
from casemate.threats.supply_chain.containers.zip_extra import FULL16, FULL32, Extra
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.view import View

CENTRAL: Final = b"PK\x01\x02"
LOCAL: Final = b"PK\x03\x04"
_LOCATOR: Final = b"PK\x06\x07"
_END64: Final = b"PK\x06\x06"
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_END64_BODY: Final = struct.Struct("<4sQ2H2L4Q")


class Entry(NamedTuple):
    """One member as the directory has it.

    Attributes:
        raw: its name, as it stands there.
        name: the same, decoded.
        shown: the name that readers of the Unicode path field see.
        made: the system that made it; 3 is Unix.
        mode: that system's attributes.
        header: where its local header stands in the view.
        at: where the entry stands.
    """

    raw: bytes
    name: str
    shown: str
    made: int
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    header: int
    at: int

    @property
    def encrypted(self) -> bool:
        """Traditional, strong or AES encryption, or masked headers."""
        return bool(self.flags & 0x2041) or self.method == 99


class Directory(NamedTuple):
    """What the end records say.

    Attributes:
        at, size: where the directory stands.
        entries: how many it has.
        base: where the archive starts; offsets count from there.
    """

    at: int
    size: int
    entries: int
    base: int


def find_directory(view: View, report: Report) -> Directory:
    """The directory that the last end record leads to.

    Raises:
        NotMine: there is no archive.
        Malformed: the records are cut short or contradict the size of the view.
        Refused: there are more members than the budget allows.
    """
    at = view.rfind(END, max(len(view) - TAIL, 0))
    if at < 0 or at + END_SIZE > len(view):
        raise Malformed("the archive is cut short: it has no end of its directory", len(view))
    _rivals(view, report, at)
    _, disk, first, here, count, size, offset, comment = _END.unpack(view.raw(at, END_SIZE))
    end = at
    wide = _end64(view, report, at)
    if wide is not None:
        end, (count64, size64, offset64) = wide
        for narrow, full, value in ((count, FULL16, count64), (size, FULL32, size64), (offset, FULL32, offset64)):
            if narrow not in (full, value):
                report.fact("zip.mismatch", f"the end of the directory says {narrow}, its zip64 record {value}", at)
        count, size, offset = count64, size64, offset64
    elif (disk, first) != (0, 0) or here != count:
        raise _not_there(view, "the archive is spread over several disks", at)
    base = end - size - offset
    if base < 0 or size > end or (count == 0) != (size == 0):
        raise _not_there(view, "the directory does not lie where its end says", at)
    if count and not view.begins(CENTRAL, end - size):
        raise _not_there(view, "the directory does not lie where its end says", at)
    if count == 0 and at:
        raise _not_there(view, "an empty archive follows other bytes", at)
    if base and view.begins(CENTRAL, offset):
        report.fact("zip.mismatch", "there are two directories, one by offset and one before the end", offset)
    if count > report.budget.members:
        raise Refused("file.members", f"the archive announces {count} members", at)
    _cover_end(view, report, at, comment)
    return Directory(end - size, size, count, base)


def _not_there(view: View, message: str, at: int) -> Exception:
    """An archive that begins as one is damaged; a stray end record in other bytes is no archive."""
    return Malformed(message, at) if view.begins(LOCAL) or at == 0 else NotMine()


def _rivals(view: View, report: Report, at: int) -> None:
    """An earlier end whose comment reaches to the end of the view: readers that search forward take that one."""
    rival = view.find(END, max(len(view) - TAIL, 0), at)
    while rival >= 0:
        if rival + END_SIZE + view.number(rival + 20, 2) == len(view):
            report.fact("zip.mismatch", "there are two ends of a directory, one in the comment of the other", rival)
        rival = view.find(END, rival + 1, at)


def _cover_end(view: View, report: Report, at: int, comment: int) -> None:
    report.cover(at, END_SIZE)
    text = view.raw(at + END_SIZE, min(comment, len(view) - at - END_SIZE))
    if is_text(text):
        report.cover(at + END_SIZE, comment)


def _end64(view: View, report: Report, at: int) -> tuple[int, tuple[int, int, int]] | None:
    """Where the zip64 end record stands and its count, size and offset; None if there is none."""
    locator = at - 20
    if locator < 0 or not view.begins(_LOCATOR, locator):
        return None
    disk, offset, disks = view.number(locator + 4, 4), view.number(locator + 8, 8), view.number(locator + 16, 4)
    found = locator - _END64_BODY.size
    if found < 0 or not view.begins(_END64, found):
        raise Malformed("the zip64 record does not stand before its locator", locator)
    if offset > found or (offset != found and view.begins(_END64, offset)):
        report.fact("zip.mismatch", "there are two zip64 records, one by offset and one before its locator", locator)
    _, length, _, _, this, first, here, count, size, start = _END64_BODY.unpack(view.raw(found, _END64_BODY.size))
    if length != _END64_BODY.size - 12 or here != count or (disk, this, first) != (0, 0, 0) or disks > 1:
        raise Malformed("the zip64 record has an extension or names other disks", found)
    report.cover(found, _END64_BODY.size + 20)
    return found, (count, size, start)


def read_entries(view: View, report: Report, directory: Directory) -> list[Entry]:
    """All entries of the directory.

    Raises:
        Malformed: an entry is cut short, or entries and announced size differ.
    """
    at, stop = directory.at, directory.at + directory.size
    entries: list[Entry] = []
    while at < stop:
        record = view.raw(at, _CENTRAL.size)
        sign, made, _, flags, method, _, _, crc, packed, size, names, extras, comments, disk, _, outer, header = (
            _CENTRAL.unpack(record)
        )
        if sign != CENTRAL:
            raise Malformed("the directory holds something that is no entry", at)
        length = _CENTRAL.size + names + extras + comments
        if at + length > stop:
            raise Malformed("an entry of the directory is cut short", at)
        raw = view.raw(at + _CENTRAL.size, names)
        name = decoded(raw, flags)
        known = Extra(view, report, at + _CENTRAL.size + names, extras)
        size, packed, header, disk = known.widen(size, packed, header, disk)
        if disk:
            raise Malformed("the archive is spread over several disks", at)
        shown = known.check_name(raw, name)
        entry = Entry(
            raw, name, shown, made >> 8, flags, method, crc, packed, size, outer >> 16, header + directory.base, at
        )
        report.cover(at, _CENTRAL.size + names)
        if is_text(view.raw(at + length - comments, comments)):
            report.cover(at + length - comments, comments)
        entries.append(entry)
        at += length
        if len(entries) > report.budget.members:
            raise Refused("file.members", "the archive has too many members", at)
    if len(entries) != directory.entries:
        message = f"the directory has {len(entries)} entries, its end announces {directory.entries}"
        report.fact("zip.mismatch", message, directory.at)
    return entries


def decoded(raw: bytes, flags: int) -> str:
    """A name: UTF-8 if the header says so, else code page 437, as zip has it."""
    return raw.decode("utf-8" if flags & 0x800 else "cp437", "backslashreplace")


def is_text(raw: bytes) -> bool:
    """Whether a comment is readable text, and so nothing else."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(sign.isprintable() or sign in "\r\n\t" for sign in text)
