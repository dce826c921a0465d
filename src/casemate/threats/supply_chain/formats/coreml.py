"""Core ML models (.mlmodel, and the one inside an .mlpackage).

Source: the protocol-buffer files of coremltools (mlmodel/format/Model.proto and those it imports). Operations of an ML
program are judged by ``names/coreml.toml``; classes of the application, linked and packed models are told.
"""

from __future__ import annotations

from typing import Final

from casemate.threats.supply_chain.formats.paths import escape
from casemate.threats.supply_chain.formats.protobuf import Node, Walk, schema
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import NotMine
from casemate.threats.supply_chain.view import View, printable

_HERE: Final = "@model_path/"
_NOT_KINDS: Final = frozenset(("specificationVersion", "description", "isUpdatable"))


def parse(view: View, report: Report) -> None:
    """Read a Model and report."""
    quiet = Walk(view, schema("coreml"), Report(view, report.settings, report.budget))
    top = quiet.node("Model")
    kinds = sorted(set(top.names()) - _NOT_KINDS)
    if "specificationVersion" not in top or "description" not in top or not kinds:
        raise NotMine
    if len(kinds) > 1:
        report.fact("coreml.kinds", f"the model is {' and '.join(kinds)}", 0)
    walk = Walk(view, schema("coreml"), report)
    model = _Model(report)
    walk.all(walk.node("Model"), model.see)
    model.finish()
    report.describe("kind", kinds[0])


class _Model:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.operations: set[str] = set()
        self.files: set[str] = set()
        self.handlers = {
            "Operation": self._operation,
            "CustomModel": self._custom,
            "CustomLayerParams": self._custom,
            "LinkedModelFile": self._linked,
            "SerializedModel": self._serialized,
            "Value.BlobFileValue": self._blob,
        }

    def see(self, node: Node) -> None:
        handler = self.handlers.get(node.kind)
        if handler is not None:
            handler(node)

    def _operation(self, node: Node) -> None:
        name = node.text("type")
        if name not in self.operations:
            self.operations.add(name)
            self.report.name("coreml.operation", name, node.span.at)

    def _custom(self, node: Node) -> None:
        name = node.text("className")
        self.report.fact("coreml.custom", f"class {printable(name)} of the application is used", node.span.at, name)

    def _linked(self, node: Node) -> None:
        self.report.fact("coreml.linked", "another model is looked for by name and path", node.span.at)

    def _serialized(self, node: Node) -> None:
        name = node.text("identifier")
        self.report.fact("coreml.packed", f"a model of kind {printable(name)} is packed inside", node.span.at, name)

    def _blob(self, node: Node) -> None:
        """Weights in another file: written as a path from the model's own folder."""
        name = node.text("fileName")
        if name in self.files:
            return
        self.files.add(name)
        path = name.removeprefix(_HERE)
        reason = escape(path)
        if reason:
            self.report.fact("coreml.path", f"weights are read from {name}, which {reason}", node.span.at, name)
        else:
            self.report.claim(path, "weights")

    def finish(self) -> None:
        self.report.describe("operations", sorted(printable(each) for each in self.operations))
