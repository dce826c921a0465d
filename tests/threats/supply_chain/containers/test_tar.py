"""Tar archives: what tarfile writes is understood; where readers would disagree about members it is found."""

from __future__ import annotations

import contextlib
import io
import tarfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.containers import tar as tars
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.view import View
from tests.threats.supply_chain.containers.archives import (
    END,
    EVIL,
    NOTE,
    SETTINGS,
    Member,
    pax,
    scanned,
    tar_header,
    tar_member,
    use_notes,
    zipped,
)


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch) -> None:
    use_notes(monkeypatch)


def written(form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, kind, target in (
            ("folder", tarfile.DIRTYPE, ""),
            ("folder/a", tarfile.REGTYPE, ""),
            ("b" * 90 + "/" + "ä" * 40, tarfile.REGTYPE, ""),
            ("hard", tarfile.LNKTYPE, "folder/a"),
            ("soft", tarfile.SYMTYPE, "folder/a"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = len(NOTE) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(NOTE))
    return out.getvalue()


HONEST = {
    "ustar": written(tarfile.USTAR_FORMAT),
    "gnu": written(tarfile.GNU_FORMAT),
    "pax": written(tarfile.PAX_FORMAT),
    "short": tar_member("a") + END,
    "old": tar_member("a", magic=b"\0" * 8) + END,
    "size in base 256": tar_member("a", length=b"\x80" + len(NOTE).to_bytes(11, "big")) + END,
    "padded": tar_member("a") + END * 20,
    "from here": tar_member("./", b"", b"5") + tar_member("./a") + tar_member("./b") + END,
    "global": pax(b"g", comment="x") + tar_member("a") + END,
    "a zip at the end": tar_member("a") + tar_member("z", zipped(Member(b"m"))) + END,
}

BAD = {
    "climbs": (tar_member("../a") + END, "CM-SUP-103"),
    "absolute": (tar_member("/a") + END, "CM-SUP-103"),
    "pax climbs": (pax(path="../a") + tar_member("a") + END, "CM-SUP-103"),
    "header climbs under pax": (pax(path="a") + tar_member("../a") + END, "CM-SUP-103"),
    "global pax climbs": (pax(b"g", path="/a") + tar_member("a") + END, "CM-SUP-103"),
    "long name climbs": (tar_member("././@LongLink", b"/" + b"a" * 200, b"L") + tar_member("a") + END, "CM-SUP-103"),
    "link outside": (tar_member("d/l", b"", b"2", "../../x") + END, "CM-SUP-103"),
    "pax link outside": (pax(linkpath="/x") + tar_member("l", b"", b"2", "y") + END, "CM-SUP-103"),
    "through a link": (tar_member("l", b"", b"2", "d") + tar_member("l/a") + END, "CM-SUP-103"),
    "hard link outside": (tar_member("h", b"", b"1", "/etc/shadow") + END, "CM-SUP-103"),
    "hard link to a later member": (tar_member("h", b"", b"1", "a") + tar_member("a") + END, "CM-SUP-103"),
    "pax size": (pax(size="1") + tar_member("a", NOTE) + END, "CM-SUP-120"),
    "pax size hides a member": (
        pax(size=str(512 * 3)) + tar_member("a", NOTE) + tar_member("b", EVIL) + END + END,
        "CM-SUP-120",
    ),
    "second archive": (tar_member("a") + END + tar_member("b", EVIL) + END, "CM-SUP-120"),
    "NUL in a pax path": (pax(path="a\0b") + tar_member("a") + END, "CM-SUP-120"),
    "twice": (tar_member("a") + tar_member("a") + END, "CM-SUP-121"),
    "behind the end": (tar_member("a") + END + b"text", "CM-SUP-122"),
    "device": (tar_member("d", b"", b"4") + END, "CM-SUP-105"),
    "pipe": (tar_member("d", b"", b"6") + END, "CM-SUP-105"),
    "control characters": (tar_member("a\nb") + END, "CM-SUP-104"),
}  # fmt: skip

UNREADABLE = {
    "sparse": tar_member("a", kind=b"S") + END,
    "sparse in pax": pax(GNU_sparse_major="1") + tar_member("a") + END,
    "no end": tar_member("a"),
    "cut in a header": tar_member("a") + tar_header("b", 3)[:100],
    "cut in a member": tar_header("a", 5000) + b"x" * 600,
    "one block of zeros": tar_member("a") + b"\0" * 512 + tar_member("b") + END,
    "wrong checksum": tar_member("a") + tar_member("b", checksum=b"000001\0 ") + END,
    "unknown kind": tar_member("a", kind=b"Q") + END,
    "pax without a member": pax(path="a") + END,
    "broken pax": tar_member("PaxHeader", b"99 path=x\n", b"x") + tar_member("a") + END,
    "dirty padding": tar_member("a")[:-1] + b"!" + END,
    "negative size": tar_member("b") + tar_member("a", b"", length=b"\xff" * 12) + END,
}


@pytest.mark.parametrize("name", HONEST)
def test_what_honest_writers_make_is_clean_to_the_last_byte(name: str) -> None:
    found = scanned(HONEST[name])
    assert (found.verdict, found.unreadable, found.findings) == (Verdict.CLEAN, "", ())
    assert found.formats == ("tar",)
    assert found.coverage == 1.0


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_found(name: str) -> None:
    data, rule = BAD[name]
    found = scanned(data)
    assert rule in {finding.rule for finding in found.findings}
    assert found.verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS)


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_not_clean(name: str) -> None:
    found = scanned(UNREADABLE[name])
    assert found.verdict is Verdict.UNREADABLE
    assert found.unreadable


@pytest.mark.parametrize("name", ["pax size hides a member", "second archive"])
def test_members_that_only_one_reader_sees_are_scanned(name: str) -> None:
    found = scanned(BAD[name][0])
    if name == "second archive":
        assert "CM-SUP-103" in {finding.rule for finding in found.findings}
    assert found.verdict is Verdict.MALICIOUS


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_mutations_end_with_a_stop_and_nothing_else(draw: Any) -> None:
    seeds = [*HONEST.values(), *(data for data, _ in BAD.values()), *UNREADABLE.values()]
    data = bytearray(draw.draw(st.sampled_from(seeds)))
    for _ in range(draw.draw(st.integers(1, 5))):
        block = draw.draw(st.integers(0, max(len(data) // 512 - 1, 0))) * 512
        at = block + draw.draw(st.sampled_from([0, 124, 135, 148, 156, 157, 257, 345, 511, 5]))
        data[at : at + 1] = draw.draw(st.binary(min_size=1, max_size=3))
    for at in range(0, len(data) - 511, 512):  # most headers shall have a checksum that holds
        if data[at + 257 : at + 262] == b"ustar":
            data[at + 148 : at + 156] = b" " * 8
            data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    report = Report(View(bytes(data)), SETTINGS, Budget(len(data), 1 << 24))
    with contextlib.suppress(Malformed, NotMine, Refused):
        tars.parse(report.view, report)
