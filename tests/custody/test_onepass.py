"""One read serves the scan, the digest and the sinks; all see the same bytes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from casemate.core.errors import UnreadableError
from casemate.custody.guard import sealed
from casemate.custody.onepass import one_pass
from casemate.threats.supply_chain.verdict import Verdict


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.pieces: list[memoryview] = []
        self.drained = 0

    def submit(self, view: memoryview, /) -> None:
        self.pieces.append(view)

    def drain(self) -> None:
        self.drained += 1


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sealed, "_PIECE", 1000)
    path = tmp_path / "file"
    path.write_bytes(os.urandom(10_500))
    return path


def test_everyone_sees_the_same_bytes_and_the_file_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, asked = path.read_bytes(), []
    real = os.preadv

    def counting(descriptor: int, buffers: list[memoryview], at: int) -> int:
        asked.append((at, len(buffers[0])))
        return real(descriptor, buffers, at)

    monkeypatch.setattr(sealed.os, "preadv", counting)
    sinks = Kept(), Kept()
    found = one_pass(path, sinks)
    path.write_bytes(b"other")

    assert [at for at, _ in asked] == list(range(0, len(data), 1000))
    assert sum(size for _, size in asked) == len(data)
    assert found.digest.hex == hashlib.sha256(data).hexdigest() == found.sealed.digest.hex
    for sink in sinks:
        assert b"".join(sink.pieces) == data
        assert sink.drained == 1
    assert found.outcome.size == len(data)
    assert found.outcome.verdict is Verdict.UNREADABLE  # random bytes are of no format


def test_a_sink_that_fails_is_heard(path: Path) -> None:
    class Full(Kept):
        def drain(self) -> None:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        one_pass(path, [Full()])


def test_a_file_that_changes_gives_nothing(path: Path) -> None:
    class Writing(Kept):
        def submit(self, view: memoryview, /) -> None:
            if not self.pieces:
                os.truncate(path, 4000)
            super().submit(view)

    with pytest.raises(UnreadableError, match="changes while it is read"):
        one_pass(path, [Writing()])
