"""The small files of a SavedModel: fingerprint.pb and keras_metadata.pb.

Source: tensorflow/core/protobuf/fingerprint.proto; tf_keras/protobuf/saved_metadata.proto.
"""

from __future__ import annotations

from casemate.threats.supply_chain.formats.keras import judge_metadata
from casemate.threats.supply_chain.formats.protobuf import Node, Walk, schema
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import NotMine
from casemate.threats.supply_chain.view import View


def parse(view: View, report: Report) -> None:
    """Read a FingerprintDef or a SavedMetadata and report."""
    quiet = Report(view, report.settings, report.budget)
    if _top(view, quiet, "tensorflow", "FingerprintDef"):
        walk = Walk(view, schema("tensorflow"), report)
        root = walk.node("FingerprintDef")
        if "saved_model_checksum" not in root or "graph_def_program_hash" not in root:
            raise NotMine
        walk.all(root, lambda node: None)
        return
    if not _top(view, quiet, "keras", "SavedMetadata"):
        raise NotMine
    walk = Walk(view, schema("keras"), report)
    walk.all(walk.node("SavedMetadata"), lambda node: _metadata(node, report))


def _top(view: View, quiet: Report, family: str, kind: str) -> bool:
    """Whether every field at the top, and in the first message below it, is known."""
    walk = Walk(view, schema(family), quiet)
    root = walk.node(kind)
    if kind == "SavedMetadata":
        first = next(walk.children(root), None)
        return not walk.unknown and first is not None and "identifier" in first
    return not walk.unknown


def _metadata(node: Node, report: Report) -> None:
    """Each layer's configuration is JSON; it is judged where it names anything."""
    for at, count in node.spans("metadata"):
        judge_metadata(report, at, count)
