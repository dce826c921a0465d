"""One append from memory to disk: the steps, their order, and what is done when one of them fails.

    1  sign the checkpoint over the new tree         nothing on disk
    2  journal <- entries and checkpoint, fdatasync  from here the records are durable: recovery replays them
    3  tiles and bundles are written                 recovery writes them again
    4  ``checkpoint`` is renamed into place          published; older partial tiles are removed
    5  the caller is told                            acknowledged

Tiles and checkpoint are made durable together when the journal is full or the ledger closes; only then is the journal
replaced or removed. So an append costs one fdatasync, no checkpoint is ever published before its leaves are durable,
and a folder without a journal is complete.

A failed fsync is final: the kernel may have dropped the pages, so nothing more is written. A full disk is taken back
as long as nothing is published. Anything else (Ctrl-C) leaves a sound disk, and closing recovers it.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Sequence

from casemate.core.errors import StorageError, UsageError
from casemate.keys.signing import Signer, Verifier
from casemate.ledger import journal
from casemate.ledger.disk import AppendFile, Disk
from casemate.ledger.edge import Change, Edge
from casemate.ledger.layout import CHECKPOINT, JOURNAL
from casemate.ledger.note import Checkpoint, sign_checkpoint
from casemate.ledger.recovery import NEW, publish, recover

JOURNAL_LIMIT = 64 << 20
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def storage_error(error: OSError) -> StorageError:
    """What to tell people about a failing disk."""
    full = error.errno in _NO_ROOM
    return StorageError(
        "the disk is full" if full else "the ledger could not be made durable",
        cause=str(error),
        next_step="make room, then open the ledger again" if full else "check the disk, then open the ledger again",
    )


class Writer:
    """The state of a ledger that is open for writing, and the only code that changes its folder.

    One caller at a time. ``begin`` or ``resume`` comes first.

    Args:
        disk: the ledger's folder, locked.
        signers: who signs checkpoints.
        trusted: further keys whose checkpoints are accepted.

    Attributes:
        edge: the log's right edge, durable and published.
        note: the signed checkpoint over it.
    """

    def __init__(self, disk: Disk, signers: Sequence[Signer], trusted: Sequence[Verifier]) -> None:
        self.edge = Edge()
        self.note = ""
        self._disk = disk
        self._signers = signers
        self._verifiers = [*(signer.verifier for signer in signers), *trusted]
        self._origin = ""
        self._journal: AppendFile | None = None
        self._journal_size = 0
        self._mark = b""
        self._dirty: set[str] = set()
        self._removed: set[str] = set()
        self._failure: BaseException | None = None
        self._broken = False

    def begin(self, origin: str) -> None:
        """Start an empty log: its journal first, so that a crash at any moment leaves nothing or an empty log."""
        self._origin = origin
        self.note = self._sign(self.edge)
        self._begin_journal()
        publish(self._disk, {}, self.note)

    def resume(self) -> None:
        """Go on where the last writer stopped, recovering what it left."""
        self._recover()
        self._begin_journal()

    def append(self, batch: Sequence[bytes]) -> None:
        """Append a batch: durable and published when this returns.

        Raises:
            UsageError: the ledger is closed.
            StorageError: nothing of it is acknowledged, and no more is taken.
        """
        if self._failure is not None:
            raise StorageError(
                "the ledger takes no more records",
                cause=f"an earlier write failed ({self._failure})",
                next_step="free the disk's trouble, then open the ledger again",
            ) from self._failure
        if self._journal is None:
            raise UsageError("the ledger is closed")
        if batch:
            self._write(self._journal, self.edge.extend(batch), batch)
            if self._journal_size > JOURNAL_LIMIT:
                self._rotate()

    def _write(self, log: AppendFile, change: Change, batch: Sequence[bytes]) -> None:
        note = self._sign(change.edge)
        frame = journal.batch_frame(self._mark, note, batch)
        try:
            log.write(frame)
            self._broken = True  # a failed fsync cannot be repeated: the kernel may have dropped the pages
            log.sync()
            self._broken = False  # up to here a full disk can be taken back
            publish(self._disk, change.write, note)
            self._broken = True
            for path in change.remove:
                self._disk.remove(path)
            self.edge, self.note = change.edge, note
            self._journal_size += len(frame)
            self._dirty.update(change.write)
            self._dirty.difference_update(change.remove)
            self._removed.update(change.remove)
            self._broken = False
        except OSError as error:
            self._failure = error
            if error.errno in _NO_ROOM and not self._broken:
                with contextlib.suppress(OSError):
                    self._take_back(log, change)
            self._broken = self._broken or error.errno not in _NO_ROOM
            raise storage_error(error) from error
        except BaseException as error:
            self._failure, self._broken = error, True
            raise

    def _take_back(self, log: AppendFile, change: Change) -> None:
        """The disk is full: remove what nobody was told of, so that the ledger can still close and verify."""
        self._broken = True
        log.truncate(self._journal_size)
        log.sync()
        for path in [*change.write, NEW + CHECKPOINT]:
            self._disk.remove(path)
        self._broken = False

    def _recover(self) -> None:
        state = recover(self._disk, self._verifiers)
        self.edge, self.note, self._origin = state.edge, state.note, state.checkpoint.origin
        self._dirty.clear()  # recovery made everything durable
        self._removed.clear()

    def _sign(self, edge: Edge) -> str:
        return sign_checkpoint(Checkpoint(self._origin, edge.size, edge.root()), self._signers)

    def _begin_journal(self) -> None:
        mark = journal.new_mark()
        head = journal.head_frame(mark, self.note, self.edge)
        self._disk.write(NEW + JOURNAL, head)
        self._disk.sync([NEW + JOURNAL])
        self._disk.rename(NEW + JOURNAL, JOURNAL)
        self._disk.sync_root()
        if self._journal is not None:
            self._journal.close()
        self._mark, self._journal_size = mark, len(head)
        self._journal = self._disk.append_to(JOURNAL)

    def _rotate(self) -> None:
        """Make tiles and checkpoint durable and start an empty journal. The records are safe either way."""
        try:
            self._settle()
            self._begin_journal()
        except OSError as error:
            if error.errno in _NO_ROOM and self._disk.exists(NEW + JOURNAL):
                self._disk.remove(NEW + JOURNAL)  # go on with the old one; the next append will notice the full disk
                return
            self._failure, self._broken = error, True
            raise storage_error(error) from error

    def _settle(self) -> None:
        self._disk.sync(self._dirty | {CHECKPOINT}, self._removed)
        self._dirty.clear()
        self._removed.clear()

    def close(self) -> None:
        """Make tiles and checkpoint durable and remove the journal; after a failed disk, leave both as they are."""
        if self._journal is None:
            return
        try:
            if self._broken and not isinstance(self._failure, OSError):
                self._recover()  # Ctrl-C in the middle of an append
                self._broken = False
            if not self._broken:
                self._settle()
                self._disk.remove(JOURNAL)
                self._disk.sync_root()
        except OSError as error:
            self._failure = error
            raise storage_error(error) from error
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of the journal and leave everything to recovery."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
