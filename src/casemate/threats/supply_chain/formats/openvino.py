"""OpenVINO models (IR, versions 10 and 11): layers of known operator sets, and ranges of weights in the file beside.

The weights stand in a file of the same name that ends in ``.bin``; what the layers take of it is claimed.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed

_SETS = frozenset(f"opset{number}" for number in range(1, 18))
_DIGITS = 18


class OpenVino:
    """Judges a model as its elements go by.

    Args:
        report: told the facts, and which bytes of the weights are whose.
    """

    kind = "openvino"

    def __init__(self, report: Report) -> None:
        self.report = report
        self.layers = 0
        self.current: list[tuple[str, str]] = []
        name = report.view.name or report.view.where.rpartition("!")[2]
        self.weights = f"{PurePosixPath(name).stem}.bin" if name else ""

    def start(self, name: str, space: str, attributes: dict[str, str]) -> None:
        """Judge one element by its name and attributes."""
        if name == "layer":
            self._layer(attributes)
        elif (
            name == "data" and self.current and self.current[-1][0] in ("Const", "Constant") and "offset" in attributes
        ):
            offset, size = _count(attributes["offset"]), _count(attributes.get("size", ""))
            if self.weights:
                self.report.claim(self.weights, f"the constant {self.current[-1][1]}", offset, size)
        elif name in ("extension", "extensions", "library", "plugin", "custom_layer", "CustomLayer"):
            self.report.fact("openvino.extension", f"the element {name}", logical=name)

    def _layer(self, attributes: dict[str, str]) -> None:
        kind, title = attributes.get("type", ""), attributes.get("name", "")
        self.current.append((kind, title))
        self.layers += 1
        if attributes.get("version", "opset1") not in _SETS:
            where = attributes.get("version", "")
            self.report.fact("openvino.set", f"the layer {title} is of the operator set {where}", logical=title)
        self.report.name("openvino.layer", kind, logical=title or kind)

    def text(self, data: str) -> None:
        """Nothing."""

    def end(self, name: str) -> None:
        """Leave a layer."""
        if name == "layer" and self.current:
            self.current.pop()

    def close(self) -> None:
        """Describe the model."""
        self.report.describe("layers", self.layers)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        raise Malformed("an offset or size of weights is no count", 0)
    return int(text)
