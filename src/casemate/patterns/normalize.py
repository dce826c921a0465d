"""Text as a reader sees it, with a way back: NFKC, look-alike letters, invisible characters, full-width forms.

Every character of the result remembers which stretch of the original it comes from, so whatever is found in the
result can
be marked, or cut out, in the original. Sources: Unicode Standard Annex 15 (normalization forms), Unicode Technical
Standard 39 (confusables; the table here is our own, of letters that look like ASCII in common fonts).
"""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

_INVISIBLE = frozenset("\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u2800\u3164\ufeff\uffa0")
_SPACES = frozenset("\u00a0\u1680\u202f\u205f\u3000") | {chr(code) for code in range(0x2000, 0x200B)}
_MARKS = 30
_ALPHABETS = (
    (0, 0x250), (0x5D0, 0x5EB), (0x620, 0x64B), (0x904, 0x93A), (0xE01, 0xE31), (0x10D0, 0x10FB), (0x1E00, 0x1F00),
    (0x2010, 0x2028), (0x20A0, 0x20C1), (0x2190, 0x2200), (0x3041, 0x3097), (0x30A1, 0x30FB), (0x4E00, 0xA000),
    (0xAC00, 0xD7A4),
)  # fmt: skip


@dataclass(frozen=True)
class Normalized:
    """A text as it reads.

    Attributes:
        text: the result.
        starts: where in the original each of its characters begins; one more at the end.
        stops: where in the original each of its characters ends.
    """

    text: str
    starts: tuple[int, ...]
    stops: tuple[int, ...]

    def original(self, start: int, stop: int) -> tuple[int, int]:
        """The stretch of the original that ``text[start:stop]`` comes from.

        Example:
            >>> normalize("a\u200bb").original(0, 2)
            (0, 3)
        """
        if start >= stop:
            at = self.starts[start]
            return at, at
        return self.starts[start], self.stops[stop - 1]


@functools.cache
def confusables() -> dict[int, str]:
    """Letters that look like ASCII, by code point."""
    text = (resources.files("casemate.patterns") / "confusables.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)["looks-like"]
    return {ord(letter): plain for plain, letters in table.items() for letter in letters}


def skeleton(text: str) -> str:
    """The text with look-alikes replaced and without what is invisible, for comparing names.

    Example:
        >>> skeleton("p\u0430nd\u0430s")
        'pandas'
    """
    return normalize(text).text


def normalize(text: str) -> Normalized:
    """The text as it reads, and where each character of it comes from.

    A cluster (a character and the marks on it) is normalized at once; a mark without end is cut into clusters of 30,
    so the work is linear (Unicode Standard Annex 15, section 13: the stream-safe format).

    Example:
        >>> normalize("\uff47\uff48\uff50\uff3f1").text
        'ghp_1'
    """
    if text.isascii():
        numbers = tuple(range(len(text) + 1))
        return Normalized(text, numbers, numbers[1:])
    made, starts, stops, at = list[str](), list[int](), list[int](), 0
    for first, last in _changing(text):
        made.append(text[at:first])
        starts += range(at, first)
        stops += range(at + 1, first + 1)
        for start, stop in _clusters(text, first, last):
            read = _read(text[start:stop])
            made.append(read)
            starts += [start] * len(read)
            stops += [stop] * len(read)
        at = last
    made.append(text[at:])
    starts += range(at, len(text) + 1)
    stops += range(at + 1, len(text) + 1)
    return Normalized("".join(made), tuple(starts), tuple(stops))


@functools.lru_cache(4096)
def _read(cluster: str) -> str:
    table, seen = confusables(), "".join(letter for letter in cluster if not invisible(letter))
    letters = unicodedata.normalize("NFKC", seen)
    return "".join(table.get(ord(letter), " " if letter in _SPACES else letter) for letter in letters)


def _changing(text: str) -> Iterator[tuple[int, int]]:
    """Stretches outside of which `normalize` changes nothing: a mark goes with the letter that it stands on."""
    start = stop = 0
    for match in unstable().finditer(text):
        first = match.start()
        if first > stop or first == 0:
            if stop > start:
                yield start, stop
            start = first - 1 if first and unicodedata.combining(match[0]) else first
        stop = match.end()
    if stop > start:
        yield start, stop


def invisible(letter: str) -> bool:
    """Whether a character leaves no trace on the page: format controls, tags, variation selectors, fillers."""
    return (
        letter in _INVISIBLE
        or unicodedata.category(letter) == "Cf"
        or 0xFE00 <= ord(letter) <= 0xFE0F
        or 0xE0000 <= ord(letter) <= 0xE01EF
    )


@functools.cache
def unstable() -> re.Pattern[str]:
    """One letter that `normalize` may change; letters of most alphabets and usual punctuation are not among them.

    Example:
        >>> bool(unstable().search("na\u00efve, quite")), bool(unstable().search("\uff21"))
        (False, True)
    """
    table = confusables()
    kept = [
        chr(code)
        for low, high in _ALPHABETS
        for code in range(low, high)
        if code not in table and not invisible(chr(code)) and not unicodedata.combining(chr(code))
    ]
    kept = [letter for letter in kept if letter not in _SPACES and unicodedata.normalize("NFKC", letter) == letter]
    return re.compile(f"[^{''.join(map(re.escape, kept))}]")


def _clusters(text: str, first: int, last: int) -> list[tuple[int, int]]:
    found, start = [], first
    for at in range(first + 1, last + 1):
        if at == last or not unicodedata.combining(text[at]) or at - start >= _MARKS:
            found.append((start, at))
            start = at
    return found
