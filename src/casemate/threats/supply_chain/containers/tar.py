"""Tar archives: ustar, GNU and pax (IEEE 1003.1-2017, pax; GNU tar manual, "Tar Internals").

Readers differ in whose word they take: a header's or a pax record's, the first end or the last. Where that would make
them see other members, it is a finding.
"""

from __future__ import annotations

from typing import Final

from casemate.threats.supply_chain.containers.expand import zeros
from casemate.threats.supply_chain.containers.paths import Members, leads_out
from casemate.threats.supply_chain.containers.sniffs import BLOCK, checksums
from casemate.threats.supply_chain.containers.tar_header import Header, Records, read_header, read_records
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine
from casemate.threats.supply_chain.view import View, printable

_FILES: Final = frozenset(b"0\x007")
_HARD, _SYMBOLIC, _FOLDER = ord("1"), ord("2"), ord("5")
_DEVICES: Final = frozenset(b"346")
_LONG_NAME, _LONG_LINK, _PAX, _PAX_ALL = ord("L"), ord("K"), ord("x"), ord("g")
_SPARSE: Final = ord("S")
_MOST_META: Final = 1 << 20
"""Bytes of a long name or of pax records."""

_OCTAL_SIZE: Final = 8 << 30
"""Sizes from here on do not fit in the octal field, and stand in a pax record or in base 256."""


def parse(view: View, report: Report) -> None:
    """Walk the archive, header by header, to its end and what follows.

    Ends, because each header takes at least one block.

    Raises:
        NotMine: the first block is no header.
        Malformed: a header's checksum is wrong, the archive is cut short, or has sparse members.
    """
    names = Members(report, twice="tar.duplicate")
    at, members, first = 0, 0, True
    always, once = Records(), Records()
    while not _ends(view, at):
        header = _header(view, at, first=first)
        first = False
        body = at + BLOCK
        size = _size(report, header, always | once, at)
        stop = body + size
        view.part(body, size)
        report.cover(at, BLOCK + size)
        at = stop + -size % BLOCK
        padding = min(at, len(view))
        if zeros(view, stop, padding) == padding:
            report.cover(stop, padding - stop)
        if header.kind in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_ALL):
            if size > _MOST_META:
                raise Malformed(f"a name or record has {size} bytes", body)
            raw = view.raw(body, size)
            if header.kind == _PAX_ALL:
                always = always | read_records(raw, body)
            elif header.kind == _PAX:
                once = once | read_records(raw, body)
            else:
                key = "path" if header.kind == _LONG_NAME else "linkpath"
                once = once | Records({key: raw.rstrip(b"\0").decode("utf-8", "backslashreplace")})
            continue
        _member(view, report, names, header, always | once, body, size)
        once, members = Records(), members + 1
    if once:
        raise Malformed("the archive ends behind a header that belongs to the next one", at)
    _end(view, report, at)
    report.describe("members", members)


def _ends(view: View, at: int) -> bool:
    if at >= len(view):
        raise Malformed("the archive is cut short: two blocks of zeros at its end are missing", at)
    return zeros(view, at, min(at + 2 * BLOCK, len(view))) == min(at + 2 * BLOCK, len(view))


def _header(view: View, at: int, *, first: bool) -> Header:
    if at + BLOCK > len(view):
        raise Malformed("the archive is cut short in a header", at)
    raw = view.raw(at, BLOCK)
    header = read_header(raw, at)
    if header is None or header.checksum not in checksums(raw):
        if first:
            raise NotMine
        raise Malformed("a header's checksum is wrong", at)
    return header


def _size(report: Report, header: Header, records: Records, at: int) -> int:
    """Bytes of the member; a pax record may only say what the header cannot."""
    size = 0 if header.kind in (_HARD, _SYMBOLIC, _FOLDER) or header.kind in _DEVICES else header.size
    said = records.get("size")
    if said is None or header.kind in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_ALL):
        return size
    if not said.isascii() or not said.isdigit() or len(said) > 19:
        raise Malformed("a pax size is no number", at)
    if int(said) != header.size and int(said) < _OCTAL_SIZE:
        message = f"a header says {header.size} bytes, its pax record {said}: readers see other members"
        report.fact("tar.mismatch", message, at)
    return int(said) if header.kind in _FILES else size


def _member(view: View, report: Report, names: Members, header: Header, records: Records, body: int, size: int) -> None:
    name = records.get("path", header.name)
    at = body - BLOCK
    if "\0" in name or not name.strip("/"):
        report.fact("tar.mismatch", f"a name holds a NUL byte or is blank: {printable(name)}", at, name)
    if "path" in records and leads_out(header.name):
        report.fact("archive.escape", f"a header without its pax record leads to {printable(header.name)}", at, name)
    if header.kind == _SPARSE or any(key.startswith("GNU.sparse") for key in records):
        raise Malformed(f"{printable(name)} is sparse, which is not read", at)
    folder = header.kind == _FOLDER or (header.kind in _FILES and name.endswith("/"))
    names.see(name.rstrip("/") if folder else name, at, folder=folder)
    target = records.get("linkpath", header.target)
    if header.kind == _SYMBOLIC:
        names.link(name, target, at)
    elif header.kind == _HARD:
        names.hard_link(name, target, at)
    elif header.kind in _DEVICES:
        report.fact("archive.device", f"{printable(name)} is a device or a pipe", at, name)
    elif header.kind in _FILES:
        if size:
            report.member(view.part(body, size, name))
    elif header.kind != _FOLDER:
        raise Malformed(f"{printable(name)} is of the unknown kind {header.kind:#x}", at)


def _end(view: View, report: Report, at: int) -> None:
    """Zeros to the end are padding; a header behind them is a second archive to readers that ignore zeros."""
    stop = zeros(view, at, len(view))
    report.cover(at, stop - at)
    if stop == len(view):
        return
    start = stop - (stop - at) % BLOCK
    if start + BLOCK <= len(view):
        raw = view.raw(start, BLOCK)
        header = read_header(raw, start)
        if header is not None and header.checksum in checksums(raw):
            report.fact("tar.mismatch", f"another archive follows the end: {printable(header.name)}", start)
            report.member(view.part(start, len(view) - start, "behind the end"))
            return
    report.fact("tar.trailing", f"{len(view) - stop} bytes follow the end of the archive", stop)
