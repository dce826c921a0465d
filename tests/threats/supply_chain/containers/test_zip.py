"""Zip archives: what real writers make is understood to the last byte; what two readers see differently is found."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.threats.supply_chain import budget as budgets
from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.containers import zip as zips
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.view import View
from tests.threats.supply_chain.containers.archives import EVIL, NOTE, SETTINGS, Member, scanned, use_notes, zipped

CRITICAL = {"mismatch": "CM-SUP-110", "hidden": "CM-SUP-111", "overlap": "CM-SUP-112", "escape": "CM-SUP-103"}


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch) -> None:
    use_notes(monkeypatch)


def extra(kind: int, body: bytes) -> bytes:
    return struct.pack("<2H", kind, len(body)) + body


def wide_end(data: bytes, **lies: int) -> bytes:
    """The archive with zip64 records in front of its end, which may lie."""
    end = data[-22:]
    _, _, _, _, count, size, offset, _ = struct.unpack("<4s4H2LH", end)
    count, size, offset = lies.get("count", count), lies.get("size", size), lies.get("offset", offset)
    at = len(data) - 22
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
    return data[:-22] + record + struct.pack("<4sLQL", b"PK\6\7", 0, lies.get("at", at), 1) + end


def descriptor(data: bytes, *, sign: bool = True, wide: bool = False, crc: int | None = None) -> bytes:
    value = zlib.crc32(data) if crc is None else crc
    return (b"PK\7\x08" if sign else b"") + struct.pack("<L2Q" if wide else "<3L", value, len(data), len(data))


def written(**options: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as archive:
        archive.writestr("folder/", "")
        archive.writestr("folder/a", NOTE * 50)
        with archive.open("b", "w", force_zip64=True) as member:
            member.write(NOTE)
        archive.comment = "a comment, ä".encode()
    return out.getvalue()


class Unseekable(io.RawIOBase):
    """What a pipe is to a writer: it must put sizes behind the data."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self.data += piece
        return len(piece)


HONEST = {
    "stored": written(),
    "deflated": written(compression=8),
    "bzip2": written(compression=12),
    "lzma": written(compression=14),
    "empty": zipped(),
    "by hand": zipped(Member(b"a"), Member(b"b", method=8)),
    "descriptor": zipped(Member(b"a", flags=8, descriptor=descriptor(NOTE))),
    "descriptor without signature": zipped(Member(b"a", flags=8, descriptor=descriptor(NOTE, sign=False))),
    "descriptor of 64 bits": zipped(Member(b"a", flags=8, descriptor=descriptor(NOTE, wide=True))),
    "descriptor is missing": zipped(Member(b"a", flags=8)),
    "torch padding": zipped(Member(b"a", extra=extra(0x4246, b"Z" * 20))),
    "android alignment": zipped(Member(b"a", extra=extra(0xD935, b"\x04\0\0\0\0"))),
    "zipalign": zipped(Member(b"a", extra=b"\0\0\0")),
    "times": zipped(Member(b"a", central_extra=extra(0x5455, b"\1" + b"\0" * 4))),
    "unicode path": zipped(
        Member(b"\x81", central_extra=extra(0x7075, b"\1" + struct.pack("<L", zlib.crc32(b"\x81")) + "ü".encode()))
    ),
    "zip64 end": wide_end(zipped(Member(b"a"))),
    "zip64 sizes": zipped(
        Member(
            b"a",
            local={"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF},
            extra=extra(1, struct.pack("<2Q", len(NOTE), len(NOTE))),
        )
    ),
    "zip64 repeated": zipped(Member(b"a", extra=extra(1, struct.pack("<2Q", len(NOTE), len(NOTE))))),
    "link inside": zipped(Member(b"d/l", b"../a", mode=stat.S_IFLNK | 0o777), Member(b"a")),
    "comment on a member": zipped(Member(b"a", comment=b"hello")),
}

HIDDEN_HEADER = Member(b"hidden", EVIL).local_header() + EVIL
LIES: dict[str, tuple[bytes, str]] = {
    "local name": (zipped(Member(b"a", local={"name": b"b"})), "mismatch"),
    "local method": (zipped(Member(b"a", local={"method": 8})), "mismatch"),
    "local CRC": (zipped(Member(b"a", local={"crc": 1})), "mismatch"),
    "local size": (zipped(Member(b"a", local={"size": 3})), "mismatch"),
    "local packed size": (zipped(Member(b"a", local={"packed": 3})), "mismatch"),
    "local encryption": (zipped(Member(b"a", local={"flags": 1})), "mismatch"),
    "central encryption": (zipped(Member(b"a", central={"flags": 1})), "mismatch"),
    "encryption on both": (zipped(Member(b"a", flags=1)), "mismatch"),
    "encryption on both, deflated": (zipped(Member(b"a", flags=1, method=8)), "mismatch"),
    "local descriptor flag": (zipped(Member(b"a", local={"flags": 8})), "mismatch"),
    "encoding": (zipped(Member(b"\xc3\xa4", local={"flags": 0x800})), "mismatch"),
    "stored with two sizes": (zipped(Member(b"a", central={"size": 3}, local={"size": 3})), "mismatch"),
    "deflated with a wrong size": (zipped(Member(b"a", method=8, central={"size": 3}, local={"size": 3})), "mismatch"),
    "descriptor lies": (zipped(Member(b"a", flags=8, descriptor=descriptor(NOTE, crc=1))), "mismatch"),
    "two of a name": (zipped(Member(b"a", EVIL), Member(b"a")), "mismatch"),
    "two of a name, spelled apart": (zipped(Member(b"d/a"), Member(b"d/./a")), "mismatch"),
    "NUL in a name": (zipped(Member(b"a.pkl\0.txt")), "mismatch"),
    "count": (zipped(Member(b"a"), Member(b"b"), count=1), "mismatch"),
    "unicode path of an ASCII name": (
        zipped(Member(b"a", central_extra=extra(0x7075, b"\1" + struct.pack("<L", zlib.crc32(b"a")) + b"b"))),
        "mismatch",
    ),
    "zip64 end lies": (wide_end(zipped(Member(b"a"), Member(b"b")), count=1), "mismatch"),
    "two zip64 fields": (zipped(Member(b"a", extra=extra(1, b"") + extra(1, b""))), "mismatch"),
    "zip64 size lies": (zipped(Member(b"a", extra=extra(1, struct.pack("<2Q", 3, len(NOTE))))), "mismatch"),
    "two directories": (zipped(Member(b"a"))[:-22] + zipped(Member(b"b")), "mismatch"),
    "another archive in front": (zipped(Member(b"b"), prefix=zipped(Member(b"a"))), "hidden"),
    "end in a comment": (zipped(Member(b"a"), comment=b"PK\5\6" + b"\0" * 18), "mismatch"),
    "not listed": (zipped(Member(b"a"), Member(b"b", EVIL), listed=1), "hidden"),
    "not listed, in front": (zipped(Member(b"a"), prefix=HIDDEN_HEADER), "hidden"),
    "not listed, between": (zipped(Member(b"a"), Member(b"b", before=HIDDEN_HEADER)), "hidden"),
    "behind deflated data": (
        zipped(
            Member(
                b"a",
                Member(b"a", method=8).packed + EVIL,
                central={"method": 8, "size": len(NOTE), "crc": zlib.crc32(NOTE)},
                local={"method": 8, "size": len(NOTE), "crc": zlib.crc32(NOTE)},
            )
        ),
        "hidden",
    ),
    "two entries, one header": (zipped(Member(b"a"), Member(b"a2", local={"name": b"a"}, offset=0)), "overlap"),
    "in the directory": (zipped(Member(b"a", central={"packed": 40, "size": 40})), "overlap"),
    "climbs": (zipped(Member(b"a/../../b")), "escape"),
    "absolute": (zipped(Member(b"/etc/cron.d/x")), "escape"),
    "drive": (zipped(Member(b"C:\\x")), "escape"),
    "climbs with backslashes": (zipped(Member(b"..\\x")), "escape"),
    "link outside": (zipped(Member(b"l", b"../../etc", mode=stat.S_IFLNK | 0o777)), "escape"),
    "through a link": (zipped(Member(b"l", b"d", mode=stat.S_IFLNK | 0o777), Member(b"l/x")), "escape"),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_what_honest_writers_make_is_clean_to_the_last_byte(name: str) -> None:
    found = scanned(HONEST[name])
    assert (found.verdict, found.unreadable, found.findings) == (Verdict.CLEAN, "", ())
    assert found.coverage == 1.0
    assert found.formats == ("zip",)


def test_an_archive_written_to_a_pipe_is_clean() -> None:
    pipe = Unseekable()
    with zipfile.ZipFile(pipe, "w", 8) as archive:  # type: ignore[call-overload]
        archive.writestr("a", NOTE)
    assert scanned(bytes(pipe.data)).verdict is Verdict.CLEAN


@pytest.mark.parametrize("name", LIES)
def test_whatever_two_readers_see_differently_is_malicious(name: str) -> None:
    data, kind = LIES[name]
    found = scanned(data)
    assert CRITICAL[kind] in {finding.rule for finding in found.findings}
    assert found.verdict is Verdict.MALICIOUS


def test_members_are_scanned_by_content_and_named_in_locations() -> None:
    found = scanned(zipped(Member(b"a"), Member(b"d/b", EVIL, method=8)))
    assert [finding.location for finding in found.findings] == ["file!d/b byte 4"]
    assert found.verdict is Verdict.MALICIOUS


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (zipped(Member(b"a", local={"crc": 7}, central={"crc": 7})), Verdict.SUSPICIOUS),
        (zipped(Member(b"a", EVIL, local={"crc": 7}, central={"crc": 7})), Verdict.MALICIOUS),
        (zipped(Member(b"A"), Member(b"a")), Verdict.SUSPICIOUS),
        (zipped(Member(b"a\x1b[2J")), Verdict.SUSPICIOUS),
        (zipped(Member("x\u202etxt.exe".encode(), flags=0x800)), Verdict.SUSPICIOUS),
        (zipped(Member(b"p", b"", mode=stat.S_IFIFO)), Verdict.SUSPICIOUS),
        (zipped(Member(b"a", b"\0" * 9, flags=1, central={"crc": 1}, local={"crc": 1})), Verdict.SUSPICIOUS),
        (zipped(Member(b"a", b"\0" * 9, method=99)), Verdict.SUSPICIOUS),
        (zipped(Member(b"a", method=97)), Verdict.UNREADABLE),
        (zipped(Member(b"a", extra=extra(0x1234, b"anything"))), Verdict.UNREADABLE),
        (zipped(Member(b"a", extra=extra(0x4246, b"ZZpayload"))), Verdict.UNREADABLE),
        (zipped(Member(b"a"), comment=b"\x80\x04\x95"), Verdict.UNREADABLE),
        (zipped(Member(b"a"), gap=b"0123"), Verdict.UNREADABLE),
        (zipped(Member(b"a")) + b"behind", Verdict.UNREADABLE),
        (b"#!/bin/sh\n" + zipped(Member(b"a"), shift=10), Verdict.UNREADABLE),
        (zipped(Member(b"a"))[:-5], Verdict.UNREADABLE),
        (zipped(Member(b"a"))[:40], Verdict.UNREADABLE),
        (zipped(Member(b"a", method=8, data=NOTE * 9))[:-3], Verdict.UNREADABLE),
        (zipped(Member(b"a", offset=9)), Verdict.UNREADABLE),
    ],
)  # fmt: skip
def test_what_is_odd_is_not_clean(data: bytes, verdict: Verdict) -> None:
    assert scanned(data).verdict is verdict


def test_bombs_end_at_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "FREE", 1 << 20)
    monkeypatch.setattr(budgets, "RATIO", 4)
    bomb = Member(b"a", bytes(8 << 20), method=8)
    found = scanned(zipped(bomb))
    assert [finding.rule for finding in found.findings] == ["CM-SUP-014"]
    assert found.verdict is Verdict.SUSPICIOUS


def test_many_overlapping_members_cost_no_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifield's construction in small: a hundred entries share one kernel of deflated data."""
    monkeypatch.setattr(budgets, "FREE", 4 << 20)
    monkeypatch.setattr(budgets, "RATIO", 4)
    kernel = Member(b"k", bytes(2 << 20), method=8)
    others = [Member(b"%d" % index, bytes(2 << 20), method=8, offset=0) for index in range(100)]
    data = bytearray(kernel.local_header() + kernel.packed)
    central = b"".join(member.central_header(0) for member in [kernel, *others])
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 101, 101, len(central), len(data), 0)
    calls: list[int] = []
    before = Budget.expand
    monkeypatch.setattr(Budget, "expand", lambda self, count: (calls.append(count), before(self, count))[1])
    found = scanned(bytes(data) + central + end)
    assert "CM-SUP-112" in {finding.rule for finding in found.findings}
    assert found.verdict is Verdict.MALICIOUS
    assert sum(calls) <= (4 << 20) + (1 << 20)


def test_a_million_members_are_refused_before_they_are_read() -> None:
    entry = Member(b"", b"").central_header(0)
    size = len(entry) * 1_000_000
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1_000_000, 1_000_000, size, 0)
    end += struct.pack("<4sLQL", b"PK\6\7", 0, size, 1) + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535,
                                                                     0xFFFFFFFF, 0xFFFFFFFF, 0)  # fmt: skip
    found = scanned(entry * 1_000_000 + end)
    assert [finding.rule for finding in found.findings] == ["CM-SUP-014"]
    lying = end.replace(struct.pack("<2Q", 1_000_000, 1_000_000), struct.pack("<2Q", 1, 1))
    found = scanned(entry * 1_000_000 + lying)
    assert found.verdict is not Verdict.CLEAN


def test_archives_nested_deep_end(monkeypatch: pytest.MonkeyPatch) -> None:
    data = NOTE
    for _ in range(50):
        data = zipped(Member(b"a", data))
    found = scanned(data)
    assert found.verdict is Verdict.SUSPICIOUS
    assert "CM-SUP-014" in {finding.rule for finding in found.findings}
    assert scanned(zipped(Member(b"a", zipped(Member(b"b", EVIL, method=8)), method=8))).verdict is Verdict.MALICIOUS


def test_an_archive_that_begins_as_something_else_is_two_things() -> None:
    """A note in front of an archive: one program reads the note, another the members."""
    found = scanned(NOTE + zipped(Member(b"a"), shift=len(NOTE)))
    assert set(found.formats) == {"note", "zip"}
    assert "CM-SUP-013" in {finding.rule for finding in found.findings}
    assert scanned(NOTE + b"PK\5\6" + b"\0" * 30).formats == ("note",)


def test_siblings_in_an_archive_account_for_each_other() -> None:
    weights = Member(b"m/data/0", bytes(range(64)))
    assert scanned(zipped(Member(b"m/a", b"NOTE?data/0,0,64"), weights)).verdict is Verdict.CLEAN
    assert scanned(zipped(Member(b"m/a", b"NOTE?data/0,0,"), weights)).coverage == 1.0
    part = scanned(zipped(Member(b"m/a", b"NOTE?data/0,0,60"), weights))
    assert part.unreadable == "file!m/data/0: 4 of its bytes are claimed by no file beside it (first at byte 60)"
    assert scanned(zipped(Member(b"n/a", b"NOTE?data/0,0,64"), weights)).verdict is Verdict.UNREADABLE
    evil = Member(b"m/data/0", EVIL)
    assert scanned(zipped(Member(b"m/a", b"NOTE?data/0,0,"), evil)).verdict is Verdict.MALICIOUS
    outside = scanned(zipped(Member(b"m/a", b"NOTE?../data/0,0,64"), weights))
    assert "CM-SUP-100" in {finding.rule for finding in outside.findings}
    missing = scanned(zipped(Member(b"m/a", b"NOTE?data/0,0,65"), weights))
    assert "CM-SUP-101" in {finding.rule for finding in missing.findings}
    assert missing.verdict is Verdict.UNREADABLE


def test_a_parser_that_fails_is_told_and_never_clean() -> None:
    found = scanned(zipped(Member(b"a", b"NOTE#"), Member(b"b", EVIL)))
    assert {finding.rule for finding in found.findings} == {"CM-SUP-102", "CM-SUP-103"}
    assert scanned(zipped(Member(b"a", b"NOTE#"))).verdict is Verdict.UNREADABLE
    claimed = zipped(Member(b"b", b"NOTE?a,0,"), Member(b"a", b"NOTE#"))
    assert scanned(claimed).verdict is Verdict.UNREADABLE


def test_what_numpy_writes_has_no_gap() -> None:
    out = io.BytesIO()
    np.savez(out, x=np.zeros(3), y=np.ones(2))
    report = Report(View(out.getvalue()), SETTINGS, Budget(len(out.getvalue()), 1 << 30))
    zips.parse(report.view, report)
    assert (report.coverage.gaps(), report.findings, len(report.members)) == ([], [], 2)


SEEDS = [*HONEST.values(), *(data for data, _ in LIES.values())]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_mutations_end_with_a_stop_and_nothing_else(draw: Any) -> None:
    data = bytearray(draw.draw(st.sampled_from(SEEDS)))
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(0, max(len(data) - 1, 0)))
        kind = draw.draw(st.sampled_from(["flip", "cut", "length", "insert"]))
        if kind == "flip":
            data[at] ^= 1 << draw.draw(st.integers(0, 7))
        elif kind == "cut":
            del data[at : at + draw.draw(st.integers(1, 8))]
        elif kind == "length":
            data[at : at + 4] = draw.draw(st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"PK\5\6"]))
        else:
            data[at:at] = draw.draw(st.binary(min_size=1, max_size=30))
        if not data:
            return
    report = Report(View(bytes(data)), SETTINGS, Budget(len(data), 1 << 24))
    try:
        zips.parse(report.view, report)
        for member in report.members:
            if not isinstance(member, View):
                list(member.open(report))
    except (Malformed, NotMine, Refused):
        pass
