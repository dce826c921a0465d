"""What finds spans: one interface for expressions, names and models."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Final, Protocol

import numpy as np

from casemate.patterns.engine import Scanner
from casemate.patterns.normalize import normalize, unstable
from casemate.privacy.text.recognizer import Recognizer
from casemate.privacy.text.spans import Reach, Span
from casemate.privacy.text.validators import judge

BEFORE: Final = 60
"""Code points before a match in which context words are looked for."""
AFTER: Final = 30
"""Code points after it."""
AROUND: Final = 256
"""Code points around letters that are not what they look like, which are read once more as they look."""


class Detector(Protocol):
    """Finds spans of some types."""

    @property
    def reach(self) -> Reach:
        """How far it looks."""

    def find(self, text: str) -> Iterable[Span]:
        """Spans in any order; they may overlap."""


class Structured:
    """All recognizers in one pass; then each match by itself: validators, context, score.

    Args:
        recognizers: what to look for.

    Raises:
        MissingPartError: neither hyperscan nor google-re2 is installed.
    """

    def __init__(self, recognizers: Iterable[Recognizer]) -> None:
        self.recognizers = {each.id: each for each in recognizers}
        self._scanner = Scanner(each.pattern for each in self.recognizers.values())
        self._words = {each.id: (_whole(each.context), _whole(each.against)) for each in self.recognizers.values()}

    @property
    def reach(self) -> Reach:
        """See ``Detector``."""
        most = max((each.most for each in self.recognizers.values()), default=0)
        return Reach(BEFORE + AROUND, most, AFTER + AROUND)

    def find(self, text: str) -> Iterator[Span]:
        """See ``Detector``: in the text as it stands, and as it reads where that differs."""
        yield from self._plain(text)
        for start, stop in odd(text):
            seen = normalize(text[start:stop])
            for each in self._plain(seen.text):
                first, last = seen.original(each.start, each.end)
                if text[start + first : start + last] != seen.text[each.start : each.end]:
                    why = (*each.why, "as it reads")
                    yield Span(start + first, start + last, each.type, each.score, each.source, why)

    def _plain(self, text: str) -> Iterator[Span]:
        data = text.encode("utf-8", "surrogatepass")
        places = None if len(data) == len(text) else points(data)
        for match in self._scanner.judged(data):
            start, stop = match.start, match.stop
            if places is not None:
                start, stop = int(places[start]), int(places[stop])
            found = self._judged(text, start, stop, self.recognizers[match.pattern.id])
            if found is not None:
                yield found

    def _judged(self, text: str, start: int, stop: int, by: Recognizer) -> Span | None:
        proven = judge(by.validators, text[start:stop])
        if proven is False:
            return None
        mine, others = self._words[by.id]
        around = f"{text[max(start - BEFORE, 0) : start]} \0 {text[stop : stop + AFTER]}".casefold()
        word = mine(around) if mine else ""
        if others and others(around) and not word:
            return None
        score = (by.sure if word else by.proven) if proven else (by.near if word else by.alone)
        why = (*(("checksum holds",) if proven else ()), *((f"near {word!r}",) if word else ()))
        return Span(start, stop, by.type, score, by.id, why)


def points(data: bytes) -> np.ndarray:
    """(bytes + 1,) code point by offset in UTF-8."""
    raw = np.frombuffer(data, dtype=np.uint8)
    begins = (raw & 0xC0) != 0x80
    return np.concatenate([np.cumsum(begins) - 1, [begins.sum()]])


def odd(text: str) -> Iterator[tuple[int, int]]:
    """Stretches in which something is not what it looks like, with ``AROUND`` of what is around."""
    if text.isascii():
        return
    start = stop = -1
    for match in unstable().finditer(text):
        if match.start() > stop + 2 * AROUND:
            if stop >= 0:
                yield max(start - AROUND, 0), min(stop + AROUND, len(text))
            start = match.start()
        stop = match.end()
    if stop >= 0:
        yield max(start - AROUND, 0), min(stop + AROUND, len(text))


@cache
def _whole(words: tuple[str, ...]) -> Callable[[str], str] | None:
    """Finds the first of some words, as a whole word, in folded text."""
    if not words:
        return None
    longest_first = sorted({each.casefold() for each in words}, key=len, reverse=True)
    search = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)").search

    def find(text: str) -> str:
        match = search(text)
        return match[0] if match else ""

    return find
