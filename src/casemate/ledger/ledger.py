"""The writer of a ledger: append records, durably, one writer at a time.

How one append commits, and what a crash after each step leaves:

    1  sign the checkpoint over the new tree         nothing on disk
    2  journal <- entries and checkpoint, fdatasync  from here the records are durable: recovery replays them
    3  tiles and bundles are written                 recovery writes them again
    4  ``checkpoint`` is renamed into place          published; older partial tiles are removed
    5  ``append_many`` returns                       acknowledged

Tiles and checkpoint are made durable together when the journal is full or the ledger closes; only then is the journal
replaced or removed. So an append costs one fdatasync, no checkpoint is ever published before its leaves are durable,
and a folder without a journal is complete. Recovery drops the torn end of the journal (it was never acknowledged) and
refuses whatever a crash cannot explain: it never repairs tampering.
"""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from casemate.core.errors import LockedError, StorageError, TamperedError, UnreadableError, UsageError
from casemate.keys.signing import Signer, Verifier, check_name
from casemate.ledger import journal
from casemate.ledger.disk import AppendFile, Disk, FolderDisk
from casemate.ledger.edge import Change, Edge
from casemate.ledger.layout import CHECKPOINT, ENTRY_LIMIT, JOURNAL
from casemate.ledger.note import Checkpoint, sign_checkpoint
from casemate.ledger.reader import Reader
from casemate.ledger.recovery import NEW, publish, recover

JOURNAL_LIMIT = 64 << 20
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class _Ticket:
    """One caller's records, waiting to be committed with everyone else's."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.entries = entries
        self.first = -1
        self.error: BaseException | None = None


class Ledger:
    """An append-only Merkle log in a folder, open for writing. Make one with ``create`` or ``open``.

    Safe to use from many threads: appends that wait for each other are committed together.

    Example:
        >>> import tempfile
        >>> from casemate.keys.ed25519 import Ed25519Signer
        >>> folder = Path(tempfile.mkdtemp()) / "ledger"
        >>> with Ledger.create(folder, [Ed25519Signer("example.org/a", bytes(32))]) as ledger:
        ...     ledger.append_many([b"first", b"second"]), ledger.size
        (0, 2)
    """

    def __init__(
        self,
        disk: Disk,
        signers: Sequence[Signer],
        trusted: Sequence[Verifier],
        unlock: Callable[[], None],
        origin: str,
    ) -> None:
        self._disk = disk
        self._signers = signers
        self._verifiers = [*(signer.verifier for signer in signers), *trusted]
        self._unlock: Callable[[], None] | None = unlock
        self._origin = origin
        self._edge = Edge()
        self._note = ""
        self._journal: AppendFile | None = None
        self._journal_size = 0
        self._mark = b""
        self._dirty: set[str] = set()
        self._removed: set[str] = set()
        self._failure: BaseException | None = None
        self._broken = False
        self._queue: list[_Ticket] = []
        self._queue_lock = threading.Lock()
        self._commit_lock = threading.Lock()

    @classmethod
    def create(cls, folder: Path, signers: Sequence[Signer], *, origin: str = "", disk: Disk | None = None) -> Ledger:
        """Start a ledger in a new or empty folder and publish the checkpoint of the empty log.

        Args:
            folder: where; its parents are made.
            signers: who signs checkpoints; the first one's name is the origin unless given.
            origin: the log's name, a URL without scheme.
            disk: where to write instead of the file system (tests).

        Raises:
            UsageError: something is in the folder already, or there is no signer.
            LockedError: someone else is creating it.
            StorageError: it cannot be written.
        """
        if not signers:
            raise UsageError("a ledger needs a signer", next_step="create a key first")
        origin = check_name(origin or signers[0].verifier.name)
        if disk is None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageError(f"the folder {folder} cannot be made", cause=str(error)) from error
            disk = FolderDisk(folder)
        ledger = cls(disk, signers, (), _lock(disk), origin)
        try:
            left = [name for name in disk.walk() if name != NEW + JOURNAL]  # a crash while creating leaves that
            if left:
                raise UsageError(
                    f"{folder} is not empty",
                    cause="a ledger starts in a folder of its own",
                    next_step="open it instead",
                )
            ledger._note = ledger._sign(ledger._edge)
            ledger._begin_journal()
            publish(disk, {}, ledger._note)
            ledger._dirty.add(CHECKPOINT)
        except OSError as error:
            ledger._release()
            raise _storage_error(error) from error
        except BaseException:
            ledger._release()
            raise
        return ledger

    @classmethod
    def open(
        cls, folder: Path, signers: Sequence[Signer], *, trusted: Sequence[Verifier] = (), disk: Disk | None = None
    ) -> Ledger:
        """Open a ledger for appending, recovering it first when its last writer did not close it.

        Args:
            folder: the ledger's folder.
            signers: who signs from now on.
            trusted: further keys whose checkpoints are accepted (keys used before).
            disk: where to read and write instead of the file system (tests).

        Raises:
            LockedError: another process has it open; its number is named.
            TamperedError: it is shorter than its checkpoint says, or differs from what was signed.
            UsageError: there is no ledger.
            StorageError: it cannot be written.
        """
        disk = disk or FolderDisk(folder)
        if not (disk.exists(CHECKPOINT) or disk.exists(JOURNAL)):
            raise UsageError(f"there is no ledger in {folder}", next_step="check the path, or create one")
        unlock = _lock(disk)
        try:
            ledger = cls(disk, signers, trusted, unlock, "")
            ledger._recover()
            ledger._begin_journal()
        except OSError as error:
            unlock()
            raise _storage_error(error) from error
        except BaseException:
            unlock()
            raise
        return ledger

    @property
    def size(self) -> int:
        """Number of durable records."""
        return self._edge.size

    @property
    def checkpoint(self) -> str:
        """The signed checkpoint over them. Keep a copy elsewhere: it is what proves that nothing was cut off."""
        return self._note

    def reader(self) -> Reader:
        """Read the records that are durable now, and prove things about them."""
        return Reader(self._disk, self.size)

    def entries(self) -> Iterator[bytes]:
        """All records, checked against the checkpoint's root after the last one.

        Raises:
            TamperedError: they are not the ones that were appended.
        """
        reader, root = self.reader(), self._edge.root()
        yield from reader.entries()
        if reader.recomputed_root != root:
            raise TamperedError("the ledger's records are not those of its checkpoint", next_step="run casemate verify")

    def append(self, entry: bytes) -> int:
        """Append one record; returns its index. See ``append_many``."""
        return self.append_many([entry])

    def append_many(self, entries: Sequence[bytes]) -> int:
        """Append records; when this returns they are durable and a signed checkpoint covers them.

        Args:
            entries: 1 to 65,535 bytes each; larger things go into blobs, named by digest.

        Returns:
            The index of the first.

        Raises:
            UsageError: a record is empty or too long, or the ledger is closed. Nothing was appended.
            StorageError: they could not be made durable. Nothing was acknowledged and the ledger takes no more.
        """
        for entry in entries:
            if not 0 < len(entry) <= ENTRY_LIMIT:
                raise UsageError(
                    f"a record of {len(entry):,} bytes cannot be appended",
                    cause=f"records have 1 to {ENTRY_LIMIT:,} bytes",
                    next_step="put large content into a blob and record its digest",
                )
        ticket = _Ticket(entries)
        with self._queue_lock:
            self._queue.append(ticket)
        with self._commit_lock:  # whoever gets here first commits for all who wait
            if ticket.first < 0 and ticket.error is None:
                with self._queue_lock:
                    waiting, self._queue = self._queue, []
                try:
                    self._commit(waiting)
                except BaseException as error:
                    for other in waiting:
                        other.error = error
                    raise
            elif ticket.error is not None:
                raise StorageError("the records were not appended", cause=str(ticket.error)) from ticket.error
        return ticket.first

    def _commit(self, tickets: list[_Ticket]) -> None:
        if self._failure is not None:
            raise StorageError(
                "the ledger takes no more records",
                cause=f"an earlier write failed ({self._failure})",
                next_step="free the disk's trouble, then open the ledger again",
            ) from self._failure
        if self._journal is None:
            raise UsageError("the ledger is closed")
        batch = [entry for ticket in tickets for entry in ticket.entries]
        first = self.size
        if batch:
            change = self._edge.extend(batch)
            self._write(self._journal, change, batch)
        for ticket in tickets:
            ticket.first = first
            first += len(ticket.entries)

    def _write(self, log: AppendFile, change: Change, batch: list[bytes]) -> None:
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
            self._edge, self._note = change.edge, note
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
            raise _storage_error(error) from error
        except BaseException as error:
            self._failure, self._broken = error, True
            raise
        if self._journal_size > JOURNAL_LIMIT:
            self._rotate()

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
        self._edge, self._note, self._origin = state.edge, state.note, state.checkpoint.origin
        self._dirty.clear()  # recovery made everything durable
        self._removed.clear()

    def _sign(self, edge: Edge) -> str:
        return sign_checkpoint(Checkpoint(self._origin, edge.size, edge.root()), self._signers)

    def _begin_journal(self) -> None:
        mark = journal.new_mark()
        head = journal.head_frame(mark, self._note, self._edge)
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
            raise _storage_error(error) from error

    def _settle(self) -> None:
        self._disk.sync(self._dirty | {CHECKPOINT}, self._removed)
        self._dirty.clear()
        self._removed.clear()

    def close(self) -> None:
        """Make tiles and checkpoint durable, remove the journal, let the next writer in. Twice does nothing.

        Raises:
            StorageError: they could not be made durable; every acknowledged record is, and opening recovers them.
        """
        with self._commit_lock:
            if self._unlock is None:
                return
            try:
                if self._broken and self._journal is not None and not isinstance(self._failure, OSError):
                    self._recover()  # Ctrl-C in the middle of an append: the disk is sound
                    self._broken = False
                if not self._broken and self._journal is not None:
                    self._settle()
                    self._disk.remove(JOURNAL)
                    self._disk.sync_root()
            except OSError as error:
                self._failure = error
                raise _storage_error(error) from error
            finally:
                self._release()

    def _release(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._unlock is not None:
            self._unlock()
            self._unlock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _lock(disk: Disk) -> Callable[[], None]:
    try:
        return disk.lock()
    except BlockingIOError:
        raise LockedError(
            f"another process ({_writer(disk)}) is writing to this ledger",
            cause="a ledger has one writer at a time",
            next_step="wait for it to end, or use another folder",
        ) from None
    except OSError as error:
        raise StorageError("the ledger cannot be locked", cause=str(error)) from error


def _writer(disk: Disk) -> str:
    try:
        return f"pid {journal.read_head(disk.read(JOURNAL)).pid}"
    except (OSError, UnreadableError):
        return "pid unknown"


def _storage_error(error: OSError) -> StorageError:
    full = error.errno in _NO_ROOM
    return StorageError(
        "the disk is full" if full else "the ledger could not be made durable",
        cause=str(error),
        next_step="make room, then open the ledger again" if full else "check the disk, then open the ledger again",
    )
