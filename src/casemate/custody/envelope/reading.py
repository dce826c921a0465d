"""Open: any range of a sealed file, or all of it into another file."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from casemate.core.errors import StaleError, TamperedError, UsageError
from casemate.core.observer import Observer
from casemate.custody.envelope.layout import TAG, Policy
from casemate.custody.envelope.opening import check_size, read_region, unlock
from casemate.custody.envelope.publish import Draft, open_regular
from casemate.custody.envelope.stream import WORKERS, Scratch, Stream, each_segment, read_fully, write_fully
from casemate.keys.services import KeyService

ALONE: Final = 3
"""Up to so many segments are read by the caller's thread alone: starting others would take longer."""


class EncryptedFile:
    """A sealed file, opened for reading anywhere in it; a context manager, safe to use from several threads.

    Bytes are handed out only after every segment that holds one of them verified. That the whole file is there is
    known from the start: its length is authenticated.

    Attributes:
        path: where it lies.
        name: the name in its header.
        size: bytes of plaintext.
        segment: bytes of plaintext in a segment; what is read at once costs no more than the segments it lies in.
        policy: what holds for the file.
        sequence: 1, and one more for each rotation.
        keys: kind and key of each wrap.
    """

    def __init__(self, path: Path, keys: Sequence[KeyService], least: int, workers: int) -> None:
        self.path = path
        self._descriptor, state = open_regular(path)
        try:
            region, head = read_region(self._descriptor)
            check_size(state.st_size, head)
            opened = unlock(region, head, keys)
            if opened.slot.sequence < least:
                raise StaleError(
                    f"{path} has an older header than it had",
                    cause=f"its keys were rotated {opened.slot.sequence - 1} times, {least - 1} are known of",
                    next_step="find out who put the old header back; the keys it names open the file again",
                )
        except BaseException:
            os.close(self._descriptor)
            raise
        self.name, self.size, self.segment, self.policy = head.name, head.size, head.segment, head.policy
        self.sequence = opened.slot.sequence
        self.keys = tuple(f"{wrap.kind}:{wrap.key}" for wrap in opened.slot.wraps)
        self._head, self._stream, self._workers = head, Stream(head, opened.keys.segments), workers
        self._scratch = Scratch(head.segment)

    def __enter__(self) -> EncryptedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def read(self, offset: int, count: int, *, align: int = 1) -> memoryview:
        """Bytes ``offset`` to ``offset + count`` of the plaintext, all of them verified.

        Args:
            offset: where to begin.
            count: how many bytes.
            align: the address of the first byte is a multiple of this power of two, for arrays.

        Returns:
            A writable view of memory that is the caller's own.

        Raises:
            UsageError: the range is not within the file, or the file is closed.
            TamperedError: a segment is not the one that was sealed; no byte is handed out.
        """
        if self._descriptor < 0:
            raise UsageError(f"{self.path} is closed")
        if offset < 0 or count < 0 or offset + count > self.size:
            raise UsageError(
                f"bytes {offset} to {offset + count} are not in {self.name!r}", cause=f"it has {self.size:,} bytes"
            )
        if not count:
            return memoryview(bytearray())
        segment = self._head.segment
        first, last = offset // segment, (offset + count - 1) // segment
        memory = bytearray((last - first) * segment + self._head.length(last) + align)
        shift = -(_address(memory) + offset % segment) % align
        plain = memoryview(memory)[shift:]

        def work(number: int) -> None:
            at = number * segment
            self._open(first + number, plain[at : at + self._head.length(first + number)])

        few = last - first < ALONE
        each_segment(last - first + 1, work, workers=1 if few else self._workers)
        start = offset - first * segment
        return plain[start : start + count]

    def _open(self, index: int, plain: memoryview) -> None:
        sealed = self._scratch.sealed[: len(plain) + TAG]
        if not read_fully(self._descriptor, sealed, self._head.offset(index)):
            raise TamperedError(f"the sealed file {self.name!r} was cut while it was read")
        self._stream.open(index, sealed, plain)

    def write_to(self, descriptor: int, observer: Observer | None = None) -> None:
        """Write the whole plaintext to a file, each segment after it verified.

        The file is whole, and may be used, only when this returns.

        Raises:
            TamperedError: a segment is not the one that was sealed.
            StorageError: the disk is full or fails.
        """

        def work(index: int) -> None:
            plain = self._scratch.plain[: self._head.length(index)]
            self._open(index, plain)
            write_fully(descriptor, plain, index * self._head.segment)

        each_segment(self._head.count, work, workers=self._workers, observer=observer, task=f"unseal {self.path.name}")

    def check(self, observer: Observer | None = None) -> None:
        """Verify every segment and keep nothing of it.

        Raises:
            TamperedError: a segment is not the one that was sealed.
        """

        def work(index: int) -> None:
            self._open(index, self._scratch.plain[: self._head.length(index)])

        each_segment(self._head.count, work, workers=self._workers, observer=observer, task=f"check {self.path.name}")


def _address(memory: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A file that was unsealed.

    Attributes:
        path: where the plaintext lies.
        name: the name in the sealed file's header.
        size: bytes of plaintext.
        sequence: 1, and one more for each rotation of the sealed file's keys.
        policy: what holds for the sealed file.
    """

    path: Path
    name: str
    size: int
    sequence: int
    policy: Policy


def open_encrypted(
    path: Path | str, keys: Sequence[KeyService], *, least: int = 1, workers: int = WORKERS
) -> EncryptedFile:
    """Open a sealed file for reading anywhere in it.

    Args:
        path: the sealed file; it is opened once.
        keys: key services, at least one of which opens it.
        least: refuse a header that was rotated fewer than ``least - 1`` times: an old one that was put back.
        workers: threads for large ranges.

    Raises:
        UnreadableError: this is no sealed file.
        TamperedError: header or length were changed.
        StaleError: the header is older than ``least``.
        WrongKeyError: none of the keys is one that the file was sealed for.
        KeyServiceError: a service could not be reached, or refused.
    """
    return EncryptedFile(Path(path), keys, least, workers)


def decrypt_file(
    source: Path | str,
    goal: Path | str,
    keys: Sequence[KeyService],
    *,
    least: int = 1,
    overwrite: bool = False,
    workers: int = WORKERS,
    observer: Observer | None = None,
) -> Unsealed:
    """Unseal a whole file; it appears at ``goal`` (0600) only after all of it verified.

    Args:
        source: the sealed file.
        goal: where the plaintext appears, whole or not at all.
        keys: key services, at least one of which opens it.
        least: refuse a header that was rotated fewer than ``least - 1`` times.
        overwrite: whether a file at ``goal`` may be replaced.
        workers: threads.
        observer: hears of each segment.

    Raises:
        UnreadableError: this is no sealed file.
        TamperedError: anything in it was changed; nothing appears at ``goal``.
        StaleError: the header is older than ``least``.
        KeyServiceError: no key opens it, or a service could not be reached, or refused.
        UsageError: something is at ``goal``.
        StorageError: the plaintext cannot be written.
    """
    goal = Path(goal)
    with (
        open_encrypted(source, keys, least=least, workers=workers) as opened,
        Draft(goal, overwrite=overwrite) as draft,
    ):
        opened.write_to(draft.descriptor, observer)
        draft.publish()
        return Unsealed(goal, opened.name, opened.size, opened.sequence, opened.policy)
