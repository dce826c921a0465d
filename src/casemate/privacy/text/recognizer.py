"""Recognizers as data: ``packs/*.toml`` and files of the user's, each with true and false examples of its own.

A recognizer is an expression in the subset that hyperscan, RE2 and ``re`` share (see `casemate.patterns.pattern`), a
validator that knows what an expression cannot say, words that are near when it is meant, and four scores. Scores are
probabilities: of a match by itself, with such a word near, with a checksum that holds, with both. What has no checksum
needs a word near, so its score alone lies below the threshold.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable
from importlib import resources
from typing import Final

import msgspec

from casemate.core.errors import UsageError
from casemate.patterns.pattern import BEFORE, Pattern

_AFTER: Final = r"(?:[^0-9A-Za-z_\xc3-\xd1-]|$)"
"""Behind a token: no letter of ASCII, nor the first byte of one of another alphabet with capitals (UTF-8)."""
_NO_DECIMAL: Final = r"(?:^|[^0-9A-Za-z_.]|[^0-9]\.|\\[nrt]|%[0-9A-Fa-f]{2})"
_ENDED: Final = r"(?:[^0-9A-Za-z_.-]|\.(?:[^0-9]|$)|$)"


class Recognizer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is looked for.

    Attributes:
        id: stable, for example "de-tax-id".
        type: of the spans it finds.
        title: what it is, in a few words.
        token, number, regex: the expression; one of them. A token must not stand inside a longer word, a number neither
            there nor behind or before the point of a decimal; a regex has one group.
        anchor: a part of it that is rare and cheap to look for, where the whole is slow; see `Pattern`.
        languages: in whose texts it is looked for; all if none.
        countries: that issue it, as ISO 3166-1 alpha-2 codes; for selection and for people.
        most: bytes that the expression can match.
        groups: whether the last group of digits may be of something else, as a house number behind a telephone number:
            what no validator accepts is tried without it.
        validators: names in `casemate.privacy.text.validators`, "stdnum:de.idnr" for modules of python-stdnum.
        context: words that are near when it is meant; whole words, in any case.
        against: words that are near when something else is meant.
        alone, near, proven, sure: scores: by itself, with a word near, with a checksum that holds, with both.
        true, false: examples in which something, and nothing, must be found.
    """

    id: str
    type: str
    title: str
    token: str = ""
    number: str = ""
    regex: str = ""
    anchor: str = ""
    languages: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    most: int = 128
    groups: bool = False
    validators: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    alone: float = 0.3
    near: float = 0.8
    proven: float = 0.8
    sure: float = 0.99
    true: tuple[str, ...]
    false: tuple[str, ...]

    def __post_init__(self) -> None:
        if sum(map(bool, (self.token, self.number, self.regex))) != 1:
            raise ValueError(f"{self.id}: give token, number or regex")

    @property
    def bare(self) -> float:
        """The best score without a word near."""
        return max(self.alone, self.proven) if self.validators else self.alone

    @property
    def pattern(self) -> Pattern:
        """What the engine looks for."""
        regex = self.regex
        if self.token:
            regex = f"{BEFORE}({self.token}){_AFTER}"
        elif self.number:
            regex = f"{_NO_DECIMAL}({self.number}){_ENDED}"
        return Pattern(
            id=self.id, title=self.title, kind="personal", regex=regex,
            anchor=self.anchor, most=self.most, allow=(), true=self.true, false=self.false,
        )  # fmt: skip


class _File(msgspec.Struct, forbid_unknown_fields=True):
    recognizer: tuple[Recognizer, ...]


def parse(text: str) -> tuple[Recognizer, ...]:
    """The recognizers of one TOML text.

    Raises:
        UsageError: it is not TOML, or not of this form.
    """
    try:
        return msgspec.convert(tomllib.loads(text), _File).recognizer
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise UsageError(
            "these are not recognizers",
            cause=str(error)[:300],
            next_step="see casemate.privacy.text.recognizer for the fields",
        ) from error


@functools.cache
def built_in() -> tuple[Recognizer, ...]:
    """All recognizers that come with casemate, in the order of their ids."""
    folder = resources.files("casemate.privacy.text") / "packs"
    files = [each for each in folder.iterdir() if each.name.endswith(".toml") and each.name != "types.toml"]
    found = [each for file in files for each in parse(file.read_text(encoding="utf-8"))]
    return tuple(sorted(found, key=lambda each: each.id))


def chosen(
    recognizers: Iterable[Recognizer], languages: Iterable[str] = (), types: Iterable[str] = ()
) -> tuple[Recognizer, ...]:
    """Those for texts in these languages, of these types; all where nothing is said."""
    spoken, wanted = frozenset(languages), frozenset(types)
    return tuple(
        each
        for each in recognizers
        if (not spoken or not each.languages or spoken & set(each.languages)) and (not wanted or each.type in wanted)
    )
