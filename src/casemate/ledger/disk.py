"""The seam between the ledger and the disk: every operation whose order and durability the ledger relies on.

Tests put a simulated disk here that loses power: whatever was not synced may be missing, torn, or there in any order.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from casemate.keys.files import sync_folder


class AppendFile(Protocol):
    """A file that only grows, except when a failed write is taken back."""

    def write(self, data: bytes) -> None:
        """Append all of ``data``, or raise OSError."""

    def sync(self) -> None:
        """Make all that was written durable."""

    def truncate(self, size: int) -> None:
        """Cut the file to ``size`` bytes."""

    def close(self) -> None:
        """Let go of the file."""


class Disk(Protocol):
    """One folder. Paths are relative to it, with forward slashes; failures are OSError."""

    def read(self, path: str) -> bytes:
        """All bytes of a file."""

    def exists(self, path: str) -> bool:
        """Whether a file is there."""

    def walk(self) -> Iterator[str]:
        """Paths of all files, in no order."""

    def write(self, path: str, data: bytes) -> None:
        """Create or replace a file, making folders as needed. Not durable, not atomic."""

    def rename(self, source: str, target: str) -> None:
        """Replace ``target`` by ``source`` atomically. Not durable."""

    def remove(self, path: str) -> None:
        """Remove a file; no error when it is gone already. Not durable."""

    def append_to(self, path: str) -> AppendFile:
        """Open a file for appending; it is created when missing."""

    def sync(self, paths: Iterable[str], removed: Iterable[str] = ()) -> None:
        """Make files durable: content, names, and names of the folders above. So is the absence of those removed."""

    def sync_root(self) -> None:
        """Make names directly in the folder durable."""

    def lock(self) -> Callable[[], None]:
        """Take the folder's one write lock and return what gives it back; BlockingIOError when another has it."""


class _AppendFile:
    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o644)

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def sync(self) -> None:
        os.fdatasync(self._descriptor)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)

    def close(self) -> None:
        os.close(self._descriptor)


class FolderDisk:
    """A folder of the file system.

    Args:
        root: the folder; it is made when something is first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str) -> bytes:
        """All bytes of a file."""
        return (self.root / path).read_bytes()

    def exists(self, path: str) -> bool:
        """Whether a file is there."""
        return (self.root / path).exists()

    def walk(self) -> Iterator[str]:
        """Paths of all files (links and special files too, folders not), in no order."""
        for folder, folders, files in os.walk(self.root):
            base = Path(folder)
            links = [name for name in folders if (base / name).is_symlink()]
            for name in files + links:
                yield (base / name).relative_to(self.root).as_posix()

    def write(self, path: str, data: bytes) -> None:
        """Create or replace a file, making folders as needed."""
        target = self.root / path
        try:
            target.write_bytes(data)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    def rename(self, source: str, target: str) -> None:
        """Replace ``target`` by ``source``."""
        (self.root / source).replace(self.root / target)

    def remove(self, path: str) -> None:
        """Remove a file, and the folder of partial tiles it leaves empty."""
        target = self.root / path
        target.unlink(missing_ok=True)
        if target.parent.name.endswith(".p"):
            with contextlib.suppress(OSError):
                target.parent.rmdir()

    def append_to(self, path: str) -> AppendFile:
        """Open a file for appending."""
        return _AppendFile(self.root / path)

    def sync(self, paths: Iterable[str], removed: Iterable[str] = ()) -> None:
        """Sync files side by side, so that the file system commits them together; then their folders."""
        files = {self.root / path for path in paths}
        places = files | {self.root / path for path in removed}
        folders = {folder for path in places for folder in path.parents if folder.is_relative_to(self.root)}
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(_sync_file, files))
            list(pool.map(sync_folder, [folder for folder in folders if folder.exists()]))

    def sync_root(self) -> None:
        """Sync the folder itself."""
        sync_folder(self.root)

    def lock(self) -> Callable[[], None]:
        """Flock on the folder itself: it needs no file, and the kernel gives it back when the process dies."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return lambda: os.close(descriptor)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
