"""What finds spans: one interface for expressions, names and models."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

import numpy as np

from casemate.patterns.engine import Scanner
from casemate.privacy.text.context import AFTER, BEFORE, Around, Words, around
from casemate.privacy.text.figures import figure
from casemate.privacy.text.readings import AROUND, SIGNS, readings
from casemate.privacy.text.readings import around as as_it_looks
from casemate.privacy.text.recognizer import Recognizer
from casemate.privacy.text.spans import Reach, Span
from casemate.privacy.text.validators import judge

LEAST: Final = 0.15
"""Scores below it are not told, so that what needs a word near costs nothing where there is none."""


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
        groups: dict[tuple[str, int], list[Recognizer]] = {}
        for each in self.recognizers.values():
            groups.setdefault((each.pattern.expression, each.most), []).append(each)
        self._alike = {group[0].id: group for group in groups.values()}  # many numbers look alike: one search for all
        self._scanner = Scanner([*(group[0].pattern for group in groups.values()), *SIGNS])
        self._most = max((each.most for each in self.recognizers.values()), default=0)
        self._words = {each.id: (Words(each.context), Words(each.against)) for each in self.recognizers.values()}

    @property
    def reach(self) -> Reach:
        """See ``Detector``."""
        return Reach(BEFORE + AROUND, self._most, AFTER + AROUND)

    def find(self, text: str) -> Iterator[Span]:
        """See ``Detector``: in the text as it stands, and as it reads where that differs."""
        return parted(self._whole, self.reach, text)

    def _whole(self, text: str) -> Iterator[Span]:
        signs: list[tuple[str, int, int]] = []
        plain = list(self._plain(text, signs))
        yield from plain
        for start, seen in itertools.chain(as_it_looks(text), readings(text, signs)):
            for each in self._plain(seen.text, []):
                first, last = seen.original(each.start, each.end)
                first, last = start + first, start + last
                if last - first > self._most or text[first:last] == seen.text[each.start : each.end]:
                    continue
                # what is whole as it stands is not made longer: the next line is not the rest of an address
                if not any(
                    one.type == each.type and one.start == first and "\n" in text[one.end : last] for one in plain
                ):
                    yield Span(first, last, each.type, each.score, each.source, (*each.why, "as it reads"))

    def _plain(self, text: str, signs: list[tuple[str, int, int]]) -> Iterator[Span]:
        """Spans in this very text; what asks for another reading goes to ``signs``."""
        data = text.encode("utf-8", "surrogatepass")
        at = None if len(data) == len(text) else points(data)
        near, seen, counted = Around([]), (-1, -1), False
        # by place: a number that a hundred recognizers know has one neighbourhood, which is read once
        for start, stop, number in sorted((start, stop, number) for number, start, stop in self._scanner.places(data)):
            first, last = (start, stop) if at is None else (int(at[start]), int(at[stop]))
            pattern = self._scanner.patterns[number]
            if pattern.kind == "reading":
                signs.append((pattern.id, first, last))
                continue
            if (first, last) != seen:
                near, seen, counted = around(text, first, last), (first, last), figure(text, first, last)
            for by in self._alike[pattern.id]:
                found = self._judged(text, first, last, near, by)
                if found is not None and (not counted or any(each.startswith("near") for each in found.why)):
                    yield found

    def _judged(self, text: str, start: int, stop: int, near: Around, by: Recognizer) -> Span | None:
        mine, others = self._words[by.id]
        word = mine.among(near)
        if not word and (max(by.alone, by.proven) < LEAST or others.among(near)):
            return None
        proven = judge(by.validators, text[start:stop])
        score = (by.sure if word else by.proven) if proven else (by.near if word else by.alone)
        if proven is False or score < LEAST:
            return None
        why = (*(("checksum holds",) if proven else ()), *((f"near {word!r}",) if word else ()))
        return Span(start, stop, by.type, score, by.id, why)


def parted(find: Callable[[str], Iterable[Span]], reach: Reach, text: str) -> Iterator[Span]:
    """Spans of a text; where it has more matches than are held at once, of its halves, each with what is in reach.

    Args:
        find: finds spans in a text, or raises OverflowError.
        reach: of ``find``; what it says of a span depends on nothing beyond, so halves say what the whole would.
        text: of any length.

    Raises:
        OverflowError: even a part of a few times the reach has too many.
    """
    try:
        yield from list(find(text))
        return
    except OverflowError:
        middle, more = len(text) // 2, reach.before + reach.most + reach.after
        if middle <= 2 * more:
            raise
    for each in parted(find, reach, text[: middle + more]):
        if each.start < middle:
            yield each
    for each in parted(find, reach, text[middle - more :]):
        if each.start >= more:
            yield each.moved(middle - more)


def points(data: bytes) -> np.ndarray:
    """(bytes + 1,) code point by offset in UTF-8."""
    raw = np.frombuffer(data, dtype=np.uint8)
    begins = (raw & 0xC0) != 0x80
    return np.concatenate([np.cumsum(begins) - 1, [begins.sum()]])
