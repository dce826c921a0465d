"""From spans to a text without them: each type by an operator, and where nothing else is said by one for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.spans import Span

Operator = Callable[[str, Span], str]
"""What stands in the place of a stretch: from its text and its span."""


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
    """Finds and replaces.

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

    def redact(self, text: str) -> Redacted:
        """A text of any length."""
        return self.replace(text, self.analyzer.find(text))

    def replace(self, text: str, spans: Sequence[Span]) -> Redacted:
        """What was found already, in order, none overlapping another."""
        parts, made, at = [], [], 0
        for each in spans:
            new = self.operators.get(each.type, self.default)(text[each.start : each.end], each)
            made.append(new)
            parts += [text[at : each.start], new]
            at = each.end
        return Redacted("".join((*parts, text[at:])), tuple(spans), tuple(made))
