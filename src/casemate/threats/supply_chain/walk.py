"""Which files a scan visits: in an order that does not depend on the disk, without leaving the folder that was given.

Links are followed to files inside that folder only; a link that leads out of it is told, not followed. In a cache of
Hugging Face, ``snapshots/*`` are links into ``blobs/``: files are told under their snapshot names, where siblings can
account for them, and blobs that no snapshot names are told by themselves.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from casemate.threats.supply_chain.source import said

SKIPPED: Final = frozenset({".git"})
"""Folders that are not entered: what git keeps there is not what a reader of the folder loads."""

_BLOBS, _SNAPSHOTS = "blobs", "snapshots"


class Entry(NamedTuple):
    """A file to scan, or the reason why one is not scanned.

    Attributes:
        path: what to open.
        shown: its path in the report.
        root: the folder that was given, or the one that holds the file that was given.
        name: the path below the root, with "/".
        follow: whether the path may be a link.
        size: bytes, as far as known.
        trouble: why it cannot be scanned, or "".
    """

    path: str
    shown: str
    root: str
    name: str
    follow: bool = False
    size: int = 0
    trouble: str = ""


def walk(paths: Iterable[str]) -> Iterator[Entry]:
    """Every file given or found below a folder, files of a folder before its subfolders, both sorted by name.

    Ends: no folder is reached twice, because links to folders are not followed.
    """
    for given in paths:
        shown = printable_path(given)
        try:
            status = os.stat(given)  # noqa: PTH116 - a Path costs as much as the call
        except (OSError, ValueError) as error:
            why = said(error) if isinstance(error, OSError) else "its name is none"
            yield Entry(given, shown, posixpath.dirname(given), posixpath.basename(given), trouble=why)
            continue
        if stat.S_ISDIR(status.st_mode):
            yield from _below(given, shown)
        else:
            root, name = posixpath.split(given)
            yield Entry(given, shown, root, name, follow=True, size=status.st_size)


def listed(root: str, name: str) -> Entry:
    """The entry of one file below a folder, which is no link."""
    path = posixpath.join(root, name)
    try:
        return Entry(path, printable_path(name), root, name, size=Path(path).lstat().st_size)
    except (OSError, ValueError) as error:
        why = said(error) if isinstance(error, OSError) else "its name is none"
        return Entry(path, printable_path(name), root, name, trouble=why)


def _below(given: str, shown: str) -> Iterator[Entry]:
    boundary = _boundary(given)
    linked: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        below = waiting.pop()
        folder = posixpath.join(given, below)
        try:
            with os.scandir(folder) as found:
                names = sorted(each.name for each in found)
        except OSError as error:
            yield Entry(
                folder, _joined(shown, below), given, below, trouble=f"the folder cannot be listed: {said(error)}"
            )
            continue
        folders: list[str] = []
        for name in names:
            path, inner = posixpath.join(folder, name), f"{below}/{name}" if below else name
            entry = Entry(path, _joined(shown, inner), given, inner)
            try:
                status = os.lstat(path)
            except OSError as error:
                yield entry._replace(trouble=said(error))
                continue
            if stat.S_ISDIR(status.st_mode):
                if name not in SKIPPED:
                    folders.append(inner)
            elif stat.S_ISLNK(status.st_mode):
                followed = _followed(entry, boundary, linked)
                if followed is not None:
                    yield followed
            elif (status.st_dev, status.st_ino) not in linked or posixpath.basename(folder) != _BLOBS:
                yield entry._replace(size=status.st_size)
        if {f"{below}/{each}".lstrip("/") for each in (_BLOBS, _SNAPSHOTS)} <= set(folders):
            folders.sort(key=lambda inner: (inner.endswith(_BLOBS), inner))
        waiting += reversed(folders)


def _followed(entry: Entry, boundary: str, linked: set[tuple[int, int]]) -> Entry | None:
    """The file behind a link; None for a folder inside the boundary, which is visited under its own name."""
    try:
        status = Path(entry.path).stat()
        target = os.path.realpath(entry.path, strict=True)
    except OSError as error:
        return entry._replace(trouble=said(error))
    if target != boundary and not target.startswith(boundary.rstrip("/") + "/"):
        return entry._replace(trouble="it is a link that leads out of the folder that was given")
    if stat.S_ISDIR(status.st_mode):
        return None
    linked.add((status.st_dev, status.st_ino))
    return entry._replace(path=target, size=status.st_size)


def _boundary(given: str) -> str:
    """The folder that links may not leave: the one given, or the repository around one snapshot of a cache."""
    real = os.path.realpath(given)
    repository, snapshots = posixpath.split(posixpath.dirname(real))
    if snapshots == _SNAPSHOTS and Path(repository, _BLOBS).is_dir():
        return repository
    return real


def _joined(shown: str, below: str) -> str:
    return f"{shown.rstrip('/') or '/'}/{printable_path(below)}" if below else shown


def printable_path(path: str) -> str:
    """A path as text that every format of report can hold: bytes that are no UTF-8 are written out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
