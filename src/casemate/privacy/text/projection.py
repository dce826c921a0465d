"""A text as people see it, and where each letter of it stands in its source, so that spans find back."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from itertools import pairwise

from casemate.privacy.text.editor import Editor


class Projection:
    """What is seen of a source.

    Args:
        source: with its markup.

    Attributes:
        text: what is seen so far.
    """

    def __init__(self, source: str) -> None:
        self.source, self._parts, self._places = source, list[str](), list[tuple[int, int]]()

    @property
    def text(self) -> str:
        """What is seen so far."""
        return "".join(self._parts)

    def shows(self, start: int, end: int) -> None:
        """A stretch of the source is seen as it stands."""
        self._parts.append(self.source[start:end])
        self._places += [(at, at + 1) for at in range(start, end)]

    def reads(self, start: int, end: int, text: str) -> None:
        """A stretch of the source is seen as something else: an entity, or a break."""
        self._parts.append(text)
        self._places += [(start, end)] * len(text)

    def rewritten(self, editor: Editor, where: str = "") -> str:
        """The source without what was found in what is seen of it; markup within a span stays."""
        text = self.text
        spans = editor.find(text)
        made = editor.made(text, spans, where)
        edits: list[tuple[int, int, str]] = []
        for span, new in zip(spans, made.replacements, strict=True):
            if new != text[span.start : span.end]:
                edits += self._edits(self._places[span.start : span.end], html.escape(new, quote=False))
        return edited(self.source, edits)

    @staticmethod
    def _edits(places: Sequence[tuple[int, int]], new: str) -> Iterable[tuple[int, int, str]]:
        """The replacement where the span begins, and nothing in the rest of it."""
        begins = [0, *(at for at, (one, other) in enumerate(pairwise(places), 1) if other[0] > one[1])]
        for number, (first, last) in enumerate(pairwise([*begins, len(places)])):
            yield places[first][0], places[last - 1][1], "" if number else new


def edited(source: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """A text with stretches replaced, in order, none overlapping another."""
    parts, at = [], 0
    for start, end, new in sorted(edits):
        parts += [source[at:start], new]
        at = end
    return "".join((*parts, source[at:]))
