"""Judging one figure for one atom of a control query."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from casemate.assurance import wording
from casemate.assurance.catalog import CHANGES
from casemate.assurance.figures import Figure
from casemate.assurance.grammar import Atom, Conditions, Op, PolicyRef
from casemate.assurance.judging import matches, metric_spec
from casemate.assurance.kinds import covers
from casemate.assurance.verdicts import improvement
from casemate.assurance.view import LedgerView
from casemate.core.declarations import AssessmentSpec, DefenseSpec
from casemate.core.policy import Policy, Tolerance, Verdict

CLOSE = 1e-9
"""Counted shares are compared for equality up to this."""


ASKED: dict[Op, str] = {"<=": "at most", ">=": "at least", "==": "exactly", "<": "less than", ">": "more than"}
"""The comparisons in words."""


class Weighed(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A figure, its verdict for one atom, and the sentence that says so."""

    figure: Figure
    verdict: Verdict
    reason: str


class Scales(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a figure is weighed against."""

    view: LedgerView
    policy: Policy
    assessments: tuple[AssessmentSpec, ...]
    defenses: tuple[DefenseSpec, ...]

    def weigh(self, atom: Atom, conditions: Conditions, found: Sequence[Figure]) -> list[Weighed]:
        """Judge the figures of one atom. Where the policy limits only some points of a curve, only those count."""
        limits = [(figure, self._limits(atom, figure)) for figure in found]
        set_ = [(figure, values) for figure, values in limits if values]
        if not set_:
            name = atom.limit.name if isinstance(atom.limit, PolicyRef) else ""
            what = f"tolerance named {name!r}" if name else f"tolerance for {wording.words(atom.metric)}"
            reason = f"The policy sets no {what}, so a person has to say how much is accepted."
            return [Weighed(figure=figure, verdict=Verdict.HUMAN, reason=reason) for figure in found]
        return [self._one(atom, conditions, figure, op, limit) for figure, values in set_ for op, limit in values]

    def skipped(self, kinds: Sequence[str]) -> str:
        """Why the assessments that produce these kinds could not run, or ""."""
        return next(
            (
                f"{spec.id} could not run: {reason}"
                for spec in self.assessments
                if (reason := self.view.not_run(spec.id)) and any(covers(k, own) for k in kinds for own in spec.kinds)
            ),
            "",
        )

    def _limits(self, atom: Atom, figure: Figure) -> list[tuple[Op, float]]:
        if not isinstance(atom.limit, PolicyRef):
            return [(atom.op, atom.limit)]
        if atom.limit.name:
            value = self._named(atom.limit.name)
            return [] if value is None else [(atom.op, value)]
        fitting = [t for t in self.policy.tolerances if matches(t, figure.source.measurement)]
        return [_bound(t) for t in fitting]

    def _named(self, name: str) -> float | None:
        for tolerance in self.policy.tolerances:
            if tolerance.name == name:
                return _bound(tolerance)[1]
        return self.policy.values.get(name)

    def _one(self, atom: Atom, conditions: Conditions, figure: Figure, op: Op, limit: float) -> Weighed:
        unit = figure.unit
        asked = (
            "all"
            if figure.source.fact and limit == 1 and op in ("==", ">=")
            else f"{ASKED[op]} {wording.figure(limit, unit)}"
        )
        said = f"{wording.sentence(_described(atom, figure))[:-1]}; asked: {asked}"
        if figure.source.fact and figure.source.measurement.n == 1:
            said = said.partition(";")[0]
        for verdict, why in self._objections(atom, conditions, figure):
            return Weighed(figure=figure, verdict=verdict, reason=f"{said}. {wording.sentence(why)}")
        verdict = hold(op, limit, figure, on_estimate=atom.field == "est")
        pair = figure.source.pair
        if pair is not None and not figure.cost:
            known = next((d.known_false for d in self.defenses if d.id == pair.defense), "")
            why = wording.sentence(f"Known to be no defense: {known}")
            if known and not (verdict is Verdict.PASS and improvement(pair)[0]):
                return Weighed(figure=figure, verdict=Verdict.FAIL, reason=f"{said}. {why}")
            if verdict is Verdict.PASS and not pair.adaptive:
                why = "The attack run again does not know the defense, so this cannot pass."
                return Weighed(figure=figure, verdict=Verdict.INCONCLUSIVE, reason=f"{said}. {why}")
        return Weighed(figure=figure, verdict=verdict, reason=f"{said}.")

    def _objections(self, atom: Atom, conditions: Conditions, figure: Figure) -> Iterator[tuple[Verdict, str]]:
        """What keeps the figure from being compared at all, gravest first."""
        m, record = figure.source.measurement, figure.source.record
        if figure.source.stale:
            yield Verdict.STALE, figure.source.stale
        if conditions.age_days is not None and not figure.source.fact:
            if record.time is None:
                yield Verdict.STALE, "the ledger does not say when this was measured"
            elif (age := (self.view.now - record.time).total_seconds() / 86400) > conditions.age_days:
                yield Verdict.STALE, f"this is {age:.0f} days old, and at most {conditions.age_days} are accepted"
        spec = metric_spec(self.assessments, m)
        least = max(self._least_n(conditions), spec.least_n if spec else 0)
        if least and not figure.cost and (m.n is None or m.n < least):
            n = "no count" if m.n is None else f"{m.n:,} trials"
            yield Verdict.INCONCLUSIVE, f"the claim needs {least:,} trials and rests on {n}"
        if isinstance(conditions.least_n, PolicyRef) and conditions.least_n.name not in self.policy.values:
            yield Verdict.HUMAN, f"the policy does not say how many trials {conditions.least_n.name!r} are"
        if atom.field.endswith(("lo95", "hi95")):
            if figure.low is None or figure.high is None:
                yield Verdict.INCONCLUSIVE, "the control asks for a bound, and the figure has no interval"
            elif m.confidence < 0.95 - CLOSE:
                yield Verdict.INCONCLUSIVE, "the control asks for a 95 % bound, and the interval covers less"

    def _least_n(self, conditions: Conditions) -> int:
        least = conditions.least_n
        return least if isinstance(least, int) else int(self.policy.values.get(least.name, 0)) if least else 0


def hold(op: Op, limit: float, figure: Figure, *, on_estimate: bool = False) -> Verdict:
    """PASS, FAIL or INCONCLUSIVE of a comparison, decided on the interval unless the estimate is asked for.

    Equality is a statement about counts, so it is always decided on the estimate.
    """
    if on_estimate or op == "==":
        low = high = figure.estimate
    else:
        low = figure.estimate if figure.low is None else figure.low
        high = figure.estimate if figure.high is None else figure.high
    if not all(map(math.isfinite, (figure.estimate, low, high))):
        return Verdict.INCONCLUSIVE
    equal = abs(figure.estimate - limit) <= CLOSE
    inside, outside = {
        "<=": (high <= limit, low > limit),
        "<": (high < limit, low >= limit),
        ">=": (low >= limit, high < limit),
        ">": (low > limit, high <= limit),
        "==": (equal, not equal),
    }[op]
    return Verdict.PASS if inside else Verdict.FAIL if outside else Verdict.INCONCLUSIVE


def _bound(tolerance: Tolerance) -> tuple[Op, float]:
    if tolerance.at_most is not None:
        return "<=", tolerance.at_most
    return ">=", float(tolerance.at_least or 0.0)


def _described(atom: Atom, figure: Figure) -> str:
    m, pair = figure.source.measurement, figure.source.pair
    by = f" with {pair.defense}" if pair else ""
    low, high = (figure.estimate if bound is None else bound for bound in (figure.low, figure.high))
    if figure.cost:
        lost = f"{wording.signed(figure.estimate)} ({wording.signed(low)} to {wording.signed(high)})"
        return f"{wording.words(atom.metric)} of {m.subject}{by} is {lost}"
    if figure.change:
        return (
            f"{wording.name(m)} of {m.subject} {'improved' if atom.metric in CHANGES else 'changed'}{by} "
            f"by {wording.signed(figure.estimate)} "
            f"({wording.signed(low)} to {wording.signed(high)})"
        )
    if figure.source.fact:
        return f"{m.note}: {wording.counted(m)}"
    return f"{wording.name(m)} of {m.subject}{by} is {wording.counted(m)}"
