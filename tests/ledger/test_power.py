"""Acceptance 10: power cuts that drop or reorder unsynced writes lose no acknowledged record."""

from __future__ import annotations

import errno
import random
from pathlib import Path

import pytest

from casemate.core.errors import StorageError, TamperedError, UsageError
from casemate.ledger import writer as module
from casemate.ledger.edge import Edge
from casemate.ledger.layout import CHECKPOINT, JOURNAL, expected_tiles
from casemate.ledger.ledger import Ledger
from casemate.ledger.note import open_checkpoint
from tests.ledger.folder import SIGNER
from tests.ledger.simdisk import PowerCut, SimDisk

NOWHERE = Path("sim")


def check_closed(disk: SimDisk, entries: list[bytes]) -> None:
    """A closed ledger is exactly its tiles and a signed checkpoint, all of it durable."""
    whole = Edge().extend(entries)
    tiles = {path: whole.write[path] for path in expected_tiles(len(entries))}
    assert set(disk.walk()) == {CHECKPOINT, *tiles}
    for path, data in tiles.items():
        assert disk.read(path) == data, path
        assert disk.durable_names[path].durable == data, path
    head = open_checkpoint(disk.read(CHECKPOINT), [SIGNER.verifier])
    assert (head.size, head.root) == (len(entries), whole.edge.root())
    assert disk.durable_names[CHECKPOINT].durable == disk.read(CHECKPOINT)


def life(disk: SimDisk, rng: random.Random, acknowledged: list[bytes], attempted: list[bytes]) -> None:
    """Open or create the ledger, append batches, now and then close it and go on."""
    for _ in range(rng.randint(1, 3)):
        try:
            ledger = Ledger.open(NOWHERE, [SIGNER], disk=disk)
        except UsageError:
            assert not acknowledged
            ledger = Ledger.create(NOWHERE, [SIGNER], disk=disk)
        recovered = list(ledger.entries())
        assert recovered == attempted[: len(recovered)]
        assert len(recovered) >= len(acknowledged)
        acknowledged[:] = recovered
        del attempted[len(recovered) :]
        for _ in range(rng.randint(0, 5)):
            count = 250 if not attempted and rng.random() < 0.3 else rng.choice([1, 1, 2, 3, 7, 20])
            batch = [rng.randbytes(rng.randint(1, 40)) for _ in range(count)]
            attempted += batch
            first = ledger.append_many(batch)
            assert first == len(acknowledged)
            acknowledged += batch
        ledger.close()
        check_closed(disk, acknowledged)


def cut_once(seed: int) -> None:
    rng = random.Random(seed)
    acknowledged: list[bytes] = []
    attempted: list[bytes] = []
    disk = SimDisk(cut_at=rng.randint(1, 60))
    for _ in range(rng.randint(1, 3)):  # the power may fail again during recovery
        try:
            life(disk, rng, acknowledged, attempted)
        except PowerCut:
            disk = disk.crash(rng)
            disk.cut_at = rng.randint(1, 30)
    disk.cut_at = None
    disk = disk.crash(rng)
    life(disk, rng, acknowledged, attempted)
    check_closed(disk, acknowledged)


@pytest.fixture(autouse=True)
def _short_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "JOURNAL_LIMIT", 4096)


def test_power_cuts_lose_nothing_acknowledged() -> None:
    for seed in range(300):
        cut_once(seed)


@pytest.mark.slow
def test_ten_thousand_power_cuts() -> None:
    for seed in range(1_000, 11_000):
        cut_once(seed)


def test_every_operation_can_be_the_last() -> None:
    """Exhaustive on one short life: cut before every operation, with nothing, everything and half surviving."""
    for cut in range(1, 200):
        disk = SimDisk(cut_at=cut)
        rng, acknowledged, attempted = random.Random(4), list[bytes](), list[bytes]()
        try:
            life(disk, rng, acknowledged, attempted)
        except PowerCut:
            for seed in range(3):
                after = disk.crash(random.Random(seed))
                life(after, random.Random(seed), list(acknowledged), list(attempted))
        else:
            assert cut > 15
            return
    pytest.fail("the life never ended")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_every_operation_can_fail(number: int) -> None:
    """A full disk or a failing one: a StorageError, nothing acknowledged is lost, and the ledger opens again."""
    seen = set()
    for at in range(1, 200):
        disk = SimDisk(fail_at={at: number})
        rng, acknowledged, attempted = random.Random(11), list[bytes](), list[bytes]()
        try:
            life(disk, rng, acknowledged, attempted)
        except StorageError:
            seen.add(disk.log[at - 1].split()[0])
            disk.locked = False  # the process ends
            life(disk, random.Random(at), acknowledged, attempted)
        else:
            break
    assert {"write", "append", "fdatasync", "rename", "sync"} <= seen


def test_a_full_disk_is_taken_back_and_the_ledger_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No recovery needed: the folder verifies although the disk is full, and holds all that was acknowledged."""
    monkeypatch.setattr(module, "JOURNAL_LIMIT", 1 << 20)
    shown = set()
    for at in range(1, 60):
        disk = SimDisk()
        ledger = Ledger.create(NOWHERE, [SIGNER], disk=disk)
        kept = [b"kept", b"too"]
        ledger.append_many(kept)
        disk.fail_at = {disk.operations + at: errno.ENOSPC}
        try:
            ledger.append_many([b"x" * 100] * 300)
        except StorageError:
            with pytest.raises(StorageError, match="takes no more"):
                ledger.append(b"more")
            ledger.close()
            failed = disk.log[max(disk.fail_at) - 1].split()[0]
            if failed in ("write", "append", "rename"):
                check_closed(disk, kept)
                shown.add(failed)
        else:
            break
    assert shown == {"write", "append", "rename"}


def test_a_disk_too_full_for_a_new_journal_keeps_the_old_one() -> None:
    batch = [b"x" * 200] * 30
    fail_at: dict[int, int] = {}
    for _ in range(2):
        disk = SimDisk(fail_at=fail_at)
        ledger = Ledger.create(NOWHERE, [SIGNER], disk=disk)
        assert [ledger.append_many(batch) for _ in range(3)] == [0, 30, 60]
        ledger.close()
        check_closed(disk, batch * 3)
        journals = [number for number, what in enumerate(disk.log, 1) if what == "write .new-journal"]
        assert len(journals) == 4  # one at creation, one after each append
        fail_at = {journals[2]: errno.ENOSPC}


def test_a_failed_fsync_is_never_repeated() -> None:
    disk = SimDisk()
    ledger = Ledger.create(NOWHERE, [SIGNER], disk=disk)
    ledger.append(b"kept")
    disk.fail_at = {disk.operations + 2: errno.EIO}
    with pytest.raises(StorageError, match="could not be made durable"):
        ledger.append(b"lost")
    before = disk.operations
    with pytest.raises(StorageError, match="takes no more"):
        ledger.append(b"later")
    ledger.close()
    assert disk.operations == before
    assert disk.exists(JOURNAL)
    assert next(Ledger.open(NOWHERE, [SIGNER], disk=disk).entries()) == b"kept"


def test_a_lost_synced_write_is_called_a_rollback() -> None:
    """A disk that lies about fsync looks like an attacker who cut records off: refused, not repaired."""
    disk = SimDisk()
    ledger = Ledger.create(NOWHERE, [SIGNER], disk=disk)
    for number in range(5):
        ledger.append(b"record %d" % number)
    frame = disk.names[JOURNAL].data
    del frame[-40:]
    before = {path: disk.read(path) for path in disk.walk()}
    disk.locked = False
    with pytest.raises(TamperedError, match="rolled back: 4 records, signed: 5"):
        Ledger.open(NOWHERE, [SIGNER], disk=disk)
    assert {path: disk.read(path) for path in disk.walk()} == before


def test_damage_before_the_last_batch_is_no_torn_tail() -> None:
    disk = SimDisk()
    ledger = Ledger.create(NOWHERE, [SIGNER], disk=disk)
    starts = []
    for number in range(4):
        starts.append(len(disk.names[JOURNAL].data))
        ledger.append(b"record %d" % number)
    disk.names[JOURNAL].data[starts[1] + 30] ^= 1
    disk.names.pop(CHECKPOINT)
    disk.locked = False
    with pytest.raises(TamperedError, match="damaged after 1 batches"):
        Ledger.open(NOWHERE, [SIGNER], disk=disk)
