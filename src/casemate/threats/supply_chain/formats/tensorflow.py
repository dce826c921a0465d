"""TensorFlow graphs: saved_model.pb, frozen GraphDef files, and the .meta file beside an old checkpoint.

Source: tensorflow/core/protobuf/saved_model.proto, meta_graph.proto, saved_object_graph.proto and
tensorflow/core/framework/graph.proto. A graph is a program; its operations are judged by ``names/tensorflow.toml``,
those in the function library as well, because any node may call them.
"""

from __future__ import annotations

from typing import Final

from casemate.threats.supply_chain.formats.protobuf import Node, Walk, schema
from casemate.threats.supply_chain.formats.tensorflow_graph import Graphs
from casemate.threats.supply_chain.report import Report, Settings
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.view import View

_KINDS: Final = ("SavedModel", "MetaGraphDef", "GraphDef")


def parse(view: View, report: Report) -> None:
    """Read a SavedModel, MetaGraphDef or GraphDef and report."""
    kind = next((each for each in _KINDS if _is(view, report, each)), None)
    if kind is None:
        raise NotMine
    walk = Walk(view, schema("tensorflow"), report)
    root = walk.node(kind)
    graphs = Graphs(walk, report)
    graphs.functions(root)
    walk.all(root, graphs.see)
    graphs.finish()
    report.describe("kind", kind)


def _is(view: View, report: Report, kind: str) -> bool:
    """Whether the top of the view, and the first messages in it, are of this kind."""
    quiet = _quiet(view, report)
    walk = Walk(view, schema("tensorflow"), quiet)
    try:
        root = walk.node(kind)
        if kind == "SavedModel":
            found = [inner for each in _first(walk, root, "meta_graphs") for inner in _first(walk, each, "graph_def")]
            return bool(found or "meta_graphs" in root) and not walk.unknown and not quiet.findings
        if kind == "MetaGraphDef":
            graphs = _first(walk, root, "graph_def")
            inner = [each for graph in graphs for each in _first(walk, graph, "node")]
            clear = not walk.unknown and not quiet.findings
            return clear and bool(graphs) and all("op" in each and "name" in each for each in inner)
        nodes = _first(walk, root, "node")
        named = bool(nodes) and bool(nodes[0].text("op")) and "name" in nodes[0]
        return named or ("library" in root and bool(_first(walk, root, "library")) and not walk.unknown)
    except (Malformed, Refused):
        return False


def _quiet(view: View, report: Report) -> Report:
    settings: Settings = report.settings
    return Report(view, settings, report.budget)


def _first(walk: Walk, node: Node, name: str) -> list[Node]:
    """The first message of a field, if there is one."""
    field = next(field for field in walk.messages[node.kind].values() if field.name == name)
    return [walk.node(field.kind, span, name, node) for span in node.spans(name)[:1]]
