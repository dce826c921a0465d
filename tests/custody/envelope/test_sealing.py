"""Sealing and unsealing: any size, any way of feeding it, whole or not at all."""

from __future__ import annotations

import errno
import os
import random
import signal
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.core.errors import StorageError, TamperedError, UnreadableError, UsageError
from casemate.core.observer import Silent
from casemate.custody.envelope import Sealer, decrypt_file, encrypt_file, open_encrypted, publish
from casemate.custody.envelope.layout import MOST_SEGMENTS, Head, Policy, parse_head
from casemate.custody.envelope.stream import each_segment
from casemate.keys.hpke import HpkeKey, create_recipient
from casemate.keys.kek_file import FileKey, create_kek
from casemate.keys.services import Context, Wrap

SIZES = [0, 1, 15, 1023, 1024, 1025, 2048, 5000]
CONTENT = random.Random(2).randbytes(20_000)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> FileKey:
    return create_kek(tmp_path_factory.mktemp("keys") / "a.kek")


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory) -> HpkeKey:
    return create_recipient(tmp_path_factory.mktemp("keys") / "alice")


@pytest.mark.parametrize("size", SIZES)
def test_what_is_sealed_unseals(size: int, key: FileKey, alice: HpkeKey, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(CONTENT[:size])
    sealed = encrypt_file(tmp_path / "m", tmp_path / "s", [key, alice], segment=1024)
    assert (sealed.size, sealed.total, sealed.name) == (size, (tmp_path / "s").stat().st_size, "m")
    for each in (key, alice):
        unsealed = decrypt_file(tmp_path / "s", tmp_path / "o", [each], overwrite=True)
        assert (unsealed.size, unsealed.name, unsealed.sequence) == (size, "m", 1)
        assert (tmp_path / "o").read_bytes() == CONTENT[:size]
    if size > 15:
        assert CONTENT[:16] not in (tmp_path / "s").read_bytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 3000), max_size=8), workers=st.integers(1, 3))
def test_a_stream_is_the_same_however_it_is_cut(cuts: list[int], workers: int, key: FileKey, tmp_path: Path) -> None:
    size = sum(cuts)
    with Sealer(
        tmp_path / "s", [key], length=size, name="m", segment=1024, reserve=4096, overwrite=True, workers=workers
    ) as sealer:
        at = 0
        for count in cuts:
            piece = bytearray(CONTENT[at : at + count])
            sealer.update(piece)
            piece[:] = bytes(count)  # when update returned, the caller may reuse its buffer
            at += count
        assert sealer.finish().size == size
    decrypt_file(tmp_path / "s", tmp_path / "o", [key], overwrite=True)
    assert (tmp_path / "o").read_bytes() == CONTENT[:size]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 20_000), count=st.integers(0, 20_000), align=st.sampled_from([1, 8, 64]))
def test_any_range_is_read(start: int, count: int, align: int, key: FileKey, tmp_path: Path) -> None:
    if not (tmp_path / "s").exists():
        (tmp_path / "m").write_bytes(CONTENT)
        encrypt_file(tmp_path / "m", tmp_path / "s", [key], segment=1024)
    count = min(count, len(CONTENT) - start)
    with open_encrypted(tmp_path / "s", [key]) as opened:
        assert opened.read(start, count, align=align) == CONTENT[start : start + count]


def test_ranges_outside_are_refused(key: FileKey, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(CONTENT)
    encrypt_file(tmp_path / "m", tmp_path / "s", [key])
    opened = open_encrypted(tmp_path / "s", [key])
    for start, count in ((-1, 2), (0, -1), (0, 20_001), (20_001, 0), (19_999, 2)):
        with pytest.raises(UsageError, match="are not in 'm'"):
            opened.read(start, count)
    opened.close()
    opened.close()
    with pytest.raises(UsageError, match="is closed"):
        opened.read(0, 1)


def test_many_threads_read_at_once(key: FileKey, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(CONTENT)
    encrypt_file(tmp_path / "m", tmp_path / "s", [key], segment=1024)
    wrong: list[int] = []
    with open_encrypted(tmp_path / "s", [key]) as opened:

        def read(seed: int) -> None:
            rng = random.Random(seed)
            for _ in range(50):
                start = rng.randrange(len(CONTENT) - 700)
                if opened.read(start, 700) != CONTENT[start : start + 700]:
                    wrong.append(start)

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


@pytest.mark.parametrize(("announced", "given"), [(10, 9), (10, 11), (0, 1), (1024, 1023), (1024, 1025)])
def test_another_length_than_announced_is_refused(announced: int, given: int, key: FileKey, tmp_path: Path) -> None:
    def feed() -> None:
        with Sealer(tmp_path / "s", [key], length=announced, name="m", segment=1024) as sealer:
            sealer.update(bytes(given))
            sealer.finish()

    with pytest.raises(UsageError, match=r"(more|fewer) bytes came than were announced"):
        feed()
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_changes_while_it_is_read_is_refused(
    key: FileKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "m"
    for change in (lambda: source.write_bytes(bytes(500)), lambda: os.utime(source, ns=(1, 1))):
        source.write_bytes(CONTENT)

        class Changing(Silent):
            def begin(self, task: str, total: int) -> None:
                change()  # noqa: B023

        with pytest.raises(UnreadableError, match="changes while it is read"):
            encrypt_file(source, tmp_path / "s", [key], segment=1024, observer=Changing())
        assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


@pytest.mark.parametrize("unnamed", [True, False])
def test_files_are_private_and_appear_whole_or_not_at_all(
    unnamed: bool, key: FileKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the file system has no unnamed files."""
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE and not unnamed:
            raise OSError(errno.EOPNOTSUPP, "no unnamed files")
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(publish.os, "open", refuse)
    (tmp_path / "m").write_bytes(CONTENT)
    (tmp_path / "m").chmod(0o644)
    during: list[list[str]] = []

    class Looking(Silent):
        def advance(self, task: str, steps: int = 1) -> None:
            during.append(sorted(path.name for path in tmp_path.iterdir()))

    encrypt_file(tmp_path / "m", tmp_path / "s", [key], observer=Looking())
    decrypt_file(tmp_path / "s", tmp_path / "o", [key], observer=Looking())
    assert not any({"o"} & set(names) for names in during)
    if unnamed:
        assert during == [["m"], ["m", "s"]]
    else:
        assert [[name for name in names if not name.startswith(".casemate-")] for names in during] == [
            ["m"],
            ["m", "s"],
        ]
        assert [len(names) for names in during] == [2, 3]
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("s", "o")] == [0o600, 0o600]
    for name in ("s", "o"):
        with pytest.raises(UsageError, match="exists already"):
            encrypt_file(tmp_path / "m", tmp_path / name, [key])
    data = bytearray((tmp_path / "s").read_bytes())
    data[-1] ^= 1
    (tmp_path / "s").write_bytes(data)
    with pytest.raises(TamperedError):
        decrypt_file(tmp_path / "s", tmp_path / "o", [key], overwrite=True)
    assert (tmp_path / "o").read_bytes() == CONTENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "o", "s"]


def test_kill_9_while_unsealing_leaves_no_plaintext(key: FileKey, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(CONTENT)
    encrypt_file(tmp_path / "m", tmp_path / "s", [key], segment=1024)
    try:
        os.close(os.open(tmp_path, os.O_TMPFILE | os.O_RDWR, 0o600))
    except OSError:
        pytest.skip("this file system has no unnamed files")
    inside, outside = os.pipe()
    child = os.fork()
    if child == 0:

        class Telling(Silent):
            def advance(self, task: str, steps: int = 1) -> None:
                os.write(outside, b".")
                signal.pause()

        try:
            decrypt_file(tmp_path / "s", tmp_path / "o", [key], workers=1, observer=Telling())
        finally:
            os._exit(1)
    os.close(outside)
    assert os.read(inside, 1) == b"."
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(inside)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "s"]


def test_a_goal_that_appears_meanwhile_is_not_replaced(key: FileKey, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(CONTENT)

    class Racing(Silent):
        def end(self, task: str) -> None:
            (tmp_path / "s").write_bytes(b"theirs")

    with pytest.raises(UsageError, match="exists already"):
        encrypt_file(tmp_path / "m", tmp_path / "s", [key], observer=Racing())
    assert (tmp_path / "s").read_bytes() == b"theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "s"]


def test_a_goal_that_is_a_link_or_a_folder_is_refused(key: FileKey, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(CONTENT)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder"):
        with pytest.raises(UsageError, match="exists already"):
            encrypt_file(tmp_path / "m", tmp_path / name, [key])
    with pytest.raises(StorageError, match="cannot be written"):
        encrypt_file(tmp_path / "m", tmp_path / "none" / "s", [key])
    encrypt_file(tmp_path / "m", tmp_path / "link", [key], overwrite=True)
    assert not (tmp_path / "link").is_symlink()
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_is_said_so_and_leaves_nothing(
    key: FileKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m").write_bytes(CONTENT)

    def fail(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(StorageError, match="No space left"):
        encrypt_file(tmp_path / "m", tmp_path / "s", [key])
    with pytest.raises(StorageError, match="No space left"):
        Sealer(tmp_path / "s", [key], length=1, name="m")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


@pytest.mark.parametrize("what", ["missing", "folder", "fifo", "plain", "empty", "socket"])
def test_what_is_no_sealed_file_is_refused_at_once(what: str, key: FileKey, tmp_path: Path) -> None:
    path = tmp_path / "x"
    if what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what in ("plain", "empty"):
        path.write_bytes(b"" if what == "empty" else CONTENT)
    for call in (
        lambda: open_encrypted(path, [key]),
        lambda: decrypt_file(path, tmp_path / "o", [key]),
    ):
        with pytest.raises(UnreadableError) as caught:
            call()
        assert caught.value.next_step
    if what not in ("plain", "empty"):
        with pytest.raises(UnreadableError):
            encrypt_file(path, tmp_path / "o", [key])
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("segment", [0, 1, 512, 1000, 1 << 25])
def test_sizes_of_segments_are_bounded(segment: int, key: FileKey, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"x")
    with pytest.raises(UsageError, match="power of two"):
        encrypt_file(tmp_path / "m", tmp_path / "s", [key], segment=segment)


@pytest.mark.parametrize("name", ["x" * 1025, "a\nb", "\udcff", "a\0b"])
def test_names_are_bounded(name: str, key: FileKey, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"x")
    with pytest.raises(UsageError, match="a name has at most"):
        encrypt_file(tmp_path / "m", tmp_path / "s", [key], name=name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


def test_more_segments_than_there_are_nonces_are_refused() -> None:
    most = MOST_SEGMENTS * 1024
    head = Head("m", most, 1024, 4096, bytes(32), bytes(7), Policy())
    assert parse_head(head.encode()).count == MOST_SEGMENTS
    with pytest.raises(UsageError, match=r"2\^32 segments"):
        Head("m", most + 1, 1024, 4096, bytes(32), bytes(7), Policy()).encode()


def test_more_wraps_get_more_room(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"x")
    team = [create_recipient(tmp_path / f"r{number}") for number in range(12)]
    sealed = encrypt_file(tmp_path / "m", tmp_path / "s", team)
    assert sealed.total > 2 * (16 << 10) + 5000
    for each in (team[0], team[-1]):
        with open_encrypted(tmp_path / "s", [each]) as opened:
            assert bytes(opened.read(0, 1)) == b"x"


def test_no_key_is_a_usage_error_and_a_failing_service_leaves_nothing(key: FileKey, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"x")
    with pytest.raises(UsageError, match="no key is given"):
        encrypt_file(tmp_path / "m", tmp_path / "s", [])

    class Down(FileKey):
        def __init__(self) -> None:
            self._id = "down"

        def wrap(self, dek: bytes, context: Context) -> Wrap:
            raise UnreadableError("it is down")

    for make in (
        lambda: encrypt_file(tmp_path / "m", tmp_path / "s", [key, Down()]),
        lambda: Sealer(tmp_path / "s", [Down()], length=1, name="m"),
    ):
        with pytest.raises(UnreadableError, match="it is down"):
            make()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


def test_the_first_error_of_many_threads_is_raised_and_stops_the_others() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 5:
            raise TamperedError("five")
        done.append(number)

    with pytest.raises(TamperedError, match="five"):
        each_segment(100_000, work, workers=3)
    assert len(done) < 100_000


def test_an_interrupt_waits_for_the_threads_that_write() -> None:
    """Descriptors are closed after an error: a thread that still wrote would write into whatever is opened next."""
    started, release, running = threading.Event(), threading.Event(), list[int]()

    def work(number: int) -> None:
        if threading.current_thread() is threading.main_thread():
            started.wait(10)
            release.set()
            raise KeyboardInterrupt
        running.append(number)
        started.set()
        release.wait(10)
        running.remove(number)

    with pytest.raises(KeyboardInterrupt):
        each_segment(1000, work, workers=3)
    assert not running


def test_two_files_share_nothing(key: FileKey, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(CONTENT)
    heads = []
    for name in ("s", "t"):
        encrypt_file(tmp_path / "m", tmp_path / name, [key], name="m", segment=1024)
        data = (tmp_path / name).read_bytes()
        heads.append((parse_head(data), data[parse_head(data).body :]))
    (one, first), (two, second) = heads
    assert one.salt != two.salt
    assert one.prefix != two.prefix
    assert one.commitment != two.commitment
    assert first != second
