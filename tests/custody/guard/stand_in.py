"""Parsers that stand in for formats the scanner does not know yet; where it does, the real one is used.

The load guard does not depend on which formats there are, so its tests run with whatever is registered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from casemate.threats.supply_chain import identify
from casemate.threats.supply_chain.containers.streams import compression
from casemate.threats.supply_chain.pickles.scan import scan
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine
from casemate.threats.supply_chain.view import View


@dataclass(frozen=True)
class StandIn:
    """Looks and answers like a ``Format`` with its parser."""

    name: str
    sniff: Callable[[View], bool]
    parse: Callable[[View, Report], None]
    last: bool = False

    @property
    def kin(self) -> str:
        return self.name

    @property
    def parser(self) -> Any:
        return self


def pickled(view: View, report: Report) -> None:
    found = scan(view.raw(0, len(view)), report.settings.allow, most=report.settings.most)
    report.findings.extend(found.findings)
    report.imported.update(found.imported)
    if found.unreadable and not found.findings:
        raise Malformed(found.unreadable, 0)
    report.cover(0, len(view))


def whole(view: View, report: Report) -> None:
    report.cover(0, len(view))


def onnx(view: View, report: Report) -> None:
    """Claims the external files that a model of these tests names."""
    onnx = pytest.importorskip("onnx")
    try:
        model = onnx.ModelProto.FromString(view.raw(0, len(view)))
    except Exception as error:
        raise NotMine from error
    for tensor in model.graph.initializer:
        fields = {entry.key: entry.value for entry in tensor.external_data}
        if fields:
            length = int(fields["length"]) if "length" in fields else None
            report.claim(fields["location"], "weights", int(fields.get("offset", 0)), length)
    report.cover(0, len(view))


LEGACY = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46"
STAND_INS = (
    StandIn("torch-legacy", lambda v: v.begins(LEGACY), whole),
    StandIn(
        "pickle",
        lambda v: (v.begins(b"\x80") and not v.begins(LEGACY)) or bool(compression(v.raw(0, min(6, len(v))))),
        pickled,
    ),
    StandIn("zip", lambda v: v.begins(b"PK\x03\x04"), whole),
    StandIn("npy", lambda v: v.begins(b"\x93NUMPY"), whole),
    StandIn("safetensors", lambda v: v.begins(b"{", 8), whole),
    StandIn("onnx", lambda v: v.begins(b"\x08"), onnx),
)


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add what is missing."""
    known = {each.name for each in identify.FORMATS}
    missing = [each for each in STAND_INS if each.name not in known]
    monkeypatch.setattr(identify, "FORMATS", (*identify.FORMATS, *missing))
