"""ONNX models.

Source: onnx.proto and onnx-data.proto, https://github.com/onnx/onnx/tree/main/onnx; docs/IR.md for functions and
domains. Operators are judged by ``names/onnx.toml``; an operator that the model defines itself is judged by its body.
"""

from __future__ import annotations

from typing import Final

from casemate.threats.supply_chain.formats.cycles import cyclic
from casemate.threats.supply_chain.formats.onnx_tensors import Tensors
from casemate.threats.supply_chain.formats.protobuf import Node, Walk, schema
from casemate.threats.supply_chain.names import names
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import NotMine, Refused
from casemate.threats.supply_chain.view import View, printable

_STANDARD: Final = "ai.onnx"
_VALUES: Final = frozenset(
    [
        "f",
        "i",
        "s",
        "t",
        "g",
        "floats",
        "ints",
        "strings",
        "tensors",
        "graphs",
        "tp",
        "type_protos",
        "sparse_tensor",
        "sparse_tensors",
    ]
)
_CONFIGURES: Final = frozenset(("ort_config",))
"""Metadata that onnxruntime reads as its own settings."""
_MOST_OPERATORS: Final = 20_000

Key = tuple[str, str]


def parse(view: View, report: Report) -> None:
    """Read a ModelProto and report."""
    walk = Walk(view, schema("onnx"), report)
    root = walk.node("ModelProto")
    if "graph" not in root or ("ir_version" not in root and "opset_import" not in root):
        raise NotMine
    graph = walk.look(root, "graph")[-1]
    if not any(name in graph for name in ("node", "output", "input", "initializer")):
        raise NotMine
    model = _Model(walk, report)
    model.functions(root)
    walk.all(root, model.see)
    model.finish(root)


class _Model:
    def __init__(self, walk: Walk, report: Report) -> None:
        self.walk = walk
        self.report = report
        self.tensors = Tensors(walk, report)
        self.defined: set[Key] = set()
        self.calls: dict[Key, set[Key]] = {}
        self.operators: set[Key] = set()
        self.handlers = {
            "NodeProto": self._node,
            "AttributeProto": self._attribute,
            "TensorProto": self.tensors.see,
            "FunctionProto": self._function,
            "TrainingInfoProto": self._training,
            "StringStringEntryProto": self._entry,
        }

    def functions(self, root: Node) -> None:
        """Functions that the model defines, before anything calls one."""
        for node in self.walk.look(root, "functions"):
            key = (node.text("domain") or _STANDARD, node.text("name"))
            if key in self.defined:
                self.report.fact("onnx.shadow", f"function {key[1]} is defined twice", node.span.at, ":".join(key))
            self.defined.add(key)

    def see(self, node: Node) -> None:
        handler = self.handlers.get(node.kind)
        if handler is not None:
            handler(node)

    def _node(self, node: Node) -> None:
        key = (node.text("domain") or _STANDARD, node.text("op_type"))
        function = _around(node, "FunctionProto")
        if function is not None:
            caller = (function.text("domain") or _STANDARD, function.text("name"))
            self.calls.setdefault(caller, set()).add(key)
        if key in self.operators:
            return
        self.operators.add(key)
        if len(self.operators) > _MOST_OPERATORS:
            raise Refused("protobuf.count", f"more than {_MOST_OPERATORS} operators", node.span.at)
        if key in self.defined:
            return
        before = len(self.report.findings)
        self.report.name("onnx.operator", ":".join(key), node.span.at)
        if len(self.report.findings) == before:
            self.report.name("onnx.domain", key[0], node.span.at)

    def _attribute(self, node: Node) -> None:
        held = [name for name in node.names() if name in _VALUES]
        if len(held) > 1:
            name = node.text("name")
            self.report.fact("onnx.attribute", f"attribute {name} has {len(held)} values", node.span.at, name)

    def _function(self, node: Node) -> None:
        key = (node.text("domain") or _STANDARD, node.text("name"))
        if _reviewed(key):
            self.report.fact("onnx.shadow", f"function {':'.join(key)} replaces an operator", node.span.at, key[1])

    def _training(self, node: Node) -> None:
        self.report.fact("onnx.training", "the model carries a graph for training", node.span.at)

    def _entry(self, node: Node) -> None:
        if node.name == "metadata_props" and node.parent is not None and node.parent.kind == "ModelProto":
            key = node.text("key")
            if key in _CONFIGURES:
                self.report.fact("onnx.configures", f"metadata {key} configures the runtime", node.span.at, key)

    def finish(self, root: Node) -> None:
        self.tensors.finish()
        called = cyclic({key: calls & self.defined for key, calls in self.calls.items()})
        if called is not None:
            self.report.fact("onnx.recursion", f"function {':'.join(called)} calls itself", None, called[1])
        domains = [each.text("domain") or _STANDARD for each in self.walk.look(root, "opset_import")]
        for domain in {domain for domain in domains if domains.count(domain) > 1} if len(domains) < 1000 else ():
            self.report.fact("onnx.opset", f"domain {domain} is imported twice", None, domain)
        self.report.describe("producer", printable(root.text("producer_name")))
        self.report.describe("operators", sorted({printable(":".join(key)) for key in self.operators}))
        self.report.describe("tensors", self.tensors.count)


def _reviewed(key: Key) -> bool:
    return ":".join(key) in names("onnx")["onnx.operator"].allow


def _around(node: Node, kind: str) -> Node | None:
    each = node.parent
    while each is not None and each.kind != kind:
        each = each.parent
    return each
