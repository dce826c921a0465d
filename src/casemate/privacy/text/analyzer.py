"""Everything that finds personal data in a text, put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, get_args

from casemate.core.errors import UsageError
from casemate.privacy.text.arbiter import beside, settled
from casemate.privacy.text.corrections import SOURCE as CORRECTED
from casemate.privacy.text.corrections import Correction, Corrections
from casemate.privacy.text.detector import Detector, Structured
from casemate.privacy.text.names.detector import SOURCES, Names
from casemate.privacy.text.propagation import propagated
from casemate.privacy.text.recognizer import Recognizer, built_in, chosen
from casemate.privacy.text.secrets import SECRET, Secrets
from casemate.privacy.text.spans import Span
from casemate.privacy.text.special import Special, special_types
from casemate.privacy.text.types import numbered

Mode = Literal["fast", "balanced", "accurate"]
"""``fast``: expressions and checksums. ``balanced``: names too, by a linear tagger, and by a transformer where the
tagger is unsure. ``accurate``: the transformer reads wherever the tagger leaves any doubt."""

NAMES: Final = {"PERSON": 0.5, "LOCATION": 0.3, "ORGANIZATION": 0.3}
"""Least scores of names: a person as likely as not; of places and companies, which often say who it is, the tagger is
less sure, and half of those between are right."""
_TOGETHER: Final = 256
"""Texts that are read together."""


class Analyzer:
    """Finds personal data and secrets.

    Args:
        mode: how hard to look.
        languages: of the texts, as ISO 639-1 codes; all if none.
        types: that are looked for; all if none.
        recognizers: instead of those that come with casemate; then secrets are looked for only if ``types`` says so.
        threshold: least score of what is told.
        names: least score of a person, place or organization; if none is given those of ``NAMES``; lower ones miss
            less, and what is missed is in the open for good, while a place too many costs a word.
        model: folder of the transformer's files; the user's cache if none. Without them ``balanced`` and ``accurate``
            go on with the tagger and say so once.
        corrections: what a tenant knows better; their types are looked for too.

    Raises:
        UsageError: there is no such mode.
        UnreadableError: the transformer's files have changed since they were fetched.
        MissingPartError: no engine for expressions is installed.

    Example:
        >>> [(each.type, each.start) for each in Analyzer("fast").find("mail: jane@example.com")]
        [('EMAIL_ADDRESS', 6)]
    """

    def __init__(
        self,
        mode: Mode = "balanced",
        *,
        languages: Sequence[str] = (),
        types: Sequence[str] = (),
        recognizers: Iterable[Recognizer] | None = None,
        threshold: float = 0.5,
        names: float | None = None,
        model: Path | None = None,
        corrections: Iterable[Correction] = (),
    ) -> None:
        if mode not in get_args(Mode):
            raise UsageError(f"there is no mode {mode!r}", next_step="use fast, balanced or accurate")
        self.mode, self.threshold = mode, threshold
        self.names = {each: min(least if names is None else names, threshold) for each, least in NAMES.items()}
        given = built_in() if recognizers is None else recognizers
        self.types = frozenset(types)
        self.detectors: list[Detector] = [Structured(chosen(given, languages, types), threshold)]
        if SECRET in types or (not types and recognizers is None):
            self.detectors.append(Secrets())
        if special_types() & self.types:
            self.detectors.append(Special(self.types, languages))
        self._corrections = Corrections(corrections)
        if self._corrections.types:
            self.detectors.append(self._corrections)
        if mode != "fast":
            self.detectors.append(Names("everywhere" if mode == "accurate" else "unsure", model))

    def find(self, text: str, *, streaming: bool = False) -> list[Span]:
        """Spans in order, none overlapping another.

        Args:
            text: a whole document; a name found once is found everywhere in it.
            streaming: what a stream finds: names only after they were found first.
        """
        return self._settled(text, [each.find(text) for each in self.detectors], streaming)

    def find_all(self, texts: Sequence[str], *, streaming: bool = False) -> list[list[Span]]:
        """What `find` finds in each of many texts; for short ones in a fraction of the time.

        Args:
            texts: documents that have nothing to do with each other.
            streaming: as above.

        Example:
            >>> [len(each) for each in Analyzer("fast").find_all(["mail: jane@example.com", "no mail"])]
            [1, 0]
        """
        made = []
        for at in range(0, len(texts), _TOGETHER):
            some = texts[at : at + _TOGETHER]
            # one detector after the other, not one text after the other: each fills the processor's caches by itself
            found = [
                [[*each] for each in (by.find_all(some) if isinstance(by, (Structured, Names)) else map(by.find, some))]
                for by in self.detectors
            ]
            made += [self._settled(text, spans, streaming) for text, *spans in zip(some, *found, strict=True)]
        return made

    def _settled(self, text: str, found: Iterable[Iterable[Span]], streaming: bool) -> list[Span]:
        wanted = [each for one in found for each in one if self._wanted(each) and self.keeps(text, each)]
        numbers = [each for each in wanted if each.source not in SOURCES and each.type in numbered()]
        if numbers and self.mode != "fast":
            names = [each for each in wanted if each.source in SOURCES]
            wanted = [*(each for each in wanted if each.source not in SOURCES), *beside(text, names, numbers)]
        first = settled(wanted, 0.0)
        if self.mode == "fast":
            return first
        again = [each for each in propagated(text, first, forward=streaming) if self.keeps(text, each)]
        return settled([*first, *again], 0.0) if again else first

    def keeps(self, text: str, span: Span) -> bool:
        """Whether no correction says that a span is nobody's."""
        return not self._corrections.lets_go(text, span)

    def _wanted(self, span: Span) -> bool:
        least = self.names.get(span.type, self.names["LOCATION"]) if span.source in SOURCES else self.threshold
        asked = not self.types or span.type in self.types or span.source == CORRECTED
        return asked and span.score >= least
