"""Numbered pseudonyms: the same thing has the same number within a document, or within a corpus."""

from __future__ import annotations

from typing import Literal

from casemate.privacy.text.operators.base import Stateful, canonical
from casemate.privacy.text.spans import Span


class Numbered(Stateful):
    """``[PERSON_1]``, ``[PERSON_2]`` and so on, by type, in the order of appearance.

    Args:
        form: with ``{type}`` and ``{number}``.
        scope: "document" counts anew in each; "corpus" goes on, and remembers every value as long as it lives.

    Example:
        >>> numbered = Numbered()
        >>> [numbered(each, Span(0, 3, "PERSON", 0.9, "names")) for each in ("Ada", "Bob", "ADA")]
        ['[PERSON_1]', '[PERSON_2]', '[PERSON_1]']
    """

    def __init__(self, form: str = "[{type}_{number}]", *, scope: Literal["document", "corpus"] = "document") -> None:
        self.form, self.scope = form, scope
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: dict[str, int] = {}

    def document(self) -> Numbered:
        """A new count, or this one for a corpus."""
        return self if self.scope == "corpus" else Numbered(self.form)

    def __call__(self, text: str, span: Span) -> str:
        """See above."""
        key = span.type, canonical(text, span.type)
        if key not in self._numbers:
            self._last[span.type] = self._numbers[key] = self._last.get(span.type, 0) + 1
        return self.form.replace("{type}", span.type).replace("{number}", str(self._numbers[key]))
