"""Verdicts on measurements and pairs: decided on the bound, never on the estimate, with a reason people can read.

The rule for a tolerance ``at_most t`` (Korn and Graubard's reading of an interval as a test): PASS when the whole
interval lies at or below t, FAIL when it lies above t, otherwise INCONCLUSIVE, with the n that would settle it.
``at_least t`` is the mirror image. Without an interval the estimate decides; below the metric's least n nothing does.
"""

from __future__ import annotations

import math

import msgspec

from casemate.assurance import wording
from casemate.assurance.needed import settling_n
from casemate.core.declarations import DefenseSpec, MetricSpec
from casemate.core.measurement import Measurement, Pair
from casemate.core.policy import Tolerance, Verdict


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict, why, and what would settle it.

    Attributes:
        verdict: one of the seven states.
        reason: one or two sentences with the figures filled in.
        needed: the n that would settle an INCONCLUSIVE, or None.
    """

    verdict: Verdict
    reason: str
    needed: int | None = None


def decide(measurement: Measurement, tolerance: Tolerance, spec: MetricSpec | None = None) -> Decision:
    """Judge a measurement against a tolerance.

    Args:
        measurement: what was measured.
        tolerance: how much is accepted.
        spec: the metric's declaration; its ``least_n`` is the smallest n that a claim may rest on.

    Example:
        >>> from casemate.core.threat import Access, ThreatModel
        >>> nobody = ThreatModel(goal="leak", knowledge=(), access=Access.LABELS)
        >>> none_of_50 = Measurement(
        ...     assessment="a.b", kind="attack/leak", metric="leak_rate", subject="m", estimate=0.0, low=0.0,
        ...     high=0.0711, n=50, k=0, method="clopper-pearson", threat_model=nobody, seed=0)
        >>> decision = decide(none_of_50, Tolerance(name="leak", kind="attack/leak", metric="leak_rate", at_most=0.02))
        >>> decision.verdict.value, decision.needed
        ('INCONCLUSIVE', 190)
    """
    m = measurement
    bounds = (m.estimate if m.low is None else m.low, m.estimate if m.high is None else m.high)
    said = f"{wording.sentence(wording.name(m))[:-1]} is {wording.counted(m)}; {_accepted(tolerance, m.unit)}"
    if not all(math.isfinite(x) for x in (m.estimate, *bounds)):
        return Decision(verdict=Verdict.INCONCLUSIVE, reason=f"{said}. A figure that is not finite settles nothing.")
    if spec is not None and m.n is not None and m.n < spec.least_n:
        return Decision(
            verdict=Verdict.INCONCLUSIVE,
            reason=f"{said}. {m.n:,} trials are too few for this metric, which is not claimed from fewer than "
            f"{spec.least_n:,}.{_lost(m)}",
            needed=spec.least_n,
        )
    verdict = compare(*bounds, tolerance)
    if verdict is not Verdict.INCONCLUSIVE:
        inside = "inside" if verdict is Verdict.PASS else "outside"
        whole = "the figure is" if m.low is None or m.high is None else "the whole interval is"
        return Decision(verdict=verdict, reason=f"{said}; {whole} {inside} the tolerance.{_lost(m)}")
    needed = settling_n(m, tolerance)
    hint = " No reasonable number of trials would settle it at this rate."
    if needed is not None:
        hint = f" About {needed:,} trials would settle it, four times in five, if the rate stays the same."
    return Decision(
        verdict=verdict,
        reason=f"{said}, which lies inside the interval.{hint if m.n else ''}{_lost(m)}",
        needed=needed,
    )


def compare(low: float, high: float, tolerance: Tolerance) -> Verdict:
    """The bare rule: PASS, FAIL or INCONCLUSIVE for an interval and a tolerance."""
    if tolerance.at_most is not None:
        inside, outside = high <= tolerance.at_most, low > tolerance.at_most
    else:
        bound = tolerance.at_least if tolerance.at_least is not None else math.inf
        inside, outside = low >= bound, high < bound
    return Verdict.PASS if inside else Verdict.FAIL if outside else Verdict.INCONCLUSIVE


def decide_pair(
    pair: Pair, tolerance: Tolerance | None, spec: MetricSpec | None = None, defense: DefenseSpec | None = None
) -> Decision:
    """Judge a defense by its pair.

    With a tolerance, the attack after the defense has to meet it; without one, the paired difference has to be an
    improvement beyond its interval. Two rules stand above both: without an attack that knew the defense a pair cannot
    pass, and a defense that the field knows to be none fails unless it changed the outcome.
    """
    better, worse = improvement(pair)
    change = (
        f"{wording.name(pair.after)} went from {wording.figure(pair.before.estimate, pair.before.unit)} to "
        f"{wording.figure(pair.after.estimate, pair.after.unit)} "
        f"(difference {wording.signed(pair.difference)}, {wording.confidence(pair.after)} interval "
        f"{wording.signed(pair.low)} to {wording.signed(pair.high)})"
    )
    if tolerance is not None:
        base = decide(pair.after, tolerance, spec)
        verdict, needed = base.verdict, base.needed
        why = f"With the defense: {base.reason}"
    else:
        verdict, needed = (
            (Verdict.PASS if better else Verdict.FAIL if worse else Verdict.INCONCLUSIVE),
            None,
        )
        why = "The difference is " + (
            "an improvement." if better else "a change for the worse." if worse else "not told apart from none."
        )
    lead = wording.sentence(change)
    if defense is not None and defense.known_false and not (better and verdict is Verdict.PASS):
        return Decision(
            verdict=Verdict.FAIL,
            reason=f"{lead} {wording.sentence(f'This is known to be no defense: {defense.known_false}')} "
            "It did not change the outcome.",
        )
    if verdict is Verdict.PASS and not pair.adaptive:
        return Decision(
            verdict=Verdict.INCONCLUSIVE,
            reason=f"{lead} {why} The attack that was run again does not know the defense, "
            "so the pair cannot pass: run the adaptive attack.",
        )
    return Decision(verdict=verdict, reason=f"{lead} {why}", needed=needed)


def improvement(pair: Pair) -> tuple[bool, bool]:
    """Whether the paired interval shows a change for the better, and for the worse, for the model's owner."""
    down, up = pair.high < 0, pair.low > 0
    if pair.after.direction == "higher":
        return up, down
    return (down, up) if pair.after.direction == "lower" else (False, False)


def _accepted(tolerance: Tolerance, unit: str) -> str:
    if tolerance.at_most is not None:
        return f"the policy accepts at most {wording.figure(tolerance.at_most, unit)}"
    return f"the policy asks for at least {wording.figure(tolerance.at_least, unit)}"


def _lost(m: Measurement) -> str:
    parts = []
    if m.errors:
        parts.append(f"{m.errors:,} trials could not be scored")
    if m.refused:
        parts.append(f"{m.refused:,} were refused")
    return f" {wording.sentence(' and '.join(parts))[:-1]}; they are counted in n." if parts else ""
