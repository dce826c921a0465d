"""Seal: a file, or bytes as they are read by somebody else."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final

from casemate.core.errors import UnreadableError, UsageError
from casemate.core.observer import Observer
from casemate.custody.envelope.layout import ANY_KEYS, JOURNAL, SEGMENT, SLOT, TAG, Head, Policy
from casemate.custody.envelope.publish import Draft, open_regular
from casemate.custody.envelope.slots import Slot, check_wraps, encode_slot, room_for
from casemate.custody.envelope.stream import WORKERS, Scratch, Stream, each_segment, read_fully, write_fully
from casemate.keys.services import DEK_SIZE, KeyService

RUN: Final = 4
"""Segments that one thread seals and writes at a time: fewer hand-overs of the interpreter's lock."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file that was sealed.

    Attributes:
        path: where it lies.
        name: the name in its header, which anyone can read.
        size: bytes of plaintext.
        total: bytes of the sealed file.
        keys: names of the keys that open it.
    """

    path: Path
    name: str
    size: int
    total: int
    keys: tuple[str, ...]


class Sealer:
    """Seals bytes as they come, so that one read of a file can be scanned, hashed and sealed; a context manager.

    Nothing appears at ``goal`` before `finish`. The length has to be known at the start, because it is part of what
    every segment authenticates.

    Args:
        goal: where the sealed file will appear.
        services: the keys that will open it, at least one.
        length: bytes of plaintext that will come.
        name: what readers will call it; it is not secret.
        policy: what holds for the file as long as it lives.
        overwrite: whether a file at ``goal`` may be replaced.
        segment: bytes of plaintext in a segment.
        reserve: bytes for the wraps, twice; more leaves room for more keys later.
        workers: threads.

    Raises:
        UsageError: no key is given, the policy forbids one, or something is at ``goal``.
        KeyServiceError: a service cannot be reached, or refuses.
        StorageError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> from casemate.keys.kek_file import create_kek
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     key = create_kek(Path(folder) / "models.kek")
        ...     with Sealer(Path(folder) / "model.sealed", [key], length=5, name="model") as sealer:
        ...         sealer.update(b"abc")
        ...         sealer.update(b"de")
        ...         sealer.finish().size
        5
    """

    def __init__(
        self,
        goal: Path,
        services: Sequence[KeyService],
        *,
        length: int,
        name: str,
        policy: Policy = ANY_KEYS,
        overwrite: bool = False,
        segment: int = SEGMENT,
        reserve: int = SLOT,
        workers: int = WORKERS,
    ) -> None:
        self._draft = Draft(goal, overwrite=overwrite)
        try:
            head, region = _make_header(services, length, name, policy, segment, reserve)
            self._head, self._stream = head, region[1]
            self._keys = tuple(service.name for service in services)
            write_fully(self._draft.descriptor, region[0], 0)
        except BaseException:
            self._draft.__exit__(None, None, None)
            raise
        self._scratch = Scratch(segment, RUN)
        self._workers = workers
        self._pool: ThreadPoolExecutor | None = None
        self._pending: list[Future[None]] = []
        self._rest = bytearray()
        self._index = 0
        self._fed = 0

    def __enter__(self) -> Sealer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._draft.__exit__(kind, error, trace)

    def submit(self, view: bytes | bytearray | memoryview) -> None:
        """Begin to seal the next bytes, on other threads; they must not change before `drain` returns.

        Raises:
            UsageError: more bytes come than were announced.
        """
        data = memoryview(view).cast("B")
        self._fed += len(data)
        if self._fed > self._head.size:
            raise UsageError(
                "more bytes came than were announced",
                cause=f"{self._head.size:,} were",
                next_step="seal the file when nothing writes to it",
            )
        segment = self._head.segment
        if self._rest:
            taken = min(segment - len(self._rest), len(data))
            self._rest += data[:taken]
            data = data[taken:]
            if len(self._rest) == segment:
                self._start(memoryview(self._rest))
                self._rest = bytearray()
        whole = len(data) - len(data) % segment
        for at in range(0, whole, RUN * segment):
            self._start(data[at : min(at + RUN * segment, whole)])
        self._rest += data[whole:]

    def drain(self) -> None:
        """Wait until everything submitted is sealed.

        Raises:
            StorageError: the disk is full or fails.
        """
        pending, self._pending = self._pending, []
        for each in pending:
            each.result()

    def update(self, view: bytes | bytearray | memoryview) -> None:
        """Seal the next bytes; when this returns, ``view`` may change.

        Raises:
            UsageError: more bytes come than were announced.
            StorageError: the disk is full or fails.
        """
        self.submit(view)
        self.drain()

    def finish(self) -> Sealed:
        """Seal what is left, make the file durable and give it its name.

        Raises:
            UsageError: fewer bytes came than were announced, or something is at the goal by now.
            StorageError: it cannot be made durable.
        """
        if self._fed != self._head.size:
            raise UsageError(
                "fewer bytes came than were announced",
                cause=f"{self._head.size:,} were, {self._fed:,} came",
                next_step="seal the file when nothing writes to it",
            )
        if self._index < self._head.count:
            self._start(memoryview(self._rest))
        self.drain()
        self._draft.publish()
        return Sealed(self._draft.goal, self._head.name, self._head.size, self._head.total, self._keys)

    def _start(self, run: memoryview) -> None:
        """Begin to seal the next segments, at most ``RUN``; only the file's last may be shorter, or empty."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers)
        self._pending.append(self._pool.submit(self._seal, self._index, run))
        self._index += max(1, -(-len(run) // self._head.segment))

    def _seal(self, first: int, run: memoryview) -> None:
        segment, sealed, end = self._head.segment, self._scratch.sealed, 0
        for index, at in enumerate(range(0, max(1, len(run)), segment), first):
            piece = run[at : at + segment]
            begin, end = end, end + len(piece) + TAG
            self._stream.seal(index, piece, sealed[begin:end])
        write_fully(self._draft.descriptor, sealed[:end], self._head.offset(first))


def encrypt_file(
    source: Path | str,
    goal: Path | str,
    services: Sequence[KeyService],
    *,
    name: str | None = None,
    policy: Policy = ANY_KEYS,
    overwrite: bool = False,
    segment: int = SEGMENT,
    reserve: int = SLOT,
    workers: int = WORKERS,
    observer: Observer | None = None,
) -> Sealed:
    """Seal one file so that each of ``services`` can open it.

    Args:
        source: a regular file; it is read once, through one descriptor.
        goal: where the sealed file appears (0600), whole or not at all.
        services: the keys that will open it, at least one.
        name: what readers will call it, the source's name if not given; it is not secret.
        policy: what holds for the file as long as it lives.
        overwrite: whether a file at ``goal`` may be replaced.
        segment: bytes of plaintext in a segment: a power of two from 1 KiB to 16 MiB.
        reserve: bytes for the wraps, twice; more leaves room for more keys later.
        workers: threads.
        observer: hears of each segment.

    Raises:
        UnreadableError: the source is missing, is no regular file, or changes while it is read.
        UsageError: no key is given, the policy forbids one, or something is at ``goal``.
        KeyServiceError: a service cannot be reached, or refuses.
        StorageError: the sealed file cannot be written.

    Example:
        >>> import tempfile
        >>> from casemate.custody.envelope import open_encrypted
        >>> from casemate.keys.kek_file import create_kek
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     base = Path(folder)
        ...     key = create_kek(base / "models.kek")
        ...     count = (base / "model").write_bytes(b"weights")
        ...     sealed = encrypt_file(base / "model", base / "model.sealed", [key])
        ...     with open_encrypted(sealed.path, [key]) as opened:
        ...         bytes(opened.read(0, 4))
        b'weig'
    """
    source, goal = Path(source), Path(goal)
    descriptor, state = open_regular(source)
    try:
        with Draft(goal, overwrite=overwrite) as draft:
            given = source.name if name is None else name
            head, (region, stream) = _make_header(services, state.st_size, given, policy, segment, reserve)
            write_fully(draft.descriptor, region, 0)
            scratch = Scratch(segment)

            def seal(index: int) -> None:
                length = head.length(index)
                plain, sealed = scratch.plain[:length], scratch.sealed[: length + 16]
                if not read_fully(descriptor, plain, index * segment):
                    raise _changing(source)
                stream.seal(index, plain, sealed)
                write_fully(draft.descriptor, sealed, head.offset(index))

            each_segment(head.count, seal, workers=workers, observer=observer, task=f"seal {source.name}")
            after = os.fstat(descriptor)
            if (after.st_size, after.st_mtime_ns) != (state.st_size, state.st_mtime_ns):
                raise _changing(source)
            draft.publish()
    finally:
        os.close(descriptor)
    return Sealed(goal, head.name, head.size, head.total, tuple(service.name for service in services))


def _changing(source: Path) -> UnreadableError:
    return UnreadableError(f"{source} changes while it is read", next_step="seal it when nothing writes to it")


def _make_header(
    services: Sequence[KeyService], size: int, name: str, policy: Policy, segment: int, reserve: int
) -> tuple[Head, tuple[bytes, Stream]]:
    """A new data key, its wraps, and the region before the segments. The wraps decide how much room is reserved."""
    draft = Head(name, size, segment, reserve, secrets.token_bytes(32), secrets.token_bytes(7), policy)
    draft.encode()  # before any service is asked
    check_services(services, policy)
    dek = secrets.token_bytes(DEK_SIZE)
    wraps = tuple(service.wrap(dek, draft.context()) for service in services)
    check_wraps(wraps, policy)
    if (room := room_for(wraps)) > reserve:  # the room is part of what wraps are bound to
        draft = replace(draft, slot=room)
        wraps = tuple(service.wrap(dek, draft.context()) for service in services)
    keys = draft.derive(dek)
    head = replace(draft, commitment=keys.commitment)
    first = Slot(1, wraps)
    slots = [encode_slot(index, first, head.slot, keys.slots) for index in (0, 1)]
    return head, (head.encode() + bytes(JOURNAL) + b"".join(slots), Stream(head, keys.segments))


def check_services(services: Sequence[KeyService], policy: Policy) -> None:
    """Refuse keys that the policy forbids, before any of them is asked.

    Raises:
        UsageError: it does, or there are none, or one is given twice.
    """
    if not services:
        raise UsageError("no key is given", cause="nobody could open the file", next_step="name at least one key")
    names = [service.name for service in services]
    if len(set(names)) < len(names):
        raise UsageError("a key is given twice", next_step="name each key once")
    kinds = {service.kind for service in services} - set(policy.kinds)
    if policy.kinds and kinds:
        raise UsageError(
            f"the policy forbids keys of kind {', '.join(sorted(kinds))}",
            cause=f"it allows {', '.join(policy.kinds)}",
            next_step="use other keys, or another policy",
        )
    if len(services) > policy.most:
        raise UsageError(f"the policy allows {policy.most} keys", cause=f"{len(services)} are given")
