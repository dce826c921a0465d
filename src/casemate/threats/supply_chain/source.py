"""A file, opened once: what kind of thing it is, its bytes, and whether it stayed the same while it was read.

Small files are read into memory. Large ones are mapped; a map of a file that someone cuts short kills the process that
reads it, so whoever maps must be a child that may die (``children.py``). Hashing reads through the descriptor, not the
map, in a thread of its own: OpenSSL lets go of the interpreter's lock, so it runs beside the parsers.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import stat
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

from casemate.core.errors import UnreadableError
from casemate.threats.supply_chain.view import View, printable

SMALL: Final = 8 << 20
"""Files up to this size are read into memory."""

_INLINE: Final = 1 << 18
"""Hashing less than this is not worth a thread."""

_PIECE: Final = 1 << 17
"""Bytes that are read at a time; they stay in a core's own cache until they are hashed."""

_TELL: Final = 32 << 20
_KINDS: Final = (
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISFIFO, "it is a pipe"),
    (stat.S_ISSOCK, "it is a socket"),
    (stat.S_ISCHR, "it is a device"),
    (stat.S_ISBLK, "it is a device"),
    (stat.S_ISLNK, "it is a symbolic link"),
)


class Source:
    """One regular file, open.

    Args:
        path: where it is.
        follow: whether it may be a symbolic link.

    Raises:
        UnreadableError: it is missing, may not be read, or is no regular file. Devices and pipes are never opened.
    """

    def __init__(self, path: str, *, follow: bool = False) -> None:
        self.path = path
        try:
            _regular(path, os.stat(path, follow_symlinks=follow))  # noqa: PTH116 - a Path costs as much as the call
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
            self.descriptor = os.open(path, flags)
        except OSError as error:
            raise unreadable(path, said(error)) from error
        try:
            self.status = os.fstat(self.descriptor)
            _regular(path, self.status)
        except BaseException:
            os.close(self.descriptor)
            raise
        self.size = self.status.st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)

    @property
    def is_small(self) -> bool:
        """Whether ``view`` reads it into memory."""
        return self.size <= SMALL

    def view(self, where: str) -> View:
        """All its bytes.

        Raises:
            UnreadableError: reading fails, or it is shorter or longer than it was.
        """
        try:
            if not self.is_small:
                return View(mmap.mmap(self.descriptor, self.size, access=mmap.ACCESS_READ), where=where)
            data = b"".join(iter(lambda: os.read(self.descriptor, min(self.size + 1, _PIECE)), b""))
        except OSError as error:
            raise unreadable(self.path, said(error)) from error
        if len(data) != self.size:
            raise unreadable(self.path, "it changed while it was read")
        return View(data, where=where)

    def changed(self) -> bool:
        """Whether size, times or content's owner are not what they were when it was opened."""
        now, then = os.fstat(self.descriptor), self.status
        return (now.st_size, now.st_mtime_ns, now.st_ctime_ns) != (then.st_size, then.st_mtime_ns, then.st_ctime_ns)


class Hashing:
    """SHA-256 of a file, taken while others parse it.

    Args:
        source: the file.
        view: its bytes, where they are in memory already.
        progress: called with the bytes done, now and then.
    """

    def __init__(self, source: Source, view: View, progress: Callable[[int], None]) -> None:
        self._source = source
        self._progress = progress
        self._state = hashlib.sha256()
        self._error = ""
        self._thread: threading.Thread | None = None
        if isinstance(view.data, bytes):
            self._data: bytes | None = view.data
        else:
            self._data = None
        if source.size <= _INLINE:
            self._run()
        else:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        if self._data is not None:
            self._state.update(self._data)
            self._progress(len(self._data))
            return
        at = told = 0
        try:
            for piece in self._pieces():
                self._state.update(piece)
                at += len(piece)
                told = self._tell(told, at)
        except OSError as error:
            self._error = said(error)
        self._progress(at - told)
        if at != self._source.size:
            self._error = self._error or "it changed while it was read"

    def _pieces(self) -> Iterator[memoryview]:
        """The file's bytes; holes of a sparse file are zeros that need not be read."""
        descriptor, size, at = self._source.descriptor, self._source.size, 0
        buffer, blank = memoryview(bytearray(_PIECE)), memoryview(bytes(_PIECE))
        sparse = self._source.status.st_blocks * 512 < size
        while at < size:
            data = _next_data(descriptor, at, size) if sparse else at
            while at < data:
                yield blank[: data - at]
                at += min(data - at, _PIECE)
            if at < size:
                count = os.preadv(descriptor, [buffer], at)
                if not count:
                    return
                yield buffer[:count]
                at += count
        if os.preadv(descriptor, [buffer], at):
            yield buffer[:1]  # it has grown

    def _tell(self, told: int, at: int) -> int:
        if at - told < _TELL:
            return told
        self._progress(at - told)
        return at

    def result(self) -> str:
        """The digest, in hexadecimal.

        Raises:
            UnreadableError: reading failed, or the file has become shorter or longer.
        """
        if self._thread is not None:
            self._thread.join()
        if self._error:
            raise unreadable(self._source.path, self._error)
        return self._state.hexdigest()


def _next_data(descriptor: int, at: int, size: int) -> int:
    """Where the next byte that is stored stands."""
    try:
        return min(os.lseek(descriptor, at, os.SEEK_DATA), size)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size
        return at


def _regular(path: str, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    for is_kind, words in _KINDS:
        if is_kind(status.st_mode):
            raise unreadable(path, words)


def unreadable(path: str, why: str) -> UnreadableError:
    """The error for a file that is not scanned."""
    return UnreadableError(
        f"{printable(path)} cannot be read", cause=why, next_step="check the path and its permissions"
    )


def said(error: OSError) -> str:
    """What the system said, in words that name what to do about it."""
    words = {
        errno.ELOOP: "it is a symbolic link, or links go round in circles",
        errno.ENOENT: "it is not there, or was removed meanwhile",
        errno.EACCES: "permission denied",
        errno.ENXIO: "it is a pipe or a socket",
        errno.ENAMETOOLONG: "its name is too long",
    }
    return words.get(error.errno or 0, (error.strerror or "the system refused").lower())
