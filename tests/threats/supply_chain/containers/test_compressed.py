"""Compressed streams: all of them are one content, and nothing may follow."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import struct
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.core.errors import MissingPartError
from casemate.threats.supply_chain import budget as budgets
from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.containers import compressed, expand
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.view import View
from tests.threats.supply_chain.containers.archives import EVIL, NOTE, SETTINGS, scanned, use_notes

lz4 = pytest.importorskip("lz4.frame")
zstandard = pytest.importorskip("zstandard")


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch) -> None:
    use_notes(monkeypatch)


def named(data: bytes, name: str = "a.txt") -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=out, mtime=0) as stream:
        stream.write(data)
    return out.getvalue()


def with_extra(data: bytes, field: bytes) -> bytes:
    plain = gzip.compress(data, mtime=0)
    return plain[:3] + b"\4" + plain[4:10] + struct.pack("<H", len(field)) + field + plain[10:]


WRITERS = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "lz4": lz4.compress,
    "zstd": zstandard.compress,
}
AGAIN = ("gzip", "bzip2", "xz", "lz4", "zstd")


@pytest.mark.parametrize("kind", WRITERS)
def test_the_content_is_scanned_and_every_byte_accounted_for(kind: str) -> None:
    found = scanned(WRITERS[kind](NOTE * 1000))
    assert (found.verdict, found.coverage, found.formats) == (Verdict.CLEAN, 1.0, (kind,))
    evil = scanned(WRITERS[kind](EVIL))
    assert evil.verdict is Verdict.MALICIOUS
    assert evil.findings[0].location == "file!content byte 4"


@pytest.mark.parametrize("kind", WRITERS)
def test_what_follows_is_found(kind: str) -> None:
    data = WRITERS[kind](NOTE)
    assert [finding.rule for finding in scanned(data + b"behind").findings] == ["CM-SUP-130"]
    again = scanned(data + WRITERS[kind](EVIL))
    if kind in AGAIN:  # one content: the note goes on
        assert (again.verdict, again.coverage) == (Verdict.CLEAN, 1.0)
    else:
        assert again.verdict is Verdict.SUSPICIOUS


@pytest.mark.parametrize("kind", WRITERS)
def test_damage_is_unreadable(kind: str) -> None:
    data = WRITERS[kind](NOTE * 10)
    for cut in range(1, len(data)):
        assert scanned(data[:cut]).verdict is Verdict.UNREADABLE


@pytest.mark.parametrize("kind", WRITERS)
def test_bombs_end_at_the_budget(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "FREE", 1 << 20)
    monkeypatch.setattr(budgets, "RATIO", 4)
    found = scanned(WRITERS[kind](bytes(16 << 20)))
    assert [finding.rule for finding in found.findings] == ["CM-SUP-014"]


def test_without_the_optional_package_the_file_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str, *, extra: str) -> None:
        raise MissingPartError(f"this needs the package {module!r}", next_step=f"pip install 'casemate[{extra}]'")

    monkeypatch.setattr(expand, "require", missing)
    found = scanned(zstandard.compress(NOTE))
    assert found.verdict is Verdict.UNREADABLE
    assert found.unreadable == "this needs the package 'zstandard'. Next: pip install 'casemate[zstd]'"


def test_nested_streams_end() -> None:
    data = NOTE
    for _ in range(50):
        data = zlib.compress(data, 0)
    assert "CM-SUP-014" in {finding.rule for finding in scanned(data).findings}


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (named(NOTE), Verdict.CLEAN),
        (with_extra(NOTE, b"BC\2\0\1\0"), Verdict.CLEAN),
        (with_extra(NOTE, b"XX\2\0\1\0"), Verdict.UNREADABLE),
        (gzip.compress(NOTE, mtime=0) + b"\0" * 99, Verdict.CLEAN),
        (lzma.compress(NOTE) + b"\0" * 8, Verdict.CLEAN),
        (lzma.compress(NOTE) + b"\0" * 7, Verdict.SUSPICIOUS),
        (zstandard.compress(NOTE) + b"\x50\x2a\x4d\x18\4\0\0\0abcd", Verdict.CLEAN),
        (zstandard.compress(NOTE) + b"\x50\x2a\x4d\x18\6\0\0\0abcdef", Verdict.SUSPICIOUS),
        (b"x\x9c is text", Verdict.UNREADABLE),
        (b"\x5d\0\0" + b"\xff" * 20, Verdict.UNREADABLE),
    ],
)
def test_padding_and_fields(data: bytes, verdict: Verdict) -> None:
    assert scanned(data).verdict is verdict


def test_large_content_lies_in_a_file_not_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expand, "IN_MEMORY", 1 << 20)
    sink = expand.Sink(Budget(1, 1 << 30))
    for _ in range(3):
        sink.write(NOTE * 50_000)
    kept = sink.buffer()
    assert not isinstance(kept, bytes)
    assert kept[:] == NOTE * 150_000
    assert sink.crc == zlib.crc32(kept[:])


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(WRITERS)), st.binary(max_size=200), st.data())
def test_mutations_end_with_a_stop_and_nothing_else(kind: str, content: bytes, draw: Any) -> None:
    data = bytearray(WRITERS[kind](content))
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at] ^= 1 << draw.draw(st.integers(0, 7))
    report = Report(View(bytes(data)), SETTINGS, Budget(len(data), 1 << 24))
    with contextlib.suppress(Malformed, NotMine, Refused):
        compressed.parse(report.view, report)
