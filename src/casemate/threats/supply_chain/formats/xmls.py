"""XML, by expat, which expands nothing here: entities are refused where they are declared, and nothing is fetched.

The document goes by as events; what it is (PMML, OpenVINO, SVG or other) is told by its root, and judged by a visitor.
Depth and the number of elements are bounded, so what is kept is, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from xml.parsers import expat

from casemate.threats.supply_chain.formats.openvino import OpenVino
from casemate.threats.supply_chain.formats.pmml import Pmml
from casemate.threats.supply_chain.formats.svg import Svg
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.view import View

SIZE = 1 << 30
DEPTH = 512
_INCLUDE = "http://www.w3.org/2001/XInclude"
_PIECE = 1 << 20
_KNOWN = ("-//W3C//DTD SVG", "-//W3C//DTD XHTML", "-//Apple//DTD PLIST")
_FETCHED = ("http://www.w3.org/", "https://www.w3.org/", "http://www.apple.com/DTDs/")


class Visitor(Protocol):
    """Judges a document as its elements go by. Names are local; attributes keep only those of no name space."""

    def start(self, name: str, space: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def text(self, data: str) -> None:
        """A piece of text inside the current element."""

    def end(self, name: str) -> None:
        """An element ends."""

    def close(self) -> None:
        """The document is over."""


class Plain:
    """A document of no kind that is known: nothing but the rules for any XML."""

    kind = "xml"

    def start(self, name: str, space: str, attributes: dict[str, str]) -> None:
        """Nothing."""

    def text(self, data: str) -> None:
        """Nothing."""

    def end(self, name: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def parse(view: View, report: Report) -> None:
    """Read a document.

    Raises:
        NotMine: it is no XML: no declaration, and not well formed.
        Malformed: it says that it is XML, and is not well formed.
        Refused: it declares entities, or nests too deep.
    """
    if len(view) > SIZE:
        raise Malformed(f"a document of more than {SIZE} bytes", 0)
    reader = _Reader(report)
    try:
        for at in range(0, len(view), _PIECE):
            count = min(_PIECE, len(view) - at)
            reader.parser.Parse(view.raw(at, count), at + count == len(view))
    except expat.ExpatError as error:
        if not view.find(b"<?xml", 0, 64) >= 0 and not view.begins(b"\xff\xfe") and not view.begins(b"\xfe\xff"):
            raise NotMine from error
        message = f"the document is not well formed: {expat.errors.messages.get(error.code, 'damaged')}"
        raise Malformed(message, max(0, reader.parser.ErrorByteIndex)) from error
    reader.visitor.close()
    report.cover(0, len(view))
    report.describe("kind", reader.visitor.kind)


class _Reader:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.depth = 0
        self.visitor: Pmml | OpenVino | Svg | Plain = Plain()
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._entity
        self.parser.ExternalEntityRefHandler = self._external
        self.parser.ProcessingInstructionHandler = self._instruction

    @property
    def at(self) -> int:
        return max(0, self.parser.CurrentByteIndex)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > DEPTH:
            raise Refused("xml.bomb", f"elements nest more than {DEPTH} deep", self.at)
        space, _, local = name.rpartition(" ")
        if space == _INCLUDE:
            self.report.fact("xml.include", f"xi:{local} of {attributes.get('href', '')}", self.at)
        if self.depth == 1:
            made = _VISITORS.get(local)
            self.visitor = made(self.report) if made is not None else Plain()
        self.visitor.start(local, space, attributes)

    def _end(self, name: str) -> None:
        self.depth -= 1
        self.visitor.end(name.rpartition(" ")[2])

    def _text(self, data: str) -> None:
        self.visitor.text(data)

    def _doctype(self, name: str, system: str | None, public: str | None, internal: int) -> None:
        if system and not system.startswith(_FETCHED):
            self.report.fact("xml.fetched-dtd", f"the document type of {name} is another file", self.at)
        elif not (public or "").startswith(_KNOWN):
            self.report.fact("xml.dtd", f"a document type of its own for {name}", self.at)

    def _entity(self, name: str, parameter: int, value: str | None, *rest: str | None) -> None:
        if value is None:
            raise Refused("xml.external", f"the entity {name} is a file or an address", self.at)
        raise Refused("xml.entity", f"the entity {name} is declared", self.at)

    def _external(self, context: str | None, base: str | None, system: str | None, public: str | None) -> int:
        raise Refused("xml.external", "an entity of another file", self.at)

    def _instruction(self, target: str, data: str) -> None:
        self.report.fact("xml.instruction", f"an instruction for {target}", self.at)


_VISITORS: dict[str, Callable[[Report], Pmml | OpenVino | Svg | Plain]] = {"PMML": Pmml, "net": OpenVino, "svg": Svg}
