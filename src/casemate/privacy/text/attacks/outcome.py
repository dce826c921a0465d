"""What came of an attack on redacted documents, beside the same attack where nothing stood in its way."""

from __future__ import annotations

from dataclasses import dataclass, field

from casemate.core.threat import Access, ThreatModel
from casemate.privacy.text.leaks import Count


@dataclass(frozen=True)
class Attacked:
    """One attack, before and after.

    Attributes:
        attack: which.
        goal: of the attacker.
        knows: what the attacker knows besides the result, one phrase each.
        against: what ``before`` is about: the attack has to succeed there, or it proves nothing.
        before, after: successes and trials; trials in one group succeed or fail together.
        note: for people.
        skipped: why it could not be tried, or "".
    """

    attack: str
    goal: str
    knows: tuple[str, ...]
    against: str
    before: Count = field(default_factory=Count)
    after: Count = field(default_factory=Count)
    note: str = ""
    skipped: str = ""

    @property
    def threat_model(self) -> ThreatModel:
        """The adversary; how redaction works is no secret to it."""
        return ThreatModel(goal=self.goal, knowledge=(*self.knows, "how texts were redacted"), access=Access.LABELS,
                           queries=0)  # fmt: skip
