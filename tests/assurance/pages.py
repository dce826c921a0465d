"""Reading a report back: every figure with its place in results.json, and every text without one."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "br", "img", "input", "hr", "use", "circle", "line", "rect", "path", "polyline", "polygon"}
SILENT = {"style", "title", "code", "time", "svg"}
"""Elements whose text is no figure: digests, commands, dates, and the ticks of charts."""


@dataclasses.dataclass
class Said:
    """The text of an element that names a place in results.json."""

    place: str
    tag: str
    value: str | None
    text: str = ""
    cells: list[str] = dataclasses.field(default_factory=list)


class Reader(HTMLParser):
    """Collects placed elements, loose texts, tags and addresses."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.placed: list[Said] = []
        self.loose: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self._open: list[tuple[str, Said | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = dict(attrs)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "action", "srcset", "data")]
        self.tags |= {f"on:{name}" for name, _ in attrs if name.startswith("on")}
        if found.get("id"):
            self.ids.append(found["id"] or "")
        if tag in VOID:
            return
        said = Said(found["data-p"] or "", tag, found.get("value")) if "data-p" in found else None
        if said is not None:
            self.placed.append(said)
        row = self._row()
        if row is not None and tag in ("th", "td"):
            row.cells.append("")
        self._open.append((tag, said))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        said = next((s for _, s in reversed(self._open) if s is not None and s.tag != "tr"), None)
        row = self._row()
        silent = any(tag in SILENT for tag, _ in self._open)
        inside_small = any(tag == "small" for tag, _ in self._open)
        if said is not None:
            said.text += data
        elif row is not None and row.cells and not silent and not inside_small:
            row.cells[-1] += data
        elif data.strip() and not silent:
            self.loose.append(data.strip())

    def _row(self) -> Said | None:
        return next((s for tag, s in reversed(self._open) if tag == "tr" and s is not None), None)


def read(page: bytes) -> Reader:
    """Read a page."""
    reader = Reader()
    reader.feed(page.decode())
    reader.close()
    return reader


def at(results: Any, pointer: str) -> Any:
    """What stands at a place (RFC 6901, without the leading slash)."""
    for key in pointer.split("/"):
        plain = key.replace("~1", "/").replace("~0", "~")
        results = results[int(plain)] if isinstance(results, list) else results[plain]
    return results
