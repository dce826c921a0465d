"""Sealed memory: nobody can change it, and it is what its digest says."""

from __future__ import annotations

import fcntl
import gc
import hashlib
import mmap
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from casemate.core.errors import UnreadableError
from casemate.custody.guard import sealed as module
from casemate.custody.guard.sealed import Sealed, opened, seal
from tests.custody.guard.descriptors import opened_under

DATA = bytes(range(256)) * 300
MEMORY = "/memfd:casemate"


@pytest.fixture(params=[False, True], ids=["memory", "file"])
def as_file(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(DATA)
    return path


def sealed_from(path: Path, *, as_file: bool, most: int = 1 << 20) -> Sealed:
    with opened(path) as source, ThreadPoolExecutor(1) as hasher:
        return seal(source, path.name, most, hasher, as_file=as_file)


@pytest.fixture
def file(path: Path) -> Iterator[Sealed]:
    file = sealed_from(path, as_file=True)
    yield file
    file.close()


def test_the_bytes_stay_whatever_becomes_of_the_file(path: Path, as_file: bool) -> None:
    sealed = sealed_from(path, as_file=as_file)
    path.write_bytes(b"other")
    path.unlink()

    assert bytes(sealed.data[:]) == DATA
    assert sealed.reader().read() == DATA
    assert sealed.digest.hex == hashlib.sha256(DATA).hexdigest()
    assert sealed.view().raw(256, 3) == b"\0\1\2"
    sealed.close()


def test_a_sealed_file_takes_no_write_no_new_size_and_no_fewer_seals(file: Sealed) -> None:
    assert Path(file.path).read_bytes() == DATA
    writable = os.open(file.path, os.O_RDWR)  # its owner may open it so, and gets nothing by it
    for attempt in (
        lambda: os.pwrite(writable, b"x", 0),
        lambda: mmap.mmap(writable, len(DATA)),
        lambda: os.ftruncate(writable, 1),
        lambda: os.ftruncate(writable, 1 << 20),
        lambda: fcntl.fcntl(writable, fcntl.F_ADD_SEALS, 0),
    ):
        with pytest.raises(PermissionError):
            attempt()
    os.close(writable)
    seals = fcntl.fcntl(file.descriptor or 0, fcntl.F_GET_SEALS)
    for each in (fcntl.F_SEAL_WRITE, fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_GROW, fcntl.F_SEAL_SEAL):
        assert seals & each
    assert Path(file.path).read_bytes() == DATA


def test_a_private_map_of_a_sealed_file_may_be_written_and_changes_nothing(file: Sealed) -> None:
    with Path(file.path).open("rb") as stream:
        own = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    own[:4] = b"mine"
    assert file.data[:4] == DATA[:4]
    assert Path(file.path).read_bytes() == DATA


def test_private_memory_has_no_descriptor(path: Path) -> None:
    gc.collect()
    before = opened_under(MEMORY, path)
    sealed = sealed_from(path, as_file=False)
    assert sealed.descriptor is None
    assert opened_under(MEMORY, path) == before


def test_descriptors_are_given_back(path: Path) -> None:
    gc.collect()
    before = opened_under(MEMORY, path)
    for _ in range(3):
        sealed = sealed_from(path, as_file=True)
        assert len(opened_under(MEMORY)) > len(before)
        sealed.close()
        del sealed
    assert opened_under(MEMORY, path) == before


def test_a_writer_that_keeps_a_map_of_the_new_file_stops_the_seal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[mmap.mmap] = []

    def watched(source: int, target: int, size: int) -> bool:
        done = copy(source, target, size)
        held.append(mmap.mmap(target, size))
        return done

    copy = module._copy
    monkeypatch.setattr(module, "_copy", watched)
    with pytest.raises(UnreadableError, match="sealed memory"):
        sealed_from(path, as_file=True)


@pytest.mark.parametrize("change", ["grow", "shrink", "write"])
def test_a_file_that_changes_while_it_is_read_is_unreadable(
    change: str, path: Path, as_file: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(path, (1, 1))

    def changing(*rest: object) -> object:
        with path.open("r+b") as stream:
            if change == "shrink":
                stream.truncate(100)
            else:
                stream.seek(0, os.SEEK_END if change == "grow" else os.SEEK_SET)
                stream.write(b"later")
        return real(*rest)

    name = "_sealed_file" if as_file else "_memory"
    real = getattr(module, name)
    monkeypatch.setattr(module, name, changing)
    with pytest.raises(UnreadableError, match="changes while it is read") as caught:
        sealed_from(path, as_file=as_file)
    assert caught.value.exit_code == 3


def test_copying_without_sendfile_gives_the_same_bytes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(*_: object) -> int:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(module.os, "sendfile", refusing)
    sealed = sealed_from(path, as_file=True)
    assert bytes(sealed.data[:]) == DATA
    sealed.close()


def test_large_empty_sparse_and_special_files_are_refused_before_they_are_read(tmp_path: Path, as_file: bool) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as stream:
        stream.truncate(10 << 30)
    with pytest.raises(UnreadableError, match="larger than"):
        sealed_from(sparse, as_file=as_file, most=4 << 30)
    (tmp_path / "empty").touch()
    with pytest.raises(UnreadableError, match="is empty"):
        sealed_from(tmp_path / "empty", as_file=as_file)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name, said in (("pipe", "not a regular file"), ("loop", "cannot be opened"), ("a\0b", "cannot be opened")):
        with pytest.raises(UnreadableError, match=said):
            sealed_from(tmp_path / name, as_file=as_file)
