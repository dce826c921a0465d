"""The writer on a real file system."""

from __future__ import annotations

import errno
import resource
import sys
import threading
from pathlib import Path

import pytest

from casemate.core.errors import CasemateError, LockedError, StorageError, TamperedError, UsageError
from casemate.ledger.disk import FolderDisk
from casemate.ledger.layout import ENTRY_LIMIT
from casemate.ledger.ledger import Ledger
from casemate.ledger.merkle import EMPTY_ROOT, leaf_hash, tree_hash
from casemate.ledger.note import open_checkpoint
from tests.ledger.folder import SIGNER, STRANGER, die


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "ledger"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_empty_ledger_is_signed_too(folder: Path) -> None:
    Ledger.create(folder, [SIGNER]).close()
    assert set(contents(folder)) == {"checkpoint"}
    head = open_checkpoint((folder / "checkpoint").read_bytes(), [SIGNER.verifier])
    assert (head.size, head.root) == (0, EMPTY_ROOT)


def test_append_close_open_append(folder: Path) -> None:
    records = [b"record %d" % number for number in range(700)]
    with Ledger.create(folder, [SIGNER]) as ledger:
        assert ledger.append_many(records[:300]) == 0
        assert ledger.append(records[300]) == 300
        assert ledger.append_many([]) == 301
    with Ledger.open(folder, [SIGNER]) as ledger:
        assert ledger.append_many(records[301:]) == 301
        assert list(ledger.entries()) == records
        assert ledger.reader().entry(555) == records[555]
        head = open_checkpoint(ledger.checkpoint, [SIGNER.verifier])
    assert head.root == tree_hash([leaf_hash(entry) for entry in records])
    assert (folder / "checkpoint").read_text() == ledger.checkpoint


def test_a_checkpoint_is_published_with_every_append(folder: Path) -> None:
    with Ledger.create(folder, [SIGNER]) as ledger:
        for number in range(5):
            ledger.append(b"%d" % number)
            assert (folder / "checkpoint").read_text() == ledger.checkpoint
            assert open_checkpoint(ledger.checkpoint, [SIGNER.verifier]).size == number + 1


def test_records_have_bounds(folder: Path) -> None:
    with Ledger.create(folder, [SIGNER]) as ledger:
        assert ledger.append_many([b"x" * ENTRY_LIMIT, b"y"]) == 0
        for record in (b"", b"x" * (ENTRY_LIMIT + 1)):
            with pytest.raises(UsageError, match="blob"):
                ledger.append_many([b"fine", record])
        assert ledger.size == 2
    with pytest.raises(UsageError, match="closed"):
        ledger.append(b"late")
    ledger.close()


def test_where_no_ledger_can_be(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no ledger"):
        Ledger.open(folder, [SIGNER])
    with pytest.raises(UsageError, match="signer"):
        Ledger.create(folder, [])
    folder.mkdir(parents=True)
    (folder / "mine").write_text("notes")
    with pytest.raises(UsageError, match="not empty"):
        Ledger.create(folder, [SIGNER])
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        Ledger.create(tmp_path / "file" / "ledger", [SIGNER])


def test_one_writer_in_one_process(folder: Path) -> None:
    with Ledger.create(folder, [SIGNER]), pytest.raises(LockedError, match="one writer"):
        Ledger.open(folder, [SIGNER])


def test_another_key_cannot_continue_it_unless_the_old_one_is_trusted(folder: Path) -> None:
    with Ledger.create(folder, [SIGNER]) as ledger:
        ledger.append(b"old")
    with pytest.raises(TamperedError, match="trusted key"):
        Ledger.open(folder, [STRANGER])
    with Ledger.open(folder, [STRANGER], trusted=[SIGNER.verifier]) as ledger:
        ledger.append(b"new")
    assert open_checkpoint((folder / "checkpoint").read_bytes(), [STRANGER.verifier]).size == 2


@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000.p/10", "tile/entries/000.p/10"])
def test_opening_refuses_what_was_changed_and_repairs_nothing(folder: Path, name: str) -> None:
    with Ledger.create(folder, [SIGNER]) as ledger:
        ledger.append_many([b"record %d" % number for number in range(10)])
    data = (folder / name).read_bytes()
    for changed in (data[:40] + b"!" + data[41:], data[:-1], data + b"x"):
        (folder / name).write_bytes(changed)
        before = contents(folder)
        with pytest.raises(CasemateError):
            Ledger.open(folder, [SIGNER])
        assert contents(folder) == before
    (folder / name).unlink()
    with pytest.raises((TamperedError, UsageError)):
        Ledger.open(folder, [SIGNER])


def test_an_older_copy_under_a_newer_checkpoint_is_a_rollback(folder: Path) -> None:
    with Ledger.create(folder, [SIGNER]) as ledger:
        ledger.append(b"one")
    old = contents(folder)
    with Ledger.open(folder, [SIGNER]) as ledger:
        ledger.append(b"two")
    for path in list(contents(folder)):
        if path != "checkpoint":
            (folder / path).unlink()
    for path, data in old.items():
        if path != "checkpoint":
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
    with pytest.raises(TamperedError):
        Ledger.open(folder, [SIGNER])


def test_many_threads_append_at_once(folder: Path) -> None:
    """Appends that wait for each other share a commit; each gets its own place."""
    places: dict[int, bytes] = {}

    def work(name: int) -> None:
        for number in range(20):
            record = b"%d of %d" % (number, name)
            places[ledger.append(record)] = record

    with Ledger.create(folder, [SIGNER]) as ledger:
        threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert list(ledger.entries()) == [places[index] for index in range(160)]


def test_a_disk_that_fills_is_a_clear_error_and_the_ledger_still_verifies(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real limit of the kernel (RLIMIT_FSIZE) stops the journal in the middle of a batch."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # else Python leaves torn .pyc files under the limit
    with Ledger.create(folder, [SIGNER]) as ledger:
        ledger.append_many([b"kept"] * 5)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
        try:
            with pytest.raises(StorageError, match="disk is full") as caught:
                ledger.append_many([b"x" * 1_000] * 100)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.__cause__.errno == errno.EFBIG
        assert ledger.size == 5
    assert set(contents(folder)) == {"checkpoint", "tile/0/000.p/5", "tile/entries/000.p/5"}
    with Ledger.open(folder, [SIGNER]) as ledger:
        assert list(ledger.entries()) == [b"kept"] * 5


def test_ctrl_c_in_the_middle_of_an_append_leaves_a_closed_ledger(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger.create(folder, [SIGNER])
    ledger.append(b"kept")
    for name in ("write", "rename", "remove"):
        with monkeypatch.context() as patch:

            def interrupt(*_: object) -> None:
                raise KeyboardInterrupt

            patch.setattr(FolderDisk, name, interrupt)
            with pytest.raises(KeyboardInterrupt):
                ledger.append(b"durable, although nobody was told")
        ledger.close()
        assert "journal" not in contents(folder)
        ledger = Ledger.open(folder, [SIGNER])
    assert list(ledger.entries()) == [b"kept"] + [b"durable, although nobody was told"] * 3
    ledger.close()


def test_a_signer_that_fails_changes_nothing(folder: Path) -> None:
    class Flaky:
        verifier = SIGNER.verifier
        works = True

        def sign(self, message: bytes) -> bytes:
            if not self.works:
                raise UsageError("the key service does not answer")
            return SIGNER.sign(message)

    signer = Flaky()
    with Ledger.create(folder, [signer]) as ledger:
        ledger.append(b"one")
        signer.works = False
        with pytest.raises(UsageError, match="key service"):
            ledger.append(b"lost")
        signer.works = True
        assert ledger.append(b"two") == 1


def test_recovery_leaves_foreign_files_for_verification_to_report(folder: Path) -> None:
    ledger = Ledger.create(folder, [SIGNER])
    ledger.append(b"one")
    die(ledger)
    (folder / "evil").write_text("x")
    (folder / "tile" / "0" / "000.p" / "9").write_text("left by a crash")
    with Ledger.open(folder, [SIGNER]):
        pass
    assert set(contents(folder)) == {"checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1", "evil"}
