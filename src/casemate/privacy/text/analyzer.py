"""Everything that finds personal data in a text, put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from casemate.core.errors import UsageError
from casemate.privacy.text.arbiter import settled
from casemate.privacy.text.detector import Detector, Structured
from casemate.privacy.text.recognizer import Recognizer, built_in, chosen
from casemate.privacy.text.secrets import SECRET, Secrets
from casemate.privacy.text.spans import Span

Mode = Literal["fast", "balanced", "accurate"]
"""``fast``: expressions and checksums. ``balanced``: names too, by a linear tagger, and by a transformer where the
tagger is unsure. ``accurate``: the transformer reads everything."""


class Analyzer:
    """Finds personal data and secrets.

    Args:
        mode: how hard to look.
        languages: of the texts, as ISO 639-1 codes; all if none.
        types: that are looked for; all if none.
        recognizers: instead of those that come with casemate; then secrets are looked for only if ``types`` says so.
        threshold: least score of what is told.

    Raises:
        UsageError: there is no such mode.
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
    ) -> None:
        if mode not in get_args(Mode):
            raise UsageError(f"there is no mode {mode!r}", next_step="use fast, balanced or accurate")
        self.mode, self.threshold = mode, threshold
        given = built_in() if recognizers is None else recognizers
        self.detectors: list[Detector] = [Structured(chosen(given, languages, types))]
        if SECRET in types or (not types and recognizers is None):
            self.detectors.append(Secrets())

    def find(self, text: str) -> list[Span]:
        """Spans in order, none overlapping another."""
        return settled((each for one in self.detectors for each in one.find(text)), self.threshold)
