"""Zip archives (PKWARE APPNOTE 6.3.10): every header compared with the directory, every byte given to one of them.

Readers that go by the directory and readers that go by local headers, readers that stop at NUL and readers that do not,
readers that check the CRC and readers that do not: a scanner that is only one of them sees what the attacker wants it
to. So all of them are followed, and any difference is a finding. torch, Keras, numpy, skops and wheels write archives
in which there is none.
"""

from __future__ import annotations

import stat
import struct
from typing import Final

from casemate.threats.supply_chain.containers.paths import Members
from casemate.threats.supply_chain.containers.zip_directory import LOCAL, Entry, decoded, find_directory, read_entries
from casemate.threats.supply_chain.containers.zip_extra import Extra
from casemate.threats.supply_chain.containers.zip_member import ZipMember
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, Refused
from casemate.threats.supply_chain.view import View, printable

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_DESCRIPTOR: Final = b"PK\x07\x08"
_COMPARED_FLAGS: Final = 0x2049
"""Encryption, strong encryption, masked headers, sizes behind the data."""

_UNIX: Final = 3
_SYSTEMS: Final = frozenset({_UNIX, 19})
_MOST_LINK: Final = 4096


def parse(view: View, report: Report) -> None:
    """Walk the archive: directory, local headers, members, and what lies between them.

    Raises:
        NotMine: there is no archive.
        Malformed: it is cut short or its records lead nowhere.
        Refused: it has more members than the budget allows.
    """
    directory = find_directory(view, report)
    entries = read_entries(view, report, directory)
    names = Members(report, twice="zip.duplicate")
    reached = 0
    for entry in sorted(entries, key=lambda entry: entry.header):
        if b"\0" in entry.raw:
            report.fact("zip.mismatch", f"a name holds a NUL byte: {printable(entry.name)}", entry.at, entry.name)
        folder = entry.raw.endswith(b"/")
        names.see(entry.name, entry.at, folder=folder)
        if entry.shown != entry.name:
            names.see(entry.shown, entry.at, folder=folder)
        start, stop = _header(view, report, entry)
        if entry.header < reached:
            report.fact("zip.overlap", f"{printable(entry.name)} lies in another member", entry.header, entry.name)
        _hidden(view, report, reached, entry.header)
        reached = max(reached, _descriptor(view, report, entry, stop))
        _member(view, report, names, entry, start, folder=folder)
    if reached > directory.at:
        report.fact("zip.overlap", "a member lies in the directory", directory.at)
    _hidden(view, report, reached, directory.at)
    report.describe("members", len(entries))


def _header(view: View, report: Report, entry: Entry) -> tuple[int, int]:
    """Compare the local header; returns where the packed data starts and ends."""
    at = entry.header
    sign, _, flags, method, _, _, crc, packed, size, names, extras = _LOCAL.unpack(view.raw(at, _LOCAL.size))
    if sign != LOCAL:
        raise Malformed(f"the directory leads to no header for {printable(entry.name)}", at)
    raw = view.raw(at + _LOCAL.size, names)
    report.cover(at, _LOCAL.size + names)
    known = Extra(view, report, at + _LOCAL.size + names, extras)
    known.check_name(raw, decoded(raw, flags))
    size, packed, _, _ = known.widen(size, packed)
    late = flags & 8
    differences = [
        what
        for what, different in (
            ("name", raw != entry.raw),
            ("method", method != entry.method),
            ("flags", (flags ^ entry.flags) & _COMPARED_FLAGS),
            ("encoding", (flags ^ entry.flags) & 0x800 and not raw.isascii()),
            ("CRC", crc != entry.crc and not (late and crc == 0)),
            ("packed size", packed != entry.packed and not (late and packed == 0)),
            ("size", size != entry.size and not (late and size == 0)),
            (
                "packed size of a stored member",
                entry.method == 0 and entry.packed != entry.size and not entry.encrypted,
            ),
        )
        if different
    ]
    if differences:
        message = f"header and directory differ in {', '.join(differences)} for {printable(entry.name)}"
        report.fact("zip.mismatch", message, at, entry.name)
    start = at + _LOCAL.size + names + extras
    view.part(start, entry.packed)
    return start, start + entry.packed


def _descriptor(view: View, report: Report, entry: Entry, at: int) -> int:
    """Cover the sizes behind the data (APPNOTE 4.3.9): 32 or 64 bits, with or without a signature."""
    if not entry.flags & 8:
        return at
    signed = 4 if view.begins(_DESCRIPTOR, at) else 0
    for sign, code in ((signed, "<3L"), (signed, "<L2Q"), (0, "<3L"), (0, "<L2Q")):
        count = struct.calcsize(code)
        if at + sign + count <= len(view):
            crc, packed, size = struct.unpack(code, view.raw(at + sign, count))
            if (crc, packed, size) == (entry.crc, entry.packed, entry.size) and (crc or size or sign):
                report.cover(at, sign + count)
                return at + sign + count
    if signed:
        message = f"the sizes behind the data of {printable(entry.name)} are not those of the directory"
        report.fact("zip.mismatch", message, at, entry.name)
    return at


def _hidden(view: View, report: Report, at: int, stop: int) -> None:
    """A header that the directory does not list; bytes that are no header are merely not covered."""
    found = view.find(LOCAL, at, stop) if at < stop else -1
    if found >= 0:
        report.fact("zip.hidden", "a member stands in the archive that the directory does not list", found)


def _member(view: View, report: Report, names: Members, entry: Entry, start: int, *, folder: bool) -> None:
    kind = stat.S_IFMT(entry.mode) if entry.made in _SYSTEMS else 0
    if not folder and kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):  # old Maven marks folders oddly
        report.fact("archive.device", f"{printable(entry.name)} is a device or a pipe", entry.at, entry.name)
    if folder and not entry.packed:
        return
    report.cover(start, entry.packed)
    member = ZipMember(view.part(start, entry.packed, entry.name), entry)
    if kind == stat.S_IFLNK:
        if entry.size > _MOST_LINK:
            raise Malformed(f"the link {printable(entry.name)} has {entry.size} bytes", start)
        try:
            targets = [opened.raw(0, min(len(opened), _MOST_LINK)) for opened in member.open(report)]
        except Refused as stop:
            report.fact(stop.fact, stop.message, start, entry.name)
            return
        for target in targets:
            names.link(entry.name, target.decode("utf-8", "backslashreplace"), entry.at)
        return
    report.member(member)
