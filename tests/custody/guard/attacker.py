"""The attacker of the race tests, a process of its own: swaps a benign file for a marker, as fast as it can.

    python attacker.py HOW TARGET BENIGN MARKER

The marker is another harmless file, which the policy of the tests refuses. Commands come on standard input, one letter
each, and are answered by the same letter once they are carried out:

    c  calm: the benign file stands there, until the next command
    f  flip: swap to and fro without pause
    m  marker: the marker stands there, until the next command
"""

from __future__ import annotations

import mmap
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

Swap = Callable[[bool], None]


def renaming(target: Path, files: tuple[bytes, bytes]) -> Swap:
    """Rename another file over it."""

    def swap(evil: bool) -> None:
        fresh = target.with_name("fresh")
        fresh.write_bytes(files[evil])
        fresh.replace(target)

    return swap


def linking(target: Path, files: tuple[bytes, bytes]) -> Swap:
    """It is a link; make it lead elsewhere."""
    places = [target.with_name("benign-file"), target.with_name("marker-file")]
    for place, content in zip(places, files, strict=True):
        place.write_bytes(content)

    def swap(evil: bool) -> None:
        fresh = target.with_name("fresh-link")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(places[evil].name)
        fresh.replace(target)

    return swap


def writing(target: Path, files: tuple[bytes, bytes]) -> Swap:
    """Write into the file that stands there."""
    target.write_bytes(files[0])
    descriptor = os.open(target, os.O_RDWR)
    return lambda evil: _all(descriptor, files[evil])


def truncating(target: Path, files: tuple[bytes, bytes]) -> Swap:
    """Cut the file to nothing and write it again."""
    target.write_bytes(files[0])
    descriptor = os.open(target, os.O_RDWR)

    def swap(evil: bool) -> None:
        os.ftruncate(descriptor, 0)
        _all(descriptor, files[evil])

    return swap


def mapping(target: Path, files: tuple[bytes, bytes]) -> Swap:
    """Write into a shared map of the file, without any call that others could notice."""
    target.write_bytes(files[0])
    descriptor = os.open(target, os.O_RDWR)
    shared = mmap.mmap(descriptor, len(files[0]))

    def swap(evil: bool) -> None:
        shared[:] = files[evil]

    return swap


def moving(target: Path, files: tuple[bytes, bytes]) -> Swap:
    """Exchange the whole folder: the one that stands there is moved away, another takes its place."""
    folder = target.parent
    others = [folder.with_name("benign-folder"), folder.with_name("marker-folder")]
    for place, content in zip(others, files, strict=True):
        place.mkdir()
        (place / target.name).write_bytes(content)
        for beside in folder.iterdir():
            if beside.name != target.name:
                (place / beside.name).write_bytes(beside.read_bytes())
    folder.rename(folder.with_name("first-folder"))
    others[0].rename(folder)
    standing = [False]

    def swap(evil: bool) -> None:
        if standing[0] != evil:
            folder.rename(others[standing[0]])
            others[evil].rename(folder)
            standing[0] = evil

    return swap


def _all(descriptor: int, content: bytes) -> None:
    at = 0
    while at < len(content):
        at += os.pwrite(descriptor, content[at:], at)


HOW: dict[str, Callable[[Path, tuple[bytes, bytes]], Swap]] = {
    "rename": renaming,
    "symlink": linking,
    "write": writing,
    "truncate": truncating,
    "mmap": mapping,
    "folder": moving,
}


def main() -> None:
    """Obey until standard input ends."""
    how, target, benign, marker = sys.argv[1:]
    swap = HOW[how](Path(target), (Path(benign).read_bytes(), Path(marker).read_bytes()))
    flipping = evil = False
    while True:
        if flipping and not select.select([0], [], [], 0)[0]:
            evil = not evil
            swap(evil)
            continue
        command = os.read(0, 1)
        if not command:
            return
        flipping = command == b"f"
        evil = command == b"m"
        swap(evil)
        os.write(1, command)


if __name__ == "__main__":
    main()
