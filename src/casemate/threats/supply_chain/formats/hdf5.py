"""HDF5 files, as h5py, Keras and netCDF write them, read without the HDF5 library.

Every byte must belong to a structure that was read, to the elements of a dataset, or be a zero between them: HDF5
leaves gaps where it aligns or where it moved something, and does not say where. Gaps that are not zero stay uncovered.
The unused slots of an old B-tree node may also hold stale addresses and sizes, because old libraries left them there.

Source: HDF5 File Format Specification 3.0. Not read, and so unreadable: shared message tables, huge objects in heaps,
file drivers with several files.
Termination: each object header is walked once; everything below it is bounded by its own bytes.
"""

from __future__ import annotations

import posixpath
from typing import Final

from casemate.threats.supply_chain.formats.cycles import cyclic
from casemate.threats.supply_chain.formats.hdf5_dataset import Object
from casemate.threats.supply_chain.formats.hdf5_file import Cursor, File
from casemate.threats.supply_chain.formats.hdf5_groups import EXTERNAL, HARD, SOFT, Link, symbol
from casemate.threats.supply_chain.formats.paths import escape
from casemate.threats.supply_chain.formats.sniffs import HDF5_SIGNATURE, hdf5_begins
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.view import View, printable

MOST_OBJECTS: Final = 1_000_000


def parse(view: View, report: Report) -> None:
    """Read a whole HDF5 file and report."""
    start = hdf5_begins(view)
    if start is None:
        raise NotMine
    if start:
        report.fact("hdf5.userblock", f"{start} bytes stand before the HDF5 file", 0)
        report.member(view.part(0, start, "user block"))
        report.cover(0, start)
    file = File(view, report, start)
    root = _superblock(file, start)
    reader = _Reader(file)
    reader.walk(root)
    reader.links()
    file.finish()
    if file.end < len(view):
        report.fact("hdf5.trailing", f"{len(view) - file.end} bytes follow the end of the file", file.end)
    report.describe("objects", reader.count)
    report.describe("filters", sorted(reader.shared.filters))


def _superblock(file: File, start: int) -> int:
    """Read the superblock; where the root group's header lies."""
    cursor = Cursor(file, start + len(HDF5_SIGNATURE))
    version = cursor.number(1)
    if version > 3:
        raise Malformed(f"superblock version {version} is not known", start)
    if version < 2:
        cursor.skip(4)
    file.offsets, file.lengths = cursor.number(1), cursor.number(1)
    if file.offsets not in (4, 8) or file.lengths not in (4, 8):
        raise Malformed("addresses are of an unusual width", start)
    if version < 2:
        cursor.skip(1)
        file.leaf, file.internal = cursor.number(2), cursor.number(2)
        cursor.skip(4)
        if version == 1:
            file.indexed = cursor.number(2)
            cursor.skip(2)
        base, free = _base(file, cursor, start), cursor.address()
        end, driver = cursor.number(file.offsets), cursor.address()
        root = symbol(cursor, None).at
        if driver is not None or free is not None:
            raise Malformed("files with a driver of their own are not supported", start)
    else:
        cursor.skip(1)
        base, extension, end = _base(file, cursor, start), cursor.address(), cursor.number(file.offsets)
        root = cursor.address()
        cursor.skip(4)
        if extension is not None:
            _extension(file, extension)
    if base != start or root is None or not 0 < file.leaf <= 4096 or not 0 < file.internal <= 4096:
        raise Malformed("the superblock is not possible", start)
    if end > len(file.view):
        raise Malformed("the file is cut short", len(file.view))
    file.end = end
    file.own(start, cursor.at - start)
    file.cover(start, cursor.at)
    return root


def _base(file: File, cursor: Cursor, start: int) -> int:
    value = cursor.number(file.offsets)
    return value if value else start


def _extension(file: File, at: int) -> None:
    Object(file, at, "superblock").read()


class _Reader:
    """Walks objects from the root, each once."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.parents: dict[int, int] = {}
        self.soft: dict[str, str] = {}
        self.count = 0
        self.shared = Object.shared_by(file)

    def walk(self, root: int) -> None:
        self.parents[root] = -1
        waiting = [(root, "")]
        while waiting:
            at, path = waiting.pop()
            self.count += 1
            if self.count > MOST_OBJECTS:
                raise Refused("hdf5.count", f"more than {MOST_OBJECTS} objects", at)
            read = Object(self.file, at, path or "/", self.shared)
            read.read()
            for each in read.links:
                target = self._follow(each, at, f"{path}/{each.name}")
                if target is not None:
                    waiting.append((target, f"{path}/{printable(each.name)}"))
        self.shared.check(set(self.parents))

    def _follow(self, link: Link, holder: int, path: str) -> int | None:
        """The object behind a hard link if it was not read yet; facts for the other kinds."""
        if "/" in link.name or link.name in ("", ".", ".."):
            self.file.report.fact("hdf5.name", f"a link is called {printable(link.name)!r}", None, path)
        if link.kind == SOFT:
            self.soft[path] = posixpath.normpath(posixpath.join(posixpath.dirname(path), link.target[0]))
        elif link.kind == EXTERNAL:
            name = link.target[0] if link.target else ""
            outside = escape(name)
            note = f", which {outside}" if outside else ""
            kind = "hdf5.outside" if outside else "hdf5.external"
            self.file.report.fact(kind, f"link {path} leads to the file {printable(name)}{note}", None, path)
        elif link.kind != HARD or link.at is None:
            self.file.report.fact("hdf5.link", f"link {path} is of a kind that needs a program of its own", None, path)
        elif link.at not in self.parents:
            self.parents[link.at] = holder
            return link.at
        else:
            self._circle(link.at, holder, path)
        return None

    def _circle(self, target: int, holder: int, path: str) -> None:
        at = holder
        while at != -1:
            self.file.report.budget.spend(1)
            if at == target:
                self.file.report.fact("hdf5.cycle", f"group {path} holds itself", target, path)
                return
            at = self.parents[at]

    def links(self) -> None:
        """Soft links that lead to each other."""
        steps: dict[str, list[str]] = {}
        for path, target in self.soft.items():
            prefix, led = "", []
            for part in target.strip("/").split("/"):
                prefix += f"/{part}"
                self.file.report.budget.spend(1)
                if prefix in self.soft:
                    led.append(prefix)
            steps[path] = led
        found = cyclic(steps)
        if found is not None:
            self.file.report.fact("hdf5.cycle", f"soft link {found} leads to itself", None, found)
