"""A text as words that may be replaced, and everything between them, which stays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")

_FUNCTION = """
    a about above after again against all am an and any are as at be because been before being below between both
    but by can could did do does doing down during each few for from further had has have having he her here hers
    herself him himself his how i if in into is it its itself just me more most my myself no nor not now of off on
    once only or other our ours ourselves out over own same she should so some such than that the their theirs them
    themselves then there these they this those through to too under until up very was we were what when where which
    while who whom why will with would you your yours yourself yourselves ain't aren't can't couldn't didn't doesn't
    don't hadn't hasn't haven't he'd he'll he's i'd i'll i'm i've isn't it's let's shan't she'd she'll she's
    shouldn't that's they'd they'll they're they've wasn't we'd we'll we're we've weren't what's who's won't
    wouldn't you'd you'll you're you've d ll m o re s t ve y don ain aren couldn didn doesn hadn hasn haven isn ma
    mightn mustn needn shan shouldn wasn weren won wouldn
"""

STOP_WORDS: frozenset[str] = frozenset(_FUNCTION.split())
"""English function words: changing them changes the sentence more than the reader's word count says."""


@dataclass(frozen=True)
class Layout:
    """A text cut into words.

    Attributes:
        text: the whole.
        spans: where each word begins and ends.
        free: numbers of the words that may be replaced.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    free: tuple[int, ...]

    @classmethod
    def of(cls, text: str, protected: Iterable[str] = STOP_WORDS, shortest: int = 2) -> Layout:
        """Cut a text into words; those protected (whatever their case) or shorter than ``shortest`` are not free.

        Example:
            >>> layout = Layout.of("The plot isn't bad.")
            >>> [layout.word(i) for i in layout.free]
            ['plot', 'bad']
        """
        kept = {word.casefold() for word in protected}
        spans = tuple(match.span() for match in _WORD.finditer(text))
        free = tuple(
            i
            for i, (start, stop) in enumerate(spans)
            if stop - start >= shortest and text[start:stop].casefold().replace("’", "'") not in kept
        )
        return cls(text, spans, free)

    def word(self, number: int) -> str:
        """The word itself."""
        start, stop = self.spans[number]
        return self.text[start:stop]

    def replaced(self, changes: Mapping[int, str]) -> str:
        """The text with some words replaced, by their numbers.

        Example:
            >>> Layout.of("a bad plot").replaced({1: "b4d"})
            'a b4d plot'
        """
        parts, at = [], 0
        for number in sorted(changes):
            start, stop = self.spans[number]
            parts += [self.text[at:start], changes[number]]
            at = stop
        return "".join([*parts, self.text[at:]])


def distance(first: str, second: str) -> int:
    """Levenshtein distance in code points; quadratic, so meant for words.

    Example:
        >>> distance("plot", "plto"), distance("bad", "b4d")
        (2, 1)
    """
    before = list(range(len(second) + 1))
    for i, letter in enumerate(first, start=1):
        row = [i]
        for j, other in enumerate(second, start=1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != other)))
        before = row
    return before[-1]
