"""Flat buffers, walked by field tables that are data (``schemas/*.toml``), every byte of them.

A buffer is a heap of tables, vectors and texts that point forward to each other; a table says through a vtable which of
its fields are there. The walk starts at the root and follows every pointer that the schema knows. Two things may not
share bytes, one place may not be read as two kinds, and what no pointer reaches stays uncovered, but for short runs of
zeros that align the next thing.

Source: https://flatbuffers.dev/internals (binary format).
Termination: a place is read once for each kind, a vector takes the bytes of all its elements.
"""

from __future__ import annotations

import functools
import itertools
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Final, NamedTuple

from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed
from casemate.threats.supply_chain.view import View

PADDING: Final = 64
"""Zeros in a row that count as alignment."""
_WIDTHS: Final = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
    "float32": 4, "float64": 8,
}  # fmt: skip


class Field(NamedTuple):
    """A field: ``kind`` is a scalar, "string", a table, a union ("|Name"), or a vector of these ("[kind]")."""

    name: str
    kind: str


Schema = Mapping[str, Mapping[int, Field]]


@functools.cache
def schema(family: str) -> Schema:
    """The tables of one schema by name, each with its fields by slot; unions and enumerations by number."""
    text = (resources.files(__package__) / "schemas" / f"{family}.toml").read_text(encoding="utf-8")
    made = {}
    for name, table in tomllib.loads(text).items():
        pairs = {int(slot): line.partition(" ") for slot, line in table.items()}
        made[name] = MappingProxyType({slot: Field(first, kind) for slot, (first, _, kind) in pairs.items()})
    return MappingProxyType(made)


class Table:
    """One table: places of the fields that are there.

    Attributes:
        kind: its name in the schema.
        at: its place.
        parent: the table that points to it first, or None.
        role: the field of the parent that does.
    """

    __slots__ = ("_fields", "_places", "at", "kind", "parent", "role", "view")

    def __init__(self, view: View, kind: str, at: int, parent: Table | None, role: str) -> None:
        self.view, self.kind, self.at, self.parent, self.role = view, kind, at, parent, role
        self._places: dict[str, int] = {}
        self._fields: dict[str, str] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def add(self, field: Field, at: int) -> None:
        """A field is there."""
        self._places[field.name] = at
        self._fields[field.name] = field.kind

    def fields(self) -> Iterator[tuple[str, str, int]]:
        """Name, kind and place of every field that is there."""
        for name, at in self._places.items():
            yield name, self._fields[name], at

    def number(self, name: str, default: int = 0) -> int:
        """An integer field."""
        if name not in self._places:
            return default
        kind = self._fields[name]
        return self.view.number(self._places[name], _WIDTHS[kind], signed=kind.startswith("int"))

    def vector(self, name: str) -> tuple[int, int]:
        """Place of the first element and number of elements; (0, 0) if there is none."""
        if name not in self._places:
            return 0, 0
        at = pointed(self.view, self._places[name])
        return at + 4, self.view.number(at, 4)

    def pointers(self, name: str) -> list[int]:
        """Where the tables of a vector stand, one for each element: two elements may be one table."""
        at, count = self.vector(name)
        return [pointed(self.view, place) for place in range(at, at + 4 * count, 4)]

    def text(self, name: str) -> str:
        """A text field, or ""."""
        at, count = self.vector(name)
        return self.view.raw(at, count).decode("utf-8", "backslashreplace") if at else ""

    def numbers(self, name: str, most: int = 1 << 20) -> list[int]:
        """A vector of integers, at most ``most`` of them."""
        at, count = self.vector(name)
        kind = self._fields[name][1:-1] if at else "uint8"
        width = _WIDTHS[kind]
        raw = self.view.raw(at, min(count, most) * width)
        return [int.from_bytes(raw[i : i + width], "little", signed=kind[0] == "i") for i in range(0, len(raw), width)]


def pointed(view: View, at: int) -> int:
    """Where a pointer leads; pointers only lead forward."""
    step = view.number(at, 4)
    if not step or at + step > len(view) - 4:
        raise Malformed("a pointer leads out of the buffer", at)
    return at + step


class Walk:
    """Follows every pointer from the root.

    Args:
        view: the buffer, from its first byte.
        tables: the schema.
        report: takes covered bytes, and facts about things that overlap.

    Attributes:
        shared: kinds of tables, and of "[tables]", that more than one pointer leads to, by place; shown only once.
    """

    def __init__(self, view: View, tables: Schema, report: Report) -> None:
        self.view = view
        self.tables = tables
        self.report = report
        self.seen: dict[int, str] = {}
        self.shared: dict[int, str] = {}
        self.ranges: list[tuple[int, int]] = []
        self.vtables: dict[int, int] = {}

    def all(self, kind: str, see: Callable[[Table], None], *, identified: bool = True) -> None:
        """Show every table, a parent before what it points to; ``identified`` if four letters follow the root."""
        head = 8 if identified and len(self.view) >= 8 else 4
        self._own(0, head)
        pending: list[tuple[int, str, Table | None, str]] = [(pointed(self.view, 0), kind, None, "")]
        while pending:
            at, wanted, parent, role = pending.pop()
            if self._known(at, wanted):
                self.shared[at] = wanted
                continue
            table = self._table(at, wanted, parent, role)
            see(table)
            pending += list(self._inner(table))[::-1]
        self._overlaps()

    def _known(self, at: int, kind: str) -> bool:
        before = self.seen.get(at)
        if before is None:
            self.seen[at] = kind
        elif before != kind:
            self.report.fact("flatbuffer.confusion", f"one place is read as {before} and as {kind}", at)
            raise Malformed("one place is read as two kinds", at)
        return before is not None

    def _own(self, at: int, count: int) -> None:
        if at + count > len(self.view):
            raise Malformed(f"{count} bytes are announced, {len(self.view) - at} are left", at)
        self.ranges.append((at, at + count))
        self.report.cover(at, count)

    def _table(self, at: int, kind: str, parent: Table | None, role: str) -> Table:
        vtable = at - self.view.number(at, 4, signed=True)
        size, inline = self.view.number(vtable, 2), self.view.number(vtable + 2, 2)
        if size < 4 or size % 2 or vtable < 0 or inline < 4:
            raise Malformed("a table has no possible vtable", at)
        self.view.raw(vtable, size), self.view.raw(at, inline)
        self.vtables[vtable] = max(size, self.vtables.get(vtable, 0))
        table = Table(self.view, kind, at, parent, role)
        known, taken = self.tables[kind], [(0, 4)]
        self.report.cover(at, 4)
        for slot in range((size - 4) // 2):
            offset = self.view.number(vtable + 4 + 2 * slot, 2)
            field = known.get(slot)
            if not offset:
                continue
            if field is None:
                self.report.fact("flatbuffer.unknown", f"{kind} has a field {slot} that is not known", at)
                taken.append((inline, inline))  # as long as it may be
                continue
            width = _WIDTHS.get(field.kind, 4)
            if offset < 4 or offset + width > inline:
                raise Malformed(f"{kind}.{field.name} lies outside its table", at)
            taken.append((offset, offset + width))
            table.add(field, at + offset)
            self.report.cover(at + offset, width)
        taken.sort()
        if any(first[1] > second[0] for first, second in itertools.pairwise(taken)):
            self.report.fact("flatbuffer.overlap", f"fields of {kind} share bytes", at)
        # Not to the end that the vtable announces: that is padding, which tables of other lengths may share with it.
        self.ranges.append((at, at + max(stop for _, stop in taken)))
        self.report.cover(vtable, size)
        return table

    def _inner(self, table: Table) -> Iterator[tuple[int, str, Table | None, str]]:
        for name, kind, at in table.fields():
            if kind in _WIDTHS:
                continue
            if kind.startswith("|"):
                choice = self.tables[kind].get(table.number(f"{name}_type"))
                if choice is None:
                    raise Malformed(f"{table.kind}.{name} is a choice that is not known", at)
                yield pointed(self.view, at), choice.name, table, name
            elif kind.startswith("["):
                yield from self._vector(pointed(self.view, at), kind[1:-1], table, name)
            elif kind == "string":
                self._text(pointed(self.view, at))
            else:
                yield pointed(self.view, at), kind, table, name

    def _vector(self, at: int, kind: str, table: Table, name: str) -> Iterator[tuple[int, str, Table | None, str]]:
        count, width = self.view.number(at, 4), _WIDTHS.get(kind, 4)
        if self._known(at, f"[{kind}]"):
            self.shared[at] = f"[{kind}]"
            return
        self._own(at, 4 + count * width)
        if kind in _WIDTHS:
            return
        for place in range(at + 4, at + 4 + 4 * count, 4):
            if kind == "string":
                self._text(pointed(self.view, place))
            else:
                yield pointed(self.view, place), kind, table, name

    def _text(self, at: int) -> None:
        if self._known(at, "string"):
            return
        count = self.view.number(at, 4)
        self._own(at, 5 + count)
        if self.view.number(at + 4 + count, 1):
            raise Malformed("a text does not end in a zero", at)

    def _overlaps(self) -> None:
        """Things may not share bytes (vtables may be shared, whole); short zeros between them are alignment."""
        reached = 0
        for start, stop in sorted([*self.ranges, *((at, at + size) for at, size in self.vtables.items())]):
            if start < reached:
                self.report.fact("flatbuffer.overlap", "two parts of the buffer share bytes", start)
            reached = max(reached, stop)

    def pad(self, most: int = PADDING, after: int = 0) -> None:
        """Count short runs of zeros between things as alignment, from a place on."""
        for start, stop in self.report.coverage.gaps():
            if start >= after and stop - start <= most and not any(self.report.view.raw(start, stop - start)):
                self.report.cover(start, stop - start)
