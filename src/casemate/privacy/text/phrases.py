"""Many words and phrases at once, as whole words in any case and spelling: for lists of corrections and lexicons.

Letters are folded as in `casemate.privacy.text.context`: "Zoë" is "zoe". A phrase may end words in ``*``, for up to
``ENDING`` further letters. The work is linear in the text, however many phrases there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Generic, TypeVar

from casemate.privacy.text.context import JOINED, split

ENDING: Final = 8
"""Letters that may follow where a phrase says ``*``."""
_WORD: Final = re.compile(r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]*)*")
_GAP: Final = 3
"""Code points between two words of a phrase, at most."""
T = TypeVar("T")


class Phrases(Generic[T]):
    """Phrases to look for, each with what it stands for.

    Args:
        phrases: and what each stands for; one may be there twice.

    Attributes:
        most: code points of a match, at most.

    Example:
        >>> found = Phrases([("Blue Heron", 1), ("catholic*", 2)]).find("BLUE-HERON is no Catholics' club, Bluebird")
        >>> list(found)
        [(0, 10, 1), (17, 26, 2)]
    """

    def __init__(self, phrases: Iterable[tuple[str, T]]) -> None:
        self._exact: dict[str, list[tuple[tuple[str, ...], T]]] = {}
        self._begin: dict[str, list[tuple[tuple[str, ...], T]]] = {}
        self._inside: list[tuple[str, T]] = []
        self.most = 0
        for phrase, means in phrases:
            parts = tuple(_folded(word) + "*" * word.endswith("*") for word in _words(phrase))
            if JOINED.search(phrase):
                self._inside.append((phrase, means))
            elif parts:
                starts = self._begin if parts[0].endswith("*") else self._exact
                starts.setdefault(parts[0].rstrip("*"), []).append((parts, means))
            self.most = max(self.most, 2 * sum(len(part) + ENDING for part in parts) + _GAP * len(parts), len(phrase))
        self._lengths = sorted({len(each) for each in self._begin})

    def find(self, text: str) -> Iterator[tuple[int, int, T]]:
        """Start, end and meaning of every match, in order of their starts; they may overlap."""
        words = list(_WORD.finditer(text))
        folded = [_folded(each[0]) for each in words]
        for at, word in enumerate(folded):
            for parts, means in self._starting(word):
                last = at + len(parts) - 1
                if self._follow(parts, folded, words, at):
                    start, end = words[at].start(), words[last].end()
                    if end - start <= self.most:
                        yield start, end, means
        for phrase, means in self._inside:
            yield from ((each.start(), each.end(), means) for each in re.finditer(re.escape(phrase), text))

    def _starting(self, word: str) -> Iterator[tuple[tuple[str, ...], T]]:
        yield from self._exact.get(word, ())
        for length in self._lengths:
            if length > len(word):
                break
            if len(word) - length <= ENDING:
                yield from self._begin.get(word[:length], ())

    def _follow(self, parts: tuple[str, ...], folded: list[str], words: list[re.Match[str]], at: int) -> bool:
        if at + len(parts) > len(words):
            return False
        return all(
            words[at + step].start() - words[at + step - 1].end() <= _GAP and _is(parts[step], folded[at + step])
            for step in range(1, len(parts))
        )


def _is(part: str, word: str) -> bool:
    if not part.endswith("*"):
        return word == part
    return word.startswith(part[:-1]) and len(word) < len(part) + ENDING


def _words(phrase: str) -> list[str]:
    return re.findall(rf"(?:{_WORD.pattern})\*?", phrase)


def _folded(word: str) -> str:
    return word.casefold() if word.isascii() and word.isalnum() else "".join(split(word))
