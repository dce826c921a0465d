"""One object of an HDF5 file: its messages, its attributes, and the elements of a dataset.

Source: HDF5 File Format Specification 3.0, IV.A.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from casemate.threats.supply_chain.formats import hdf5_objects as kinds
from casemate.threats.supply_chain.formats.hdf5_file import Cursor, File
from casemate.threats.supply_chain.formats.hdf5_groups import Link, dense, link, symbol_table
from casemate.threats.supply_chain.formats.hdf5_heaps import global_heap
from casemate.threats.supply_chain.formats.hdf5_objects import Message, messages
from casemate.threats.supply_chain.formats.hdf5_storage import VIRTUAL, Layout, blocks, external_files, layout
from casemate.threats.supply_chain.formats.hdf5_types import (
    REFERENCE,
    STRING,
    VARIABLE,
    Datatype,
    Pointer,
    dataspace,
    datatype,
    elements,
)
from casemate.threats.supply_chain.stops import Malformed, Refused

CONFIGURATIONS: Final = frozenset(("model_config", "training_config"))
"""Attributes that Keras reads as JSON and builds objects from."""
DEPTH: Final = 8
_FREE: Final = 1 << 28
_RATIO: Final = 1024
"""A dataset may be this many times as large as the file, as compression and unwritten chunks allow."""
_IGNORED: Final = frozenset((kinds.GROUP_INFO, kinds.OLD_TIME, kinds.TIME, kinds.COUNT, kinds.COMMENT))


@dataclass
class Shared:
    """What the objects of one file have in common.

    Attributes:
        heaps: objects of each global heap collection that was read.
        types: named types by place.
        references: places that references point to.
        filters: names or numbers of filters in use.
    """

    file: File
    heaps: dict[int, dict[int, tuple[int, int]]] = field(default_factory=dict)
    types: dict[int, Datatype] = field(default_factory=dict)
    references: set[int] = field(default_factory=set)
    filters: set[int] = field(default_factory=set)

    def heap_object(self, at: int, index: int) -> tuple[int, int]:
        """Place and bytes of an object in a global heap."""
        if at not in self.heaps:
            self.heaps[at] = global_heap(self.file, at)
        if index not in self.heaps[at]:
            raise Malformed("a list points to nothing", at)
        return self.heaps[at][index]

    def named(self, at: int) -> Datatype:
        """A type that is an object of its own."""
        if at not in self.types:
            for message in messages(self.file, at):
                if message.kind == kinds.DATATYPE and not message.flags & 2:
                    self.types[at] = datatype(Cursor(self.file, message.body.at, message.body.end))
        if at not in self.types:
            raise Malformed("a named type is none", at)
        return self.types[at]

    def check(self, objects: set[int]) -> None:
        """Every reference must lead to an object that the groups hold."""
        for at in sorted(self.references - objects):
            self.file.report.fact("hdf5.reference", "a reference leads to no object", max(at, 0))
            break


class Object:
    """One object header and what belongs to it.

    Args:
        file: the file.
        at: place of the header.
        path: as messages name it.
        shared: what the file's objects have in common.
    """

    def __init__(self, file: File, at: int, path: str, shared: Shared | None = None) -> None:
        self.file, self.at, self.path = file, at, path
        self.shared = Shared(file) if shared is None else shared
        self.links: list[Link] = []
        self._type: Datatype | None = None
        self._space: tuple[int, ...] | None = None
        self._layout: Layout | None = None
        self._filtered = self._external = False

    @staticmethod
    def shared_by(file: File) -> Shared:
        """What all objects of a file are given."""
        return Shared(file)

    def read(self) -> None:
        """Read all messages, then the links, the attributes and the elements."""
        for message in messages(self.file, self.at):
            self._message(message)
        if self._layout is not None:
            self._elements(self._layout)

    def _message(self, message: Message) -> None:
        kind, body = message.kind, message.body
        if message.flags & 2 and kind != kinds.DATATYPE:
            raise Malformed("a shared message is not supported", body.start)
        if kind == kinds.NIL:
            return
        if kind == kinds.SYMBOLS:
            tree, heap = body.address(), body.address()
            if tree is not None and heap is not None:
                self.links += symbol_table(self.file, tree, heap)
        elif kind == kinds.LINK_INFO:
            self.links += [link(each) for each in dense(self.file, body, attributes=False)]
        elif kind == kinds.LINK:
            self.links.append(link(body))
        elif kind == kinds.DATASPACE:
            self._space = dataspace(body)
        elif kind == kinds.DATATYPE:
            self._type = self._datatype(body, shared=bool(message.flags & 2))
        elif kind == kinds.LAYOUT:
            self._layout = layout(body)
        elif kind == kinds.FILTERS:
            self._filters(body)
        elif kind == kinds.EXTERNAL:
            self._external = True
            external_files(self.file, body, self.path)
        elif kind == kinds.ATTRIBUTE:
            self._attribute(body)
        elif kind == kinds.ATTRIBUTE_INFO:
            for each in dense(self.file, body, attributes=True):
                self._attribute(each)
        else:
            self._other(kind, body)
        body.cover()

    def _other(self, kind: int, body: Cursor) -> None:
        if kind in (kinds.FILL, kinds.OLD_FILL) or kind in _IGNORED:
            body.skip(body.left)
        elif kind == kinds.TREE_SIZES:
            body.skip(1)
            self.file.indexed, self.file.internal, self.file.leaf = body.number(2), body.number(2), body.number(2)
        elif kind == kinds.SPACE:
            body.skip(body.left)
        else:
            raise Malformed(f"message {kind} is not supported", body.start)

    def _datatype(self, body: Cursor, *, shared: bool) -> Datatype:
        if not shared:
            return datatype(body)
        version, kind = body.number(1), body.number(1)
        body.skip(6 if version == 1 else 0)
        at = body.address()
        if at is None or version not in (1, 2, 3) or (version == 3 and kind != 2):
            raise Malformed("a shared type is not supported", body.start)
        return self.shared.named(at)

    def _filters(self, body: Cursor) -> None:
        version, count = body.number(1), body.number(1)
        body.skip(6 if version == 1 else 0)
        self._filtered = count > 0
        for _ in range(count):
            identifier = body.number(2)
            named = body.number(2) if version == 1 or identifier >= 256 else 0
            body.skip(2)
            values = body.number(2)
            body.skip(named + (-named % 8 if version == 1 else 0) + 4 * values)
            body.skip(4 if version == 1 and values % 2 else 0)
            self.shared.filters.add(identifier)
            self.file.report.name("hdf5.filter", str(identifier), body.start, self.path)

    def _attribute(self, body: Cursor) -> None:
        version, flags = body.number(1), body.number(1)
        sizes = [body.number(2) for _ in range(3)]
        if version not in (1, 2, 3):
            raise Malformed("an attribute has an unknown version", body.start)
        body.skip(1 if version == 3 else 0)
        pad = 8 if version == 1 else 1
        parts: list[Cursor] = []
        for size in sizes:
            at = body.skip(size)
            parts.append(Cursor(self.file, at, at + size))
            body.skip(-size % pad)
        name = parts[0].text()
        kind = self._datatype(parts[1], shared=bool(version > 1 and flags & 1))
        if version > 1 and flags & 2:
            raise Malformed("a shared dataspace is not supported", body.start)
        count = elements(dataspace(parts[2]))
        at = body.skip(count * kind.size)
        body.cover()
        self._follow(kind, at, count)
        if name in CONFIGURATIONS:
            self._configuration(name, kind, at, count)

    def _configuration(self, name: str, kind: Datatype, at: int, count: int) -> None:
        """Hand on the JSON that Keras would build a model from."""
        place: tuple[int, int] | None = None
        if kind.kind == STRING and count == 1:
            place = (at, kind.size)
        elif kind.kind == VARIABLE and count == 1 and kind.size == 8 + self.file.offsets:
            cursor = Cursor(self.file, at)
            size, heap, index = cursor.number(4), cursor.address(), cursor.number(4)
            if heap is not None and size:
                place = (self.shared.heap_object(heap, index)[0], size)
        if place is None:
            self.file.report.fact("hdf5.configuration", f"attribute {name} is not a text", at, f"{self.path}@{name}")
            return
        raw = self.file.view.raw(*place)
        size = len(raw.rstrip(b"\0"))
        if size:
            self.file.report.member(self.file.view.part(place[0], size, f"{self.path}@{name}"))

    def _elements(self, told: Layout) -> None:
        if told.kind == VIRTUAL:
            self.file.report.fact("hdf5.virtual", f"dataset {self.path} is made of other files", told.at, self.path)
            raise Malformed("virtual datasets are not supported", told.at or 0)
        if self._type is None:
            raise Malformed("a dataset has no type", self.at)
        lengths, kind = self._space or (), self._type
        if self._space is None or (self._external and told.at is None):
            return
        if math.prod(lengths) * kind.size > max(_FREE, _RATIO * len(self.file.view)):
            message = f"dataset {self.path} would have {math.prod(lengths)} elements"
            self.file.report.fact("hdf5.bomb", message, self.at, self.path)
        for at, size in blocks(self.file, told, lengths, kind.size, filtered=self._filtered):
            self.file.own(at, size)
            self.file.cover(at, at + size)
            if kind.pointers:
                if self._filtered:
                    raise Malformed("pointers in filtered chunks are not supported", at)
                self._follow(kind, at, size // kind.size if kind.size else 0)

    def _follow(self, kind: Datatype, at: int, count: int, depth: int = 0) -> None:
        """Go where the elements at a place point to."""
        if not kind.pointers or not count:
            return
        if depth > DEPTH:
            raise Refused("hdf5.depth", f"lists nest more than {DEPTH} deep", at)
        self.file.report.budget.spend(count * len(kind.pointers))
        for number in range(count):
            for pointer in kind.pointers:
                self._pointer(pointer, at + number * kind.size + pointer.offset, depth)

    def _pointer(self, pointer: Pointer, at: int, depth: int) -> None:
        cursor = Cursor(self.file, at, at + pointer.size)
        if pointer.kind == REFERENCE:
            target = cursor.address()
            if pointer.size == self.file.offsets:
                if target is not None and target != self.file.base:
                    self.shared.references.add(target)
            elif target is not None and pointer.size == self.file.offsets + 4:
                index = cursor.number(4)
                if index:
                    self.shared.heap_object(target, index)
            return
        if pointer.kind != VARIABLE or pointer.inner is None:
            raise Malformed("a pointer is of no known kind", at)
        count, heap, index = cursor.number(4), cursor.address(), cursor.number(4)
        if not count or heap is None or heap == self.file.base:
            return
        place, size = self.shared.heap_object(heap, index)
        if count * pointer.inner.size > size:
            raise Malformed("a list is longer than its object", place)
        self._follow(pointer.inner, place, count, depth + 1)
