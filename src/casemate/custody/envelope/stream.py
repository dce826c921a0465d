"""Segments: the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizar, CRYPTO 2015, section 7) with AES-256-GCM.

The nonce of segment i is ``prefix (7) | i (4, big-endian) | 1 if it is the last, else 0``. Order, number and end of the
segments are thereby authenticated; the associated data binds each of them to the public header, and so to one file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cached_property
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from casemate.core.errors import StorageError, TamperedError
from casemate.core.observer import Observer, Silent
from casemate.custody.envelope.layout import TAG, Head

WORKERS: Final = min(4, os.cpu_count() or 1)
"""Threads that encrypt or decrypt a whole file; AES-GCM lets go of the interpreter's lock."""


class Stream:
    """The segments of one file.

    Args:
        head: the public header, with its commitment.
        key: the key of segments.
    """

    def __init__(self, head: Head, key: bytes) -> None:
        self.head = head
        self._cipher = AESGCM(key)
        self._associated = head.associated()

    def _nonce(self, index: int) -> bytes:
        return self.head.prefix + index.to_bytes(4, "big") + (b"\1" if index == self.head.count - 1 else b"\0")

    def seal(self, index: int, plain: memoryview, sealed: memoryview) -> None:
        """Encrypt segment ``index`` into ``sealed``, which has 16 bytes more."""
        self._cipher.encrypt_into(self._nonce(index), plain, self._associated, sealed)

    def open(self, index: int, sealed: memoryview, plain: memoryview) -> None:
        """Decrypt segment ``index`` into ``plain``, which has 16 bytes less and is zeroed when it does not verify.

        Raises:
            TamperedError: the segment is not the one that was sealed there.
        """
        try:
            self._cipher.decrypt_into(self._nonce(index), sealed, self._associated, plain)
        except InvalidTag:
            plain[:] = bytes(len(plain))
            raise TamperedError(
                f"segment {index} of the sealed file {self.head.name!r} does not verify",
                cause="it was changed, moved or cut after it was sealed",
                next_step="get the file again",
            ) from None


class Scratch(threading.local):
    """Two buffers for each thread, made when they are first used and used again for each run of segments."""

    def __init__(self, segment: int, run: int = 1) -> None:
        self._segment = segment
        self._run = run

    @cached_property
    def plain(self) -> memoryview:
        """Room for a segment of plaintext."""
        return memoryview(bytearray(self._segment))

    @cached_property
    def sealed(self) -> memoryview:
        """Room for a run of segments of ciphertext and their tags."""
        return memoryview(bytearray(self._run * (self._segment + TAG)))


def each_segment(
    count: int, work: Callable[[int], None], *, workers: int = WORKERS, observer: Observer | None = None, task: str = ""
) -> None:
    """Call ``work`` once for each number below ``count``, on several threads; the first error stops all and is raised.

    Ends because each step takes the next number, and the numbers end.
    """
    numbers, lock, errors = iter(range(count)), threading.Lock(), list[BaseException]()
    watching = observer or Silent()
    watching.begin(task, count)

    def run() -> None:
        try:
            while not errors:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                work(number)
                watching.advance(task)
        except BaseException as error:  # raised again below, in the caller's thread
            errors.append(error)

    helpers = list[threading.Thread]()
    try:
        for _ in range(min(workers, count) - 1):
            helper = threading.Thread(target=run)
            helper.start()
            helpers.append(helper)
        run()
    except BaseException as error:
        errors.append(error)
    _join(helpers, errors)
    if errors:
        raise errors[0]
    watching.end(task)


def _join(helpers: list[threading.Thread], errors: list[BaseException]) -> None:
    """Wait for all threads, also when interrupted: the caller closes descriptors next, and their numbers are reused.

    Ends because an error makes each thread stop after its segment.
    """
    for helper in helpers:
        while helper.is_alive():
            try:
                helper.join()
            except BaseException as error:  # raised by the caller, when nothing is written any more
                errors.append(error)


def read_fully(descriptor: int, buffer: memoryview, offset: int) -> bool:
    """Fill ``buffer`` from a file; False when the file ends before. Advances by at least a byte each time."""
    done = 0
    while done < len(buffer):
        read = os.preadv(descriptor, [buffer[done:]], offset + done)
        if not read:
            return False
        done += read
    return True


def write_fully(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of ``data``.

    Raises:
        StorageError: the disk is full or fails.
    """
    rest = memoryview(data)
    try:
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[written:], offset + written
    except OSError as error:
        raise StorageError(
            "the file cannot be written", cause=error.strerror or str(error), next_step="check the disk, then run again"
        ) from error
