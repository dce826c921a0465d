"""What runs the expressions: hyperscan for the one pass over all of them, RE2 (or ``re`` on short windows) to confirm.

Without hyperscan, RE2 runs the expressions whose keywords occur, one by one: slower, still linear. Without both there
is no search, and whoever asks is told so.
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, Final, Protocol, cast

from casemate.core.errors import MissingPartError
from casemate.core.optional import require
from casemate.patterns.compiled import database
from casemate.patterns.pattern import Pattern

MOST_HITS: Final = 500_000
TOGETHER: Final = 60
"""Expressions in one database unless said otherwise: compiling hundreds of numbers and dates together takes four times
as long as in parts, and a scan is hardly faster for it, since most of its time goes to what is found."""

Place = tuple[int, int, int]
"""Number of the pattern, start and stop of its group."""
Spans = Sequence[tuple[int, int]]
"""Start and stop of a match, then of its group; (-1, -1) for none."""
Search = Callable[[bytes, int, int], Spans]
"""The first match in ``text[at:stop]``; what stands before ``at`` is still seen."""
_NONE: Final = ((-1, -1), (-1, -1))


class Keep(Protocol):
    """Says what is not wanted before work is spent on it."""

    def areas(self, numbers: range, size: int) -> Iterable[tuple[int, int]]:
        """Stretches of a block of ``size`` bytes, in order, in which all wanted matches of these patterns lie.

        What ends where a stretch does, and the block does not, is not wanted.
        """

    def __call__(self, number: int, stops: list[int]) -> list[int]:
        """Of the places, in order, where matches of a pattern may end, those that are worth confirming."""


class Backend(Protocol):
    """Finds every match of every pattern in one block of bytes."""

    name: str

    def spans(self, data: bytes, keep: Keep | None = None) -> Iterable[Place]:
        """All matches, in no particular order.

        Args:
            data: the block.
            keep: says what is not wanted; all is if none.

        Raises:
            OverflowError: there are more than ``MOST_HITS``; the block is made to be slow.
        """

    def ends(self, data: bytes, keep: Keep | None = None) -> dict[int, list[int]]:
        """Where matches end, at least, by the number of the pattern; in any order.

        Raises:
            OverflowError: as above.
        """

    def confirmed(self, data: bytes, ends: Mapping[int, list[int]], keep: Keep | None = None) -> Iterable[Place]:
        """All matches of those that end somewhere, by what ``ends`` said."""


def _part(name: str) -> ModuleType | None:
    try:
        return require(name, extra="text")
    except MissingPartError:
        return None


def backend(patterns: tuple[Pattern, ...], together: int | Sequence[int] = TOGETHER) -> Backend:
    """The fastest backend there is.

    Args:
        patterns: what to look for.
        together: how many are compiled into one database, of all or one by one.

    Raises:
        MissingPartError: neither hyperscan nor google-re2 is installed.
    """
    hyperscan, re2 = _part("hyperscan"), _part("re2")
    if hyperscan is not None:
        return OnePass(patterns, hyperscan, re2, together)
    if re2 is not None:
        return ByKeyword(patterns, re2)
    require("hyperscan", extra="text")
    raise AssertionError("unreachable")


def _compiler(re2: ModuleType | None) -> Callable[[bytes], Search]:
    if re2 is None:
        return lambda expression: _searching(re.compile(expression))
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    return lambda expression: _re2(re2.compile(expression, options))


def searching(expression: str) -> Search:
    """A search for one expression of the subset, by RE2 if it is installed."""
    return _compiler(_part("re2"))(expression.encode())


def _searching(regex: re.Pattern[bytes]) -> Search:
    def search(data: bytes, at: int, stop: int) -> Spans:
        found = regex.search(data, at, stop)
        return (found.span(), found.span(1)) if found else _NONE

    return search


def _re2(regex: Any) -> Search:
    """RE2 without the layer that makes its answers look like those of ``re``, which takes longer than RE2 itself."""
    try:
        match, anywhere = regex._regexp.Match, sys.modules["re2"]._re2.RE2.Anchor.UNANCHORED
        match(anywhere, b"", 0, 0)
    except (AttributeError, KeyError, TypeError):  # another version of the package
        return _searching(cast("re.Pattern[bytes]", regex))
    return cast("Search", functools.partial(match, anywhere))


class OnePass:
    """hyperscan reports where matches end; each is confirmed in the window before that end.

    A window is as long as the pattern's longest match, so confirming costs what matches cost, not what the text costs.
    A pattern with an anchor is looked for around the places where the anchor ends.
    """

    def __init__(
        self,
        patterns: tuple[Pattern, ...],
        hyperscan: ModuleType,
        re2: ModuleType | None,
        together: int | Sequence[int] = TOGETHER,
    ) -> None:
        self.name = "hyperscan and RE2" if re2 else "hyperscan"
        self._error = hyperscan.ScanTerminated
        self._most = [pattern.most for pattern in patterns]
        self._anchored = [bool(pattern.anchor) for pattern in patterns]
        self._expressions = [pattern.expression.encode() for pattern in patterns]
        self._compiler, self._searches = _compiler(re2), dict[int, Search]()
        first = [(pattern.anchor or pattern.expression).encode() for pattern in patterns]
        if isinstance(together, int):
            together = [together] * -(-len(first) // together)
        ends = [min(each, len(first)) for each in itertools.accumulate(together)]
        self._databases = [
            (range(at, end), database(hyperscan, first[at:end]))
            for at, end in itertools.pairwise([0, *ends])
            if at < end
        ]

    def ends(self, data: bytes, keep: Keep | None = None) -> dict[int, list[int]]:
        """See ``Backend``; what has an anchor may end elsewhere."""
        ends = defaultdict[int, list[int]](list)
        left, size = MOST_HITS, len(data)

        def hit(number: int, _start: int, stop: int, _flags: int, part: tuple[int, int, int]) -> bool | None:
            nonlocal left
            left -= 1
            first, begin, end = part
            if stop != end:
                ends[first + number].append(begin + stop)
            return True if left < 0 else None

        try:
            for numbers, each in self._databases:
                for begin, end in ((0, size),) if keep is None else keep.areas(numbers, size):
                    block = data if end - begin == size else data[begin:end]
                    part = numbers.start, begin, -1 if end == size else end - begin
                    each.scan(block, match_event_handler=hit, context=part)
        except self._error as error:
            raise OverflowError("too many matches") from error
        return ends

    def spans(self, data: bytes, keep: Keep | None = None) -> list[Place]:
        """See ``Backend``."""
        return self.confirmed(data, self.ends(data, keep), keep)

    def confirmed(self, data: bytes, ends: Mapping[int, list[int]], keep: Keep | None = None) -> list[Place]:
        """See ``Backend``."""
        found: list[Place] = []
        for number, stops in ends.items():
            places = sorted(set(stops)) if len(stops) > 1 else stops
            if keep is not None:
                places = keep(number, places)
            if places:
                (self._around if self._anchored[number] else self._before)(data, number, places, found)
        return found

    def _search(self, number: int) -> Search:
        """Most expressions never match anything, and compiling them all takes longer than a small scan."""
        found = self._searches.get(number)
        if found is None:
            found = self._searches[number] = self._compiler(self._expressions[number])
        return found

    def _before(self, data: bytes, number: int, stops: list[int], found: list[Place]) -> None:
        """Every loop moves ``at`` forward, to the end of a match or one byte past its start."""
        search, most, real = self._search(number), self._most[number], set(stops)
        for first, last in _runs(stops, most):
            at = max(0, first - most)
            while at < last:
                (begin, end), (start, stop) = search(data, at, last)
                if end < 0:
                    break
                if end in real:  # "$" also matches where a window ends
                    found.append((number, start, stop))
                    at = max(stop, at + 1)
                else:
                    at = begin + 1

    def _around(self, data: bytes, number: int, places: list[int], found: list[Place]) -> None:
        """As above, in windows around places; what ends with a window is no match, a window holds more than one."""
        search, most = self._search(number), self._most[number]
        for first, last in _runs(places, 2 * most + 2):
            at, bound = max(0, first - most), min(last + most + 2, len(data))
            while at < bound:
                (_, end), (start, stop) = search(data, at, bound)
                if end < 0:
                    break
                if end < bound or bound == len(data):
                    found.append((number, start, stop))
                at = max(stop, at + 1)


def _runs(stops: list[int], most: int) -> list[tuple[int, int]]:
    """First and last end of each group of ends whose windows touch."""
    first = last = stops[0]
    if stops[-1] - first <= most:
        return [(first, stops[-1])]
    made = []
    for stop in stops[1:]:
        if stop - last > most:
            made.append((first, last))
            first = stop
        last = stop
    return [*made, (first, last)]


class ByKeyword:
    """RE2 alone: a pattern is searched for where one of its keywords occurs at all."""

    name = "RE2"

    def __init__(self, patterns: tuple[Pattern, ...], re2: ModuleType) -> None:
        compiled = _compiler(re2)
        self._search = [compiled(pattern.expression.encode()) for pattern in patterns]
        self._keywords = [tuple(word.encode() for word in pattern.keywords) for pattern in patterns]

    def ends(self, data: bytes, keep: Keep | None = None) -> dict[int, list[int]]:
        """See ``Backend``."""
        ends: dict[int, list[int]] = {}
        for number, _, stop in self.spans(data, keep):
            ends.setdefault(number, []).append(stop)
        return ends

    def spans(self, data: bytes, keep: Keep | None = None) -> Iterator[Place]:
        """See ``Backend``."""
        return self.confirmed(data, range(len(self._search)), keep)

    def confirmed(self, data: bytes, ends: Iterable[int], keep: Keep | None = None) -> Iterator[Place]:
        """See ``Backend``. Every turn moves ``at`` forward."""
        folded, left = data.lower(), MOST_HITS
        for number in ends:
            search, words = self._search[number], self._keywords[number]
            unwanted = keep is not None and not list(keep.areas(range(number, number + 1), len(data)))
            if unwanted or (words and not any(word in folded for word in words)):
                continue
            at = 0
            while at < len(data):
                (_, end), (start, stop) = search(data, at, len(data))
                if end < 0:
                    break
                left -= 1
                if left < 0:
                    raise OverflowError("too many matches")
                if keep is None or keep(number, [stop]):
                    yield number, start, stop
                at = max(stop, at + 1)
