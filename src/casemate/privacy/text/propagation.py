"""A name found once is found everywhere in a document: where nothing but the word itself speaks for it.

Looked for are whole names as they were written, and of persons also the first and the last word by itself that has a
capital, at least ``LEAST`` letters, and is no title. Words in small letters are never found, so "mark" is not a person
because Mark is one. In a stream only what comes after counts (``forward``), because what has been sent cannot be taken
back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Final

from casemate.privacy.text.spans import Span
from casemate.privacy.text.titles import TITLES

TYPES: Final = frozenset({"PERSON", "ORGANIZATION", "LOCATION"})
LEAST: Final = 4
"""Letters of a part of a name that is looked for by itself."""
MOST: Final = 10_000
"""Names that are remembered; further ones are not looked for."""
_WORD: Final = re.compile(r"[^\W_]+")
_CAPITAL: Final = re.compile(r"(?<![^\W_])[^\W\d_a-z][^\W_]*")
"""Words that do not begin with a small letter of ASCII, as no name does that is looked for."""
_FACTOR: Final = 0.9
"""Of the score of where a name was found."""


class Known:
    """The names of one document.

    Example:
        >>> known = Known()
        >>> known.learn("Ada Byron", Span(0, 9, "PERSON", 0.9, "tagger"))
        >>> [(each.start, each.end) for each in known.find("It was Byron.")]
        [(7, 12)]
    """

    def __init__(self) -> None:
        self._names: dict[str, list[tuple[str, int, Span]]] = {}
        self._learned: set[tuple[str, str]] = set()
        self._seen: set[tuple[str, str]] = set()

    def learn(self, text: str, span: Span) -> None:
        """Remember what a span says.

        Args:
            text: in which it is.
            span: of any type; those that are no names are left out.
        """
        if span.type not in TYPES:
            return
        whole = text[span.start : span.end]
        if (whole, span.type) in self._learned:
            return
        if len(self._learned) < MOST:
            self._learned.add((whole, span.type))
        parts = [whole]
        words = _WORD.findall(whole)
        if span.type == "PERSON" and len(words) > 1:
            long = [word for word in words if len(word) >= LEAST and word.casefold() not in TITLES]
            parts += long[:1] + long[-1:]
        for part in parts:
            first = _WORD.search(part)
            if first is None or first.start() or len(part) <= 2 or not part[0].isupper():
                continue
            if (part, span.type) not in self._seen and len(self._seen) < MOST:
                self._seen.add((part, span.type))
                self._names.setdefault(first[0], []).append((part, len(part), span))

    def find(self, text: str, start: int = 0, end: int | None = None) -> Iterator[Span]:
        """Whole words that are known.

        Args:
            text: of any length; the work is linear.
            start: code point from which on they begin.
            end: code point before which they begin; that of the text if none.
        """
        if not self._names:
            return
        names = self._names
        for word in _CAPITAL.finditer(text, start, len(text) if end is None else end):
            known = names.get(word[0])
            if known is None:
                continue
            at = word.start()
            for name, size, span in known:
                stop = at + size
                if text.startswith(name, at) and not text[stop : stop + 1].isalnum():
                    score = span.score * _FACTOR
                    yield Span(at, stop, span.type, score, span.source, ("found elsewhere in the document",))


def propagated(text: str, spans: Iterable[Span], *, forward: bool = False) -> list[Span]:
    """Further places of the names among some spans.

    Args:
        text: the document.
        spans: what was found in it, in order.
        forward: only places after the end of the first span that says the name.

    Example:
        >>> found = propagated("Ada Byron came. Byron left.", [Span(0, 9, "PERSON", 0.9, "tagger")])
        >>> [(each.start, each.end) for each in found]
        [(0, 9), (4, 9), (16, 21)]
    """
    known = Known()
    made: list[Span] = []
    if not forward:
        for each in spans:
            known.learn(text, each)
        return list(known.find(text))
    given = list(spans)
    for each, after in zip_longest(given, given[1:]):
        known.learn(text, each)
        made += known.find(text, each.end, after.end if after else None)
    return made
