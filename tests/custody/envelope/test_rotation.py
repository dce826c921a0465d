"""Rotation rewrites the header and nothing else; a crash at any byte of it leaves the old header or the new one."""

from __future__ import annotations

import fcntl
import itertools
import os
import random
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from casemate.core.errors import CasemateError, LockedError, StorageError, TamperedError, UsageError
from casemate.custody.envelope import decrypt_file, encrypt_file, open_encrypted, rotate, rotation
from casemate.custody.envelope.layout import HEAD, SLOTS, Policy, parse_head
from casemate.keys.hpke import create_recipient
from casemate.keys.kek_file import FileKey, create_kek, renew_kek
from casemate.keys.services import Context, Wrap, WrongKeyError, unreachable
from tests.custody.envelope.make_vectors import StoppedError, stop_after
from tests.custody.envelope.mutate import put

CONTENT = random.Random(5).randbytes(5000)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[FileKey, FileKey]:
    return create_kek(tmp_path / "a.kek"), create_kek(tmp_path / "b.kek")


@pytest.fixture
def sealed(tmp_path: Path, keys: tuple[FileKey, FileKey]) -> Path:
    (tmp_path / "m").write_bytes(CONTENT)
    encrypt_file(tmp_path / "m", tmp_path / "s", [keys[0]], segment=1024, reserve=4096)
    return tmp_path / "s"


def opens(path: Path, key: FileKey) -> bool:
    """Whether a key opens the file, and finds in it what was sealed."""
    try:
        with open_encrypted(path, [key]) as opened:
            assert bytes(opened.read(0, opened.size)) == CONTENT
    except WrongKeyError:
        return False
    return True


def test_only_the_header_changes_and_the_old_key_opens_no_more(sealed: Path, keys: tuple[FileKey, FileKey]) -> None:
    before = sealed.read_bytes()
    state = sealed.stat()
    rotated = rotate(sealed, [keys[0]], [keys[1]])
    after = sealed.read_bytes()
    body = parse_head(after).body
    assert (after[:SLOTS], after[body:]) == (before[:SLOTS], before[body:])
    assert sealed.stat().st_ino == state.st_ino
    assert (opens(sealed, keys[0]), opens(sealed, keys[1])) == (False, True)
    assert rotated.sequence == 2
    assert keys[0].wrap(bytes(32), {}).key.encode() not in after


def test_without_new_keys_wraps_are_renewed_and_others_kept(tmp_path: Path) -> None:
    key, alice = create_kek(tmp_path / "k"), create_recipient(tmp_path / "alice")
    (tmp_path / "m").write_bytes(CONTENT)
    encrypt_file(tmp_path / "m", tmp_path / "s", [alice, key])
    newer = renew_kek(tmp_path / "k")
    assert rotate(tmp_path / "s", [newer]).keys == (alice.name, key.name)
    for each in (alice, newer):
        with open_encrypted(tmp_path / "s", [each]) as opened:
            assert bytes(opened.read(0, 9)) == CONTENT[:9]
    with pytest.raises(WrongKeyError):  # the key file of before the rotation
        open_encrypted(tmp_path / "s", [key])


@pytest.mark.parametrize("step", range(5))
@pytest.mark.parametrize("share", [0.0, 0.001, 0.03, 0.5, 0.999, 1.0])
def test_a_crash_leaves_the_old_header_or_the_new_one(
    step: int, share: float, sealed: Path, keys: tuple[FileKey, FileKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = step % 2 == 0  # the journal is written whole or not at all
    with monkeypatch.context() as patch:
        stop_after(patch, step, round(share) if whole else share)
        with pytest.raises(StoppedError):
            rotate(sealed, [keys[0]], [keys[1]])
    new = step > 2 or (step == 2 and round(share) == 1)
    assert (opens(sealed, keys[0]), opens(sealed, keys[1])) == (not new, new)
    rotate(sealed, [keys[1] if new else keys[0]], [keys[0]])
    assert (opens(sealed, keys[0]), opens(sealed, keys[1])) == (True, False)
    assert not any(sealed.read_bytes()[HEAD:SLOTS])


def test_a_second_crash_while_mending_the_first(
    sealed: Path, keys: tuple[FileKey, FileKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = sealed.read_bytes()
    for first, second in itertools.product(range(5), repeat=2):
        sealed.write_bytes(original)
        for step in (first, second):
            current = keys[0] if opens(sealed, keys[0]) else keys[1]
            with monkeypatch.context() as patch:
                stop_after(patch, step, 1.0 if step % 2 == 0 else 0.4)
                with pytest.raises(StoppedError):
                    rotate(sealed, [current], [keys[1] if current is keys[0] else keys[0]])
        assert opens(sealed, keys[0]) != opens(sealed, keys[1]), (first, second)


def rotate_for_ever(path: Path, keys: tuple[FileKey, FileKey], out: int) -> None:
    current = keys if opens(path, keys[0]) else keys[::-1]
    while True:
        rotate(path, [current[0]], [current[1]])
        current = current[::-1]
        os.write(out, b".")


def kill_one(path: Path, keys: tuple[FileKey, FileKey], wait: float) -> int:
    """Let a process rotate until it is killed at a random moment; how many rotations it finished."""
    inside, outside = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            rotate_for_ever(path, keys, outside)
        finally:
            os._exit(1)
    os.close(outside)
    try:
        done = len(os.read(inside, 1))
        deadline = time.monotonic() + wait
        while (left := deadline - time.monotonic()) > 0:
            if select.select([inside], [], [], left)[0]:
                done += len(os.read(inside, 4096))
        os.kill(child, signal.SIGKILL)
        while piece := os.read(inside, 4096):
            done += len(piece)
    finally:
        os.close(inside)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
    return done


def kill_many(path: Path, keys: tuple[FileKey, FileKey], times: int) -> int:
    rng, midway = random.Random(times), 0
    for _ in range(times):
        before = rotation.rotate(path, keys).sequence
        done = kill_one(path, keys, rng.uniform(0, 0.02))
        midway += any(path.read_bytes()[HEAD:SLOTS])
        assert opens(path, keys[0]) != opens(path, keys[1])
        with open_encrypted(path, keys, least=before + done) as opened:
            assert opened.sequence <= before + done + 1
    return midway


def test_kill_9_leaves_the_old_header_or_the_new_one(sealed: Path, keys: tuple[FileKey, FileKey]) -> None:
    kill_many(sealed, keys, 15)


@pytest.mark.slow
def test_kill_9_five_hundred_times(sealed: Path, keys: tuple[FileKey, FileKey]) -> None:
    assert kill_many(sealed, keys, 500) > 50  # many of them in the middle of a rotation


def test_readers_never_see_half_a_rotation(sealed: Path, keys: tuple[FileKey, FileKey]) -> None:
    inside, outside = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            rotate_for_ever(sealed, keys, outside)
        finally:
            os._exit(1)
    os.close(outside)
    try:
        for _ in range(150):
            with open_encrypted(sealed, keys) as opened:
                assert bytes(opened.read(4000, 1000)) == CONTENT[4000:]
    finally:
        os.kill(child, signal.SIGKILL)
        os.close(inside)
        os.waitpid(child, 0)


def test_one_rotation_at_a_time(sealed: Path, keys: tuple[FileKey, FileKey]) -> None:
    with sealed.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(LockedError, match="are being rotated"):
            rotate(sealed, [keys[0]])
        assert opens(sealed, keys[0])
    rotate(sealed, [keys[0]])


class Broken:
    """A key service that fails, or returns a wrap of another data key."""

    kind = "file"

    def __init__(self, key: FileKey, rewrapped: Callable[[Context], Wrap]) -> None:
        self._key, self._rewrapped = key, rewrapped
        self.name, self.opens, self.unwrap, self.wrap = key.name, key.opens, key.unwrap, key.wrap

    def rewrap(self, wrap: Wrap, context: Context) -> Wrap:
        return self._rewrapped(context)


def test_a_service_that_fails_or_lies_changes_nothing(sealed: Path, keys: tuple[FileKey, FileKey]) -> None:
    before = sealed.read_bytes()

    def fail(context: Context) -> Wrap:
        raise unreachable("x", "it is down")

    with pytest.raises(CasemateError, match="cannot be reached"):
        rotate(sealed, [Broken(keys[0], fail)])
    with pytest.raises(TamperedError, match="returned another data key"):
        rotate(sealed, [Broken(keys[0], lambda context: keys[0].wrap(bytes(32), context))])
    assert sealed.read_bytes() == before


def test_what_cannot_be_is_refused_before_anything_is_written(
    sealed: Path, keys: tuple[FileKey, FileKey], tmp_path: Path
) -> None:
    before = sealed.read_bytes()
    many = [create_recipient(tmp_path / f"r{number}") for number in range(3)]
    with pytest.raises(UsageError, match="no room for 3 wraps"):
        rotate(sealed, [keys[0]], many)
    with pytest.raises(UsageError, match="no key is given"):
        rotate(sealed, [keys[0]], [])
    with pytest.raises(UsageError, match="given twice"):
        rotate(sealed, [keys[0]], [keys[1], keys[1]])
    with pytest.raises(WrongKeyError, match="sealed for file:"):
        rotate(sealed, [keys[1]])
    assert sealed.read_bytes() == before


def test_the_policy_forbids_weaker_keys(tmp_path: Path, keys: tuple[FileKey, FileKey]) -> None:
    alice = create_recipient(tmp_path / "alice")
    (tmp_path / "m").write_bytes(CONTENT)
    with pytest.raises(UsageError, match="forbids keys of kind file"):
        encrypt_file(tmp_path / "m", tmp_path / "s", [alice, keys[0]], policy=Policy(("hpke",)))
    encrypt_file(tmp_path / "m", tmp_path / "s", [alice], policy=Policy(("hpke",), 1))
    with pytest.raises(UsageError, match="forbids keys of kind file"):
        rotate(tmp_path / "s", [alice], [keys[0]])
    with pytest.raises(UsageError, match="allows 1 keys"):
        rotate(tmp_path / "s", [alice], [alice, create_recipient(tmp_path / "bob")])


@pytest.mark.parametrize("where", ["slot 0", "slot 1", "journal", "journal and slot 1"])
def test_a_damaged_header_is_mended_when_asked_to(
    where: str, sealed: Path, keys: tuple[FileKey, FileKey], tmp_path: Path
) -> None:
    rotate(sealed, [keys[0]])
    data = sealed.read_bytes()
    for part, at in (("journal", HEAD + 9), ("slot 0", SLOTS + 30), ("slot 1", SLOTS + 4096 + 30)):
        if part in where:
            data = put(data, at, b"\xff\xff\xff")
    sealed.write_bytes(data)
    with pytest.raises(TamperedError):
        decrypt_file(sealed, tmp_path / "out", [keys[0]])
    with pytest.raises(TamperedError):
        rotate(sealed, [keys[0]])
    assert sealed.read_bytes() == data
    assert rotate(sealed, [keys[0]], repair=True).sequence == 3
    assert opens(sealed, keys[0])


def test_a_header_damaged_in_both_copies_is_not_mended(sealed: Path, keys: tuple[FileKey, FileKey]) -> None:
    data = sealed.read_bytes()
    sealed.write_bytes(put(put(data, SLOTS + 30, b"\xff"), SLOTS + 4096 + 30, b"\xff"))
    with pytest.raises(TamperedError):
        rotate(sealed, [keys[0]], repair=True)


def test_a_full_or_failing_disk_is_said_so(
    sealed: Path, keys: tuple[FileKey, FileKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(StorageError, match="header cannot be made durable"):
            rotate(sealed, [keys[0]], [keys[1]])
    assert opens(sealed, keys[0])
