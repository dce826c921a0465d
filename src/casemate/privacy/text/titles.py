"""Titles: what stands before a name and belongs to everybody."""

from __future__ import annotations

import re
from typing import Final

SALUTATIONS: Final = frozenset({
    "mr", "mrs", "ms", "mx", "dr", "prof", "rev", "herr", "herrn", "frau", "hr", "fr", "mme", "mlle", "madame",
    "monsieur", "mademoiselle", "sr", "sra", "srta", "señor", "señora", "señorita", "dra", "sig", "signor", "signora",
    "signorina", "dott", "dottor", "dottoressa", "senhor", "senhora", "dhr", "mevr", "mevrouw", "meneer",
})  # fmt: skip
"""Those that are never a part of a name, in small letters, without a point."""
TITLES: Final = SALUTATIONS | {
    "miss", "sir", "lord", "lady", "dame", "doctor", "professor", "sister", "brother", "uncle", "aunt", "fräulein",
    "doktor", "schwester", "onkel", "tante", "docteur", "docteure", "professeur", "profesor", "profesora", "doctora",
    "signore", "dottore", "professore", "professoressa", "doutor", "doutora", "professora", "dona", "dokter", "zuster",
}  # fmt: skip
"""Also those that a name may be known by, as Lady Gaga's."""
_FIRST: Final = re.compile(r"[^\W\d_]+(?:\.(?=\s|$))?")


def after_titles(text: str, start: int, stop: int) -> int:
    """Where the name in ``text[start:stop]`` begins; ``stop`` if there are only salutations. One letter is an initial.

    Example:
        >>> text = "Dear Ms. Ana M. Prof"
        >>> after_titles(text, 5, 15), after_titles(text, 5, 7), after_titles(text, 13, 15)
        (9, 7, 13)
    """
    at = start
    while (found := _FIRST.match(text, at, stop)) is not None:
        word = found[0].rstrip(".")
        if word.casefold() not in SALUTATIONS or len(word) == 1 or (found.end() < stop and text[found.end()].isalnum()):
            return at
        at = found.end()
        while at < stop and not text[at].isalnum():
            at += 1
    return at
