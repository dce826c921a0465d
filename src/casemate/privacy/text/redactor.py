"""From spans to a text without them: each type by an operator, and where nothing else is said by one for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.arbiter import settled
from casemate.privacy.text.operators.base import Stateful
from casemate.privacy.text.spans import Span
from casemate.privacy.text.windows import pieces

Operator = Callable[[str, Span], str]
"""What stands in the place of a stretch: from its text and its span. See `casemate.privacy.text.operators`."""


class Redacted(msgspec.Struct, frozen=True):
    """A text after redaction.

    Attributes:
        text: what is left.
        spans: what was found, in the text as it was given.
        replacements: what stands there now, one a span.
    """

    text: str
    spans: tuple[Span, ...]
    replacements: tuple[str, ...]


def label(text: str, span: Span) -> str:
    """The type in brackets."""
    del text
    return f"[{span.type}]"


class Redactor:
    """Finds and replaces, by place: an equal word elsewhere in the text stays.

    Args:
        analyzer: what finds.
        operators: by type.
        default: for all other types.

    Example:
        >>> Redactor(Analyzer("fast")).redact("mail: jane@example.com").text
        'mail: [EMAIL_ADDRESS]'
    """

    def __init__(
        self, analyzer: Analyzer, operators: Mapping[str, Operator] | None = None, default: Operator = label
    ) -> None:
        self.analyzer, self.operators, self.default = analyzer, dict(operators or {}), default
        self._open = False
        given = {id(each): each for each in (*self.operators.values(), default) if isinstance(each, Stateful)}
        self._stateful = tuple(given.values())

    def document(self) -> Redactor:
        """The redactor for one document of several texts: numbers and the like go on from text to text."""
        if self._open or not self._stateful:
            return self
        fresh: dict[int, Operator] = {id(each): each.document() for each in self._stateful}
        made = Redactor(
            self.analyzer,
            {type: fresh.get(id(each), each) for type, each in self.operators.items()},
            fresh.get(id(self.default), self.default),
        )
        made._open = True
        return made

    def redact(self, text: str, *, streaming: bool = False) -> Redacted:
        """A text of any length.

        Args:
            text: a document.
            streaming: as a stream of it would be redacted (see `casemate.privacy.text.windows`).

        Raises:
            StorageError: an operator could not keep what is needed to go back.
        """
        if not streaming:
            return self.replace(text, self.analyzer.find(text))
        one, parts, spans, made, at = self.document(), list[str](), list[Span](), list[str](), 0
        for piece, found in pieces(text, one.analyzer, one.reserved):
            done = one.put(piece, found)
            parts.append(done.text)
            spans += [each.moved(at) for each in found]
            made += done.replacements
            at += len(piece)
        one.commit()
        return Redacted("".join(parts), tuple(spans), tuple(made))

    def replace(self, text: str, spans: Sequence[Span]) -> Redacted:
        """What was found already, in order, none overlapping another.

        Raises:
            StorageError: an operator could not keep what is needed to go back.
        """
        one = self.document()
        reserved = list(one.reserved(text))
        done = one.put(text, settled([*spans, *reserved], 0.0) if reserved else spans)
        one.commit()
        return done

    def reserved(self, text: str) -> Iterator[Span]:
        """What would be taken for the work of an operator."""
        for each in self._stateful:
            yield from each.reserved(text)

    def put(self, text: str, spans: Sequence[Span]) -> Redacted:
        """Replace, and commit nothing yet."""
        parts, made, at = [], [], 0
        for each in spans:
            new = self.operators.get(each.type, self.default)(text[each.start : each.end], each)
            made.append(new)
            parts += [text[at : each.start], new]
            at = each.end
        return Redacted("".join((*parts, text[at:])), tuple(spans), tuple(made))

    def commit(self) -> None:
        """Make durable what operators need to go back."""
        for each in self._stateful:
            each.commit()
