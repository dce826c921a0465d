"""What finds spans: one interface for expressions, names and models."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

import numpy as np

from casemate.patterns.backends import Keep
from casemate.patterns.engine import Scanner
from casemate.privacy.text import runs
from casemate.privacy.text.context import AFTER, BEFORE, Around, Words, around
from casemate.privacy.text.figures import figure
from casemate.privacy.text.nearby import Nearby
from casemate.privacy.text.readings import AROUND, SIGNS, readings
from casemate.privacy.text.readings import around as as_it_looks
from casemate.privacy.text.recognizer import Recognizer
from casemate.privacy.text.spans import Reach, Span
from casemate.privacy.text.validators import judge

LEAST: Final = 0.15
"""Least score that is told where nothing else is said, so that what needs a word near costs nothing without one."""
MARGIN: Final = 40
"""Bytes around what holds a run that are run with it, so that no match ends where its part does."""
NOWHERE: Final = Around([])
"""Before anything was read."""
FEW: Final = 20
"""Expressions that wait for words together: fewer are idle less often, and take more calls when they are not."""
_BLOCK: Final = 1024
_CONTINUED: Final = bytes(range(0x80, 0xC0))


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
        least: scores below it are not told.

    Raises:
        MissingPartError: neither hyperscan nor google-re2 is installed.
    """

    def __init__(self, recognizers: Iterable[Recognizer], least: float = LEAST) -> None:
        self._least = least
        self.recognizers = {each.id: each for each in recognizers}
        self._most = max((each.most for each in self.recognizers.values()), default=0)
        self._words = {
            each.id: (Words(each.context), Words(each.against), each.bare) for each in self.recognizers.values()
        }
        alike: dict[tuple[str, int], list[Recognizer]] = {}  # many numbers look alike: one search for all
        for each in self.recognizers.values():
            alike.setdefault((each.pattern.expression, each.most), []).append(each)
        needy = [group for group in alike.values() if all(each.bare < least for each in group)]
        free = [group for group in alike.values() if any(each.bare >= least for each in group)]
        free.sort(key=lambda group: runs.leads(group[0].pattern.expression))
        self._free, self._needy = free, needy
        numbers = [group[0].pattern for group in free if runs.leads(group[0].pattern.expression)]
        self._others = len(free) - len(numbers)
        self._scanner = Scanner([*(group[0].pattern for group in free[: self._others]), *SIGNS])
        self._runs, self._numbers = Scanner([runs.RUN]), Scanner(numbers)
        self._waiting = Scanner([group[0].pattern for group in needy], together=FEW)
        self._reach = max((each.most for each in numbers), default=0) + MARGIN
        words = [{word for each in group for word in each.context} for group in needy]
        self._nearby = Nearby(words, [group[0].most for group in needy])

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
        at = None if len(data) == len(text) else Points(data)
        places = self._places(data, self._nearby.of(text, at))
        near, seen, first, last, inside = NOWHERE, (-1, -1), 0, 0, False
        # by place: a number that a hundred recognizers know has one neighbourhood, which is read once
        for start, stop, number in sorted(places):
            if (start, stop) != seen:
                first, last = (start, stop) if at is None else (at[start], at[stop])
                inside = at is not None and _within(text, first, last)
                seen, near = (start, stop), NOWHERE
            if number >= len(self._free):
                signs.append((SIGNS[number - len(self._free)].id, first, last))
                continue
            if inside:
                continue
            if near is NOWHERE:
                near = around(text, first, last)
            for by in self._free[number] if number >= 0 else self._needy[~number]:
                found = self._judged(text, first, last, near, by)
                if found is not None:
                    yield found

    def _places(self, data: bytes, keep: Keep | None) -> Iterator[tuple[int, int, int]]:
        """Start, stop and number of a group; those that need a word are below zero, signs above all others."""
        signs = len(self._free) - self._others
        for number, start, stop in self._scanner.places(data):
            yield start, stop, number if number < self._others else number + signs
        for number, start, stop in self._in_runs(data):
            yield start, stop, number + self._others
        for number, start, stop in self._waiting.places(data, keep):
            yield start, stop, ~number

    def _in_runs(self, data: bytes) -> Iterator[tuple[int, int, int]]:
        """What holds a run of digits is looked for around those that there are."""
        ends = self._runs.ends(data).get(0)
        if not ends:
            return
        parts = list(runs.areas(ends, len(data), self._reach))
        if sum(last - first for first, last in parts) * 2 > len(data):
            parts = [(0, len(data))]
        for first, last in parts:
            for number, start, stop in self._numbers.places(data[first:last]):
                # what touches an end may be longer; it lies in this part only if it does not reach so far
                if (start or not first) and (first + stop < last or last == len(data)):
                    yield number, first + start, first + stop

    def _judged(self, text: str, start: int, stop: int, near: Around, by: Recognizer) -> Span | None:
        mine, others, bare = self._words[by.id]
        word = mine.among(near)
        if not word and (bare < self._least or others.among(near)):
            return None
        proven = judge(by.validators, text[start:stop])
        score = (by.sure if word else by.proven) if proven else (by.near if word else by.alone)
        if proven is False or score < self._least or (not word and figure(text, start, stop)):
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


def _within(text: str, start: int, stop: int) -> bool:
    """Whether a match ends within a word, which expressions of bytes see for letters of ASCII alone."""
    after, before = text[stop : stop + 1], text[start - 1 : start] if start else ""
    return (_cased(after) and text[stop - 1].isalpha()) or (_cased(before) and text[start].isalpha())


def _cased(letter: str) -> bool:
    """A letter of an alphabet that has capitals, and so writes spaces between words; none of ASCII."""
    return letter > "\x7f" and letter.lower() != letter.upper()


class Points:
    """Code points by offset in UTF-8, counted where they are asked for.

    Args:
        data: UTF-8, lone surrogates too.

    Example:
        >>> at = Points("né!".encode())
        >>> [at[0], at[1], at[2], at[3], at[4]]
        [0, 1, 1, 2, 3]
    """

    def __init__(self, data: bytes) -> None:
        self._data, self._all = data, np.zeros(0, dtype=np.int32)
        full = len(data) // _BLOCK
        begins = np.frombuffer(data, dtype=np.int8, count=full * _BLOCK) >= -64
        self._before = [0, *np.cumsum(begins.reshape(full, _BLOCK).sum(axis=1)).tolist()] if full else [0]

    def __getitem__(self, offset: int) -> int:
        block = offset // _BLOCK
        part = self._data[block * _BLOCK : offset + 1]
        more = 1 if offset == len(self._data) else 0  # behind the last code point, where none begins
        return self._before[block] + len(part.translate(None, _CONTINUED)) - 1 + more

    def many(self, offsets: np.ndarray) -> np.ndarray:
        """Of many offsets at once."""
        return np.asarray(self._table()[offsets])

    def bytes_of(self, points: np.ndarray) -> np.ndarray:
        """Where code points begin; the end of the text for the one behind the last."""
        return np.searchsorted(self._table(), points)

    def _table(self) -> np.ndarray:
        if not len(self._all):
            begins = np.frombuffer(self._data, dtype=np.int8) >= -64
            self._all = np.zeros(len(begins) + 1, dtype=np.int32)
            np.cumsum(begins, dtype=np.int32, out=self._all[:-1])
            self._all[:-1] -= 1
            self._all[-1] = self._all[-2] + 1 if len(begins) else 0
        return self._all
