"""Secrets among personal data: the patterns of `casemate.patterns`, which know keys, tokens and passwords.

A text has no file's name, so patterns for some files look everywhere, and no neighbours: each match stands for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from casemate.patterns.engine import GROWS, LINE, Match, Scanner, secrets_scanner
from casemate.privacy.text.detector import parted
from casemate.privacy.text.encoded import Encoded
from casemate.privacy.text.readings import around as as_it_looks
from casemate.privacy.text.spans import Reach, Span

SECRET: Final = "SECRET"  # noqa: S105  # a type is no password
"""The type of all of them; which one it is stands in the span's source."""
PROVEN: Final = 0.999
"""Score of what has a checksum that holds."""
SCORES: Final = {"private-key": 0.99, "provider": 0.95, "connection": 0.9, "bearer": 0.85, "generic": 0.7}
"""Scores by kind of pattern: what tells itself apart before what is told by its name."""
ELSEWHERE: Final = 0.6
"""Score of what is sure only in some files (a password without quotes), in a text of which nobody knows what it is."""
TAIL: Final = 128
"""Bytes of the line that closes a private key."""


class Secrets:
    """Finds what opens something; see `casemate.privacy.text.detector.Detector`.

    Args:
        scanner: instead of the one for the patterns that come with casemate.

    Raises:
        MissingPartError: neither hyperscan nor google-re2 is installed.

    Example:
        >>> from casemate.patterns.samples import sample
        >>> [(each.type, each.source, each.start) for each in Secrets().find(sample("my key: npm_<alnum:36>"))]
        [('SECRET', 'npm-token', 8)]
    """

    def __init__(self, scanner: Scanner | None = None) -> None:
        self._scanner = scanner or secrets_scanner()

    @cached_property
    def reach(self) -> Reach:
        """How far it looks: what a secret is assigned to stands before it, a line may say that it is none.

        A private key grows to its end, or by 16 KiB where it has none.
        """
        most = max((each.most for each in self._scanner.patterns), default=0)
        grows = any(each.until for each in self._scanner.patterns)
        return Reach(most + LINE, most + (GROWS + TAIL if grows else 0), most + LINE)

    def find(self, text: str) -> Iterator[Span]:
        """Spans in the text as it stands, and as it looks where letters are not what they look like."""
        return parted(self._whole, self.reach, text)

    def _whole(self, text: str) -> Iterator[Span]:
        yield from self._plain(text)
        for start, seen in as_it_looks(text):
            for each in self._plain(seen.text):
                first, last = seen.original(each.start, each.end)
                first, last = start + first, start + last
                if last - first <= self.reach.most and text[first:last] != seen.text[each.start : each.end]:
                    yield Span(first, last, each.type, each.score, each.source, (*each.why, "as it reads"))

    def _plain(self, text: str) -> Iterator[Span]:
        given = Encoded(text)
        places = given.points
        for match in self._scanner.judged(given.data):
            if not match.harmless:
                start, stop = match.start, match.stop
                if places is not None:
                    # an end by number of bytes may lie within a letter, which then belongs to the match
                    start, stop = places[start], places[stop - 1] + 1
                why = (match.pattern.title, *(("checksum holds",) if match.proven else ()))
                yield Span(start, stop, SECRET, _score(match), match.pattern.id, why)


def _score(match: Match) -> float:
    if match.proven and "checksum62" in match.pattern.validators:
        return PROVEN
    return ELSEWHERE if match.pattern.files else SCORES.get(match.pattern.kind, ELSEWHERE)
