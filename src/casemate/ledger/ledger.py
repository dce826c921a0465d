"""A ledger open for writing: append records, durably, one process at a time, from any number of threads.

How an append reaches the disk is told in ``writer``, what opening accepts in ``recovery``.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from casemate.core.errors import LockedError, StorageError, TamperedError, UnreadableError, UsageError
from casemate.keys.signing import Signer, Verifier, check_name
from casemate.ledger import journal
from casemate.ledger.disk import Disk, FolderDisk
from casemate.ledger.layout import CHECKPOINT, ENTRY_LIMIT, JOURNAL
from casemate.ledger.reader import Reader
from casemate.ledger.recovery import NEW
from casemate.ledger.writer import Writer, storage_error


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

    def __init__(self, disk: Disk, writer: Writer, unlock: Callable[[], None]) -> None:
        self._disk = disk
        self._writer = writer
        self._unlock: Callable[[], None] | None = unlock
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
        unlock, writer = _lock(disk), Writer(disk, signers, ())
        with _undone(unlock, writer):
            left = [name for name in disk.walk() if name != NEW + JOURNAL]  # a crash while creating leaves that
            if left:
                raise UsageError(
                    f"{folder} is not empty",
                    cause="a ledger starts in a folder of its own",
                    next_step="open it instead",
                )
            writer.begin(origin)
        return cls(disk, writer, unlock)

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
        unlock, writer = _lock(disk), Writer(disk, signers, trusted)
        with _undone(unlock, writer):
            writer.resume()
        return cls(disk, writer, unlock)

    @property
    def size(self) -> int:
        """Number of durable records."""
        return self._writer.edge.size

    @property
    def checkpoint(self) -> str:
        """The signed checkpoint over them. Keep a copy elsewhere: it is what proves that nothing was cut off."""
        return self._writer.note

    def reader(self) -> Reader:
        """Read the records that are durable now, and prove things about them."""
        return Reader(self._disk, self.size)

    def entries(self) -> Iterator[bytes]:
        """All records, checked against the checkpoint's root after the last one.

        Raises:
            TamperedError: they are not the ones that were appended.
        """
        reader, root = self.reader(), self._writer.edge.root()
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
        first = self.size
        self._writer.append([entry for ticket in tickets for entry in ticket.entries])
        for ticket in tickets:
            ticket.first = first
            first += len(ticket.entries)

    def close(self) -> None:
        """Make tiles and checkpoint durable, remove the journal, let the next writer in. Twice does nothing.

        Raises:
            StorageError: they could not be made durable; every acknowledged record is, and opening recovers them.
        """
        with self._commit_lock:
            if self._unlock is None:
                return
            try:
                self._writer.close()
            finally:
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
            f"another process ({_pid(disk)}) is writing to this ledger",
            cause="a ledger has one writer at a time",
            next_step="wait for it to end, or use another folder",
        ) from None
    except OSError as error:
        raise StorageError("the ledger cannot be locked", cause=str(error)) from error


@contextlib.contextmanager
def _undone(unlock: Callable[[], None], writer: Writer) -> Iterator[None]:
    """Let go of lock and journal when creating or opening fails."""
    try:
        yield
    except BaseException as error:
        writer.abandon()
        unlock()
        if isinstance(error, OSError):
            raise storage_error(error) from error
        raise


def _pid(disk: Disk) -> str:
    try:
        return f"pid {journal.read_head(disk.read(JOURNAL)).pid}"
    except (OSError, UnreadableError):
        return "pid unknown"
