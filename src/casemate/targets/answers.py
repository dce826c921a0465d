"""What a target tells those who ask: all scores, rounded scores, or only the best label."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from casemate.core.threat import Access

Scores = npt.NDArray[np.float64]


class AnswerPolicy(msgspec.Struct, frozen=True, tag_field="policy"):
    """How answers are changed before they leave. ``repr`` rebuilds it.

    Attributes:
        digits: decimal digits that scores are rounded to; None leaves them exact.
        top_one: only the best label leaves, never a score.
    """

    digits: int | None = None
    top_one: bool = False

    @property
    def name(self) -> str:
        """What tables and curves call it."""
        if self.top_one:
            return "top-1"
        return "scores" if self.digits is None else f"rounded-{self.digits}"

    @property
    def access(self) -> Access:
        """The most that this policy gives to those who ask."""
        return Access.LABELS if self.top_one else Access.SCORES

    def apply(self, scores: Scores) -> Scores:
        """Change (n, classes) scores into what leaves."""
        return scores if self.digits is None else np.round(scores, self.digits)


FULL = AnswerPolicy()
TOP_ONE = AnswerPolicy(top_one=True)
