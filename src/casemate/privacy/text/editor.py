"""What every format hands its texts to: finds, replaces, counts, and tells whoever wants to look."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from casemate.privacy.text.blocks import pieces
from casemate.privacy.text.redactor import Redacted, Redactor
from casemate.privacy.text.spans import Span

SHORT: Final = 400
REMEMBERED: Final = 50_000
NOTHING: Final = frozenset({"", "-", "--", "?", "n/a", "na", "nan", "none", "null", "nil", "unknown", "true", "false"})
"""What a cell says when it says nothing, folded."""


class Passage(msgspec.Struct, frozen=True):
    """A text in which something was found.

    Attributes:
        where: it stands: "$.user.email", "row 3, column email", or "".
        text: as it was.
        made: what became of it.
        line: of the document in which it begins, from 1; 0 where that is not known.
    """

    where: str
    text: str
    made: Redacted
    line: int = 0


class Editor:
    """Redacts the texts of a document.

    Args:
        redactor: what finds and replaces.
        watch: called with each passage in which something was found.

    Attributes:
        counts: spans by type.
        notes: what people should know about the document; without anything from it.

    Example:
        >>> from casemate.privacy.text.analyzer import Analyzer
        >>> editor = Editor(Redactor(Analyzer("fast")))
        >>> editor("jane@example.com"), editor.counts["EMAIL_ADDRESS"]
        ('[EMAIL_ADDRESS]', 1)
    """

    def __init__(self, redactor: Redactor, watch: Callable[[Passage], None] | None = None) -> None:
        self.redactor, self._watch = redactor.document(), watch
        self.counts: Counter[str] = Counter()
        self.notes: list[str] = []
        self._known: dict[tuple[str, str], tuple[Span, ...]] = {}

    def __call__(self, text: str, where: str = "", *, hint: str = "", type: str = "") -> str:
        """A text without what was found in it.

        Args:
            text: any.
            where: it stands, for people.
            hint: name of its field or column, read as if it stood before it.
            type: of all of it, where the column says so.
        """
        if type:
            said = text.strip()
            at = text.find(said)
            whole = Span(at, at + len(said), type, 1.0, "column", ("all of its column is",))
            return self.made(text, (whole,) if said.casefold() not in NOTHING else (), where).text
        return self.made(text, self.find(text, hint), where).text

    def find(self, text: str, hint: str = "") -> Sequence[Span]:
        """Spans of a text that stands behind a name."""
        if len(text) > SHORT:
            return self._found(text, hint)
        key = (text, hint)
        if key not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = self._found(text, hint)
        return self._known[key]

    def _found(self, text: str, hint: str) -> tuple[Span, ...]:
        before = f"{spoken(hint)}: " if hint else ""
        spans = (each.moved(-len(before)) for each in self.redactor.analyzer.find(before + text))
        return tuple(msgspec.structs.replace(each, start=max(each.start, 0)) for each in spans if each.end > 0)

    def made(self, text: str, spans: Sequence[Span], where: str = "", line: int = 0) -> Redacted:
        """Replace what was found already."""
        made = self.redactor.replace(text, spans)
        if spans:
            self.counts.update(each.type for each in spans)
            if self._watch is not None:
                self._watch(Passage(where, text, made, line))
        return made

    def stream(self, chunks: Iterable[str]) -> Iterator[str]:
        """A text of any length, in pieces; memory does not grow with it."""
        line = 1
        for text, spans in pieces(chunks, self.redactor.analyzer):
            yield self.made(text, spans, "", line).text
            line += text.count("\n")


def spoken(name: str) -> str:
    """The name of a field as words.

    Example:
        >>> spoken("homePhone_number"), spoken("SSN")
        ('home Phone number', 'SSN')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]+", " ", name[:120]).strip()
