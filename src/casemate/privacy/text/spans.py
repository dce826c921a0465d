"""What is found in a text: where, of what type, how surely, and why."""

from __future__ import annotations

from typing import Final

import msgspec

KINDS: Final = ("direct", "quasi", "special", "secret")
"""Names a person; narrows down who it is; GDPR article 9; opens something."""


class Span(msgspec.Struct, frozen=True, gc=False):
    """A stretch of a text.

    Attributes:
        start, end: code points in the text as it was given.
        type: "EMAIL_ADDRESS" and so on; see `casemate.privacy.text.types`.
        score: probability that it is one.
        source: id of the recognizer or model that found it.
        why: what spoke for it, for people: "checksum holds", "near 'phone'".
    """

    start: int
    end: int
    type: str
    score: float
    source: str
    why: tuple[str, ...] = ()

    def moved(self, by: int) -> Span:
        """The same in a text of which this one is a part that begins at ``by``."""
        return Span(self.start + by, self.end + by, self.type, self.score, self.source, self.why)


class Reach(msgspec.Struct, frozen=True):
    """How far a detector looks: whether it finds a span depends on nothing farther away.

    Attributes:
        before: code points before the span.
        most: code points of the span itself.
        after: code points after it.
    """

    before: int
    most: int
    after: int

    def __or__(self, other: Reach) -> Reach:
        return Reach(max(self.before, other.before), max(self.most, other.most), max(self.after, other.after))
