"""Archives written by hand, field by field, so that every field can lie; and a format of text for their members."""

from __future__ import annotations

import struct
import sys
import zlib
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from casemate.threats.supply_chain import identify
from casemate.threats.supply_chain.containers.table import CONTAINERS
from casemate.threats.supply_chain.engine import Outcome, scan_view
from casemate.threats.supply_chain.format import Format, Magic
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.report import Report, Settings
from casemate.threats.supply_chain.view import View

SETTINGS = Settings(allow=reviewed())
NOTE = b"NOTE: benign"
EVIL = b"NOTE! evil"


def _parse(view: View, report: Report) -> None:
    """The format of these tests: "NOTE", evil with "!" behind it, or a claim on a sibling with "?"."""
    if view.begins(b"!", 4):
        report.fact("archive.escape", "evil", 4)
    if view.begins(b"?", 4):
        for line in view.raw(5, len(view) - 5).decode().split("\n"):
            path, at, count = line.split(",")
            report.claim(path, "weights", int(at), int(count) if count else None)
    if view.begins(b"#", 4):
        raise ZeroDivisionError
    report.cover(0, len(view))


def use_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only containers and notes are known."""
    monkeypatch.setitem(sys.modules, "casemate.threats.supply_chain.notes", SimpleNamespace(parse=_parse))
    formats = (*CONTAINERS, Format("note", "notes", Magic(b"NOTE")))
    monkeypatch.setattr(identify, "BY_FIRST", identify.by_first(formats))


def scanned(data: bytes, name: str = "file") -> Outcome:
    return scan_view(View(data, where=name), SETTINGS)


@dataclass
class Member:
    """A member of a zip; ``local`` and ``central`` override fields of the two headers."""

    name: bytes
    data: bytes = NOTE
    method: int = 0
    flags: int = 0
    local: dict[str, object] = field(default_factory=dict)
    central: dict[str, object] = field(default_factory=dict)
    before: bytes = b""
    descriptor: bytes = b""
    extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    mode: int = 0
    offset: int | None = None

    @property
    def packed(self) -> bytes:
        if self.method != 8:
            return self.data
        state = zlib.compressobj(9, zlib.DEFLATED, -15)
        return state.compress(self.data) + state.flush()

    def fields(self, over: dict[str, object]) -> dict[str, object]:
        own = {
            "name": self.name,
            "method": self.method,
            "flags": self.flags,
            "crc": zlib.crc32(self.data),
            "packed": len(self.packed),
            "size": len(self.data),
        }
        return {**own, **over}

    def local_header(self) -> bytes:
        over = {"crc": 0, "packed": 0, "size": 0} if self.flags & 8 else {}
        f = self.fields({**over, **self.local})
        head = struct.pack("<4s5H3L2H", b"PK\3\4", 20, f["flags"], f["method"], 0, 33, f["crc"], f["packed"], f["size"],
                           len(f["name"]), len(self.extra))  # fmt: skip
        return head + f["name"] + self.extra

    def central_header(self, at: int) -> bytes:
        f = self.fields(self.central)
        head = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20 | 3 << 8, 20, f["flags"], f["method"], 0, 33, f["crc"],
                           f["packed"], f["size"], len(f["name"]), len(self.central_extra), len(self.comment), 0, 0,
                           self.mode << 16, at if self.offset is None else self.offset)  # fmt: skip
        return head + f["name"] + self.central_extra + self.comment


def zipped(*members: Member, listed: int | None = None, count: int | None = None, comment: bytes = b"",
           prefix: bytes = b"", gap: bytes = b"", end: bytes | None = None, shift: int = 0) -> bytes:  # fmt: skip
    """A zip archive. ``listed``: how many members the directory has; ``count``: what its end says."""
    body, central = bytearray(prefix), bytearray()
    for index, member in enumerate(members):
        body += member.before
        at = len(body)
        body += member.local_header() + member.packed + member.descriptor
        if listed is None or index < listed:
            central += member.central_header(at + shift)
    body += gap
    number = count if count is not None else len(members) if listed is None else listed
    if end is None:
        where = len(body) + shift
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, number, number, len(central), where, len(comment)) + comment
    return bytes(body + central + end)


def tar_header(name: str | bytes, size: int = 0, kind: bytes = b"0", target: str = "", **fields: bytes) -> bytes:
    """One block of a tar archive, with a correct checksum unless one is given."""
    raw = name if isinstance(name, bytes) else name.encode()
    head = raw[:100].ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2
    head += fields.get("length", b"%011o\0" % size) + b"00000000000\0" + b" " * 8
    head += kind + target.encode().ljust(100, b"\0") + fields.get("magic", b"ustar\x0000")
    head = head.ljust(512, b"\0")
    checksum = fields.get("checksum", b"%06o\0 " % sum(head))
    return head[:148] + checksum + head[156:]


def tar_member(name: str | bytes, data: bytes = NOTE, kind: bytes = b"0", target: str = "", **fields: bytes) -> bytes:
    return tar_header(name, len(data), kind, target, **fields) + data + b"\0" * (-len(data) % 512)


def pax(kind: bytes = b"x", **records: str) -> bytes:
    """A pax header with these records; "_" in a key stands for "."."""
    raw = b""
    for key, value in records.items():
        line = f" {key.replace('_', '.')}={value}\n".encode()
        length = len(line) + len(str(len(line)))
        length = len(line) + len(str(length))
        raw += str(length).encode() + line
    return tar_member("PaxHeader", raw, kind)


END = b"\0" * 1024
