"""What finds spans: one interface for expressions, names and models."""

from __future__ import annotations

import bisect
import functools
import itertools
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

from casemate.patterns.normalize import Normalized
from casemate.privacy.text import runs
from casemate.privacy.text.context import AFTER, BEFORE, Around, Words, around
from casemate.privacy.text.encoded import Encoded
from casemate.privacy.text.figures import figure
from casemate.privacy.text.readings import AROUND, SIGNS, readings
from casemate.privacy.text.readings import around as as_it_looks
from casemate.privacy.text.recognizer import Recognizer
from casemate.privacy.text.search import Search
from casemate.privacy.text.spans import Reach, Span
from casemate.privacy.text.validators import judge

LEAST: Final = 0.15
"""Least score that is told where nothing else is said, so that what needs a word near costs nothing without one."""
TYPICAL: Final = 0.9
"""Score of what looks like one thing only."""
NOWHERE: Final = Around([])
"""Before anything was read."""
Verdicts = dict[tuple[tuple[str, ...], str], bool | None]
"""By validators and what was found."""
_begin = operator.attrgetter("start")
_LAST: Final = re.compile(r"(?<=\d)\.? {1,2}\d{1,5}$")
"""A last group of digits that is as short as a house number."""
_MORE: Final = re.compile(r"[ ./-]{0,2}\d")
"""A row of groups goes on."""


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
        words = functools.cache(Words)
        self._words = {
            each.id: (words(each.context), words(each.against), each.bare) for each in self.recognizers.values()
        }
        # many numbers look alike: one search for all, or one without and one with a word
        alike: dict[tuple[str, int, bool], list[Recognizer]] = {}
        for each in self.recognizers.values():
            expression = each.pattern.expression
            apart = each.bare < least and runs.leads(expression)
            alike.setdefault((expression, each.most, apart), []).append(each)
        self._needy = [group for group in alike.values() if all(each.bare < least for each in group)]
        self._free = [group for group in alike.values() if any(each.bare >= least for each in group)]
        self._search = Search(
            [*(group[0].pattern for group in self._free), *SIGNS],
            [group[0].pattern for group in self._needy],
            [{word for each in group for word in each.context} for group in self._needy],
        )

    @property
    def reach(self) -> Reach:
        """See ``Detector``."""
        return Reach(BEFORE + AROUND, self._most, AFTER + AROUND)

    def find(self, text: str) -> Iterator[Span]:
        """See ``Detector``: in the text as it stands, and as it reads where that differs."""
        return parted(self._whole, self.reach, text)

    def find_all(self, texts: Sequence[str]) -> Iterator[Iterable[Span]]:
        """What `find` says of each of many texts, step by step for all of them: each step fits a processor's caches."""
        each = [Encoded(text) for text in texts]
        try:
            places = self._search.places(each)
        except OverflowError:  # one of them has more matches than are held at once
            return map(self.find, texts)
        return map(self._kept, each, places)

    def _kept(self, given: Encoded, places: list[tuple[int, int, int]]) -> list[Span]:
        try:
            return list(self._read(given, places))
        except OverflowError:  # another reading has more
            return list(self.find(given.text))

    def _whole(self, text: str) -> Iterator[Span]:
        given = [Encoded(text)]
        return self._read(given[0], self._search.places(given)[0])

    def _read(self, given: Encoded, places: list[tuple[int, int, int]]) -> Iterator[Span]:
        text, signs = given.text, list[tuple[str, int, int]]()
        plain = sorted(self._plain(given, places, signs), key=_begin)
        yield from plain
        for start, seen in itertools.chain(as_it_looks(text), readings(text, signs)):
            other = Encoded(seen.text)
            alike = functools.partial(_alike, text, start, seen)
            for each in self._plain(other, self._search.places([other])[0], [], alike):
                first, last = seen.original(each.start, each.end)
                first, last = start + first, start + last
                if last - first > self._most or text[first:last] == seen.text[each.start : each.end]:
                    continue
                if not self._joined(text, first, last, each.type, plain):
                    yield Span(first, last, each.type, each.score, each.source, (*each.why, "as it reads"))

    def _joined(self, text: str, first: int, last: int, type: str, plain: Sequence[Span]) -> bool:
        """Whether what reads as one is whole as it stands, and the next line is not the rest of it."""
        low = bisect.bisect_left(plain, first - self._most, key=_begin)
        high = bisect.bisect_left(plain, last, key=_begin)
        return any(
            one.type == type and first < one.end and "\n" in text[first : one.start] + text[one.end : last]
            for one in plain[low:high]
        )

    def _plain(
        self,
        given: Encoded,
        places: list[tuple[int, int, int]],
        signs: list[tuple[str, int, int]],
        known: Callable[[int, int], bool] | None = None,
    ) -> Iterator[Span]:
        """Spans in this very text but where it is ``known``; what asks for another reading goes to ``signs``."""
        text, at = given.text, given.points
        near, seen, first, last, inside = NOWHERE, (-1, -1), 0, 0, False
        judged: Verdicts = {}
        # by place: a number that a hundred recognizers know has one neighbourhood, which is read once
        for start, stop, number in sorted(places):
            if (start, stop) != seen:
                first, last = (start, stop) if at is None else (at[start], at[stop])
                inside = (at is not None and _within(text, first, last)) or (known is not None and known(first, last))
                seen, near = (start, stop), NOWHERE
            if number >= len(self._free):
                signs.append((SIGNS[number - len(self._free)].id, first, last))
                continue
            if inside:
                continue
            said = text[first:last]
            for by in self._free[number] if number >= 0 else self._needy[~number]:
                # numbers with a checksum mostly fail it; what needs a word was kept for having one near
                if by.validators and not by.groups:
                    verdict = _verdict if number >= 0 else _known
                    if verdict(by.validators, said, judged) is False:
                        continue
                if near is NOWHERE:
                    near = around(text, first, last)
                found = self._judged(text, first, last, near, by, judged)
                if found is not None:
                    yield found

    @staticmethod
    def _against(others: Words, near: Around, bare: float) -> str:
        """A word that says that something else is meant: right beside what hardly looks like anything else."""
        word = others.among(near)
        return others.among(near.beside()) if word and bare >= TYPICAL else word

    def _judged(self, text: str, start: int, stop: int, near: Around, by: Recognizer, judged: Verdicts) -> Span | None:
        mine, others, bare = self._words[by.id]
        word = mine.among(near)
        if not word and (bare < self._least or self._against(others, near, bare)):
            return None
        proven = _verdict(by.validators, text[start:stop], judged)
        if proven is False and by.groups and _MORE.match(text, stop) is None:
            last = _LAST.search(text, start, stop)
            if last is not None:
                stop = last.start()
                proven = _verdict(by.validators, text[start:stop], judged)
        score = (by.sure if word else by.proven) if proven else (by.near if word else by.alone)
        if proven is False or score < self._least or (not word and figure(text, start, stop)):
            return None
        why = (*(("checksum holds",) if proven else ()), *((f"near {word!r}",) if word else ()))
        return Span(start, stop, by.type, score, by.id, why)


def _alike(text: str, begin: int, seen: Normalized, start: int, stop: int) -> bool:
    """Whether ``seen.text[start:stop]`` is as it was written, in the stretch of a text that begins there."""
    first, last = seen.original(start, stop)
    return text[begin + first : begin + last] == seen.text[start:stop]


def _verdict(validators: tuple[str, ...], found: str, judged: Verdicts) -> bool | None:
    """What validators say, once for what a text says often."""
    if not validators:
        return None
    key = validators, found
    if key not in judged:
        judged[key] = judge(validators, found)
    return judged[key]


def _known(validators: tuple[str, ...], found: str, judged: Verdicts) -> bool | None:
    """What validators have said of it before."""
    return judged.get((validators, found))


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
