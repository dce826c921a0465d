"""Protocol-buffer messages, walked by field tables that are data (``schemas/*.toml``), byte by byte.

The wire format (https://protobuf.dev/programming-guides/encoding) says nothing about meaning: a parser names the
message it expects, and every byte that no field of that message explains is left uncovered. One level is decoded at a
time, so memory is bounded by the longest chain of messages. What two readers could take differently (overlong
numbers, a single field given twice, a text that is none) is reported.

Termination: each field takes at least one byte of its message, messages nest at most ``DEPTH`` deep, and each message
is walked once; looks back at a message that was walked are paid for from the budget.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Final, NamedTuple

from casemate.threats.supply_chain.formats.outline import varint
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, Refused
from casemate.threats.supply_chain.view import View

DEPTH: Final = 200
MOST_FIELDS: Final = 1_000_000
"""Fields of one message; the largest real graphs have a tenth of that."""

_VARINT, _EIGHT, _BYTES, _START, _END, _FOUR = range(6)
_WIRES: Final = {
    "double": _EIGHT, "fixed64": _EIGHT, "sfixed64": _EIGHT, "float": _FOUR, "fixed32": _FOUR, "sfixed32": _FOUR,
    "string": _BYTES, "bytes": _BYTES,
} | dict.fromkeys(("int32", "int64", "uint32", "uint64", "sint32", "sint64", "bool", "enum"), _VARINT)  # fmt: skip


class Span(NamedTuple):
    """Bytes of the view."""

    at: int
    size: int


class Field(NamedTuple):
    """A field of a message: its kind is a scalar's name or, with a capital, another message."""

    name: str
    kind: str
    wire: int
    repeated: bool

    @property
    def message(self) -> bool:
        """Whether its value is a message."""
        return self.kind[0].isupper()


Schema = Mapping[str, Mapping[int, Field]]


@functools.cache
def schema(family: str) -> Schema:
    """The messages of one family by name, each with its fields by number."""
    text = (resources.files(__package__) / "schemas" / f"{family}.toml").read_text(encoding="utf-8")
    return MappingProxyType({name: _fields(table) for name, table in tomllib.loads(text).items()})


def _fields(table: dict[str, str]) -> Mapping[int, Field]:
    made = {}
    for number, line in table.items():
        name, _, kind = line.partition(" ")
        bare = kind.removesuffix("*")
        made[int(number)] = Field(name, bare, _WIRES.get(bare, _BYTES), kind != bare)
    return MappingProxyType(made)


class Node:
    """One message, decoded to its fields: numbers are kept as such, everything else as a span.

    Attributes:
        kind: the message's name.
        span: its bytes.
        depth: how many messages are around it.
        name: the field of the parent that holds it.
        parent: the message around it, or None.
    """

    __slots__ = ("_values", "depth", "kind", "name", "parent", "span", "view")

    def __init__(self, view: View, kind: str, span: Span, name: str = "", parent: Node | None = None) -> None:
        self.view = view
        self.kind = kind
        self.span = span
        self.name = name
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self._values: dict[str, list[int | Span]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def add(self, name: str, value: int | Span) -> int:
        """Keep a value; how many the field has now."""
        values = self._values.setdefault(name, [])
        values.append(value)
        return len(values)

    def names(self) -> Iterator[str]:
        """Fields that are present."""
        return iter(self._values)

    def spans(self, name: str) -> list[Span]:
        """Every value of a field that is not a number, packed numbers included."""
        return [value for value in self._values.get(name, ()) if isinstance(value, Span)]

    def loose(self, name: str) -> list[int]:
        """Values of a numeric field that are not packed."""
        return [value for value in self._values.get(name, ()) if isinstance(value, int)]

    def number(self, name: str, default: int = 0) -> int:
        """The last value of a numeric field: the one that every reader takes."""
        return next((value for value in reversed(self._values.get(name, ())) if isinstance(value, int)), default)

    def text(self, name: str) -> str:
        """The last value of a text field, or ""."""
        found = self.spans(name)
        return self.decoded(found[-1]) if found else ""

    def texts(self, name: str) -> list[str]:
        """Every value of a text field."""
        return [self.decoded(span) for span in self.spans(name)]

    def decoded(self, span: Span) -> str:
        """Bytes as text; what is not UTF-8 is marked, not dropped."""
        return self.view.raw(*span).decode("utf-8", "backslashreplace")

    def numbers(self, name: str, most: int = 1024) -> list[int]:
        """Values of a repeated integer field, packed or not, as signed 64-bit numbers."""
        found: list[int] = []
        for value in self._values.get(name, ()):
            if isinstance(value, int):
                found.append(value)
                continue
            at, end = value.at, value.at + value.size
            while at < end:
                number, at, _ = varint(self.view.data, self.view.start, at, end)
                found.append(number)
                if len(found) > most:
                    raise Refused("protobuf.count", f"{self.kind}.{name} has more than {most} values", value.at)
        return [value - (1 << 64) if value >> 63 else value for value in found]


class Walk:
    """Decodes messages of one view and keeps account of the bytes that no field explains.

    Args:
        view: what is read.
        messages: the tables.
        report: takes facts about the encoding.
    """

    def __init__(self, view: View, messages: Schema, report: Report) -> None:
        self.view = view
        self.messages = messages
        self.report = report
        self.unknown: list[Span] = []
        self._told: set[tuple[str, str]] = set()

    def node(self, kind: str, span: Span | None = None, name: str = "", parent: Node | None = None) -> Node:
        """Decode one message.

        Raises:
            Malformed: the wire format is broken.
            Refused: it nests too deep or has too many fields.
        """
        node = Node(self.view, kind, Span(0, len(self.view)) if span is None else span, name, parent)
        if node.depth > DEPTH:
            raise Refused("protobuf.depth", f"messages nest more than {DEPTH} deep", node.span.at)
        fields, data, base = self.messages[kind], self.view.data, self.view.start
        at, end = node.span.at, node.span.at + node.span.size
        count = 0
        while at < end:
            start = at
            key, at, short = varint(data, base, at, end)
            count += 1
            if count > MOST_FIELDS:
                raise Refused("protobuf.count", f"a message has more than {MOST_FIELDS} fields", start)
            wire, field = key & 7, fields.get(key >> 3)
            value: int | Span
            if wire == _VARINT:
                value, at, canonical = varint(data, base, at, end)
                short = short and canonical
            else:
                value, at, canonical = self._span(wire, key >> 3, at, end)
                short = short and canonical
            if not short:
                self._once("protobuf.overlong", f"{kind} holds a number that is longer than it needs", start)
            if field is None or not _fits(field, wire) or not key >> 3:
                self.unknown.append(Span(start, at - start))
                if len(self.unknown) > MOST_FIELDS:
                    raise Refused("protobuf.count", f"more than {MOST_FIELDS} fields are not known", start)
            elif node.add(field.name, value) > 1 and not field.repeated:
                self._once("protobuf.twice", f"{kind}.{field.name} is given twice", start)
        return node

    def _once(self, fact: str, message: str, at: int) -> None:
        """A million fields of one kind are one finding."""
        if (fact, message) not in self._told:
            self._told.add((fact, message))
            self.report.fact(fact, message, at)

    def _span(self, wire: int, number: int, at: int, end: int) -> tuple[Span, int, bool]:
        canonical = True
        start = at
        if wire == _BYTES:
            size, start, canonical = varint(self.view.data, self.view.start, at, end)
        elif wire == _START:
            size = self._group(number, at, end) - at
        elif wire in (_EIGHT, _FOUR):
            size = 8 if wire == _EIGHT else 4
        else:
            raise Malformed(f"wire type {wire} stands where a field should begin", at)
        if size > end - start:
            raise Malformed(f"a field announces {size} bytes, its message has {end - start} left", at)
        return Span(start, size), start + size, canonical

    def _group(self, number: int, at: int, end: int) -> int:
        """Where the group that begins at ``at`` ends; groups are older than everything read here, so never known."""
        opened = [number]
        while opened:
            key, at, _ = varint(self.view.data, self.view.start, at, end)
            if key & 7 == _END:
                if opened.pop() != key >> 3:
                    raise Malformed("a group ends that did not begin", at)
            elif key & 7 == _START:
                opened.append(key >> 3)
                if len(opened) > DEPTH:
                    raise Refused("protobuf.depth", f"groups nest more than {DEPTH} deep", at)
            elif key & 7 == _VARINT:
                _, at, _ = varint(self.view.data, self.view.start, at, end)
            else:
                _, at, _ = self._span(key & 7, key >> 3, at, end)
        return at

    def children(self, node: Node) -> Iterator[Node]:
        """The messages directly inside a message, decoded one by one."""
        for field in self.messages[node.kind].values():
            if field.message:
                for span in node.spans(field.name):
                    yield self.node(field.kind, span, field.name, node)

    def all(self, root: Node, see: Callable[[Node], None]) -> None:
        """Show every message, a parent before what it holds, then cover all bytes that belong to a known field."""
        waiting = [iter((root,))]
        while waiting:
            node = next(waiting[-1], None)
            if node is None:
                waiting.pop()
                continue
            self._texts(node)
            see(node)
            waiting.append(self.children(node))
        reached = root.span.at
        for at, count in sorted(self.unknown):
            self.report.cover(reached, at - reached)
            reached = at + count
        self.report.cover(reached, root.span.at + root.span.size - reached)

    def look(self, node: Node, name: str) -> list[Node]:
        """Messages of one field, decoded a second time for a judge: paid from the budget, nothing is reported twice."""
        field = next(field for field in self.messages[node.kind].values() if field.name == name)
        spans = node.spans(name)
        self.report.budget.spend(sum(1 + span.size // 2 for span in spans))
        quiet = Walk(self.view, self.messages, Report(self.view, self.report.settings, self.report.budget))
        return [quiet.node(field.kind, span, name, node) for span in spans]

    def _texts(self, node: Node) -> None:
        for field in self.messages[node.kind].values():
            if field.kind == "string" and field.name in node:
                for span in node.spans(field.name):
                    try:
                        self.view.raw(*span).decode()
                    except UnicodeDecodeError:
                        self._once("protobuf.text", f"{node.kind}.{field.name} is not UTF-8", span.at)
            elif field.wire != _BYTES and field.repeated and field.name in node:
                for span in node.spans(field.name):
                    if not self._whole(span, field.wire):
                        raise Malformed(f"{node.kind}.{field.name} is not a whole number of values", span.at)

    def _whole(self, span: Span, wire: int) -> bool:
        if wire == _VARINT:
            return not span.size or self.view.number(span.at + span.size - 1, 1) < 128
        return span.size % (8 if wire == _EIGHT else 4) == 0


def _fits(field: Field, wire: int) -> bool:
    return wire == field.wire or (field.repeated and wire == _BYTES and not field.message)
