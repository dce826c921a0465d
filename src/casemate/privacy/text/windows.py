"""A text of any length, found piece by piece: the pieces depend on the text alone, never on how it arrived.

State: ``done``, up to where the text was given away. One turn:

    cut      the first white space at least a block after ``done``, or ``RUN`` later where there is none
    wait     until the text reaches ``AHEAD`` beyond the cut, or has ended
    look     at what lies from ``behind`` before ``done`` to ``AHEAD`` behind the cut
    give     what lies before the cut, or before a span that stands across it; if nothing is left then, twice the
             block, at most ``reach.most + MOST``, and look again

Every step depends on nothing but the text up to the end of the window, so a stream and a batch that go this way agree
whatever the detectors do. They find what the whole text has wherever a span that holds white space, with the words
around it that speak for it, is at most ``AHEAD`` long; a longer one that has no white space is never cut either.

Each code point is looked at (behind + block + ahead) / block times; a larger block saves work and costs time. The first
blocks are smaller, so that a reader sees the beginning sooner.

`casemate.privacy.text.blocks` is for files: it waits for all that detectors can reach (20,000 code points and more) and
reads a quarter of a million at once, so it finds exactly what the whole has at the price of a batch. Nobody who waits
for an answer can wait that long, and nobody who redacts files should read each letter twice: hence both.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.arbiter import MOST, settled
from casemate.privacy.text.propagation import Known
from casemate.privacy.text.spans import Reach, Span

FIRST: Final = 128
"""Code points of the first block; the next is twice that, until ``BLOCK`` is reached."""
BLOCK: Final = 512
"""Code points that are given away at once, at least, once the beginning is over."""
BEHIND: Final = 160
"""Code points that are looked at again before them, by expressions."""
NAMES: Final = 512
"""The same where names are looked for: a transformer reads so much at once."""
AHEAD: Final = 160
"""Code points that are looked at behind them."""
RUN: Final = 4096
"""Code points without white space that are never cut."""

_SPACE: Final = re.compile(r"\s")
Reserved = Callable[[str], Iterable[Span]]


class Windows:
    """Finds spans in a text that arrives in chunks.

    Args:
        analyzer: what finds.
        reserved: further spans of a stretch of the text.
        before: words that are read as if they stood before the text.
        known: names that were found before, if the text is a part of a document; more are added.

    Attributes:
        bound: code points that are never all held back at once, whatever the text.
        held: code points that have arrived and were not given away.
    """

    def __init__(
        self, analyzer: Analyzer, reserved: Reserved | None = None, before: str = "", known: Known | None = None
    ) -> None:
        self._analyzer, self._reserved = analyzer, reserved
        self._text, self._done = before, len(before)
        fast = analyzer.mode == "fast"
        self._behind = BEHIND if fast else NAMES
        self._known = None if fast else Known() if known is None else known
        self._limit = max(reach(analyzer).most + MOST, BLOCK)
        self._block = FIRST
        self._size, self._seen = FIRST, 0
        self.bound = self._limit + RUN + AHEAD

    @property
    def held(self) -> int:
        """See above."""
        return len(self._text) - self._done

    def feed(self, chunk: str, *, ended: bool = False) -> Iterator[tuple[str, list[Span]]]:
        """Pieces that can be given away, and the spans in each, counted from its start.

        Args:
            chunk: what has arrived.
            ended: nothing more will.
        """
        self._text += chunk
        while self._done < len(self._text):
            cut = self._cut(ended)
            if cut is None:
                break
            window = self._text[max(self._done - self._behind, 0) : cut + AHEAD]
            start = min(self._done, self._behind)
            spans = self._spans(window, start)
            stop = cut - self._done + start
            end = stop if ended and cut == len(self._text) else _free(spans, stop)
            if end <= start and self._size < self._limit:
                self._size, self._seen = min(2 * self._size, self._limit), 0
                continue
            end = end if end > start else stop  # longer than any span says it can be
            yield window[start:end], _within(spans, start, end)
            if self._known is not None:
                for each in spans:
                    if start <= each.start and each.end <= end:
                        self._known.learn(window, each)
            self._done += end - start
            self._block = min(2 * self._block, BLOCK)
            self._size, self._seen = self._block, 0
        kept = max(self._done - self._behind, 0)
        if kept:
            self._text, self._done = self._text[kept:], self._done - kept
            self._seen = max(self._seen - kept, 0)

    def _cut(self, ended: bool) -> int | None:
        """Where the piece ends, or None before enough of the text is there."""
        least, text = self._done + self._size, self._text
        if len(text) < least + AHEAD and not ended:
            return None
        found = _SPACE.search(text, max(least, self._seen), least + RUN)
        if found is None:
            self._seen = min(len(text), least + RUN)  # no chunk is searched twice
            if len(text) < least + RUN and not ended:
                return None
        cut = found.start() if found else min(least + RUN, len(text))
        if found:
            self._seen = cut
        return cut if ended or len(text) >= cut + AHEAD else None

    def _spans(self, window: str, start: int) -> list[Span]:
        found = self._analyzer.find(window, streaming=True)
        again = self._known.find(window, start) if self._known is not None else ()
        more = [each for each in again if self._analyzer.keeps(window, each)]
        if self._reserved is not None:
            more += self._reserved(window)
        return settled([*found, *more], 0.0) if more else found


def pieces(text: str, analyzer: Analyzer, reserved: Reserved | None = None) -> Iterator[tuple[str, list[Span]]]:
    """The pieces of a whole text: those that a stream of it has.

    Example:
        >>> [(piece, spans[0].start) for piece, spans in pieces("mail: jane@example.com", Analyzer("fast"))]
        [('mail: jane@example.com', 6)]
    """
    return Windows(analyzer, reserved).feed(text, ended=True)


def reach(analyzer: Analyzer) -> Reach:
    """Of all detectors together."""
    return functools.reduce(operator.or_, (each.reach for each in analyzer.detectors), Reach(0, 0, 0))


def _free(spans: list[Span], at: int) -> int:
    """The last place up to ``at`` that is in no span."""
    for each in reversed(spans):
        if each.start < at < each.end:
            return each.start
    return at


def _within(spans: list[Span], start: int, end: int) -> list[Span]:
    """Spans between two places, cut there, counted from the first."""
    return [
        Span(max(each.start, start) - start, min(each.end, end) - start, each.type, each.score, each.source, each.why)
        for each in spans
        if each.start < end and each.end > start
    ]
