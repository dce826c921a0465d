"""B-trees of HDF5: version 1 for old groups and chunks, version 2 for links, attributes and chunks of new files.

Source: HDF5 File Format Specification 3.0, III.A.1 (version 1) and III.A.2 (version 2).
Termination: no node is read twice, and each takes its own bytes of the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from casemate.threats.supply_chain.formats.hdf5_file import Cursor, File, width_of
from casemate.threats.supply_chain.stops import Malformed, Refused

_MOST_DEPTH = 64


def old_tree(file: File, root: int, kind: int, key: int) -> Iterator[tuple[Cursor, int]]:
    """The leaves' entries of a version 1 tree: a cursor at each key, and the child's place.

    Args:
        file: the file.
        root: place of the root node.
        kind: 0 for groups, 1 for chunks.
        key: bytes of a key.
    """
    waiting = [(root, -1)]
    room = 2 * (file.indexed if kind else file.internal)
    while waiting:
        at, wanted = waiting.pop()
        if not file.view.begins(b"TREE", at):
            raise Malformed("TREE is missing", max(at, 0))
        cursor = Cursor(file, at + 4)
        found, level, used = cursor.number(1), cursor.number(1), cursor.number(2)
        cursor.address(), cursor.address()
        if found != kind or used > room or (wanted >= 0 and level != wanted):
            raise Malformed("a node does not fit its tree", at)
        if not file.own(at, cursor.at - at + room * (key + file.offsets) + key):
            raise Refused("hdf5.cycle", "a tree leads back into itself", at)
        for _ in range(used):
            place = Cursor(file, cursor.skip(key))
            child = cursor.address()
            if child is None:
                raise Malformed("a node has no child where it needs one", at)
            if level:
                waiting.append((child, level - 1))
            else:
                yield place, child
        cursor.skip(key)
        file.cover(at, cursor.at)
        cursor.skip((room - used) * (key + file.offsets))
        file.slack(cursor.at - (room - used) * (key + file.offsets), cursor.at)


class Tree:
    """A version 2 tree; ``records`` yields a cursor at each record.

    Attributes:
        kind: what its records are (5 and 6 links, 8 and 9 attributes, 10 and 11 chunks).
        size: bytes of a record.
    """

    def __init__(self, file: File, at: int) -> None:
        cursor = file.expect(at, b"BTHD")
        self.file, self.at = file, at
        self.kind, self.node = cursor.number(1), cursor.number(4)
        self.size, self.depth = cursor.number(2), cursor.number(2)
        cursor.skip(2)
        self.root, self.count = cursor.address(), cursor.number(2)
        cursor.length()
        cursor.skip(4)
        if not file.own(at, cursor.at - at):
            raise Refused("hdf5.cycle", "a tree is used twice", at)
        cursor.cover()
        file.cover(at, cursor.at)
        if not self.size or self.depth > _MOST_DEPTH or self.node < 16:
            raise Malformed("a tree is not possible", at)
        self._measure()

    def _measure(self) -> None:
        """Widths of counts by level, which follow from the size of a node."""
        leaf = (self.node - 10) // self.size
        self.narrow = width_of(leaf)
        self.total, most = [0], leaf
        for _ in range(self.depth):
            pointer = self.file.offsets + self.narrow + self.total[-1]
            here = (self.node - 10 - pointer) // (self.size + pointer)
            if here < 1:
                raise Malformed("the nodes of a tree are too small", self.at)
            most = (here + 1) * most + here
            self.total.append(width_of(most))

    def records(self) -> Iterator[Cursor]:
        """Every record, in no special order."""
        waiting = [] if self.root is None else [(self.root, self.count, self.depth)]
        while waiting:
            at, count, level = waiting.pop()
            cursor = self.file.expect(at, b"BTIN" if level else b"BTLF")
            if cursor.number(1) != self.kind or count * self.size > self.node:
                raise Malformed("a node does not fit its tree", at)
            if not self.file.own(at, self.node):
                raise Refused("hdf5.cycle", "a tree leads back into itself", at)
            for _ in range(count):
                yield Cursor(self.file, cursor.skip(self.size), cursor.at)
            for _ in range(count + 1 if level else 0):
                child, inner = cursor.address(), cursor.number(self.narrow)
                cursor.skip(self.total[level - 1])
                if child is None:
                    raise Malformed("a node has no child where it needs one", at)
                waiting.append((child, inner, level - 1))
            cursor.skip(4)
            self.file.cover(at, cursor.at)
