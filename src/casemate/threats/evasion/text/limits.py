"""How much of a text an attacker may change."""

from __future__ import annotations

import math
from dataclasses import dataclass

from casemate.core.errors import UsageError
from casemate.threats.evasion.text.words import STOP_WORDS, Layout


@dataclass(frozen=True)
class Limits:
    """What the changed text must still satisfy to count as an example.

    Attributes:
        words: largest share of words changed, rounded up.
        edits: largest Levenshtein distance to the original in code points, added up over the words.
        similarity: least ``1 - edits / length``.
        protected: words that stay as they are, whatever their case: stop words by default.

    Raises:
        UsageError: a share outside 0 to 1, or a negative distance.
    """

    words: float = 1.0
    edits: int = 30
    similarity: float = 0.0
    protected: frozenset[str] = STOP_WORDS

    def __post_init__(self) -> None:
        if not (0 <= self.words <= 1 and 0 <= self.similarity <= 1 and self.edits >= 0):
            raise UsageError(
                "these limits cannot be used",
                cause="words and similarity are shares between 0 and 1, edits is a count",
                next_step="for example Limits(words=0.25, edits=30)",
            )

    def room(self, layout: Layout) -> Room:
        """The limits as counts for one text."""
        by_length = math.floor((1.0 - self.similarity) * len(layout.text) + 1e-9)
        return Room(math.ceil(self.words * len(layout.spans)), min(self.edits, by_length))


@dataclass(frozen=True)
class Room:
    """What one text leaves: how many words may change, by how many edits in all."""

    words: int
    edits: int
