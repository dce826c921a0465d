"""The files of a model: every one listed, and hashed through the descriptor that was checked.

Folders are opened one inside the other without following links, so nothing that is renamed or linked while the walk
goes on can lead it out. Termination: a folder is entered once, at most ``MOST_DEPTH`` deep, and ``MOST_FILES`` bounds
the list.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from casemate.core.digests import CHUNK
from casemate.core.errors import TamperedError, UnreadableError
from casemate.custody.signing.manifest import Hash, Resource, Serialization, ordered
from casemate.custody.signing.names import MOST_DEPTH, SINGLE, check_file_names
from casemate.threats.supply_chain.view import printable

MOST_FILES: Final = 1_000_000
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


def list_files(root: Path, skip: Collection[str] = ()) -> list[str]:
    """Names of the files of a model, relative and with "/", in the order of their bytes; "." for a single file.

    Args:
        root: the model's file or folder.
        skip: files and folders, relative to it, that are passed over.

    Raises:
        TamperedError: there is a link, a special file, or a name that cannot be signed.
        UnreadableError: something cannot be opened, or there is too much of it.
    """
    if not root.is_dir():
        return [SINGLE]
    found = sorted(_walk(root, frozenset(skip)))
    check_file_names([*found, *skip])
    return found


def _walk(root: Path, skip: frozenset[str]) -> Iterator[str]:
    waiting, count = [(os.open(root, _FOLDER & ~os.O_NOFOLLOW), "", 0)], 0
    try:
        while waiting:
            folder, prefix, depth = waiting.pop()
            try:
                entries = list(os.scandir(folder))
                for entry in entries:
                    name = prefix + entry.name
                    if name in skip:
                        continue
                    mode = entry.stat(follow_symlinks=False).st_mode
                    count += 1
                    if count > MOST_FILES or depth > MOST_DEPTH:
                        raise UnreadableError(f"{root.name} has too many files, or nests too deep")
                    if stat.S_ISDIR(mode):
                        waiting.append((os.open(entry.name, _FOLDER, dir_fd=folder), name + "/", depth + 1))
                    elif stat.S_ISREG(mode):
                        yield name
                    else:
                        raise TamperedError(
                            f"{printable(name)} is a link or a special file",
                            cause="what it shows can change without a trace",
                            next_step="put the file itself into the model's folder",
                        )
            finally:
                os.close(folder)
    except OSError as error:
        raise UnreadableError(f"{root.name} cannot be read", cause=error.strerror or str(error)) from error
    finally:
        for folder, _, _ in waiting:
            os.close(folder)


@contextmanager
def opened(root: Path, name: str) -> Iterator[int]:
    """A descriptor of one file of a model; no part of its name below ``root`` may be a link.

    Raises:
        UnreadableError: it cannot be opened, is no regular file, or changes while it is open.
    """
    parts = [] if name == SINGLE else name.split("/")
    held: list[int] = []
    try:
        if parts:
            held.append(os.open(root, _FOLDER & ~os.O_NOFOLLOW))
            for part in parts[:-1]:
                held.append(os.open(part, _FOLDER, dir_fd=held[-1]))
            descriptor = os.open(parts[-1], _FILE, dir_fd=held[-1])
        else:
            descriptor = os.open(root, _FILE)
        held.append(descriptor)
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise UnreadableError(f"{printable(name)} is not a regular file")
        yield descriptor
        after = os.fstat(descriptor)
        if _state(before) != _state(after):
            raise UnreadableError(
                f"{printable(name)} changes while it is read", next_step="try again when it is written"
            )
    except OSError as error:
        raise UnreadableError(f"{printable(name)} cannot be read", cause=error.strerror or str(error)) from error
    finally:
        for each in reversed(held):
            os.close(each)


def _state(status: os.stat_result) -> tuple[int, int, int]:
    """What changes with a file's content; its owner can set the second back, but not the third."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def hash_files(
    root: Path, names: Sequence[str], serialization: Serialization, done: Callable[[int], None] | None = None
) -> tuple[Resource, ...]:
    """The resources of these files, hashed on all cores.

    Args:
        root: the model's file or folder.
        names: from ``list_files``.
        serialization: by file or by shard, and with which hash. model-signing lists no shard of an empty file, so a
            folder with one cannot be signed by shards.
        done: called with the number of bytes after each read, from several threads.

    Raises:
        UnreadableError: a file cannot be read, changes meanwhile, or is empty and to be sharded.
    """

    def one(name: str) -> list[Resource]:
        with opened(root, name) as descriptor:
            return _resources(descriptor, name, serialization, done or _nothing)

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        found = [each for some in pool.map(one, names) for each in some]
    return ordered(found, serialization.method)


def _nothing(_: int) -> None:
    pass


def _resources(descriptor: int, name: str, serialization: Serialization, done: Callable[[int], None]) -> list[Resource]:
    algorithm, size = serialization.algorithm, os.fstat(descriptor).st_size
    if serialization.shard_size is None:
        return [Resource(name, _digest(descriptor, serialization.hash_type, 0, size, done), algorithm)]
    step = int(serialization.shard_size)
    if not size:
        raise UnreadableError(
            f"{printable(name)} is empty, which no shard can show",
            cause="model-signing leaves empty files out, so that anyone could add one",
            next_step="sign by file, or remove it",
        )
    if size // step > MOST_FILES:
        raise UnreadableError(f"{printable(name)} has more than {MOST_FILES} shards", cause="the shards are too small")
    spans = [(start, min(start + step, size)) for start in range(0, size, step)]
    return [
        Resource(f"{name}:{start}:{end}", _digest(descriptor, serialization.hash_type, start, end, done), algorithm)
        for start, end in spans
    ]


def _digest(descriptor: int, algorithm: Hash, start: int, end: int, done: Callable[[int], None]) -> str:
    """The digest of a file's bytes from ``start`` to ``end``, each read at its own offset.

    It ends at ``end`` however the file grows; that it grew is seen when it is closed.
    """
    state = hashlib.new(algorithm)
    at = start
    while at < end:
        piece = os.pread(descriptor, min(CHUNK, end - at), at)
        if not piece:
            break
        state.update(piece)
        at += len(piece)
        done(len(piece))
    return state.hexdigest()


def total_bytes(root: Path, names: Sequence[str]) -> int:
    """How many bytes these files have now; only for showing progress."""
    paths = [root if name == SINGLE else root / name for name in names]
    return sum(path.lstat().st_size for path in paths if path.exists())


def read_small(root: Path, name: str, most: int) -> bytes:
    """A small file whole, through one descriptor.

    Raises:
        UnreadableError: it cannot be read, or is larger than ``most`` bytes.
    """
    with opened(root, name) as descriptor:
        size = os.fstat(descriptor).st_size
        if size > most:
            raise UnreadableError(f"{printable(name)} is larger than {most} bytes")
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            return stream.read(most)


def inside(name: str, folders: Collection[str]) -> bool:
    """Whether a file is one of these, or lies in one of these."""
    return any(PurePosixPath(name).is_relative_to(folder) for folder in folders)
