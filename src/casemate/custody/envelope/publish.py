"""Files that appear whole or not at all.

A draft has no name (``O_TMPFILE``) where the file system can do that, so that a killed process leaves nothing behind;
elsewhere it has a random one beside its goal. Only its owner can read it (0600).
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from types import TracebackType

from casemate.core.errors import StorageError, UnreadableError, UsageError
from casemate.keys.files import sync_folder

_NO_UNNAMED = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}


class Draft:
    """A file being written beside its goal; leaving the ``with`` block without `publish` discards it.

    Args:
        goal: where it will appear.
        overwrite: whether a file that is there already may be replaced.

    Raises:
        UsageError: something is there and may not be replaced, or the folder does not exist.
        StorageError: the folder cannot be written.
    """

    def __init__(self, goal: Path, *, overwrite: bool = False) -> None:
        self.goal, self._overwrite = goal, overwrite
        self._named: Path | None = None
        if goal.is_dir() or (not overwrite and os.path.lexists(goal)):
            raise _exists(goal)
        try:
            self.descriptor = self._open()
        except OSError as error:
            raise StorageError(
                f"{goal} cannot be written", cause=error.strerror or str(error), next_step="check the folder"
            ) from error

    def _open(self) -> int:
        try:
            return os.open(self.goal.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno not in _NO_UNNAMED:
                raise
        self._named = self._beside()
        return os.open(self._named, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def _beside(self) -> Path:
        return self.goal.with_name(f".casemate-{secrets.token_hex(8)}.part")

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)
        if self._named is not None:
            with contextlib.suppress(OSError):
                self._named.unlink()

    def publish(self) -> None:
        """Make the content durable and give it its name.

        Raises:
            UsageError: something is there by now and may not be replaced.
            StorageError: it cannot be made durable.
        """
        try:
            os.fsync(self.descriptor)
            if self._named is None:
                self._named = self._name()
            if self._overwrite:
                self._named.replace(self.goal)
            else:
                os.link(self._named, self.goal)
                self._named.unlink()
            self._named = None
            sync_folder(self.goal.parent)
        except FileExistsError:
            raise _exists(self.goal) from None
        except OSError as error:
            raise StorageError(
                f"{self.goal} cannot be made durable", cause=error.strerror or str(error), next_step="check the disk"
            ) from error

    def _name(self) -> Path:
        """Give an unnamed file a random name: a link to it cannot replace a goal, renaming can."""
        beside = self._beside()
        folder = os.open(beside.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:  # with a folder's descriptor, Python calls linkat, which can follow the link in /proc
            os.link(f"/proc/self/fd/{self.descriptor}", beside.name, dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)
        return beside


def _exists(goal: Path) -> UsageError:
    return UsageError(f"{goal} exists already", next_step="choose another name, or allow it to be overwritten")


def open_regular(path: Path, flags: int = os.O_RDONLY) -> tuple[int, os.stat_result]:
    """Open a regular file without waiting; returns its descriptor and state.

    Raises:
        UnreadableError: it is missing, may not be opened, or is no regular file.
    """
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UnreadableError(
            f"{path} cannot be opened", cause=error.strerror or "", next_step="check the path and its permissions"
        ) from error
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise UnreadableError(f"{path} is not a regular file", next_step="give the path of a file")
    return descriptor, state
