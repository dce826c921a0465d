"""ExecuTorch programs (.pte): a flat buffer, a header inside its first bytes, and segments behind it.

Source: executorch/schema/program.fbs (identifier ET12), schema/extended_header.h and docs/source/pte-file-format.md.
Operators are judged by their namespace, parts compiled for an accelerator by the name of the backend; what such a part
does is for its driver to know.
"""

from __future__ import annotations

from typing import Final

from casemate.threats.supply_chain.formats.flatbuffer import Table, Walk, schema
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine
from casemate.threats.supply_chain.view import View, printable

_HEADER: Final = 8
_MOST_HEADER: Final = 256
_ALIGNMENT: Final = 4096
"""Zeros in a row before a segment; the writer aligns to 128 bytes by default, to a page on request."""
_EXTERNAL: Final = 1


def parse(view: View, report: Report) -> None:
    """Read a program and report."""
    if not view.begins(b"ET12", 4):
        raise NotMine
    size, base = len(view), 0
    if view.begins(b"eh00", _HEADER):
        length = view.number(_HEADER + 4, 4)
        size, base = view.number(_HEADER + 8, 8), view.number(_HEADER + 16, 8)
        if not 24 <= length <= _MOST_HEADER or size > len(view) or (base and base < size):
            raise Malformed("the extended header is not possible", _HEADER)
        report.cover(_HEADER, length)
    program = _Program(view, report, base)
    walk = Walk(view.part(0, size), schema("executorch"), report)
    walk.all("Program", program.see)
    program.finish()
    walk.pad()
    walk.pad(_ALIGNMENT, size)


class _Program:
    def __init__(self, view: View, report: Report, base: int) -> None:
        self.view = view
        self.report = report
        self.base = base
        self.segments: list[tuple[int, int]] = []
        self.named: list[tuple[str, int]] = []
        self.operators: set[str] = set()
        self.handlers = {
            "DataSegment": self._segment,
            "SubsegmentOffsets": self._offsets,
            "NamedData": self._data,
            "Operator": self._operator,
            "BackendDelegate": self._delegate,
            "ExtraTensorInfo": self._extra,
            "KernelCall": self._kernel,
            "DelegateCall": self._called,
            "JumpFalseCall": self._jump,
            "TensorList": self._values,
            "OptionalTensorList": self._values,
        }

    def see(self, table: Table) -> None:
        handler = self.handlers.get(table.kind)
        if handler is not None:
            handler(table)

    def _segment(self, table: Table) -> None:
        at, size = table.number("offset") + self.base, table.number("size")
        if at + size > len(self.view) or not self.base:
            self.report.fact("executorch.index", f"a segment of {size} bytes lies at {at}", table.at)
            self.segments.append((0, 0))
            return
        self.segments.append((at, size))
        self.report.cover(at, size)

    def _offsets(self, table: Table) -> None:
        self.named += [("offsets", table.number("segment_index"))]

    def _data(self, table: Table) -> None:
        self.named += [(table.text("key"), table.number("segment_index"))]

    def _operator(self, table: Table) -> None:
        name = table.text("name")
        if name not in self.operators:
            self.operators.add(name)
            self.report.name("executorch.namespace", name.partition("::")[0], table.at, name)

    def _delegate(self, table: Table) -> None:
        self.report.name("executorch.backend", table.text("id"), table.at)

    def _extra(self, table: Table) -> None:
        if table.number("location") == _EXTERNAL:
            name = table.text("fully_qualified_name")
            self.report.fact("executorch.external", f"tensor {printable(name)} lies in another file", table.at, name)

    def _kernel(self, table: Table) -> None:
        plan = _plan(table)
        if plan is not None and not 0 <= table.number("op_index") < plan.vector("operators")[1]:
            self.report.fact("executorch.index", "an instruction names an operator that is not there", table.at)
        self._arguments(table, plan)

    def _called(self, table: Table) -> None:
        plan = _plan(table)
        if plan is not None and not 0 <= table.number("delegate_index") < plan.vector("delegates")[1]:
            self.report.fact("executorch.index", "an instruction names a delegate that is not there", table.at)
        self._arguments(table, plan)

    def _arguments(self, table: Table, plan: Table | None) -> None:
        limit = plan.vector("values")[1] if plan is not None else 0
        if any(not 0 <= each < limit for each in table.numbers("args")):
            self.report.fact("executorch.index", "an instruction names a value that is not there", table.at)

    def _jump(self, table: Table) -> None:
        chain = _around(table, "Chain")
        if chain is not None and not 0 <= table.number("destination_instruction") < chain.vector("instructions")[1]:
            self.report.fact("executorch.index", "a jump leads out of its chain", table.at)

    def _values(self, table: Table) -> None:
        plan = _plan(table)
        limit = plan.vector("values")[1] if plan is not None else 0
        least = -1 if table.kind == "OptionalTensorList" else 0
        if any(not least <= each < limit for each in table.numbers("items")):
            self.report.fact("executorch.index", "a list names a value that is not there", table.at)

    def finish(self) -> None:
        """Segments may not overlap, and those that are named must be there."""
        reached = 0
        for at, size in sorted(self.segments):
            if size and at < reached:
                self.report.fact("flatbuffer.overlap", "two segments share bytes", at)
            reached = max(reached, at + size)
        for name, index in self.named:
            if index >= len(self.segments) and (index or name != "offsets"):
                self.report.fact("executorch.index", f"segment {index} is not there", None, name)
        self.report.describe("operators", sorted(printable(each) for each in self.operators))


def _around(table: Table, kind: str) -> Table | None:
    each = table.parent
    while each is not None and each.kind != kind:
        each = each.parent
    return each


def _plan(table: Table) -> Table | None:
    return _around(table, "ExecutionPlan")
