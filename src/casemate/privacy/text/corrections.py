"""What a tenant knows better: words that are nobody's, words that are somebody's, each with a reason; as data.

One file a tenant, TOML::

    tenant = "acme"

    [[correction]]
    text = "Paris Hilton"          # whole words, in any case and spelling; words that end in * have any ending
    type = ""                      # nobody's: whatever was found is let go
    found_as = "LOCATION"          # only if it was found as this; as anything if left out
    why = "our hotel"

    [[correction]]
    text = "Blue Heron"
    type = "PROJECT"               # is always one
    why = "not announced yet"

Letting go takes a whole span: a longer one that holds the words stays, and so does one that another recognizer found
in the same place. Every span that a correction made says so.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from casemate.core.errors import UsageError
from casemate.privacy.text.phrases import Phrases
from casemate.privacy.text.spans import Reach, Span

SOURCE: Final = "correction"


class Correction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of them; see above.

    Attributes:
        text: whole words.
        type: that they are, or "" if they are nobody's.
        found_as: of what is let go, only this type; "" for all.
        why: for people.
        tenant: whose it is; that of the file.
    """

    text: str
    type: str = ""
    found_as: str = ""
    why: str = ""
    tenant: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    correction: tuple[Correction, ...]
    tenant: str = ""


def read_corrections(path: Path) -> tuple[Correction, ...]:
    """The corrections of one file.

    Raises:
        UsageError: it cannot be read, or is not of the form above.
    """
    try:
        made = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{path.name} holds no corrections", cause=str(error)[:300],
            next_step='write [[correction]] with text = "..." and type = "PERSON", or "" for what is nobody\'s',
        ) from error  # fmt: skip
    for each in made.correction:
        if not any(map(str.isalnum, each.text)):
            raise UsageError(f"{path.name}: a correction without words", next_step="give it a text")
        if each.type and each.found_as:
            raise UsageError(
                f"{path.name}: found_as is about what is let go", next_step='leave it out, or make type ""'
            )
    return tuple(msgspec.structs.replace(each, tenant=each.tenant or made.tenant) for each in made.correction)


class Corrections:
    """A detector for what is somebody's, and a filter for what is nobody's.

    Args:
        corrections: of one tenant.

    Example:
        >>> mine = Corrections([Correction(text="Blue Heron", type="PROJECT", why="secret", tenant="acme")])
        >>> [(each.type, each.why) for each in mine.find("about blue heron")]
        [('PROJECT', ('corrected for acme: secret',))]
    """

    def __init__(self, corrections: Iterable[Correction]) -> None:
        given = tuple(corrections)
        self._denied = Phrases((each.text, each) for each in given if each.type)
        self._allowed = Phrases((each.text, each) for each in given if not each.type)
        self.types = frozenset(each.type for each in given if each.type)

    @property
    def reach(self) -> Reach:
        """See `casemate.privacy.text.detector.Detector`."""
        return Reach(1, self._denied.most, 1)

    def find(self, text: str) -> Iterator[Span]:
        """What is somebody's."""
        for start, end, by in self._denied.find(text):
            whose = f"corrected for {by.tenant}" if by.tenant else "corrected"
            yield Span(start, end, by.type, 1.0, SOURCE, (f"{whose}: {by.why}" if by.why else whose,))

    def lets_go(self, text: str, span: Span) -> bool:
        """Whether a span of a text is nobody's: all of its words are those of one correction."""
        if span.source == SOURCE or span.end - span.start > self._allowed.most:
            return False
        said = text[span.start : span.end]
        first = next((at for at, letter in enumerate(said) if letter.isalnum()), 0)
        last = next((at for at in range(len(said), 0, -1) if said[at - 1].isalnum()), len(said))
        return any(
            (start, end) == (first, last) and by.found_as in ("", span.type)
            for start, end, by in self._allowed.find(said)
        )
