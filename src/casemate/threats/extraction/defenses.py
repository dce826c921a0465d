"""Defenses that change what the target tells. Neither grades itself: the attacks that know the policy do."""

from __future__ import annotations

from dataclasses import dataclass

from casemate.core.errors import UsageError
from casemate.core.policy import Policy
from casemate.targets.answers import TOP_ONE, AnswerPolicy
from casemate.threats.extraction import declarations
from casemate.training.engagement import Engagement, Proposal

_SPECS = {spec.id: spec for spec in declarations.DEFENSES}


@dataclass(frozen=True)
class TopOne:
    """Answer with the best label only; scores never leave."""

    spec = _SPECS[declarations.TOP_ONE]

    def applies(self, engagement: Engagement) -> str:
        """Why this defense cannot be applied here, or ""."""
        return "" if engagement.target.gives_scores else "the model already answers with labels only"

    def propose(self, engagement: Engagement, policy: Policy) -> Proposal:
        """The same model behind a label-only answer policy. It promises no figure."""
        return _answering(engagement, TOP_ONE, self.spec.id, "Labels leave, scores do not; the model is unchanged.")


@dataclass(frozen=True)
class Rounding:
    """Round scores to ``digits`` decimals. Known to be no defense; offered so that this can be shown.

    Attributes:
        digits: decimals kept.
    """

    digits: int = 2

    spec = _SPECS[declarations.ROUNDING]

    def __post_init__(self) -> None:
        if not 0 < self.digits < 16:
            raise UsageError(f"scores cannot be rounded to {self.digits} digits", next_step="use 1 to 15")

    def applies(self, engagement: Engagement) -> str:
        """Why this defense cannot be applied here, or ""."""
        if not engagement.target.gives_scores:
            return "the model answers with labels only; there are no scores to round"
        now = engagement.target.answers.digits
        return f"scores are already rounded to {now} digits" if now is not None and now <= self.digits else ""

    def propose(self, engagement: Engagement, policy: Policy) -> Proposal:
        """The same model behind a rounding answer policy. It promises no figure."""
        return _answering(engagement, AnswerPolicy(digits=self.digits), self.spec.id, self.spec.known_false)


def _answering(engagement: Engagement, answers: AnswerPolicy, defense: str, note: str) -> Proposal:
    changed = engagement.changed(target=engagement.target.answering(answers), defense=defense)
    return Proposal(changed, settings={"answers": answers.name}, note=note)
