"""Ways to write a word that look the same to a reader: look-alike letters, and characters that are not seen at all."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from casemate.patterns.normalize import confusables
from casemate.threats.evasion.text.lookalikes import lookalikes

HIDDEN = "hidden"
"""The kind of the changes that no reader sees."""
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\u00ad\u034f\u2063\ufe0f\u180e\u115f\U000e0061\u200a\x01\u180b"
_ASCII = {"l": "I1", "I": "l", "O": "0", "o": "0"}


@functools.cache
def glyphs() -> dict[str, str]:
    """For each ASCII letter, the characters that look like it: both tables of casemate, and ASCII itself."""
    found: defaultdict[str, str] = defaultdict(str)
    for code, plain in confusables().items():
        found[plain] += chr(code)
    for letter, plain in lookalikes().items():
        found[plain] += letter
    for plain, letters in _ASCII.items():
        found[plain] += letters
    return {plain: letters for plain, letters in found.items() if len(plain) == 1 and plain.isalpha()}


@dataclass(frozen=True)
class Homoglyphs:
    """Letters replaced by others that look alike: one from the middle, some, or as many as there are.

    Attributes:
        table: look-alikes a letter, or None for those that casemate knows.
        most: proposals a word.

    Reference:
        Unicode Technical Standard 39; Boucher et al. 2022, arXiv:2106.09898 (Bad Characters), section IV.
    """

    table: tuple[tuple[str, str], ...] | None = None
    most: int = 8
    kind: str = "homoglyph"
    visible: bool = True

    def __call__(self, word: str, before: str, draw: np.random.Generator) -> list[str]:
        """Proposals with one letter replaced, with two, and with all."""
        table = glyphs() if self.table is None else dict(self.table)
        places = sorted(
            (at for at, letter in enumerate(word) if table.get(letter)), key=lambda at: abs(2 * at + 1 - len(word))
        )
        found: dict[str, None] = {}
        for turn in range(2 * self.most if places else 0):
            count = (1, 2, len(places))[turn % 3]
            shift = turn // 3
            letters = list(word)
            for at in (places[shift:] + places[:shift])[:count]:
                like = table[word[at]]
                letters[at] = like[int(draw.integers(len(like)))]
            found.setdefault("".join(letters))
            if len(found) >= self.most:
                break
        return list(found)


@dataclass(frozen=True)
class Hidden:
    """Characters that are not displayed, and orders of storage that are displayed as the word itself.

    Attributes:
        zero_width: characters without width between the letters.
        deletion: a letter and a backspace that takes it back.
        bidi: the word stored backwards, or two letters swapped, and displayed forwards by direction controls.
        most: proposals a word.

    Reference:
        Boucher et al. 2022, arXiv:2106.09898 (Bad Characters): invisible characters, deletions, reorderings.
    """

    zero_width: bool = True
    deletion: bool = True
    bidi: bool = True
    most: int = 8
    kind: str = HIDDEN
    visible: bool = False

    def __call__(self, word: str, before: str, draw: np.random.Generator) -> list[str]:
        """Proposals of the enabled kinds in turn."""
        found: dict[str, None] = {}
        ways = [name for name in ("zero_width", "deletion", "bidi") if getattr(self, name)]
        for turn in range(2 * self.most if ways else 0):
            found.setdefault(self._write(ways[turn % len(ways)], word, draw))
            if len(found) >= self.most:
                break
        found.pop(word, None)
        return list(found)

    @staticmethod
    def _write(way: str, word: str, draw: np.random.Generator) -> str:
        at = int(draw.integers(1, len(word))) if len(word) > 1 else 0
        if way == "zero_width":
            hidden = _ZERO_WIDTH[int(draw.integers(len(_ZERO_WIDTH)))]
            return hidden.join(word) if draw.random() < 0.5 else word[:at] + hidden + word[at:]
        if way == "deletion":
            letter = "etaoinsh"[int(draw.integers(8))]
            return word[:at] + letter + "\b" + word[at:]
        if draw.random() < 0.5 or len(word) < 2:
            # isolated, or a space between two of these would turn with them, and the reader see the words change places
            return f"\u2066\u202e{word[::-1]}\u202c\u2069"
        first, second = word[at - 1], word[at]
        swapped = f"\u2066\u202e\u2066{second}\u2069\u2066{first}\u2069\u202c\u2069"
        return word[: at - 1] + swapped + word[at + 1 :]
