"""What the nodes of TensorFlow graphs do: operations, functions that call each other, constants that are paths."""

from __future__ import annotations

import math
from typing import Final

from casemate.threats.supply_chain.formats.cycles import cyclic
from casemate.threats.supply_chain.formats.keras import judge_metadata
from casemate.threats.supply_chain.formats.paths import escape
from casemate.threats.supply_chain.formats.protobuf import Node, Span, Walk
from casemate.threats.supply_chain.names import names
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Refused
from casemate.threats.supply_chain.view import printable

SIZES: Final = {
    1: 4, 2: 8, 3: 4, 4: 1, 5: 2, 6: 1, 8: 8, 9: 8, 10: 1, 11: 1, 12: 1, 13: 4, 14: 2, 15: 2, 16: 2, 17: 2, 18: 16,
    19: 2, 22: 4, 23: 8, 24: 1, 25: 1, 29: 1, 30: 1,
}  # fmt: skip
"""Bytes of an element by DataType; text (7), resources and variants have none."""
_STRING: Final = 7
_FILES: Final = frozenset(
    [
        "SaveV2",
        "RestoreV2",
        "MergeV2Checkpoints",
        "ShardedFilename",
        "ReadFile",
        "WriteFile",
        "MatchingFiles",
        "Save",
        "Restore",
        "RestoreSlice",
        "SaveSlices",
        "InitializeTableFromTextFile",
        "InitializeTableFromTextFileV2",
    ]
)
"""Operations whose inputs are paths."""
_PASSING: Final = frozenset(("Identity", "StringJoin", "ShardedFilename", "PlaceholderWithDefault", "Pack", "Reshape"))
_PRINTS: Final = frozenset(("PrintV2",))
_MOST_OPERATIONS: Final = 20_000
_MOST_TEXT: Final = 4096
_STEPS: Final = 64

Place = tuple[int, str]


class Graphs:
    """Judges every node of a file, in graphs and in function libraries."""

    def __init__(self, walk: Walk, report: Report) -> None:
        self.walk = walk
        self.report = report
        self.defined: set[str] = set()
        self.operations: set[str] = set()
        self.calls: dict[str, set[str]] = {}
        self.constants: dict[Place, list[str]] = {}
        self.passing: dict[Place, list[str]] = {}
        self.files: list[tuple[Place, str, list[str], int]] = []
        self.assets: set[str] = set()
        self.count = 0
        self.named: dict[int, str] = {}
        self.handlers = {
            "NodeDef": self._node,
            "FunctionDef": self._function,
            "NameAttrList": self._named,
            "AttrValue": self._value,
            "TensorProto": self._tensor,
            "AssetFileDef": self._asset,
            "SavedUserObject": self._object,
            "RegisteredSaver": self._saver,
            "Any": self._any,
        }

    def see(self, node: Node) -> None:
        """One message of the file."""
        handler = self.handlers.get(node.kind)
        if handler is not None:
            handler(node)

    def functions(self, root: Node) -> None:
        """Names of all functions, before anything calls one."""
        graphs = [root] if root.kind == "GraphDef" else []
        metas = self.walk.look(root, "meta_graphs") if root.kind == "SavedModel" else []
        for meta in [*metas, *([root] if root.kind == "MetaGraphDef" else [])]:
            graphs += self.walk.look(meta, "graph_def")
        for graph in graphs:
            for library in self.walk.look(graph, "library"):
                for function in self.walk.look(library, "function"):
                    self.defined |= {each.text("name") for each in self.walk.look(function, "signature")}

    def _scope(self, node: Node) -> str:
        """The name of the function that a node stands in, or ""."""
        each: Node | None = node
        while each is not None and each.kind not in ("FunctionDef", "GraphDef"):
            each = each.parent
        if each is None or each.kind == "GraphDef":
            return ""
        if each.span.at not in self.named:
            signature = self.walk.look(each, "signature")
            self.named[each.span.at] = signature[-1].text("name") if signature else ""
        return self.named[each.span.at]

    def _node(self, node: Node) -> None:
        self.count += 1
        operation, name = node.text("op"), node.text("name")
        if operation in self.defined:
            self._call(node, operation)
        elif operation not in self.operations:
            self.operations.add(operation)
            if len(self.operations) > _MOST_OPERATIONS:
                raise Refused("protobuf.count", f"more than {_MOST_OPERATIONS} operations", node.span.at)
            self.report.name("tensorflow.operation", operation, node.span.at)
        if operation in _FILES or operation in _PASSING:
            at = node.parent.span.at if node.parent is not None else 0
            inputs = [_source(each) for each in node.texts("input")[:_STEPS]]
            self.passing[at, name] = inputs
            if operation in _FILES:
                self.files.append(((at, name), operation, inputs, node.span.at))
        if operation in _PRINTS:
            self._print(node, name)

    def _call(self, node: Node, function: str) -> None:
        caller = self._scope(node)
        if caller:
            self.calls.setdefault(caller, set()).add(function)

    def _named(self, node: Node) -> None:
        """A function named in an attribute: what If, While and PartitionedCall run."""
        called = node.text("name")
        if called in self.defined:
            self._call(node, called)

    def _function(self, node: Node) -> None:
        for signature in self.walk.look(node, "signature"):
            name = signature.text("name")
            known = names("tensorflow")["tensorflow.operation"]
            if name in known.allow or name in known.deny:
                self.report.fact("tensorflow.shadow", f"function {name} replaces an operation", node.span.at, name)

    def _value(self, node: Node) -> None:
        held = list(node.names())
        if len(held) > 1:
            self.report.fact("tensorflow.attribute", f"an attribute has {len(held)} values", node.span.at)

    def _print(self, node: Node, name: str) -> None:
        for entry in self.walk.look(node, "attr"):
            if entry.text("key") == "output_stream":
                stream = "".join(each.text("s") for each in self.walk.look(entry, "value"))
                if stream not in ("", "stdout", "stderr", "log(info)", "log(warning)", "log(error)"):
                    self.report.fact("tensorflow.write", f"{name} prints to {printable(stream)}", node.span.at, name)

    def _tensor(self, node: Node) -> None:
        code = node.number("dtype")
        shapes = self.walk.look(node, "tensor_shape")
        lengths = [each.number("size") for each in self.walk.look(shapes[-1], "dim")] if shapes else []
        elements = math.prod(lengths)
        name = _holder(node)
        if any(length >> 63 for length in lengths) or elements * 16 > max(1 << 32, 1024 * len(self.report.view)):
            self.report.fact("tensorflow.bomb", f"tensor {name} would have {elements} elements", node.span.at, name)
        content = node.spans("tensor_content")
        if content and code in SIZES and content[-1].size not in (0, elements * SIZES[code]):
            self.report.fact("tensorflow.tensor", f"tensor {name} does not fit its shape", node.span.at, name)
        if code == _STRING and (owner := _owner(node)) is not None and owner.parent is not None:
            texts = [node.decoded(Span(at, min(count, _MOST_TEXT))) for at, count in node.spans("string_val")[:_STEPS]]
            self.constants[owner.parent.span.at, owner.text("name")] = texts

    def _asset(self, node: Node) -> None:
        path = node.text("filename")
        reason = escape(path)
        if reason:
            self.report.fact("tensorflow.path", f"asset {path}, which {reason}", node.span.at, path)
        self.assets |= {_source(each.text("name")) for each in self.walk.look(node, "tensor_info")}

    def _object(self, node: Node) -> None:
        """Keras keeps the configuration of each layer as JSON beside its object."""
        for at, count in node.spans("metadata"):
            if self.report.view.raw(at, min(count, 16)).lstrip()[:1] == b"{":
                judge_metadata(self.report, at, count)

    def _saver(self, node: Node) -> None:
        name = node.text("name")
        if name:
            self.report.fact("tensorflow.registered", f"a saver called {name} must be registered", node.span.at, name)

    def _any(self, node: Node) -> None:
        if "value" in node:
            self.report.fact("tensorflow.any", f"a message of type {node.text('type_url')} is packed", node.span.at)

    def finish(self) -> None:
        """Constants that reach an operation on files must be paths that stay in the folder; functions must end."""
        for place, operation, inputs, at in self.files:
            for path in self._constants(place, inputs):
                reason = escape(path)
                if reason and path:
                    message = f"{operation} {place[1]} uses {printable(path)}, which {reason}"
                    self.report.fact("tensorflow.path", message, at, place[1])
        called = cyclic({name: calls & self.defined for name, calls in self.calls.items()})
        if called is not None:
            self.report.fact("tensorflow.recursion", f"function {called} calls itself", None, called)
        self.report.describe("operations", sorted(printable(each) for each in self.operations))
        self.report.describe("nodes", self.count)

    def _constants(self, place: Place, inputs: list[str]) -> list[str]:
        """Texts that reach a node through nodes that pass them on; assets are replaced when the model is loaded."""
        found: list[str] = []
        waiting, seen = list(inputs), set(inputs)
        while waiting and len(seen) < _STEPS:
            each = waiting.pop()
            self.report.budget.spend(1)
            if each not in self.assets:
                found += self.constants.get((place[0], each), [])
            further = set(self.passing.get((place[0], each), ())) - seen
            seen |= further
            waiting += further
        return found


def _source(name: str) -> str:
    """The node that an input comes from ("^node" and "node:output:0" included)."""
    return name.removeprefix("^").partition(":")[0]


def _owner(node: Node) -> Node | None:
    """The node whose attribute a tensor is."""
    each = node.parent
    while each is not None and each.kind != "NodeDef":
        each = each.parent
    return each


def _holder(node: Node) -> str:
    owner = _owner(node)
    return owner.text("name") if owner is not None else ""
