"""The files of a folder, bounded: what several doors of this room walk. Nothing is followed, only files are opened."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from casemate.core.errors import UnreadableError

MOST_FILES = 500_000
DEEPEST = 64
UNASKED = -1
LEAST, READ = 4096, 1 << 20
"""Bytes that are asked for at once: at least, and when a file is not as long as it was when it was listed."""
_UNSEEN = frozenset({"objects", "lfs", "logs", "index", "hooks", "refs"})


class Entry(NamedTuple):
    """A regular file.

    Attributes:
        place: where it is.
        name: relative to what was given, with slashes; the file's own name where a file was given.
        size: bytes, when it was listed; ``UNASKED`` where sizes were not asked for.
    """

    place: str
    name: str
    size: int

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.place)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not read, and why; never mistaken for something that was."""

    name: str
    reason: str


@dataclass
class Walk:
    """The regular files at or below ``root``, sorted by name folder by folder; ``skipped`` fills while it is iterated.

    Symbolic links, devices, pipes and sockets are skipped and said so. Of a ``.git`` folder only its configuration is
    listed. The walk ends: folders are entered once, to a depth of ``DEEPEST``, and files are counted.

    Args:
        root: a file or a folder.
        skipped: what was left out, so far.
        sizes: whether files are asked for their sizes, which costs as much as the rest of the walk.

    Raises:
        UnreadableError: there is nothing at ``root``.
    """

    root: Path
    skipped: list[Skipped] = field(default_factory=list)
    sizes: bool = True

    def __iter__(self) -> Iterator[Entry]:
        try:
            about = self.root.stat()
        except OSError as error:
            raise UnreadableError(
                f"{self.root.name} cannot be read",
                cause=os.strerror(error.errno or errno.EIO),
                next_step="check the path",
            ) from error
        if stat.S_ISREG(about.st_mode):
            yield Entry(str(self.root), self.root.name, about.st_size)
            return
        if not stat.S_ISDIR(about.st_mode):
            self.skipped.append(Skipped(self.root.name, "it is no regular file"))
            return
        left = MOST_FILES
        for entry in self._folder(str(self.root)):
            left -= 1
            if left < 0:
                self.skipped.append(Skipped(self.root.name, f"there are more than {MOST_FILES} files"))
                return
            yield entry

    def _folder(self, folder: str) -> Iterator[Entry]:
        """Folder by folder without recursion: every level of a generator would cost every file below it."""
        stack = [self._listing(folder, "")]
        while stack:
            listing, prefix, in_git = stack[-1]
            each = next(listing, None)
            if each is None:
                stack.pop()
                continue
            name = prefix + each.name
            try:
                if each.is_file(follow_symlinks=False):
                    if not in_git or each.name == "config":
                        size = each.stat(follow_symlinks=False).st_size if self.sizes else UNASKED
                        yield Entry(each.path, name, size)
                elif each.is_symlink():
                    self.skipped.append(Skipped(name, "it is a symbolic link"))
                elif each.is_dir():
                    if len(stack) > DEEPEST:
                        self.skipped.append(Skipped(f"{name}/", f"it lies more than {DEEPEST} folders deep"))
                    elif not (in_git and each.name in _UNSEEN):
                        stack.append(self._listing(each.path, f"{name}/"))
                else:
                    self.skipped.append(Skipped(name, "it is no regular file"))
            except OSError as error:
                self.skipped.append(Skipped(name, os.strerror(error.errno or errno.EIO)))

    def _listing(self, folder: str, prefix: str) -> tuple[Iterator[os.DirEntry[str]], str, bool]:
        """What lies in a folder, what its name is from the root on, and whether it is ``.git``."""
        found: list[os.DirEntry[str]] = []
        try:
            with os.scandir(folder) as listing:
                found = sorted(listing, key=attrgetter("name"))
        except OSError as error:
            self.skipped.append(Skipped(prefix or Path(folder).name, os.strerror(error.errno or errno.EIO)))
        return iter(found), prefix, Path(folder).name == ".git"


def read(entry: Entry, most: int) -> bytes:
    """The file's bytes, at most ``most`` of them.

    Raises:
        OSError: it cannot be opened, or is no regular file any more.
    """
    number, size = _descriptor(entry)
    try:
        data = os.read(number, min(most, max(size + 1, LEAST)))
        if len(data) == size:
            return data
        parts, left = [data], most - len(data)
        while left > 0 and (part := os.read(number, min(left, READ))):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        os.close(number)


def digest(entry: Entry, algorithm: str) -> bytes:
    """A digest of the whole file, read in pieces.

    Raises:
        OSError: as for ``read``.
    """
    with opened(entry) as stream:
        return hashlib.file_digest(stream, algorithm).digest()


def opened(entry: Entry) -> BufferedReader:
    """The file, opened so that neither a link nor a pipe can take its place, nor make the caller wait.

    Raises:
        OSError: it cannot be opened, or is no regular file any more.
    """
    return os.fdopen(_descriptor(entry)[0], "rb")


def _descriptor(entry: Entry) -> tuple[int, int]:
    """A number to read from, and how many bytes there are."""
    number = os.open(entry.place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    about = os.fstat(number)
    if not stat.S_ISREG(about.st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return number, about.st_size
