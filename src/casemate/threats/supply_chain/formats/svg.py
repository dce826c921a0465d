"""SVG pictures: scripts, handlers and what they fetch."""

from __future__ import annotations

from casemate.threats.supply_chain.report import Report

_ACTIVE = frozenset(("script", "foreignObject", "iframe", "handler", "listener"))


class Svg:
    """Judges a picture as its elements go by.

    Args:
        report: told the facts.
    """

    kind = "svg"

    def __init__(self, report: Report) -> None:
        self.report = report

    def start(self, name: str, space: str, attributes: dict[str, str]) -> None:
        """Scripts, handlers, and references that leave the picture."""
        if name in _ACTIVE:
            self.report.fact("xml.script", f"the picture holds the element {name}", logical=name)
        for key, value in attributes.items():
            local = key.rpartition(" ")[2].lower()
            target = value.strip().lower()
            if local.startswith("on") or target.startswith(("javascript:", "vbscript:", "data:text/html")):
                self.report.fact("xml.script", f"the attribute {local} of {name} runs a script", logical=name)
            elif (
                local == "href" and name in ("use", "image", "feImage") and not target.startswith(("#", "data:image/"))
            ):
                self.report.fact("xml.fetch", f"{name} fetches something from outside", logical=name)

    def text(self, data: str) -> None:
        """Nothing."""

    def end(self, name: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
