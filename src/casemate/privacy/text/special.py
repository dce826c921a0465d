"""Special categories of GDPR article 9, by lexicons: a word of one, and near it one that says it is about a person.

``lexicons/LANGUAGE.toml`` holds words by category, cues and what is no cue. In a cue, ``~`` is the word itself: "is a
~", "~ church". A word without a cue has a score below the threshold: who reads medical records asks for a lower one.
Most of what is written about religion and health is about nobody, so categories are looked for only on request.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from casemate.privacy.text.context import AFTER, BEFORE, around, split
from casemate.privacy.text.phrases import Phrases
from casemate.privacy.text.spans import Reach, Span
from casemate.privacy.text.types import types

PREFIX: Final = "SPECIAL_CATEGORY_"
ALONE: Final = 0.3
"""Score of a word by itself."""
NEAR: Final = 0.8
"""Score of one with a cue."""


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One category in one language.

    Attributes:
        terms: words and phrases; those that end in * have any ending.
        cues: what says that they are about a person, besides those of the language.
        against: what says that they are not.
        true, false: examples in which one must, and must not, be found.
    """

    terms: tuple[str, ...]
    true: tuple[str, ...]
    false: tuple[str, ...]
    cues: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


class Lexicon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language; the categories by the end of their type's name.

    Attributes:
        language: ISO 639-1 code.
        cues: of all categories.
        against: of all categories.
        category: by name.
    """

    language: str
    cues: tuple[str, ...]
    against: tuple[str, ...]
    category: dict[str, Category]


@cache
def lexicons() -> tuple[Lexicon, ...]:
    """All languages, in the order of their codes."""
    folder = resources.files("casemate.privacy.text") / "lexicons"
    files = sorted((each for each in folder.iterdir() if each.name.endswith(".toml")), key=lambda each: each.name)
    return tuple(msgspec.convert(tomllib.loads(each.read_text(encoding="utf-8")), Lexicon) for each in files)


def special_types() -> frozenset[str]:
    """The types of all categories."""
    return frozenset(name for name in types() if name.startswith(PREFIX))


class _Rule(msgspec.Struct, frozen=True):
    type: str
    source: str
    cues: tuple[str, ...]
    against: tuple[str, ...]


class Special:
    """Finds special categories; see `casemate.privacy.text.detector.Detector`.

    Args:
        wanted: types; all if none.
        languages: of the texts; all if none.

    Example:
        >>> found = Special(languages=["en"]).find("She is a Catholic. They met at the Catholic church.")
        >>> [(each.start, each.type, each.score) for each in found]
        [(9, 'SPECIAL_CATEGORY_RELIGION', 0.8)]
    """

    def __init__(self, wanted: Iterable[str] = (), languages: Iterable[str] = ()) -> None:
        asked, spoken = frozenset(wanted), frozenset(languages)
        terms: list[tuple[str, _Rule]] = []
        for each in lexicons():
            for name, category in each.category.items():
                type = PREFIX + name.upper()
                if (not asked or type in asked) and (not spoken or each.language in spoken):
                    rule = _Rule(
                        type, f"special-{each.language}", _said((*each.cues, *category.cues)),
                        _said((*each.against, *category.against)),
                    )  # fmt: skip
                    terms += [(term, rule) for term in category.terms]
        self._phrases = Phrases(terms)

    @property
    def reach(self) -> Reach:
        """See ``Detector``."""
        return Reach(BEFORE + 1, self._phrases.most, AFTER + 1)

    def find(self, text: str) -> Iterator[Span]:
        """See ``Detector``."""
        for start, end, rule in self._phrases.find(text):
            line = around(text, start, end).line
            if any(each in line for each in rule.against):
                continue
            cue = next((each for each in rule.cues if each in line), "")
            why = (f"near {cue.strip().replace(chr(0), '~')!r}",) if cue else ()
            yield Span(start, end, rule.type, NEAR if cue else ALONE, rule.source, why)


def _said(cues: Iterable[str]) -> tuple[str, ...]:
    """Cues as they stand in a line of words in which the match is a zero."""
    return tuple(f" {' '.join(word for part in _parts(cue) for word in part)} " for cue in cues)


def _parts(cue: str) -> Iterator[list[str]]:
    before, mark, after = cue.partition("~")
    yield split(before)
    if mark:
        yield ["\0"]
        yield split(after)
