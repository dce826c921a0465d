"""Every measurement and every pair of a view, judged against the policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from casemate.assurance.kinds import covers
from casemate.assurance.verdicts import Decision, decide, decide_pair
from casemate.assurance.view import LedgerView, Record
from casemate.assurance.wording import axis_value, sentence, words
from casemate.core.declarations import AssessmentSpec, DefenseSpec, MetricSpec
from casemate.core.measurement import Measurement
from casemate.core.policy import Policy, Tolerance, Verdict


class ControlId(msgspec.Struct, frozen=True, order=True):
    """A control, always with its edition: bare ids change meaning between editions."""

    framework: str
    edition: str
    id: str

    def __str__(self) -> str:
        return f"{self.framework}:{self.edition}/{self.id}"


class Judgment(msgspec.Struct, frozen=True, kw_only=True):
    """The predicate of a verdict record.

    Attributes:
        record: index of the measurement or pair judged; None where there is none.
        tolerance: what it was judged against.
        verdict, reason: the answer.
        subject: name of the model or data set.
        control: the control, for control verdicts.
        assessment: the assessment judged, or "".
        needed: the n that would settle an INCONCLUSIVE.
    """

    record: int | None
    tolerance: Tolerance | None
    verdict: Verdict
    reason: str
    subject: str
    control: ControlId | None = None
    assessment: str = ""
    needed: int | None = None


def judge(
    view: LedgerView,
    policy: Policy,
    assessments: Sequence[AssessmentSpec] = (),
    defenses: Sequence[DefenseSpec] = (),
) -> tuple[Judgment, ...]:
    """Judge every measurement that a tolerance speaks of, every pair, and say what is missing.

    Returns:
        In the order of the ledger: measurements and pairs; then tolerances without evidence (NOT_EVIDENCED) and
        assessments that could not run (NOT_APPLICABLE), each with its reason.
    """
    return (*_measurements(view, policy, assessments), *_pairs(view, policy, assessments, defenses),
            *_missing(view, policy), *_skipped(view))  # fmt: skip


def matches(tolerance: Tolerance, measurement: Measurement) -> bool:
    """Whether a tolerance speaks of a measurement: kind, metric, and every coordinate it names."""
    return (
        tolerance.metric == measurement.metric
        and covers(tolerance.kind, measurement.kind)
        and all(same(measurement.at.get(axis), value) for axis, value in tolerance.at.items())
    )


def same(found: float | str | None, wanted: float | str) -> bool:
    """Whether two coordinates are equal; numbers up to rounding in the ninth digit."""
    if isinstance(found, str) or isinstance(wanted, str) or found is None:
        return found == wanted
    return abs(found - wanted) <= 1e-9 * max(abs(found), abs(wanted))


def metric_spec(assessments: Sequence[AssessmentSpec], measurement: Measurement) -> MetricSpec | None:
    """The declaration of a measurement's metric, or None when the registry does not know it."""
    for spec in assessments:
        if spec.id == measurement.assessment:
            return next((metric for metric in spec.metrics if metric.name == measurement.metric), None)
    return None


def _measurements(view: LedgerView, policy: Policy, assessments: Sequence[AssessmentSpec]) -> Iterator[Judgment]:
    for record, m in ((x.record, x.measurement) for x in view.measured):
        spec = metric_spec(assessments, m)
        for tolerance in (t for t in policy.tolerances if matches(t, m)):
            decision = _fresh(view, record) or decide(m, tolerance, spec)
            yield _judgment(record, tolerance, decision, m.subject, m.assessment)


def _pairs(
    view: LedgerView, policy: Policy, assessments: Sequence[AssessmentSpec], defenses: Sequence[DefenseSpec]
) -> Iterator[Judgment]:
    known = {defense.id: defense for defense in defenses}
    for record, pair in ((x.record, x.pair) for x in view.paired):
        spec = metric_spec(assessments, pair.after)
        limits: list[Tolerance | None] = [t for t in policy.tolerances if matches(t, pair.after)]
        for tolerance in limits or [None]:
            decision = _fresh(view, record) or decide_pair(pair, tolerance, spec, known.get(pair.defense))
            yield _judgment(record, tolerance, decision, pair.after.subject, pair.after.assessment)


def _missing(view: LedgerView, policy: Policy) -> Iterator[Judgment]:
    seen = [x.measurement for x in view.measured] + [x.pair.after for x in view.paired]
    for tolerance in policy.tolerances:
        if not any(matches(tolerance, m) for m in seen):
            at = "".join(f" at {axis} {axis_value(axis, value)}" for axis, value in tolerance.at.items())
            yield Judgment(
                record=None,
                tolerance=tolerance,
                verdict=Verdict.NOT_EVIDENCED,
                reason=f"The policy limits {words(tolerance.metric)}{at} of {tolerance.kind}, and nothing measured it.",
                subject="",
            )


def _skipped(view: LedgerView) -> Iterator[Judgment]:
    for assessment, reason in sorted(view.skipped.items()):
        yield Judgment(
            record=None,
            tolerance=None,
            verdict=Verdict.NOT_APPLICABLE,
            reason=sentence(reason),
            subject="",
            assessment=assessment,
        )


def _fresh(view: LedgerView, record: Record) -> Decision | None:
    stale = view.stale(record)
    return Decision(verdict=Verdict.STALE, reason=f"This evidence is out of date: {stale}.") if stale else None


def _judgment(
    record: Record, tolerance: Tolerance | None, decision: Decision, subject: str, assessment: str
) -> Judgment:
    return Judgment(
        record=record.index,
        tolerance=tolerance,
        verdict=decision.verdict,
        reason=decision.reason,
        subject=subject,
        assessment=assessment,
        needed=decision.needed,
    )
