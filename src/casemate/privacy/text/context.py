"""Words around a match, as whole words: "phone" is not in "smartphone", and "n.º de teléfono" is there in any spelling.

What counts are letters and digits, folded, without accents; punctuation and case do not. Scripts that write no spaces
between words (Chinese, Japanese, Thai; Korean joins its particles) are looked for inside of words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

BEFORE: Final = 60
"""Code points before a match in which words are looked for."""
AFTER: Final = 30
"""Code points after it."""
LEFT, RIGHT = 4, 2
"""Words that stand right before and after a match."""
_WORD: Final = re.compile(r"[^\W_]+")
JOINED: Final = re.compile("[\u0e00-\u0e7f\u1100-\u11ff\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]")


class Words:
    """Words and phrases to look for.

    Args:
        words: in any case and spelling.

    Example:
        >>> Words(("tax id", "NIF")).among(around("his N.I.F., or Tax-ID: 1", 23, 24))
        'tax id'
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._inside: list[str] = []
        phrases: dict[str, list[str]] = {}
        for each in words:
            parts = split(each)
            if JOINED.search(each):
                self._inside.append("".join(parts))
            else:
                phrases.setdefault(parts[0], []).append(f" {' '.join(parts)} ")
        self._phrases = {first: sorted(found, key=len, reverse=True) for first, found in phrases.items()}
        self._starts = frozenset(self._phrases)

    def among(self, seen: Around) -> str:
        """The first of them that is there, or ""."""
        found = seen.said.get(self)
        if found is None:  # many recognizers have the same words
            found = seen.said[self] = self._first_of(seen)
        return found

    def _first_of(self, seen: Around) -> str:
        if not self._starts.isdisjoint(seen.words):
            for first in sorted(self._starts & seen.words):
                for phrase in self._phrases[first]:
                    if phrase in seen.line:
                        return phrase.strip()
        if self._inside and not seen.ascii:
            solid = seen.line.replace(" ", "")
            return next((word for word in self._inside if word in solid), "")
        return ""


class Around:
    """The whole words before and after a match."""

    __slots__ = ("ascii", "line", "parts", "said", "words")

    def __init__(self, parts: list[str]) -> None:
        self.parts, self.said = parts, dict[Words, str]()
        self.words = frozenset(parts) - {"\0"}
        self.line = f" {' '.join(parts)} "
        self.ascii = self.line.isascii()

    def beside(self) -> Around:
        """The few words right before and after the match.

        Example:
            >>> sorted(around("an invoice of ten euros, call: 1 or write", 31, 32).beside().words)
            ['call', 'euros', 'of', 'or', 'ten', 'write']
        """
        at = self.parts.index("\0")
        return Around([*self.parts[max(at - LEFT, 0) : at], "\0", *self.parts[at + 1 : at + 1 + RIGHT]])


def around(text: str, start: int, stop: int) -> Around:
    """What stands around ``text[start:stop]``; a word that the border of the window cuts is not there.

    It depends on ``BEFORE`` code points before and ``AFTER`` after, wherever the text is cut beyond them.

    Example:
        >>> sorted(around("the phone_number (home): 1, ok", 25, 26).words)
        ['home', 'number', 'ok', 'phone', 'the']
    """
    before, after = text[max(start - BEFORE, 0) : start], text[stop : stop + AFTER]
    if len(before) == BEFORE:
        before = before[_cut(before) :]
    if len(after) == AFTER:
        after = after[: AFTER - _cut(after[::-1])]
    return Around([*split(before), "\0", *split(after)])


def split(text: str) -> list[str]:
    """The words of a text, folded.

    Example:
        >>> split("Número_de Straße")
        ['numero', 'de', 'strasse']
    """
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(_BARE))
    return _WORD.findall(text)


class _Bare(dict[int, str]):
    """Letters without accents and the like, which stand on them; each is taken apart when it is first seen."""

    def __missing__(self, code: int) -> str:
        parts = unicodedata.normalize("NFKD", chr(code))
        made = self[code] = "".join(each for each in parts if not unicodedata.combining(each))
        return made


_BARE: Final = _Bare()


def _cut(text: str) -> int:
    """Characters at the beginning that are the rest of a word."""
    match = _WORD.match(text)
    return match.end() if match else 0
