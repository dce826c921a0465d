"""What came of attacking a guard: both figures always, and advice that sees only one of them."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from casemate.core.measurement import Interval
from casemate.stats.estimate import Estimate
from casemate.stats.paired import mcnemar, paired_difference
from casemate.stats.proportions import clopper_pearson
from casemate.threats.evasion.balls import Ball

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Judged:
    """A guard under attack, by somebody who does not know of it and by somebody who does, on the same n inputs.

    Attributes:
        guard: its name.
        ball: the adversary's reach.
        bare_correct: (n,) the network without the guard is right about the clean input.
        bare_broken: (n,) and an attack of the same strength breaks it.
        correct: (n,) the guarded network is right about the clean input, and does not reject it.
        rejected: (n,) it rejects the clean input.
        naive: (n,) the naive adversary gets a wrong answer that is not rejected; among ``correct``.
        adaptive: (n,) the adaptive one does.
        adversarial: (n, ...) float32 examples of the adaptive one, inputs where it has none.
        by: (n,) what found each.
        random: whether the guard draws anew each time.
        seconds: CPU time.
        notes: what a reader should know.
        confidence: of all intervals.
    """

    guard: str
    ball: Ball
    bare_correct: Tensor
    bare_broken: Tensor
    correct: Tensor
    rejected: Tensor
    naive: Tensor
    adaptive: Tensor
    adversarial: Tensor
    by: tuple[str, ...]
    random: bool
    seconds: float
    notes: tuple[str, ...] = ()
    confidence: float = 0.95

    @property
    def n(self) -> int:
        """Inputs."""
        return len(self.correct)

    @property
    def naive_success(self) -> Estimate:
        """Share of inputs, of those that the guarded network gets right, on which the naive adversary succeeds."""
        return self._share(self.naive)

    @property
    def adaptive_success(self) -> Estimate:
        """The same of the adaptive adversary."""
        return self._share(self.adaptive)

    @property
    def understated(self) -> Estimate:
        """What the naive figure hides: adaptive minus naive success, with its paired interval."""
        first, second = int((self.naive & ~self.adaptive).sum()), int((self.adaptive & ~self.naive).sum())
        return paired_difference(first, second, max(int(self.correct.sum()), 1), self.confidence)

    @property
    def fault(self) -> str:
        """Why the adaptive figure cannot be believed, or "".

        An adversary who knows more cannot be worse. Where the figures say so, the adaptive attack has a bug, and there
        is no evidence for the guard.
        """
        naive, adaptive = int(self.naive.sum()), int(self.adaptive.sum())
        if adaptive >= naive:
            return ""
        return f"the adaptive attack breaks {adaptive} inputs, fewer than the naive one ({naive}): it has a bug"

    @property
    def clean_cost(self) -> Estimate:
        """Change of clean accuracy by the guard, rejected inputs counted as lost; negative is a loss."""
        first = int((self.bare_correct & ~self.correct).sum())
        second = int((self.correct & ~self.bare_correct).sum())
        return paired_difference(first, second, self.n, self.confidence)

    @property
    def gain(self) -> Estimate:
        """Change of robust accuracy by the guard, both sides attacked by those who know what they attack."""
        before, after = self.bare_correct & ~self.bare_broken, self.correct & ~self.adaptive
        return paired_difference(int((before & ~after).sum()), int((after & ~before).sum()), self.n, self.confidence)

    @property
    def p(self) -> float:
        """McNemar's exact p for robust accuracy with and without the guard."""
        before, after = self.bare_correct & ~self.bare_broken, self.correct & ~self.adaptive
        return mcnemar(int((before & ~after).sum()), int((after & ~before).sum()))

    @property
    def rejects(self) -> Interval:
        """Exact interval of the share of clean inputs that are rejected."""
        return clopper_pearson(int(self.rejected.sum()), self.n, self.confidence)

    @property
    def robust_accuracy(self) -> float:
        """Share of all inputs on which the guarded network is right and no attack succeeds."""
        return int((self.correct & ~self.adaptive).sum()) / self.n

    def recommended(self, *, gain: float = 0.0, cost: float = 0.02) -> bool:
        """Whether the guard buys more robust accuracy than ``gain`` beyond doubt, at a clean cost not above ``cost``.

        Decided on the lower bound of the gain under the adaptive attack. The naive figure has no say in it.
        """
        return not self.fault and self.gain.low > gain and -self.clean_cost.value <= cost

    def _share(self, succeeded: Tensor) -> Estimate:
        eligible = int(self.correct.sum())
        if not eligible:
            return Estimate(0.0, Interval(0.0, 1.0, self.confidence, "clopper-pearson"), n=0)
        k = int(succeeded.sum())
        return Estimate(k / eligible, clopper_pearson(k, eligible, self.confidence), n=eligible)

    def __str__(self) -> str:
        naive, adaptive = self.naive_success, self.adaptive_success
        said = (
            f"{self.guard}, {self.ball}: adversaries who know of it succeed on {adaptive.value:.1%} "
            f"[{adaptive.low:.1%}, {adaptive.high:.1%}] of {adaptive.n}; who do not, on {naive.value:.1%} "
            f"[{naive.low:.1%}, {naive.high:.1%}]; robust accuracy changes by {self.gain.value:+.1%} "
            f"[{self.gain.low:+.1%}, {self.gain.high:+.1%}], clean accuracy by {self.clean_cost.value:+.1%}"
        )
        return f"{said}; {self.fault}" if self.fault else said

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>"
