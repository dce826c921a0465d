"""GGUF, versions 1 to 3, little and big endian (the specification in ggml's docs/gguf.md): metadata, then tensors.

Counts and lengths are held against the file before anything is read by them; tensors must lie in order, each padded to
the alignment with zeros, as llama.cpp demands. Texts that a loader gives to a template engine become facts of Jinja.
"""

from __future__ import annotations

import struct
from typing import Literal

from casemate.threats.supply_chain.formats.gguf_types import ARRAY, BOOL, STRING, TENSORS, UNSIGNED, WIDTHS
from casemate.threats.supply_chain.formats.templates import judge_text, seems_template
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.view import View

MAGIC = b"GGUF"
KEY = 65_535
"""Bytes of a metadata key."""

_DESCRIBED = (
    "general.architecture",
    "general.name",
    "general.license",
    "general.file_type",
    "general.base_model.0.name",
)


def parse(view: View, report: Report) -> None:
    """Read metadata and tensor descriptions, and hold the data against them.

    Raises:
        NotMine: the magic is missing.
        Malformed: a count, a length or a type cannot be.
        Refused: the file contradicts itself ("gguf.layout").
    """
    if not view.begins(MAGIC):
        raise NotMine
    order: Literal["little", "big"] = "little" if view.number(4, 2) else "big"
    version = view.number(4, 4, order)
    if version not in (1, 2, 3):
        raise Malformed("the version is not known", 4)
    reader = _Reader(view, report, order, wide=version > 1)
    tensors, pairs = reader.length(), reader.length()
    if tensors * 24 + pairs * 12 > len(view):
        raise Malformed(f"{tensors} tensors and {pairs} values do not fit into the file", 8)
    reader.metadata(pairs)
    data = _Data(reader)
    for _ in range(tensors):
        data.describe()
    data.check(view, report)
    report.describe("tensors", tensors)


class _Reader:
    """Reads forward. Every call consumes at least one byte of the view, so reading ends with it."""

    def __init__(self, view: View, report: Report, order: Literal["little", "big"], *, wide: bool) -> None:
        self.view = view
        self.report = report
        self.order = order
        self.wide = 8 if wide else 4
        self.at = 8
        self.alignment = 32

    def number(self, width: int) -> int:
        self.at += width
        return self.view.number(self.at - width, width, self.order)

    def length(self) -> int:
        return self.number(self.wide)

    def text(self, most: int | None = None) -> bytes:
        size = self.length()
        if most is not None and size > most:
            raise Malformed(f"a name of {size} bytes", self.at)
        self.at += size
        return self.view.raw(self.at - size, size)

    def metadata(self, pairs: int) -> None:
        seen: set[bytes] = set()
        for _ in range(pairs):
            at = self.at
            key = self.text(KEY)
            if key in seen:
                self.report.fact("gguf.repeated", "a key stands twice", at, logical=_shown(key))
            seen.add(key)
            self._value(key, self.number(4))

    def _value(self, key: bytes, kind: int, depth: int = 0) -> None:
        name = _shown(key)
        if kind == STRING:
            at = self.at
            self._said(name, self.text(), at)
        elif kind == ARRAY:
            self._array(key, depth)
        elif kind in WIDTHS:
            at, value = self.at, self.number(WIDTHS[kind])
            if kind == BOOL and value > 1:
                raise Malformed("a truth value is neither 0 nor 1", at)
            if key == b"general.alignment":
                if kind not in UNSIGNED or not 8 <= value <= 1 << 20 or value & (value - 1):
                    raise Refused("gguf.layout", f"an alignment of {value}", at)
                self.alignment = value
            elif name in _DESCRIBED:
                self.report.describe(name, value)
        else:
            raise Malformed(f"the kind {kind} of a value is not known", self.at)

    def _array(self, key: bytes, depth: int) -> None:
        if depth > 3:
            raise Malformed("arrays nest too deep", self.at)
        kind, count = self.number(4), self.length()
        if kind in WIDTHS:
            self.at += WIDTHS[kind] * count
            self.view.part(self.at - WIDTHS[kind] * count, WIDTHS[kind] * count)
        elif kind == STRING:
            if count * self.wide > len(self.view) - self.at:
                raise Malformed(f"{count} texts do not fit", self.at)
            if b"template" not in key:
                self._skip(count)
                return
            for _ in range(count):
                at = self.at
                self._said(_shown(key), self.text(), at)
        elif kind == ARRAY:
            if count * (4 + self.wide) > len(self.view) - self.at:
                raise Malformed(f"{count} arrays do not fit", self.at)
            for _ in range(count):
                self._array(key, depth + 1)
        else:
            raise Malformed(f"the kind {kind} of a value is not known", self.at)

    def _skip(self, count: int) -> None:
        """Cross texts that only the vocabulary needs. Hundreds of thousands are usual, so this is kept tight."""
        read = struct.Struct(("<" if self.order == "little" else ">") + ("Q" if self.wide == 8 else "I")).unpack_from
        at, wide, end = self.at, self.wide, len(self.view)
        with self.view.memory() as memory:
            for _ in range(count):
                if at + wide > end:
                    raise Malformed("a text does not fit", self.at)
                at += wide + read(memory, at)[0]
        if at > end:
            raise Malformed("a text does not fit", self.at)
        self.at = at

    def _said(self, name: str, text: bytes, at: int) -> None:
        try:
            decoded = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed(f"{name} is not UTF-8", at) from error
        declared = "chat_template" in name
        if declared or seems_template(decoded):
            judge_text(decoded, self.report, at, name, declared=declared)
        if name in _DESCRIBED:
            self.report.describe(name, decoded[:200])


class _Data:
    """The tensors as described, in the order in which they stand."""

    def __init__(self, reader: _Reader) -> None:
        self.reader = reader
        self.seen: set[bytes] = set()
        self.reached = 0
        self.sizes: list[tuple[int, int]] = []
        self.parameters = 0

    def describe(self) -> None:
        """Read one description. Tensors follow each other without gap or overlap, so a sum checks them all."""
        reader = self.reader
        at, name = reader.at, reader.text(KEY)
        if name in self.seen:
            reader.report.fact("gguf.repeated", "two tensors have one name", at, logical=_shown(name))
        self.seen.add(name)
        dimensions = reader.number(4)
        if not dimensions <= 4:
            raise Malformed(f"a tensor of {dimensions} dimensions", reader.at)
        shape = [reader.number(reader.wide) for _ in range(dimensions)]
        kind, offset = reader.number(4), reader.number(8)
        if kind not in TENSORS:
            raise Malformed(f"the tensor type {kind} is not known", reader.at - 12)
        block, size = TENSORS[kind]
        count = 1
        for extent in shape:
            count *= extent
            if count >= 1 << 62:
                raise Refused("gguf.layout", "a shape overflows", at)
        if (shape[0] if shape else 1) % block:
            raise Refused("gguf.layout", f"tensor {_shown(name)!r} has rows that are no whole number of blocks", at)
        if offset != self.reached:
            raise Refused("gguf.layout", f"tensor {_shown(name)!r} does not follow the one before it", at)
        self.sizes.append((offset, count // block * size))
        self.reached = _aligned(offset + count // block * size, reader.alignment)
        self.parameters += count

    def check(self, view: View, report: Report) -> None:
        """Cover metadata, tensors and the zeros between them."""
        report.cover(0, self.reader.at)
        if not self.sizes and self.reader.at == len(view):
            return
        begin = _aligned(self.reader.at, self.reader.alignment)
        end = self.reader.at
        for offset, size in self.sizes:
            _zeros(view, report, end, begin + offset)
            view.part(begin + offset, size)
            report.cover(begin + offset, size)
            end = begin + offset + size
        _zeros(view, report, end, min(_aligned(end, self.reader.alignment), len(view)))
        report.describe("parameters", self.parameters)


def _zeros(view: View, report: Report, at: int, stop: int) -> None:
    if at >= stop:
        return
    if view.raw(at, stop - at).strip(b"\0"):
        report.fact("gguf.padding", "the padding is not zero", at)
    report.cover(at, stop - at)


def _aligned(at: int, alignment: int) -> int:
    return -(-at // alignment) * alignment


def _shown(name: bytes) -> str:
    return name[:200].decode("utf-8", "replace")
