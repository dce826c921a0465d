"""What runs the expressions: hyperscan for the one pass over all of them, RE2 (or ``re`` on short windows) to confirm.

Without hyperscan, RE2 runs the expressions whose keywords occur, one by one: slower, still linear. Without both there
is no search, and whoever asks is told so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Protocol, cast

from casemate.core.errors import MissingPartError
from casemate.core.optional import require
from casemate.patterns.compiled import database
from casemate.patterns.pattern import Pattern

MOST_HITS = 500_000
TOGETHER = 25
"""Expressions in one database unless said otherwise: compiling hundreds of numbers and dates together takes four times
as long as in parts, and a scan is no faster for it, since most of its time goes to what is found. Of secrets next to
nothing is found, they compile as fast together, and one pass takes a third of the time of many."""


class Regex(Protocol):
    """A compiled expression, of RE2 or of ``re``."""

    def search(self, text: bytes, at: int, stop: int) -> re.Match[bytes] | None:
        """The first match in ``text[at:stop]``; what stands before ``at`` is still seen."""


class Backend(Protocol):
    """Finds every match of every pattern in one block of bytes."""

    name: str

    def spans(self, data: bytes, name: str = "") -> Iterator[tuple[int, int, int]]:
        """(number of the pattern, start and stop of its group), in no particular order.

        Patterns that are not for files of this name may be left out.

        Raises:
            OverflowError: there are more than ``MOST_HITS``; the block is made to be slow.
        """


def _part(name: str) -> ModuleType | None:
    try:
        return require(name, extra="text")
    except MissingPartError:
        return None


def backend(patterns: tuple[Pattern, ...], together: int = TOGETHER) -> Backend:
    """The fastest backend there is; ``together``: expressions in one database of hyperscan.

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


def _compiler(re2: ModuleType | None) -> Callable[[bytes], Regex]:
    if re2 is None:
        return cast("Callable[[bytes], Regex]", re.compile)
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    return lambda expression: cast("Regex", re2.compile(expression, options))


class OnePass:
    """hyperscan reports where matches end; each is confirmed in the window before that end.

    A window is as long as the pattern's longest match, so confirming costs what matches cost, not what the text costs.
    """

    def __init__(
        self, patterns: tuple[Pattern, ...], hyperscan: ModuleType, re2: ModuleType | None, together: int
    ) -> None:
        self.name = "hyperscan and RE2" if re2 else "hyperscan"
        self._error = hyperscan.ScanTerminated
        self._most = [pattern.most for pattern in patterns]
        expressions = [pattern.expression.encode() for pattern in patterns]
        self._expressions, self._compiler = expressions, _compiler(re2)
        self._regex: dict[int, Regex] = {}
        everywhere = [number for number, pattern in enumerate(patterns) if not pattern.files]
        somewhere = [number for number, pattern in enumerate(patterns) if pattern.files]
        self._databases = [
            (part, database(hyperscan, [expressions[number] for number in part]), _endings(patterns, part))
            for numbers in (everywhere, somewhere)
            for part in (numbers[at : at + together] for at in range(0, len(numbers), together))
        ]

    def spans(self, data: bytes, name: str = "") -> Iterator[tuple[int, int, int]]:
        """See ``Backend``."""
        ends: dict[int, list[int]] = {}
        left = MOST_HITS
        lower = name.lower()

        def hit(number: int, _start: int, stop: int, _flags: int, part: list[int]) -> bool | None:
            nonlocal left
            left -= 1
            ends.setdefault(part[number], []).append(stop)
            return True if left < 0 else None

        try:
            for part, each, endings in self._databases:
                if not endings or not name or lower.endswith(endings):
                    each.scan(data, match_event_handler=hit, context=part)
        except self._error as error:
            raise OverflowError("too many matches") from error
        for number, stops in ends.items():
            yield from self._confirmed(data, number, sorted(set(stops)))

    def _confirmed(self, data: bytes, number: int, stops: list[int]) -> Iterator[tuple[int, int, int]]:
        """Every loop moves ``at`` forward, to the end of a match or one byte past its start."""
        regex = self._regex.get(number)
        if (
            regex is None
        ):  # most expressions never match anything, and compiling them all takes longer than a small scan
            regex = self._regex[number] = self._compiler(self._expressions[number])
        most, real = self._most[number], set(stops)
        for first, last in _runs(stops, most):
            at = max(0, first - most)
            while at < last and (match := regex.search(data, at, last)) is not None:
                if match.end() in real:  # "$" also matches where a window ends
                    yield number, *match.span(1)
                    at = max(match.end(1), at + 1)
                else:
                    at = match.start() + 1


def _endings(patterns: tuple[Pattern, ...], part: list[int]) -> tuple[str, ...]:
    """Endings of the files that any of these patterns is for; none if one of them is for all files."""
    if any(not patterns[number].files for number in part):
        return ()
    return tuple({ending for number in part for ending in patterns[number].files})


def _runs(stops: list[int], most: int) -> Iterator[tuple[int, int]]:
    """First and last end of each group of ends whose windows touch."""
    first = last = stops[0]
    for stop in stops[1:]:
        if stop - last > most:
            yield first, last
            first = stop
        last = stop
    yield first, last


class ByKeyword:
    """RE2 alone: a pattern is searched for where one of its keywords occurs at all."""

    name = "RE2"

    def __init__(self, patterns: tuple[Pattern, ...], re2: ModuleType) -> None:
        self._regex = [_compiler(re2)(pattern.expression.encode()) for pattern in patterns]
        self._keywords = [tuple(word.encode() for word in pattern.keywords) for pattern in patterns]

    def spans(self, data: bytes, name: str = "") -> Iterator[tuple[int, int, int]]:
        """See ``Backend``. Every turn moves ``at`` forward."""
        folded, left = data.lower(), MOST_HITS
        for number, (regex, words) in enumerate(zip(self._regex, self._keywords, strict=True)):
            if words and not any(word in folded for word in words):
                continue
            at = 0
            while at < len(data) and (match := regex.search(data, at, len(data))) is not None:
                left -= 1
                if left < 0:
                    raise OverflowError("too many matches")
                yield number, *match.span(1)
                at = max(match.end(1), at + 1)
