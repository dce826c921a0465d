"""Tensors of ONNX: whether their data fits their shape, and where data outside the file lies.

Source: onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), TensorProto; docs/ExternalData.md.
"""

from __future__ import annotations

import math
from typing import Final

from casemate.threats.supply_chain.formats.paths import escape
from casemate.threats.supply_chain.formats.protobuf import Node, Walk
from casemate.threats.supply_chain.report import Report

_BITS: Final = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
    17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2,
}  # fmt: skip
"""Bits of an element by TensorProto.DataType; 8, a string, has none."""
_SMALL: Final = {21: 2, 22: 2, 23: 2, 25: 4, 26: 4}
_LISTS: Final = {
    "float_data": (1, 14), "double_data": (11, 15), "int64_data": (7,), "uint64_data": (12, 13), "string_data": (8,),
    "int32_data": (2, 3, 4, 5, 6, 9, 10, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26),
}  # fmt: skip
_EXTERNAL: Final = 1
_KEYS: Final = frozenset(("location", "offset", "length", "checksum", "basepath"))
_CONTINUED: Final = bytes(range(128, 256))
_MOST_BYTES: Final = 1 << 60


class Tensors:
    """Judges tensors one by one and, at the end, the ranges they take from other files."""

    def __init__(self, walk: Walk, report: Report) -> None:
        self.walk = walk
        self.report = report
        self.ranges: dict[str, set[tuple[int, int]]] = {}
        self.count = 0

    def see(self, node: Node) -> None:
        """One TensorProto."""
        self.count += 1
        name = node.text("name")
        code = node.number("data_type")
        dims = node.numbers("dims")
        if code not in _BITS and code != 8:
            self.report.fact("onnx.tensor", f"tensor {name} has the unknown type {code}", node.span.at, name)
            return
        elements = math.prod(dims)
        if any(length < 0 for length in dims) or elements * 16 > _MOST_BYTES:
            self.report.fact("onnx.tensor", f"tensor {name} has an impossible shape", node.span.at, name)
            return
        size = (elements * _BITS.get(code, 0) + 7) // 8
        if node.number("data_location") == _EXTERNAL:
            self._external(node, name, size)
        elif "external_data" in node:
            self.report.fact("onnx.external", f"tensor {name} names another file but says it is inside", None, name)
        else:
            self._inside(node, name, code, elements, size)

    def _inside(self, node: Node, name: str, code: int, elements: int, size: int) -> None:
        held = [each for each in (*_LISTS, "raw_data") if each in node]
        if "raw_data" in held:
            good = code != 8 and held == ["raw_data"] and node.spans("raw_data")[-1].size == size
        elif held:
            wanted = -(-elements // _SMALL.get(code, 1)) * (2 if code in (14, 15) else 1)
            good = len(held) == 1 and code in _LISTS[held[0]] and self._values(node, held[0]) == wanted
        else:
            good = not elements or "segment" in node
        if not good:
            self.report.fact("onnx.tensor", f"the data of tensor {name} does not fit its shape", node.span.at, name)

    def _values(self, node: Node, field: str) -> int:
        width = {"float_data": 4, "double_data": 8}.get(field)
        spans = node.spans(field)
        if field == "string_data":
            return len(spans)
        if width:
            return sum(span.size for span in spans) // width
        packed = sum(len(self.walk.view.raw(*span).translate(None, _CONTINUED)) for span in spans)
        return packed + len(node.loose(field))

    def _external(self, node: Node, name: str, size: int) -> None:
        known: dict[str, str] = {}
        for entry in self.walk.look(node, "external_data"):
            key, value = entry.text("key"), entry.text("value")
            if key in known:
                self.report.fact("onnx.external", f"tensor {name} gives {key} twice", entry.span.at, name)
            if key not in _KEYS:
                self.report.fact("onnx.external", f"tensor {name} has the unknown key {key}", entry.span.at, name)
            known[key] = value
        reason = escape(known.get("location", "")) or (escape(known["basepath"]) if known.get("basepath") else None)
        if reason:
            self.report.fact(
                "onnx.path", f"tensor {name} reads {known.get('location', '')}, which {reason}", node.span.at, name
            )
            return
        at, count = _count(known.get("offset", "0")), _count(known.get("length", str(size)))
        held = any(field in node for field in (*_LISTS, "raw_data"))
        if at is None or count is None or count != size or held:
            self.report.fact("onnx.external", f"tensor {name} does not fit its place in another file", None, name)
            return
        self.ranges.setdefault(known["location"], set()).add((at, at + count))
        self.report.claim(known["location"], "external tensors", at, count)

    def finish(self) -> None:
        """Ranges in another file may be shared whole, but not overlap."""
        for path, ranges in self.ranges.items():
            reached = 0
            for start, stop in sorted(ranges):
                if start < reached and stop > start:
                    self.report.fact("onnx.external", f"tensors overlap in {path} at {start}", None, path)
                reached = max(reached, stop)


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
