"""7z archives, written by hand in every method that is read; py7zr and 7-Zip write the same (see the how-to)."""

from __future__ import annotations

import contextlib
import stat
import struct
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.containers import sevenzip as sevens
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.view import View
from tests.threats.supply_chain.containers.archives import EVIL, NOTE, SETTINGS, scanned, use_notes
from tests.threats.supply_chain.containers.sevenzips import (
    AES,
    BCJ2,
    BZIP2,
    COPY,
    DEFLATE,
    DELTA,
    LZMA,
    LZMA2,
    PPMD,
    X86,
    number,
    sevenzip,
)

CODE = NOTE + bytes(range(256)) * 40 + b"\xe8\x10\0\0\0" * 300
"""Bytes with calls in them, which the x86 filter changes."""

UNIX = 0x8000


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch) -> None:
    use_notes(monkeypatch)


def unix(mode: int) -> int:
    return mode << 16 | UNIX


@pytest.mark.parametrize(
    "methods",
    [(COPY,), (LZMA,), (LZMA2,), (DEFLATE,), (BZIP2,), (X86, LZMA2), (X86, LZMA), (DELTA, LZMA2), (X86, DELTA, COPY)],
)
def test_every_method_that_is_read_gives_the_content_back(methods: tuple[bytes, ...]) -> None:
    found = scanned(sevenzip([("d/a", CODE), ("b", NOTE)], methods))
    assert (found.verdict, found.unreadable, found.findings) == (Verdict.CLEAN, "", ())
    assert (found.coverage, found.formats) == (1.0, ("7z",))
    evil = scanned(sevenzip([("a", CODE), ("d/b", EVIL)], methods))
    assert [finding.location for finding in evil.findings] == ["file!d/b byte 4"]


@pytest.mark.parametrize("method", [COPY, LZMA, LZMA2])
def test_a_packed_header_is_unpacked(method: bytes) -> None:
    assert scanned(sevenzip([("a", NOTE)], encoded=method)).verdict is Verdict.CLEAN
    assert scanned(sevenzip([("a", EVIL)], encoded=method)).verdict is Verdict.MALICIOUS


def test_folders_and_an_empty_archive_are_clean() -> None:
    assert scanned(sevenzip([("a", NOTE)], folders=["d"])).verdict is Verdict.CLEAN
    found = scanned(b"7z\xbc\xaf\x27\x1c\0\4\x8d\x9b\xd5\x0f" + bytes(20))
    assert (found.verdict, found.coverage) == (Verdict.CLEAN, 1.0)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (sevenzip([("../a", NOTE)]), "CM-SUP-103"),
        (sevenzip([("C:\\a", NOTE)]), "CM-SUP-103"),
        (sevenzip([("l", b"/etc")], attributes=[unix(stat.S_IFLNK | 0o777)]), "CM-SUP-103"),
        (sevenzip([("d", NOTE)], attributes=[unix(stat.S_IFCHR)]), "CM-SUP-105"),
        (sevenzip([("a", NOTE)], [AES]), "CM-SUP-106"),
        (sevenzip([("a", NOTE)], [LZMA2, AES]), "CM-SUP-106"),
        (sevenzip([("a", NOTE)], encoded=AES), "CM-SUP-106"),
        (sevenzip([("a", NOTE), ("a", EVIL)]), "CM-SUP-107"),
        (sevenzip([("a", NOTE), ("A", NOTE)]), "CM-SUP-107"),
        (sevenzip([("a", NOTE)], [DEFLATE], behind=EVIL), "CM-SUP-108"),
        (sevenzip([("a", NOTE)], crc=1), "CM-SUP-109"),
        (sevenzip([("a\x07", NOTE)]), "CM-SUP-104"),
    ],
)
def test_what_is_wrong_is_found(data: bytes, rule: str) -> None:
    found = scanned(data)
    assert rule in {finding.rule for finding in found.findings}
    assert found.verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS)


@pytest.mark.parametrize(
    "data",
    [
        sevenzip([("a", NOTE)], [PPMD]),
        sevenzip([("a", NOTE)], [BCJ2]),
        sevenzip([("a", NOTE)], start_crc=1),
        sevenzip([("a", NOTE)])[:-3],
        sevenzip([("a", NOTE)])[:40],
        sevenzip([("a", NOTE)], header_behind=b"\0\0"),
        sevenzip([("a", NOTE)], [COPY], behind=b"12"),
        sevenzip([("a", NOTE), ("b", NOTE)], sizes=[9999, 1]),
        sevenzip([("a", NOTE)]) + b"behind",
    ],
)
def test_what_cannot_be_read_is_not_clean(data: bytes) -> None:
    found = scanned(data)
    assert found.verdict is Verdict.UNREADABLE
    assert found.unreadable


@given(st.integers(0, (1 << 64) - 1))
def test_numbers_of_every_length_are_read_back(value: int) -> None:
    assert sevens.Reader(View(number(value)), Budget(9, 9)).number() == value


SEEDS = [
    sevenzip([("d/a", CODE), ("b", NOTE)], [X86, LZMA]),
    sevenzip([("d/a", NOTE), ("b", NOTE)], [COPY], folders=["x"], attributes=[1, 2, 3]),
    sevenzip([("a", NOTE)], encoded=COPY),
]


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_mutations_of_the_header_end_with_a_stop_and_nothing_else(draw: Any) -> None:
    """The header's checksums are mended, so that the mutated header is read."""
    data = bytearray(draw.draw(st.sampled_from(SEEDS)))
    (at,) = struct.unpack("<Q", data[12:20])
    header = bytearray(data[32 + at :])
    for _ in range(draw.draw(st.integers(1, 4))):
        place = draw.draw(st.integers(0, len(header) - 1))
        header[place : place + 1] = draw.draw(st.binary(min_size=1, max_size=2))
    start = struct.pack("<2QL", at, len(header), zlib.crc32(header))
    data[8:] = struct.pack("<L", zlib.crc32(start)) + start + data[32 : 32 + at] + header
    report = Report(View(bytes(data)), SETTINGS, Budget(len(data), 1 << 24))
    with contextlib.suppress(Malformed, NotMine, Refused):
        sevens.parse(report.view, report)
        for member in report.members:
            if not isinstance(member, View):
                list(member.open(report))
