"""Groups of HDF5: the links in them, however they are stored.

Source: HDF5 File Format Specification 3.0, III.B (symbol tables), IV.A.2.c and g (link info, links).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from casemate.threats.supply_chain.formats.hdf5_file import Cursor, File
from casemate.threats.supply_chain.formats.hdf5_heaps import FractalHeap, LocalHeap
from casemate.threats.supply_chain.formats.hdf5_trees import Tree, old_tree
from casemate.threats.supply_chain.stops import Malformed

HARD, SOFT, EXTERNAL = 0, 1, 64


class Link(NamedTuple):
    """One link.

    Attributes:
        name: in its group.
        kind: ``HARD``, ``SOFT``, ``EXTERNAL`` or a user's own.
        at: place of the object header of a hard link, else None.
        target: path of a soft link; of an external one, file and path.
    """

    name: str
    kind: int
    at: int | None = None
    target: tuple[str, ...] = ()


def symbol_table(file: File, tree: int, heap_at: int) -> Iterator[Link]:
    """Links of an old group: a tree of symbol nodes, with names in a local heap."""
    heap = LocalHeap(file, heap_at)
    heap.text(0)
    for key, node in old_tree(file, tree, 0, file.lengths):
        heap.text(key.length())
        cursor = file.expect(node, b"SNOD")
        cursor.zeros(1)
        used = cursor.number(2)
        if used > 2 * file.leaf:
            raise Malformed("a symbol node holds too many links", node)
        size = 8 + 2 * file.leaf * (2 * file.offsets + 24)
        file.own(node, size)
        for _ in range(used):
            yield symbol(cursor, heap)
        file.cover(node, cursor.at)
        file.slack(cursor.at, node + size)


def symbol(cursor: Cursor, heap: LocalHeap | None) -> Link:
    """One entry of a symbol table; the root's own entry has no heap."""
    name, at, kind = cursor.number(cursor.file.offsets), cursor.address(), cursor.number(4)
    cursor.skip(4)
    scratch = Cursor(cursor.file, cursor.skip(16))
    text = heap.text(name) if heap else ""
    if kind == 2:
        if heap is None:
            raise Malformed("the root is a soft link", cursor.at)
        return Link(text, SOFT, None, (heap.text(scratch.number(4)),))
    if kind > 2:
        raise Malformed("a symbol is of an unknown kind", cursor.at)
    return Link(text, HARD, at)


def link(cursor: Cursor) -> Link:
    """A link message, or the same in a heap."""
    if cursor.number(1) != 1:
        raise Malformed("a link has an unknown version", cursor.start)
    flags = cursor.number(1)
    kind = cursor.number(1) if flags & 8 else HARD
    cursor.skip(8 if flags & 4 else 0)
    cursor.skip(1 if flags & 16 else 0)
    name = cursor.raw(cursor.number(1 << (flags & 3))).decode("utf-8", "backslashreplace")
    if kind == HARD:
        found = Link(name, kind, cursor.address())
    elif kind == SOFT:
        found = Link(name, kind, None, (cursor.raw(cursor.number(2)).decode("utf-8", "backslashreplace"),))
    else:
        raw = cursor.raw(cursor.number(2))
        parts = tuple(part.decode("utf-8", "backslashreplace") for part in raw[1:].split(b"\0"))
        found = Link(name, kind, None, parts[:2])
    cursor.cover()
    return found


def dense(file: File, cursor: Cursor, *, attributes: bool) -> Iterator[Cursor]:
    """Bodies of the links, or of the attributes, that a group or object keeps in a heap.

    Args:
        file: the file.
        cursor: at a link info or attribute info message.
        attributes: which of the two.
    """
    if cursor.number(1):
        raise Malformed("a group has an unknown version", cursor.start)
    flags = cursor.number(1)
    cursor.skip((2 if attributes else 8) if flags & 1 else 0)
    heap_at, names = cursor.address(), cursor.address()
    order = cursor.address() if flags & 2 else None
    cursor.cover()
    if heap_at is None or names is None:
        return
    heap = FractalHeap(file, heap_at)
    if heap.space is not None:
        free_space(file, heap.space)
    if heap.huge is not None:
        raise Malformed("huge objects in a heap are not supported", heap_at)
    head = 0 if attributes else 4
    for record in Tree(file, names).records():
        record.skip(head)
        place = heap.find(record)
        if place is None:
            raise Malformed("an object of this kind in a heap is not supported", record.at)
        yield Cursor(file, place[0], sum(place))
    if order is not None:
        for record in Tree(file, order).records():
            record.skip(record.left)


def free_space(file: File, at: int) -> None:
    """The list of free space in a heap: its header and its sections are the file's own."""
    cursor = file.expect(at, b"FSHD")
    cursor.skip(1)
    for _ in range(4):
        cursor.length()
    cursor.skip(8)
    cursor.length()
    sections, used, room = cursor.address(), cursor.length(), cursor.length()
    cursor.skip(4)
    file.own(at, cursor.at - at)
    cursor.cover()
    file.cover(at, cursor.at)
    if sections is None:
        return
    inner = file.expect(sections, b"FSSE")
    if inner.address() != at or used > room or used > 1 << 20:
        raise Malformed("a list of free space does not fit its heap", sections)
    file.own(sections, room)
    file.cover(sections, sections + used)
