"""Folders, file by file; the commands of the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from casemate.cli.app import run
from casemate.cli.services import open_recipients
from casemate.core.errors import StorageError, TamperedError, UnreadableError, UsageError
from casemate.custody.envelope import decrypt_folder, encrypt_file, encrypt_folder, is_sealed
from casemate.keys.kek_file import FileKey, create_kek

FILES = {"config.json": b"{}", "weights/a.bin": b"a" * 3000, "weights/b.bin": b"b" * 3000, "empty": b""}


@pytest.fixture
def key(tmp_path: Path) -> FileKey:
    return create_kek(tmp_path / "a.kek")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_bytes(content)
    return tmp_path / "model"


def test_a_folder_is_sealed_file_by_file(model: Path, key: FileKey, tmp_path: Path) -> None:
    sealed = encrypt_folder(model, tmp_path / "sealed", [key])
    assert [each.name for each in sealed] == ["config.json", "empty", "weights/a.bin", "weights/b.bin"]
    assert all(is_sealed(each.path) for each in sealed)
    decrypt_folder(tmp_path / "sealed", tmp_path / "again", [key])
    again = tmp_path / "again"
    found = {path.relative_to(again).as_posix(): path for path in again.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in found.items()} == FILES


def test_files_cannot_take_each_others_places(model: Path, key: FileKey, tmp_path: Path) -> None:
    encrypt_folder(model, tmp_path / "sealed", [key])
    one, two = (tmp_path / "sealed" / "weights" / f"{name}.bin.sealed" for name in "ab")
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)
    with pytest.raises(TamperedError, match=r"its header says 'weights/b.bin'"):
        decrypt_folder(tmp_path / "sealed", tmp_path / "again", [key])
    assert not (tmp_path / "again" / "weights" / "a.bin").exists()


def test_what_cannot_be_sealed_is_refused(model: Path, key: FileKey, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lies inside"):
        encrypt_folder(model, model / "sealed", [key])
    with pytest.raises(UsageError, match="lies inside"):
        decrypt_folder(model, model, [key])
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match="there is no file"):
        encrypt_folder(tmp_path / "none", tmp_path / "sealed", [key])
    with pytest.raises(UnreadableError, match="cannot be read"):
        encrypt_folder(tmp_path / "absent", tmp_path / "sealed", [key])
    with pytest.raises(UnreadableError, match="not a sealed file"):
        decrypt_folder(model, tmp_path / "again", [key])
    (model / "loop").symlink_to(model)
    with pytest.raises(UnreadableError, match="link to a folder"):
        encrypt_folder(model, tmp_path / "sealed", [key])
    (model / "loop").unlink()
    os.mkfifo(model / "fifo")
    with pytest.raises(UnreadableError, match="not a regular file"):
        encrypt_folder(model, tmp_path / "sealed", [key])


def test_links_to_files_are_sealed_as_files(model: Path, key: FileKey, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"content")
    (model / "link").symlink_to(tmp_path / "blob")
    encrypt_folder(model, tmp_path / "sealed", [key])
    decrypt_folder(tmp_path / "sealed", tmp_path / "again", [key])
    assert (tmp_path / "again" / "link").read_bytes() == b"content"
    assert not (tmp_path / "again" / "link").is_symlink()


def test_the_commands(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["key", "create", "file:k"]) == 0
    assert run(["key", "create", "hpke:alice"]) == 0
    assert run(["key", "create", "file:k"]) == 3
    assert run(["key", "create", "transit:transit/x"]) == 3
    assert run(["key", "create", "hpke:bob", "--passphrase"]) == 3
    encrypt_file(model / "config.json", "c.sealed", open_recipients(["alice.pub", "file:k"]))
    encrypt_folder(model, "sealed", open_recipients(["alice.pub"]))

    assert run(["unseal", "c.sealed", "--key-service", "hpke:alice"]) == 0
    assert Path("c").read_bytes() == b"{}"
    assert run(["unseal", "c.sealed", "--key-service", "hpke:alice"]) == 3
    assert run(["unseal", "sealed", "--key-service", "hpke:alice"]) == 3
    assert run(["unseal", "sealed", "--key-service", "hpke:alice", "--out", "again"]) == 0
    assert Path("again/weights/b.bin").read_bytes() == FILES["weights/b.bin"]
    assert run(["key", "renew", "file:k"]) == 0
    assert run(["key", "renew", "hpke:alice"]) == 3
    assert run(["key", "rotate", "c.sealed", "--key-service", "file:k", "--encrypt-for", "alice.pub"]) == 0
    assert "rotation 2, opens with hpke:" in capsys.readouterr().out
    assert run(["unseal", "c.sealed", "--key-service", "file:k", "--out", "d"]) == 3
    assert run(["unseal", "c.sealed", "--key-service", "hpke:alice", "--out", "d", "--least", "3"]) == 2

    before = sorted(Path().iterdir())
    assert run(["unseal", "c.sealed", "--key-service", "hpke:alice", "--check"]) == 0
    assert "intact  c.sealed  2 bytes, rotation 2, opens with hpke:" in capsys.readouterr().out
    assert sorted(Path().iterdir()) == before
    data = bytearray(Path("c.sealed").read_bytes())
    data[-1] ^= 1
    Path("c.sealed").write_bytes(data)
    assert run(["unseal", "c.sealed", "--key-service", "hpke:alice", "--out", "d"]) == 4
    assert run(["unseal", "c.sealed", "--key-service", "hpke:alice", "--check"]) == 4
    assert not Path("d").exists()
    assert "does not verify" in capsys.readouterr().err


def test_a_passphrase_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pass").write_text("correct horse\n")
    (tmp_path / "pass").chmod(0o600)
    assert run(["key", "create", "file:k", "--passphrase", "--stretch", "argon2id"]) == 3
    monkeypatch.setenv("CASEMATE_PASSPHRASE_FILE", str(tmp_path / "pass"))
    assert run(["key", "create", "file:k", "--passphrase", "--stretch", "argon2id"]) == 0
    assert run(["key", "renew", "file:k"]) == 0
    (tmp_path / "m").write_bytes(b"m")
    encrypt_file(tmp_path / "m", tmp_path / "m.sealed", open_recipients(["file:k"]))
    assert run(["unseal", "m.sealed", "--key-service", "file:k", "--overwrite"]) == 0
    (tmp_path / "pass").write_text("another\n")
    assert run(["unseal", "m.sealed", "--key-service", "file:k", "--overwrite"]) == 3


def test_a_goal_that_cannot_be_made(model: Path, key: FileKey, tmp_path: Path) -> None:
    (tmp_path / "sealed").write_bytes(b"a file")
    with pytest.raises(StorageError, match="cannot be made"):
        encrypt_folder(model, tmp_path / "sealed", [key])
