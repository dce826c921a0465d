"""TensorFlow Lite models.

Source: tensorflow/lite/schema/schema.fbs (identifier TFL3). Operators that the runtime does not bring itself (custom
ones, and those handed to TensorFlow as "Flex") are judged by name; indices, buffers and shapes must fit the file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from casemate.threats.supply_chain.formats.cycles import cyclic
from casemate.threats.supply_chain.formats.flatbuffer import Table, Walk, schema
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import NotMine
from casemate.threats.supply_chain.view import View, printable

_CUSTOM: Final = 32
_PLACEHOLDER: Final = 127
_BITS: Final = {
    0: 32,
    1: 16,
    2: 32,
    3: 8,
    4: 64,
    6: 8,
    7: 16,
    8: 64,
    9: 8,
    10: 64,
    11: 128,
    12: 64,
    15: 32,
    16: 16,
    17: 4,
}
"""Bits of an element by TensorType; texts, resources and variants have none."""
_FLEX: Final = "Flex"
_CALLS: Final = {
    "WhileOptions": ("cond_subgraph_index", "body_subgraph_index"),
    "IfOptions": ("then_subgraph_index", "else_subgraph_index"),
    "CallOptions": ("subgraph",),
    "CallOnceOptions": ("init_subgraph_index",),
    "StableHLOCompositeOptions": ("decomposition_subgraph_index",),
    "StablehloReduceOptions": ("body_subgraph_index",),
    "StablehloSortOptions": ("comparator_subgraph_index",),
    "StablehloScatterOptions": ("update_computation_subgraph_index",),
    "StablehloReduceWindowOptions": ("body_subgraph_index",),
    "StablehloWhileOptions": ("cond_subgraph_index", "body_subgraph_index"),
    "StablehloCaseOptions": ("branch_subgraph_indices",),
}


def parse(view: View, report: Report) -> None:
    """Read a model and report."""
    if not view.begins(b"TFL3", 4):
        raise NotMine
    walk = Walk(view, schema("tflite"), report)
    model = _Model(view, report)
    walk.all("Model", model.see)
    model.alone(walk.shared)
    model.finish()
    walk.pad()


class _Model:
    def __init__(self, view: View, report: Report) -> None:
        self.view = view
        self.report = report
        self.operators: list[str] = []
        self.sizes: dict[int, int] = {}
        self.buffers: list[int] = []
        self.tensors: list[Table] = []
        self.used: list[tuple[int, int]] = []
        self.graphs: list[int] = []
        self.first: dict[int, int] = {}
        self.calls: dict[int, set[int]] = {}
        self.handlers = {
            "Model": self._model,
            "OperatorCode": self._code,
            "Buffer": self._buffer,
            "Tensor": self.tensors.append,
            "Operator": self._operator,
            "ExternalBufferGroup": self._group,
        } | dict.fromkeys(_CALLS, self._call)

    def see(self, table: Table) -> None:
        handler = self.handlers.get(table.kind)
        if handler is not None:
            handler(table)

    def _model(self, table: Table) -> None:
        """The order of buffers and subgraphs, by place: that of the vectors, in which one table may stand twice."""
        self.buffers, self.graphs = table.pointers("buffers"), table.pointers("subgraphs")
        self.first = {place: number for number, place in reversed(list(enumerate(self.graphs)))}

    def _code(self, table: Table) -> None:
        old, new, custom = (
            table.number("deprecated_builtin_code"),
            table.number("builtin_code"),
            table.text("custom_code"),
        )
        number = new if old in (0, _PLACEHOLDER) else max(old, new)
        known = schema("tflite")["#BuiltinOperator"].get(number)
        if known is None:
            self.report.fact("tflite.operator", f"operator {number} is not known", table.at, str(number))
        elif number == _CUSTOM and custom.startswith(_FLEX):
            self.report.fact("tflite.flex", f"{printable(custom)} is handed to TensorFlow", table.at, custom)
            self.report.name("tensorflow.operation", custom.removeprefix(_FLEX), table.at)
        elif number == _CUSTOM:
            self.report.name("tflite.custom", custom, table.at)
        elif custom or (new and old not in (0, new, _PLACEHOLDER)):
            message = f"operator {known.name} is also called {printable(custom) or old}"
            self.report.fact("tflite.index", message, table.at, known.name)
        self.operators.append(custom if number == _CUSTOM else known.name if known else str(number))

    def _buffer(self, table: Table) -> None:
        at, size = table.vector("data")
        outside, count = table.number("offset"), table.number("size")
        if outside > 1 or (count and "offset" in table):
            if outside + count > len(self.view) or at:
                self.report.fact("tflite.index", f"a buffer of {count} bytes lies at {outside}", table.at)
            else:
                self.used.append((outside, outside + count))
                self.report.cover(outside, count)
            size = count
        self.sizes[table.at] = size

    def _operator(self, table: Table) -> None:
        at, count = table.number("large_custom_options_offset"), table.number("large_custom_options_size")
        if at > 1:
            if at + count > len(self.view):
                self.report.fact("tflite.index", f"options of {count} bytes lie at {at}", table.at)
            else:
                self.used.append((at, at + count))
                self.report.cover(at, count)
        graph = table.parent
        limit = graph.vector("tensors")[1] if graph is not None else 0
        for field in ("inputs", "outputs", "intermediates"):
            if any(not -1 <= each < limit for each in table.numbers(field)):
                self.report.fact("tflite.index", f"an operator names a tensor that is not there ({field})", table.at)
        model = graph.parent if graph is not None else None
        if model is not None and table.number("opcode_index") >= model.vector("operator_codes")[1]:
            self.report.fact("tflite.index", "an operator has no code", table.at)

    def _call(self, table: Table) -> None:
        graph = table.parent.parent if table.parent is not None else None
        if graph is None or graph.at not in self.first:
            return
        called = self.calls.setdefault(self.first[graph.at], set())
        for field in _CALLS[table.kind]:
            called |= set(table.numbers(field)) if field.endswith("indices") else {table.number(field)}

    def _group(self, table: Table) -> None:
        name = table.text("name")
        self.report.fact("tflite.external", f"weights lie in {printable(name)}", table.at, name)

    def alone(self, shared: Mapping[int, str]) -> None:
        """What is judged by the subgraph around it must stand in one only; buffers, say, are often shared."""
        for at, kind in shared.items():
            if kind.strip("[]") in {"SubGraph", "Operator", *_CALLS}:
                self.report.fact("tflite.index", f"one {kind.strip('[]')} stands in two places", at)

    def finish(self) -> None:
        """What can only be judged when all tables are known."""
        for number, table in enumerate(self.tensors):
            self._tensor(table, number)
        reached = 0
        for start, stop in sorted(self.used):
            if start < reached:
                self.report.fact("flatbuffer.overlap", "two buffers share bytes", start)
            reached = max(reached, stop)
        wrong = {each for called in self.calls.values() for each in called if not 0 <= each < len(self.graphs)}
        if wrong:
            self.report.fact("tflite.index", f"subgraph {min(wrong)} is not there")
        circle = cyclic(self.calls)
        if circle is not None:
            self.report.fact("tflite.recursion", f"subgraph {circle} calls itself", None, str(circle))
        self.report.describe("operators", sorted({printable(each) for each in self.operators}))
        self.report.describe("tensors", len(self.tensors))

    def _tensor(self, table: Table, number: int) -> None:
        index, name = table.number("buffer"), table.text("name") or str(number)
        if index >= len(self.buffers):
            self.report.fact("tflite.index", f"tensor {printable(name)} has no buffer", table.at, name)
            return
        lengths, size = table.numbers("shape", 64), self._size(index)
        if any(length < 0 for length in lengths):
            self.report.fact("tflite.tensor", f"tensor {printable(name)} has an impossible shape", table.at, name)
        bits = _BITS.get(table.number("type"))
        if size and bits is not None and "sparsity" not in table and size != (math.prod(lengths) * bits + 7) // 8:
            self.report.fact("tflite.tensor", f"tensor {printable(name)} does not fit its buffer", table.at, name)

    def _size(self, index: int) -> int:
        return self.sizes[self.buffers[index]]
