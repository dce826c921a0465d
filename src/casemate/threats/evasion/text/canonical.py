"""A canonical form of text, so that what a reader cannot see a classifier does not see either.

In turn: letters taken back by a backspace, the order of display, invisible characters, compatibility forms, letters
that look like ASCII, marks on ASCII letters. What is left of an attack is what a reader could see.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from casemate.patterns.normalize import invisible, normalize
from casemate.targets.target import Meter, Target
from casemate.threats.evasion.text.bidi import as_displayed
from casemate.threats.evasion.text.classifier import ThroughText
from casemate.threats.evasion.text.lookalikes import lookalike

_ERASERS = frozenset("\b\x7f")
_BREAKS = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")
_HAIRLINES = frozenset("\u2006\u2009\u200a\u202f\u205f")
# Default_Ignorable_Code_Point of the Unicode Character Database, as far as `invisible` does not name it already.
_IGNORABLE = (
    (0x180B, 0x180F),
    (0x2060, 0x206F),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_INNER = re.compile(r"(?<=[a-z])[I|1](?=[a-z])|(?<=[a-z][a-z])[I|](?![^\W_])|(?<=[a-z])0(?=[a-z])")
_ROUNDS = 12
Letter = tuple[str, int, int]
"""A character, and where in the text before it comes from."""


@dataclass(frozen=True)
class Canonical:
    """A text in canonical form.

    Attributes:
        text: the result.
        starts, stops: for each of its characters, the stretch of the original it comes from. The stretches need not
            follow each other: text stored in one order and shown in another is read as shown.
    """

    text: str
    starts: tuple[int, ...]
    stops: tuple[int, ...]

    def original(self, start: int, stop: int) -> tuple[int, int]:
        """The smallest stretch of the original that holds all that ``text[start:stop]`` comes from.

        Example:
            >>> canonicalize("a b\u200bad day").original(2, 5)
            (2, 6)
        """
        if start >= stop:
            at = self.starts[start] if start < len(self.starts) else (self.stops[-1] if self.stops else 0)
            return at, at
        return min(self.starts[start:stop]), max(self.stops[start:stop])


def canonicalize(text: str, *, marks: bool = True) -> Canonical:
    """The text as a reader sees it, in plain letters where they look plain, with a way back.

    Canonicalizing again changes nothing. The rounds end: each after the first can only turn a character into ASCII or
    take it away, and they are bounded anyway.

    Args:
        text: any text.
        marks: whether to take marks off ASCII letters, as in "grèat"; wrong for languages that need them.

    Example:
        >>> canonicalize("g\u200br\u0435at \u202emlif\u202c").text
        'great film'
        >>> canonicalize("привет").text
        'привет'
    """
    numbers = tuple(range(len(text) + 1))
    found = Canonical(text, numbers[:-1], numbers[1:])
    for _ in range(_ROUNDS):
        if found.text.isascii() and not any(map(_unseen, found.text)):
            return _plain(found)
        again = _plain(_folded(_displayed(_erased(found)), marks))
        if again.text == found.text:
            return again
        found = again
    return found


def canonicalized(target: Target, *, marks: bool = True, name: str = "") -> Target:
    """The target behind canonicalization: every text asked is canonical first. Its queries count at the target, too.

    Judged by ``TextAttack`` through it with every writer: an attacker who knows the defense asks through it.
    """
    return through(target, lambda text: canonicalize(text, marks=marks).text, name or f"canonicalized {target.name}")


def through(target: Target, change: Callable[[str], str], name: str) -> Target:
    """A view of the target that sees every text changed."""
    return replace(target, name=name, backend=ThroughText(target.backend, change), meter=Meter(outer=target.meter))


def _take(found: Canonical, order: list[int]) -> Canonical:
    return Canonical(
        "".join(found.text[at] for at in order),
        tuple(found.starts[at] for at in order),
        tuple(found.stops[at] for at in order),
    )


def _erased(found: Canonical) -> Canonical:
    """A backspace takes back the character before it, itself invisible ones left out; it never crosses a line."""
    if _ERASERS.isdisjoint(found.text):
        return found
    kept: list[int] = []
    for at, letter in enumerate(found.text):
        if letter not in _ERASERS:
            kept.append(at)
            continue
        while kept and _unseen(found.text[kept[-1]]):
            kept.pop()
        if kept and found.text[kept[-1]] not in _BREAKS:
            kept.pop()
    return _take(found, kept)


def _displayed(found: Canonical) -> Canonical:
    """In the order of display, without what is not seen, and without hairline gaps inside words."""
    order = [at for at in as_displayed(found.text) if not _unseen(found.text[at])]
    text = "".join(found.text[at] for at in order)
    inside = [
        at
        for at, letter in enumerate(text)
        if letter in _HAIRLINES and _inner(text[at - 1 : at]) and _inner(text[at + 1 : at + 2])
    ]
    gaps = set(inside)
    return _take(found, [place for at, place in enumerate(order) if at not in gaps])


def _inner(letter: str) -> bool:
    return letter.isalnum() or letter in {"'", "’"}


@functools.lru_cache(4096)
def _unseen(letter: str) -> bool:
    code = ord(letter)
    return (
        (unicodedata.category(letter) == "Cc" and letter not in _BREAKS)
        or invisible(letter)
        or any(low <= code <= high for low, high in _IGNORABLE)
    )


def _folded(found: Canonical, marks: bool) -> Canonical:
    """Compatibility forms and look-alikes, word by word; a word that is wholly in another script stays in it."""
    made: list[str] = []
    starts: list[int] = []
    stops: list[int] = []
    for begin, end in _chunks(found.text):
        if found.text[begin:end].isascii():
            made.append(found.text[begin:end])
            starts += found.starts[begin:end]
            stops += found.stops[begin:end]
            continue
        for letter, start, stop in _fold(found.text[begin:end], marks):
            made.append(letter)
            starts.append(min(found.starts[begin + start : begin + stop]))
            stops.append(max(found.stops[begin + start : begin + stop]))
    return Canonical("".join(made), tuple(starts), tuple(stops))


def _chunks(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or text[at].isspace() != text[at - 1].isspace():
            yield start, at
            start = at


def _fold(chunk: str, marks: bool) -> list[Letter]:
    normal = normalize(chunk)
    letters = [(letter, *normal.original(at, at + 1)) for at, letter in enumerate(normal.text)]
    folded = [(plain, start, stop) for letter, start, stop in letters for plain in _bare(letter, marks)]
    if marks:
        folded = _unmarked(folded)
    native = any(_latin(letter) for letter in unicodedata.normalize("NFKD", chunk))
    foreign = any(letter.isalpha() and not letter.isascii() for letter, _, _ in folded)
    if native or not foreign:
        return folded
    return [(plain, at, at + 1) for at, letter in enumerate(chunk) for plain in unicodedata.normalize("NFKC", letter)]


def _bare(letter: str, marks: bool) -> str:
    """An ASCII letter in place of one that looks like it, with a mark or without."""
    plain = lookalike(letter)
    if plain or not marks or not letter.isalpha():
        return plain or letter
    base = unicodedata.normalize("NFKD", letter)
    return base[0] if base[0].isascii() and base[0].isalpha() and len(base) > 1 else letter


def _unmarked(letters: list[Letter]) -> list[Letter]:
    """Without the marks that stand on ASCII characters, or on nothing."""
    kept, plain = [], True
    for each in letters:
        mark = unicodedata.category(each[0]) == "Mn"
        plain = plain if mark else each[0].isascii()
        if not (mark and plain):
            kept.append(each)
    return kept


def _latin(letter: str) -> bool:
    return letter.isascii() and letter.isalpha()


def _plain(found: Canonical) -> Canonical:
    """ASCII that looks like other ASCII, in words of small letters: a capital i or a one for an l, a zero for an o."""
    text = _INNER.sub(lambda match: "o" if match[0] == "0" else "l", found.text)
    return found if text == found.text else replace(found, text=text)
