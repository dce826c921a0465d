"""Tensors that ONNX writes as files of their own, such as the inputs and outputs of its tests.

Source: onnx.proto, TensorProto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from casemate.threats.supply_chain.formats.onnx_tensors import Tensors
from casemate.threats.supply_chain.formats.protobuf import Walk, schema
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.view import View


def parse(view: View, report: Report) -> None:
    """Read a TensorProto and report."""
    walk = Walk(view, schema("onnx"), report)
    tensors = Tensors(walk, report)
    walk.all(walk.node("TensorProto"), lambda node: tensors.see(node) if node.kind == "TensorProto" else None)
    tensors.finish()
    report.describe("tensors", tensors.count)
