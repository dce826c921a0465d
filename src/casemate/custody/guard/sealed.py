"""A file's bytes where nobody can change them: read once through one descriptor, then never looked for again.

Two kinds of memory hold them. Private anonymous memory has no name and no descriptor, so no other process can reach it.
Libraries that insist on opening a path get an anonymous file instead (``memfd_create``, sealed against writing,
shrinking, growing and unsealing; memfd_create(2), fcntl(2) "File Sealing"), under a path in ``/proc/self/fd`` that
leads to that file whatever happens to names on the disk.

Anonymous memory is three times cheaper where the kernel gives it huge pages, which it rarely gives an anonymous file.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import mmap
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from casemate.core.digests import Digest
from casemate.core.errors import UnreadableError
from casemate.threats.supply_chain.view import View

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PIECE = 4 << 20
_NOEXEC_SEAL = 0x8  # MFD_NOEXEC_SEAL, Linux 6.3; Python 3.11 does not name it
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


Tell: TypeAlias = Callable[[memoryview], None]
"""Takes a piece of a file, which never changes again."""


class Sealed:
    """The bytes of one file, final.

    Args:
        name: what reports call it.
        data: the bytes.
        digest: SHA-256 of the bytes, on its way; taken when it is asked for if None.
        descriptor: of the sealed anonymous file behind them, if there is one.
    """

    def __init__(
        self, name: str, data: mmap.mmap, digest: Future[Digest] | None = None, descriptor: int | None = None
    ) -> None:
        self.name = name
        self.data = data
        self.descriptor = descriptor
        self._digest = digest

    def __len__(self) -> int:
        return len(self.data)

    def view(self) -> View:
        """What parsers read."""
        return View(self.data, where=self.name)

    def reader(self) -> io.BufferedReader:
        """The bytes as a file, for libraries that take one."""
        return io.BufferedReader(_Reader(self.data), 1 << 16)

    @property
    def path(self) -> str:
        """A path to the sealed file, for libraries that insist on one."""
        return f"/proc/self/fd/{self.descriptor}"

    @property
    def digest(self) -> Digest:
        """SHA-256 of the bytes, taken from where they are loaded from, not from the disk."""
        return _hash(self.data) if self._digest is None else self._digest.result()

    def close(self) -> None:
        """Give up the descriptor. The memory is freed when the last array that lies in it is."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


class _Reader(io.RawIOBase):
    """Reads memory like a file."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, len(self._data))[whence])
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        room = memoryview(buffer).cast("B")
        part = memoryview(self._data)[self._at : self._at + len(room)]
        room[: len(part)] = part
        self._at += len(part)
        return len(part)


def _hash(data: mmap.mmap) -> Digest:
    with memoryview(data) as whole:
        return Digest.of(whole)


@contextmanager
def opened(path: Path, folder: int | None = None, flags: int = 0) -> Iterator[int]:
    """A descriptor of a regular file.

    Raises:
        UnreadableError: it cannot be opened, or is not a regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | flags, dir_fd=folder)
    except (OSError, ValueError) as error:
        cause = (error.strerror or "") if isinstance(error, OSError) else str(error)
        raise UnreadableError(
            f"{path.name} cannot be opened", cause=cause, next_step="check the path and its permissions"
        ) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnreadableError(f"{path.name} is not a regular file", next_step="give the path of the model's file")
        yield descriptor
    finally:
        os.close(descriptor)


def seal(
    source: int,
    name: str,
    most: int,
    hasher: Executor | None = None,
    *,
    as_file: bool = False,
    tell: Tell | None = None,
) -> Sealed:
    """Copy an open file into memory that nobody else can write.

    Args:
        source: its descriptor.
        name: what reports call it.
        most: bytes it may have.
        hasher: one thread, which takes the digest while the file is read and after; without, ``digest`` does.
        as_file: whether a library will want a path.
        tell: called with each piece of private memory once it is filled, in order; it never changes again. A sealed
            file has no pieces.

    Raises:
        UnreadableError: the file is empty, larger than ``most``, or changes while it is read; or this machine has no
            sealed files.
    """
    before = os.fstat(source)
    if before.st_size > most:
        raise UnreadableError(
            f"{name} is larger than {most} bytes",
            cause="the load guard reads a bounded number of bytes",
            next_step="raise the limit if the file is yours",
        )
    if not before.st_size:
        raise UnreadableError(f"{name} is empty", next_step="save the model again")
    try:
        size = before.st_size
        sealed = _sealed_file(source, name, size, hasher) if as_file else _memory(source, name, size, hasher, tell)
    except OSError as error:
        raise UnreadableError(
            f"{name} cannot be read into sealed memory",
            cause=error.strerror or str(error),
            next_step="check that it can be read, that there is memory for it, and that /proc is mounted",
        ) from error
    after = os.fstat(source)
    grown = bool(os.pread(source, 1, before.st_size))
    if sealed is None or grown or (before.st_mtime_ns, before.st_ctime_ns) != (after.st_mtime_ns, after.st_ctime_ns):
        if sealed is not None:
            sealed.close()
        raise UnreadableError(
            f"{name} changes while it is read",
            cause="its size or its time of change is another one than when it was opened",
            next_step="try again when it is written",
        )
    return sealed


def _memory(source: int, name: str, size: int, hasher: Executor | None, tell: Tell | None) -> Sealed | None:
    """Ends: each read fills at least one byte of ``size``, or the file is over."""
    state = hashlib.sha256()
    data = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel without huge pages
        data.madvise(mmap.MADV_HUGEPAGE)
    at = 0
    with memoryview(data) as whole:
        while at < size:
            count = os.preadv(source, [whole[at : at + _PIECE]], at)
            if not count:
                return None
            if hasher is not None:
                hasher.submit(state.update, whole[at : at + count])
            if tell is not None:
                tell(whole[at : at + count])
            at += count
    if hasher is None:
        return Sealed(name, data)
    return Sealed(name, data, hasher.submit(lambda: Digest(state.hexdigest())))  # one thread, so after all updates


def _sealed_file(source: int, name: str, size: int, hasher: Executor | None) -> Sealed | None:
    writable = _anonymous_file()
    try:
        if not _copy(source, writable, size):
            return None
        fcntl.fcntl(writable, fcntl.F_ADD_SEALS, _SEALS)  # EBUSY if anyone holds a writable map of it
        descriptor = os.open(f"/proc/self/fd/{writable}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(writable)
    try:
        data = mmap.mmap(descriptor, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
        taken = None if hasher is None else hasher.submit(_hash, data)  # of what the seal protects
        return Sealed(name, data, taken, descriptor)
    except OSError:
        os.close(descriptor)
        raise


def _anonymous_file() -> int:
    """A new file without a name that can be sealed, not executable where the kernel knows that seal."""
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create("casemate", flags | _NOEXEC_SEAL)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return os.memfd_create("casemate", flags)


def _copy(source: int, target: int, size: int) -> bool:
    """Whether ``size`` bytes could be copied; ends because each turn copies at least one byte or is the last."""
    at = 0
    while at < size:
        try:
            count = os.sendfile(target, source, at, min(size - at, 1 << 30))
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOSYS):
                raise
            count = os.write(target, os.pread(source, min(size - at, 1 << 20), at))
        if not count:
            return False
        at += count
    return True
