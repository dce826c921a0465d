"""A disk in memory that loses power.

What was synced stays. Of the rest, any subset survives, in sectors of 512 bytes: a later write without an earlier one,
a rename without the write before it, a file without the name that leads to it.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

SECTOR = 512
type_of_change = tuple[int, bytes | None]  # (offset, data), or (size, None) for a truncation


class PowerCut(BaseException):
    """The machine stops here."""


class Inode:
    def __init__(self) -> None:
        self.durable = b""
        self.data = bytearray()
        self.pending: list[type_of_change] = []

    def write(self, offset: int, data: bytes) -> None:
        self._apply(self.data, (offset, data))
        self.pending += [(offset + at, data[at : at + SECTOR]) for at in range(0, len(data), SECTOR)]

    def truncate(self, size: int) -> None:
        self._apply(self.data, (size, None))
        self.pending.append((size, None))

    def sync(self) -> None:
        self.durable = bytes(self.data)
        self.pending.clear()

    def survivor(self, keep: Callable[[], bool]) -> Inode:
        """What is left after the power cut."""
        data = bytearray(self.durable)
        for change in self.pending:
            if keep():
                self._apply(data, change)
        after = Inode()
        after.data, after.durable = data, bytes(data)
        return after

    @staticmethod
    def _apply(content: bytearray, change: type_of_change) -> None:
        offset, data = change
        if data is None:
            del content[offset:]
            return
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


class SimDisk:
    """Implements ``casemate.ledger.disk.Disk``.

    Args:
        cut_at: stop with PowerCut before this operation (None: never).
        fail_at: operation number -> errno of the OSError it raises; a failing write leaves half of its data.
    """

    def __init__(self, cut_at: int | None = None, fail_at: dict[int, int] | None = None) -> None:
        self.names: dict[str, Inode] = {}
        self.durable_names: dict[str, Inode] = {}
        self.folders = {""}
        self.durable_folders = {""}
        self.pending: list[tuple[str, Inode | None]] = []
        self.pending_folders: list[str] = []
        self.cut_at = cut_at
        self.fail_at = fail_at or {}
        self.operations = 0
        self.log: list[str] = []
        self.locked = False

    def _step(self, what: str) -> None:
        self.operations += 1
        self.log.append(what)
        if self.operations == self.cut_at:
            raise PowerCut
        if self.operations in self.fail_at:
            number = self.fail_at[self.operations]
            raise OSError(number, errno.errorcode[number])

    def crash(self, rng: random.Random) -> SimDisk:
        """The disk after power comes back."""
        share = rng.choice([0.0, 1.0, rng.random(), rng.random()])

        def keep() -> bool:
            return rng.random() < share

        after = SimDisk()
        after.folders = set(self.durable_folders)
        for folder in self.pending_folders:
            if keep() and _parent(folder) in after.folders:
                after.folders.add(folder)
        names = dict(self.durable_names)
        for path, inode in self.pending:
            if keep():
                if inode is None:
                    names.pop(path, None)
                else:
                    names[path] = inode
        survivors: dict[int, Inode] = {}
        for path, inode in names.items():
            if _parent(path) in after.folders:
                after.names[path] = survivors.setdefault(id(inode), inode.survivor(keep))
        after.durable_names = dict(after.names)
        after.durable_folders = set(after.folders)
        return after

    def _set(self, path: str, inode: Inode | None) -> None:
        if inode is None:
            self.names.pop(path, None)
        else:
            self.names[path] = inode
        self.pending.append((path, inode))

    def read(self, path: str) -> bytes:
        if path not in self.names:
            raise FileNotFoundError(errno.ENOENT, path)
        return bytes(self.names[path].data)

    def exists(self, path: str) -> bool:
        return path in self.names

    def walk(self) -> Iterator[str]:
        return iter(list(self.names))

    def write(self, path: str, data: bytes) -> None:
        for folder in reversed(PurePosixPath(path).parents):
            name = "" if str(folder) == "." else str(folder)
            if name not in self.folders:
                self.folders.add(name)
                self.pending_folders.append(name)
        if path in self.names:
            self.names[path].truncate(0)
        else:
            self._set(path, Inode())
        try:
            self._step(f"write {path}")
        except OSError:
            self.names[path].write(0, data[: len(data) // 2])
            raise
        self.names[path].write(0, data)

    def rename(self, source: str, target: str) -> None:
        self._step(f"rename {target}")
        inode = self.names.pop(source)
        self.names[target] = inode
        # one atomic step: it is the new name that survives or not; the old name goes with it
        self.pending = [(path, node) for path, node in self.pending if path != source]
        self.durable_names.pop(source, None)
        self.pending.append((target, inode))

    def remove(self, path: str) -> None:
        self._step(f"remove {path}")
        if path in self.names:
            self._set(path, None)

    def append_to(self, path: str) -> SimFile:
        if path not in self.names:
            self._set(path, Inode())
        return SimFile(self, self.names[path])

    def sync(self, paths: Iterable[str], removed: Iterable[str] = ()) -> None:
        paths, removed = list(paths), list(removed)
        self._step("sync " + " ".join(paths))
        for path in paths:
            self.names[path].sync()
        for path in paths + removed:
            for folder in PurePosixPath(path).parents:
                self._sync_folder("" if str(folder) == "." else str(folder))

    def sync_root(self) -> None:
        self._step("sync folder")
        self._sync_folder("")

    def _sync_folder(self, folder: str) -> None:
        rest: list[tuple[str, Inode | None]] = []
        for path, inode in self.pending:
            if _parent(path) != folder:
                rest.append((path, inode))
            elif inode is None:
                self.durable_names.pop(path, None)
            else:
                self.durable_names[path] = inode
        self.pending = rest
        self.durable_folders |= {each for each in self.pending_folders if _parent(each) == folder}
        self.pending_folders = [each for each in self.pending_folders if _parent(each) != folder]

    def lock(self) -> Callable[[], None]:
        if self.locked:
            raise BlockingIOError(errno.EAGAIN, "locked")
        self.locked = True
        return self._unlock

    def _unlock(self) -> None:
        self.locked = False


class SimFile:
    """An open file of a SimDisk."""

    def __init__(self, disk: SimDisk, inode: Inode) -> None:
        self.disk = disk
        self.inode = inode

    def write(self, data: bytes) -> None:
        end = len(self.inode.data)
        try:
            self.disk._step("append")
        except OSError:
            self.inode.write(end, data[: len(data) // 2])
            raise
        except PowerCut:
            self.inode.write(end, data)
            raise
        self.inode.write(end, data)

    def sync(self) -> None:
        self.disk._step("fdatasync")
        self.inode.sync()

    def truncate(self, size: int) -> None:
        self.disk._step("truncate")
        self.inode.truncate(size)

    def close(self) -> None:
        pass


def _parent(path: str) -> str:
    parent = str(PurePosixPath(path).parent)
    return "" if parent == "." else parent
