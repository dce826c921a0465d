"""Ways to write a word differently. Each is a frozen bag of options, called with a word and a random stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from casemate.threats.evasion.text.words import Layout, distance

_KEYS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")


class Change(NamedTuple):
    """One way to write one word.

    Attributes:
        word: its number in the text.
        written: what stands there instead.
        kind: who proposed it.
        edits: Levenshtein distance to the word.
    """

    word: int
    written: str
    kind: str
    edits: int


class Writer(Protocol):
    """Proposes other ways to write a word."""

    @property
    def kind(self) -> str:
        """A short name for the report."""

    @property
    def visible(self) -> bool:
        """Whether a reader sees the difference."""

    def __call__(self, word: str, before: str, draw: np.random.Generator) -> list[str]:
        """Other ways to write ``word``, best guess first; ``before`` is the word to its left, lower case."""


@dataclass(frozen=True)
class Typos:
    """Slips of the keyboard: two letters swapped, one left out, one doubled or added, a neighboring key.

    Attributes:
        swap, insert, delete, neighbor: which of the four.
        inner: never touch the first and the last letter of a word of four letters or more; readers then hardly stumble.
        most: proposals a word.

    Reference:
        Gao et al. 2018, arXiv:1801.04354 (DeepWordBug); Pruthi, Dhingra & Lipton 2019, arXiv:1905.11268, on why inner
        letters.
    """

    swap: bool = True
    insert: bool = True
    delete: bool = True
    neighbor: bool = True
    inner: bool = False
    most: int = 20
    kind: str = "typo"
    visible: bool = True

    def __call__(self, word: str, before: str, draw: np.random.Generator) -> list[str]:
        """Proposals in turn from each enabled slip, from the middle of the word outwards."""
        low, high = (1, len(word) - 1) if self.inner and len(word) > 3 else (0, len(word))
        places = sorted(range(low, high), key=lambda at: (abs(2 * at + 1 - len(word)), draw.random()))
        slips = [name for name in ("neighbor", "delete", "insert", "swap") if getattr(self, name)]
        found: dict[str, None] = {}
        for turn, at in enumerate(place for place in places for _ in slips):
            made = self._slip(slips[turn % len(slips)], word, at, high, draw)
            if made and made != word:
                found.setdefault(made)
            if len(found) >= self.most:
                break
        return list(found)

    @staticmethod
    def _slip(name: str, word: str, at: int, high: int, draw: np.random.Generator) -> str:
        if name == "swap":
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :] if at + 1 < high else ""
        if name == "delete":
            return word[:at] + word[at + 1 :] if len(word) > 1 else ""
        near = neighbors(word[at])
        letter = near[int(draw.integers(len(near)))] if near else ""
        if name == "insert":
            return word[: at + 1] + letter + word[at + 1 :] if letter else ""
        return word[:at] + letter + word[at + 1 :] if letter else ""


def neighbors(letter: str) -> str:
    """The keys around a letter on an English keyboard, in its case.

    Example:
        >>> neighbors("s")
        'adwez'
    """
    small = letter.lower()
    for row, keys in enumerate(_KEYS):
        at = keys.find(small)
        if at >= 0 and small.isalpha():
            near = keys[max(at - 1, 0) : at] + keys[at + 1 : at + 2]
            near += _KEYS[row - 1][at : at + 2] if row > 1 else ""
            near += _KEYS[row + 1][max(at - 1, 0) : at] if row + 1 < len(_KEYS) else ""
            return near.upper() if letter.isupper() else near
    return ""


def proposals(layout: Layout, writers: Sequence[Writer], draw: np.random.Generator) -> list[list[Change]]:
    """For each free word of a text, its proposals from all writers in turn; words without any have an empty list."""
    found = []
    for number in layout.free:
        word = layout.word(number)
        before = layout.word(number - 1).lower() if number else ""
        lists = [(writer.kind, writer(word, before, draw)) for writer in writers]
        changes: dict[str, Change] = {}
        for turn in range(max((len(each) for _, each in lists), default=0)):
            for kind, each in lists:
                if turn < len(each) and each[turn] not in changes and each[turn] != word:
                    changes[each[turn]] = Change(number, each[turn], kind, distance(word, each[turn]))
        found.append(list(changes.values()))
    return found
