"""Where words stand, told before anything is confirmed: most numbers in a text have no word near that makes them one.

One byte stands for each code point of the text: its letter without case and accents, or a space. In that form words of
ASCII letters are found in one pass; a match that has none of its words in reach is dropped unread. What is kept may
still have none (`casemate.privacy.text.context` reads closely), what is dropped never has one: words of other alphabets
count as near where the text has a letter of theirs, and texts with letters that fold to more than one (ligatures) or
with combining marks are not filtered.
"""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Final, cast

import numpy as np

from casemate.patterns.engine import Scanner
from casemate.patterns.pattern import Pattern
from casemate.privacy.text import runs
from casemate.privacy.text.context import AFTER, BEFORE, JOINED, split
from casemate.privacy.text.encoded import Encoded, Points

_SIZE: Final = 0x10000
_SHARP, _OTHER, _UNSURE = 2, 16, 255
"""For "ß", for other letters that are not ASCII, and for what may be a part of a letter or several of them."""
_SCRIPTS: Final = (
    (0x370, 0x400), (0x400, 0x530), (0x590, 0x600), (0x600, 0x700), (0xE00, 0xE80), (0x3040, 0x3100), (0x4E00, 0xA000),
    (0xAC00, 0xD7A4),
)  # fmt: skip
"""Alphabets that have a byte of their own, behind that of all others."""
_LETTER: Final = r"0-9a-z\x02\x10-\x18"
_ALL: Final = 4096
_MANY: Final = 64
"""Places from which on arrays are faster than a loop."""
_LONG: Final = 8_192
"""Bytes from which on it pays to look at parts of a text alone."""
_NEVER: Final = 1 << 62
_LETTERS: Final = frozenset("aeioy")
"""Those that are words of some language."""
_SOME: Final = 0.01
"""Share of letters of an alphabet up to which it pays to look where they stand."""
_BORDER: Final = 2
"""Places that an end may lie behind what it ends."""


class Nearby:
    """Which matches have a word of theirs near.

    Args:
        words: by number of a pattern, one of which must be near for it to count.
        most: bytes that each pattern can match.
    """

    def __init__(self, words: Sequence[Iterable[str]], most: Sequence[int]) -> None:
        self._most = most
        self._scripts, owners = dict[int, int](), dict[str, list[int]]()
        elsewhere: list[set[int]] = [set() for _ in words]
        for number, phrases in enumerate(words):
            for phrase in phrases:
                word = rarest(phrase)
                if word:
                    owners.setdefault(word, []).append(number)
                else:
                    letter = next((each for each in folded(phrase).tolist() if each >= _OTHER), _OTHER)
                    self._scripts[letter] = self._scripts.get(letter, 0) | 1 << number
                    elsewhere[number].add(letter)
        self._words: list[list[int]] = [[len(owners) + letter for letter in each] for each in elsewhere]
        self._owners = [sum(1 << number for number in set(numbers)) for _, numbers in sorted(owners.items())]
        for place, word in enumerate(sorted(owners)):
            for number in sorted(set(owners[word])):
                self._words[number].append(place)
        self._scanner = Scanner(map(_pattern, sorted(owners)), together=_ALL)

    def of(self, given: Encoded) -> Near | None:
        """What to keep of a text that is searched, or None where all must be."""
        ends, some, everywhere = dict[int, list[int]](), 0, 0
        if given.points is None:
            data = given.text.lower().encode()
        else:
            letters = folded(given.text)
            if (letters == _UNSURE).any():
                return None
            data = letters.tobytes()
            for letter, mine in self._scripts.items():
                if letter.to_bytes() in data:
                    there = np.flatnonzero(letters == letter) + 1
                    some |= mine
                    everywhere |= mine if len(there) > len(letters) * _SOME else 0
                    ends[len(self._owners) + letter] = there.tolist()
        for word, places in self._scanner.ends(data).items():
            some |= self._owners[word]
            ends[word] = places
        return Near(ends, self._words, some, everywhere, self._most, given.points)


class Near:
    """What to keep in one text.

    Args:
        ends: where each word ends.
        words: of each pattern.
        some: patterns of which something may be kept, a bit for each.
        everywhere: patterns of which everything is kept.
        most: bytes that each pattern can match.
        points: code point by byte; None where they are the same.
    """

    def __init__(
        self,
        ends: Mapping[int, list[int]],
        words: Sequence[Sequence[int]],
        some: int,
        everywhere: int,
        most: Sequence[int],
        points: Points | None,
    ) -> None:
        self._ends, self._words, self._some, self._everywhere = ends, words, some, everywhere
        self._most, self._points = most, points
        self._known: dict[int, list[int]] = {}

    def areas(self, numbers: range, size: int) -> Iterable[tuple[int, int]]:
        """See ``Keep``: in long texts, around the words of these patterns."""
        mine = ((1 << len(numbers)) - 1) << numbers.start
        if not self._some & mine:
            return ()
        if size < _LONG or self._everywhere & mine:
            return ((0, size),)
        ends = sorted({end for number in numbers for end in self._places(number)})
        wide, points = BEFORE + AFTER + 2 * _BORDER, self._points
        if points is not None:
            ends, wide = points.bytes_of(np.array(ends)).tolist(), 4 * wide
        parts = list(runs.around(ends, size, max(self._most[number] for number in numbers) + wide))
        return parts if 2 * sum(last - first for first, last in parts) < size else ((0, size),)

    def __call__(self, number: int, stops: list[int]) -> list[int]:
        """See ``Keep``."""
        if self._everywhere >> number & 1:
            return stops
        near = self._places(number)
        if not near:
            return []
        before, kept, points = self._most[number] + BEFORE + _BORDER, list[int](), self._points
        if len(stops) > _MANY:
            places = np.array(stops)
            where = places if points is None else points.many(places)
            ends = np.array([*near, _NEVER])
            there = ends[np.searchsorted(ends, where - before)] <= where + AFTER + _BORDER
            return cast("list[int]", places[there].tolist())
        for stop in stops:
            at = stop if points is None else points[stop]
            first = bisect.bisect_left(near, at - before)
            if first < len(near) and near[first] <= at + AFTER + _BORDER:
                kept.append(stop)
        return kept

    def _places(self, number: int) -> list[int]:
        """Where words of a pattern end, in order."""
        if number not in self._known:
            found = [self._ends[word] for word in self._words[number] if word in self._ends]
            self._known[number] = sorted(end for each in found for end in each) if len(found) != 1 else found[0]
        return self._known[number]


def rarest(phrase: str) -> str:
    """The longest of its words of ASCII, which stands for them all; "" if there is none, or it may be within a word.

    Example:
        >>> rarest("Número de la seguridad social"), rarest("ИНН")
        ('seguridad', '')
    """
    parts = [] if JOINED.search(phrase) else split(phrase)
    words = [each for each in reversed(parts) if each.isascii()]
    return max(words, key=lambda each: (len(each), each not in _LETTERS), default="")


def folded(text: str) -> np.ndarray:
    """(code points,) bytes: each letter of a text as ASCII without case and accents, or a sign for what is none.

    Example:
        >>> bytes(folded("N.º Zoë"))
        b'n o zoe'
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    letters: np.ndarray = _table()[np.minimum(codes, _SIZE)]
    far = codes >= _SIZE
    if far.any():
        letters[far] = [_one(chr(code)) for code in codes[far].tolist()]
    return letters


@cache
def _table() -> np.ndarray:
    """(_SIZE + 1,) what stands for each code point."""
    table = np.full(_SIZE + 1, _OTHER, dtype=np.uint8)
    for at, (first, last) in enumerate(_SCRIPTS, _OTHER + 1):
        table[first:last] = at
    for code in range(_SIZE):
        if not (0x3400 <= code < 0x4DB6 or 0x4E00 <= code < 0x9FD6 or 0xAC00 <= code < 0xD7A4):  # letters, all of them
            table[code] = _one(chr(code))
    return table


@lru_cache(4096)
def _one(letter: str) -> int:
    read = letter.casefold()
    if read == "ss":
        return _SHARP
    if unicodedata.combining(letter):
        return _UNSURE
    if not read.isascii():
        read = "".join(each for each in unicodedata.normalize("NFKD", read) if not unicodedata.combining(each))
    parts = re.findall(r"[^\W_]", read)
    if not parts:
        return ord(" ")
    if len(read) > 1:
        return _UNSURE if any(each in "abcdefghijklmnopqrstuvwxyz0123456789" for each in parts) else _script(read)
    return ord(read) if read.isascii() else _script(read)


def _script(letter: str) -> int:
    """The byte of its alphabet; of the parts of a syllable of Hangul, that of the syllable."""
    code = 0xAC00 if 0x1100 <= ord(letter[0]) < 0x1200 else ord(letter[0])
    return next((at for at, (first, last) in enumerate(_SCRIPTS, _OTHER + 1) if first <= code < last), _OTHER)


def _pattern(word: str) -> Pattern:
    inner = re.escape(word).replace("ss", r"(?:ss|\x02)")
    regex = f"(?:^|[^{_LETTER}])({inner})(?:[^{_LETTER}]|$)"
    return Pattern(id=word, title=word, kind="word", regex=regex, most=len(word) + 2, allow=(), true=(), false=())
