"""Signs of masking, what they mean, and the verdict over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from casemate.stats.proportions import clopper_pearson

if TYPE_CHECKING:
    from torch import Tensor

Trusted = Literal["ATTACKED", "MASKED"]


@dataclass(frozen=True)
class Sign:
    """One indicator.

    Attributes:
        name: short, one of `WORDS`.
        value: what was measured.
        limit: above it the sign is raised.
        raised: whether it is.
    """

    name: str
    value: float
    limit: float
    raised: bool

    @property
    def meaning(self) -> str:
        """What it would mean, in a sentence."""
        return WORDS[self.name][0]

    @property
    def remedy(self) -> str:
        """What sees through it."""
        return WORDS[self.name][1]


@dataclass(frozen=True)
class Trust:
    """Whether attacks on a target can be believed.

    Attributes:
        verdict: MASKED if any sign is raised, else ATTACKED. MASKED is never a pass.
        signs: all that were looked for.
        correct: (n,) classified rightly without an attack.
        robust: (n,) left by all attacks together.
        evidence: robust accuracy under each attack, by name; of those that only look at what the ones before them
            left, under all so far.
        seconds: CPU time.
    """

    verdict: Trusted
    signs: tuple[Sign, ...]
    correct: Tensor
    robust: Tensor
    evidence: dict[str, float]
    seconds: float

    @property
    def estimate(self) -> float:
        """Robust accuracy, the least over all evidence."""
        return int(self.robust.sum()) / len(self.robust)

    @property
    def causes(self) -> tuple[str, ...]:
        """What the raised signs mean."""
        return tuple(sign.meaning for sign in self.signs if sign.raised)

    def __str__(self) -> str:
        interval = clopper_pearson(int(self.robust.sum()), len(self.robust))
        why = "; ".join(self.causes) or "no sign of masking"
        return f"{self.verdict}: at most {interval.high:.1%} robust ({self.estimate:.1%} measured); {why}"


WORDS: Final = {
    "randomness": (
        "the model answers at random, and an attack that does not average is led astray",
        "expectation over the model's draws",
    ),
    "blind gradients": (
        "gradients vanish or do not exist, though the answer depends on the input",
        "attacks by scores, or a differentiable stand-in for the layer that cuts them (BPDA)",
    ),
    "finite differences": (
        "the gradient does not say where the answer changes",
        "gradients averaged over a neighborhood, attacks by scores",
    ),
    "one step": (
        "one step breaks what many steps do not, so the many are led astray",
        "more starts, smaller steps, attacks by scores",
    ),
    "other loss": (
        "the gradient of cross-entropy has died where the margin's has not: its logits are scaled up",
        "the difference of logits ratio",
    ),
    "losses": (
        "cross-entropy leaves much that other losses break, so what one loss leaves is no evidence",
        "targeted losses, one for each class",
    ),
    "detour": (
        "the scores fall on the straight way to examples that exist, so whoever follows scores is led away",
        "attacks that look for the boundary and not for a greater loss (FAB), targeted losses",
    ),
    "foreign starts": (
        "walks that begin at other inputs arrive where no walk from the input itself did",
        "starts from inputs of other classes",
    ),
    "leaps": (
        "the answer jumps, and the slopes on this side of the jump say nothing of the other",
        "steps as long as the radius, attacks on each part by itself",
    ),
    "score attack": ("an attack that sees scores only breaks what gradients do not", "attacks by scores"),
    "whole box": (
        "even without a bound the attack does not succeed, so it does not work",
        "another loss, attacks by scores",
    ),
}
"""Of each sign: what it means, and what sees through it."""
