"""Encrypted blobs and the keyring outside the folder."""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import CasemateError, StorageError, TamperedError, UnreadableError, UsageError
from casemate.ledger.blobs import Blobs
from casemate.ledger.disk import FolderDisk
from casemate.ledger.keyring import Keyring

SECRET = b"patient 17 lives in Springfield"


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "audit" / "ledger", tmp_path / "home" / "blobs.keys"


def test_put_get_and_nothing_in_the_clear(made: tuple[Path, Path]) -> None:
    folder, ring = made
    name = Blobs(folder, Keyring(ring)).put(SECRET)
    assert Blobs(folder, Keyring(ring)).get(name) == SECRET
    assert all(SECRET[:8] not in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert stat.S_IMODE(ring.stat().st_mode) == 0o600
    assert list(Blobs(folder, None).names()) == [name]


def test_the_same_content_twice_is_two_blobs(made: tuple[Path, Path]) -> None:
    names = Blobs(made[0], Keyring(made[1])).put_many([SECRET, SECRET, b""])
    assert len(set(names)) == 3
    assert Blobs(made[0], Keyring(made[1])).get(names[2]) == b""


def test_erasing_the_key_erases_the_content_and_nothing_else(made: tuple[Path, Path]) -> None:
    blobs = Blobs(made[0], Keyring(made[1]))
    gone, kept = blobs.put_many([SECRET, b"kept"])
    key_text = made[1].read_bytes().splitlines()[0]
    assert blobs.erase([gone]) == 1
    assert blobs.erase([gone]) == 0
    for reader in (blobs, Blobs(made[0], Keyring(made[1]))):
        with pytest.raises(UsageError, match="erased, or belongs to another keyring"):
            reader.get(gone)
        assert reader.get(kept) == b"kept"
        assert len(reader.read(gone)) > len(SECRET)  # the ciphertext still matches its name
    assert key_text not in made[1].read_bytes()
    assert [path.name for path in made[1].parent.iterdir()] == ["blobs.keys"]


def test_without_a_keyring(made: tuple[Path, Path]) -> None:
    name = Blobs(made[0], Keyring(made[1])).put(SECRET)
    with pytest.raises(UsageError, match="encrypted"):
        Blobs(made[0], None).get(name)
    with pytest.raises(UsageError):
        Blobs(made[0], Keyring(made[1].with_name("other.keys"))).get(name)


def test_a_keyring_inside_the_audit_folder_is_refused(made: tuple[Path, Path]) -> None:
    for place in (made[0] / "keys", made[0].parent / "keys"):
        with pytest.raises(UsageError, match="inside the audit folder"):
            Blobs(made[0], Keyring(place))


def test_changed_swapped_and_missing_blobs(made: tuple[Path, Path]) -> None:
    blobs = Blobs(made[0], Keyring(made[1]))
    one, two = blobs.put_many([b"one", b"two"])
    path = made[0] / "blobs" / one
    data = path.read_bytes()
    for changed in (data[:-1], data + b"x", bytes([data[0] ^ 1]) + data[1:], (path.parent / two).read_bytes()):
        path.write_bytes(changed)
        with pytest.raises(TamperedError, match=one):
            blobs.get(one)
    path.unlink()
    with pytest.raises(TamperedError, match=one):
        blobs.get(one)
    keys = made[1].read_text().splitlines()
    made[1].write_text(keys[0].replace(keys[0][-46:], keys[1][-46:]) + "\n")
    path.write_bytes(data)
    with pytest.raises(TamperedError, match="does not decrypt"):
        Blobs(made[0], Keyring(made[1])).get(one)


def test_orphans_of_a_crash_are_pruned(made: tuple[Path, Path]) -> None:
    blobs = Blobs(made[0], Keyring(made[1]))
    kept, orphan = blobs.put_many([b"kept", b"orphan"])
    assert blobs.prune([kept]) == [orphan]
    assert blobs.prune([kept]) == []
    assert list(blobs.names()) == [kept]
    assert orphan not in Keyring(made[1])


def test_a_failing_disk_keeps_nothing(made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = Blobs(made[0], Keyring(made[1]))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(FolderDisk, "sync", fail)
        with pytest.raises(StorageError, match="No space"):
            blobs.put(SECRET)
    assert list(blobs.names()) == []
    assert made[1].read_bytes() == b""


def test_a_torn_line_of_the_keyring_is_forgotten_and_others_are_not(made: tuple[Path, Path]) -> None:
    name = Blobs(made[0], Keyring(made[1])).put(SECRET)
    whole = made[1].read_bytes()
    made[1].write_bytes(whole + whole[: len(whole) // 2])
    ring = Keyring(made[1])
    assert name in ring
    second = Blobs(made[0], ring).put(b"after the crash")
    assert Blobs(made[0], Keyring(made[1])).get(second) == b"after the crash"
    made[1].write_bytes(b"nonsense\n" + whole)
    with pytest.raises(UnreadableError, match="line 1"):
        Keyring(made[1])


@given(st.binary(max_size=120))
def test_any_keyring_file_reads_or_is_a_clear_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("ring") / "keys"
    path.write_bytes(data)
    path.chmod(0o600)
    with contextlib.suppress(CasemateError):
        Keyring(path)


def test_two_keyrings_on_one_file_do_not_lose_keys(made: tuple[Path, Path]) -> None:
    first, second = Keyring(made[1]), Keyring(made[1])
    first.add({"a": b"1" * 32})
    second.add({"b": b"2" * 32})
    first.erase(["a"])
    second.add({"c": b"3" * 32})
    again = Keyring(made[1])
    assert (again.get("a"), again.get("b"), again.get("c")) == (None, b"2" * 32, b"3" * 32)
