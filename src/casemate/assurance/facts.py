"""What a ledger shows by itself: that the plan came first, that the chain verifies, what was loaded.

These facts are counts over the ledger, not samples, so they carry no interval. The control map asks for them by kind
like for any other evidence.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from casemate.assurance import wording
from casemate.assurance.judging import Judgment
from casemate.assurance.kinds import covers
from casemate.assurance.view import LOAD, MEASUREMENT, TRIAL, LedgerView, Measured, Record
from casemate.core.declarations import AssessmentSpec, MetricSpec
from casemate.core.findings import Rule, Severity
from casemate.core.measurement import Direction, Measurement
from casemate.core.policy import Policy, Verdict
from casemate.core.threat import Access, ThreatModel

NOBODY = ThreatModel(goal="rewrite the record of the audit", knowledge=("the audit folder",), access=Access.LABELS)


def _spec(kind: str, title: str, rule: str, *metrics: tuple[str, str, Direction, str]) -> AssessmentSpec:
    return AssessmentSpec(
        id="record." + kind.partition("/")[2],
        title=title,
        kinds=(kind,),
        metrics=tuple(MetricSpec(name=n, unit=u, direction=d, doc=doc) for n, u, d, doc in metrics),
        access=Access.LABELS,
        factory="casemate.assurance.facts:derive",
        rule=Rule(
            id=rule,
            title=title,
            severity=Severity.HIGH,
            why="Evidence that cannot be dated, checked or repeated is not evidence.",
            how="Counted over the verified ledger.",
            fix="Run the audit again from its configuration; do not edit the audit folder.",
        ),
    )


FACTS: tuple[AssessmentSpec, ...] = (
    _spec(
        "plan/order",
        "Plan and tolerances were recorded before the first trial",
        "CM-REC-001",
        ("plan_precedes_trials", "proportion", "higher", "share of trials and measurements that come after the plan"),
        ("tolerances_in_plan", "proportion", "higher", "the judged policy is the planned one"),
    ),
    _spec(
        "plan/method",
        "Every measurement says how it was made",
        "CM-REC-002",
        ("method_recorded", "proportion", "higher", "share of measurements with subject digest, seed and method"),
    ),
    _spec(
        "ledger/chain",
        "The ledger is signed and verifies",
        "CM-REC-003",
        ("chain_verified", "proportion", "higher", "signatures and Merkle root verify"),
        ("signed", "proportion", "higher", "share of records with a signer"),
        ("dated", "proportion", "higher", "share of records with a time"),
    ),
    _spec(
        "policy/tolerances",
        "Tolerances were set, judged and met",
        "CM-REC-006",
        ("tolerances_met", "proportion", "higher", "share of tolerances met by the system as it is"),
        ("tolerances_met_defended", "proportion", "higher", "share met by the system or by one of its defenses"),
        ("tolerances_judged", "proportion", "higher", "share of tolerances that some evidence speaks of"),
        ("attacks_with_tolerance", "proportion", "higher", "share of measured attack kinds that have a tolerance"),
    ),
    _spec(
        "plan/coverage",
        "Several families of attack were run",
        "CM-REC-007",
        ("attack_families", "families", "higher", "families of attack with at least one measurement"),
    ),
    _spec(
        "ledger/environment",
        "The environment of the run is recorded",
        "CM-REC-004",
        ("environment_recorded", "proportion", "higher", "the plan names the environment"),
    ),
    _spec(
        "supply/model-scan",
        "Model files were scanned before they were loaded",
        "CM-REC-005",
        ("unsafe_loads", "files", "lower", "files loaded that were neither clean nor allowed by name"),
    ),
)
"""Declarations of what ``derive`` counts."""


def derive(view: LedgerView, policy: Policy, judgments: Sequence[Judgment] = ()) -> tuple[Measured, ...]:
    """Count the facts of a view.

    Args:
        view: the ledger.
        policy: what it was judged against.
        judgments: the verdicts on its measurements and pairs.

    Returns:
        One measurement for each fact that the ledger speaks of, beside the record that shows it best.
    """
    return (
        *_plan(view, policy),
        *_method(view),
        *_ledger(view),
        *_loads(view),
        *_tolerances(view, policy, judgments),
        *_families(view),
    )


def _plan(view: LedgerView, policy: Policy) -> list[Measured]:
    record, plan = view.plan_record, view.plan
    if record is None or plan is None:
        return []
    first = min((r.index for r in view.records if r.predicate_type == record.predicate_type), default=record.index)
    later = [r for r in view.records if r.predicate_type in (TRIAL, MEASUREMENT)]
    after = sum(r.index > first for r in later)
    facts = [
        _fact(record, "plan/order", "tolerances_in_plan", int(plan.policy == policy), 1),
        _fact(record, "ledger/environment", "environment_recorded", int(bool(plan.environment)), 1),
    ]
    return [_fact(record, "plan/order", "plan_precedes_trials", after, len(later)), *facts] if later else facts


def _method(view: LedgerView) -> list[Measured]:
    if not view.measured:
        return []
    told = sum(bool(x.record.subjects and x.measurement.method) for x in view.measured)
    return [_fact(view.measured[-1].record, "plan/method", "method_recorded", told, len(view.measured))]


def _ledger(view: LedgerView) -> list[Measured]:
    if not view.records:
        return []
    last, signed = view.records[-1], sum(bool(r.signer) for r in view.records)
    dated = sum(r.time is not None for r in view.records)
    return [
        _fact(last, "ledger/chain", "chain_verified", int(view.verified), 1),
        _fact(last, "ledger/chain", "signed", signed, len(view.records)),
        _fact(last, "ledger/chain", "dated", dated, len(view.records)),
    ]


def _loads(view: LedgerView) -> list[Measured]:
    loads = [r for r in view.records if r.predicate_type == LOAD]
    if not loads:
        return []
    unsafe = sum(r.predicate.get("verdict") != "clean" and not r.predicate.get("allowed") for r in loads)
    return [_fact(loads[-1], "supply/model-scan", "unsafe_loads", unsafe, len(loads), unit="files")]


def _tolerances(view: LedgerView, policy: Policy, judgments: Sequence[Judgment]) -> list[Measured]:
    """Shares of tolerances; the bounds are what it would be if every undecided one failed, and if none did."""
    if not policy.tolerances or not view.records:
        return []
    pairs = {x.record.index for x in view.paired}
    bare, defended = [], []
    for tolerance in policy.tolerances:
        own = [j for j in judgments if j.tolerance == tolerance and j.record is not None]
        plain = {j.verdict for j in own if j.record not in pairs}
        cured = {j.verdict for j in own if j.record in pairs}
        bare.append(_all(plain))
        defended.append(Verdict.PASS if Verdict.PASS in cured else _all(plain or cured))
    judged = sum(any(j.tolerance == t and j.record is not None for j in judgments) for t in policy.tolerances)
    attacked = {x.measurement.kind for x in view.measured if x.measurement.kind.startswith("attack/")}
    limited = sum(any(covers(t.kind, kind) for t in policy.tolerances) for kind in attacked)
    last = view.records[-1]
    return [
        _shares(last, "tolerances_met", bare),
        _shares(last, "tolerances_met_defended", defended),
        _fact(last, "policy/tolerances", "tolerances_judged", judged, len(policy.tolerances)),
        *([_fact(last, "policy/tolerances", "attacks_with_tolerance", limited, len(attacked))] if attacked else ()),
    ]


def _all(verdicts: set[Verdict]) -> Verdict:
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.INCONCLUSIVE


def _shares(record: Record, metric: str, verdicts: list[Verdict]) -> Measured:
    n, met = len(verdicts), verdicts.count(Verdict.PASS)
    fact = _fact(record, "policy/tolerances", metric, met, n)
    at_best = (n - verdicts.count(Verdict.FAIL)) / n
    return Measured(
        record,
        msgspec.structs.replace(fact.measurement, low=met / n, high=at_best, method=wording.BOUNDED),
    )


def _families(view: LedgerView) -> list[Measured]:
    kinds = (x.measurement.kind for x in view.measured)
    families = {kind.split("/")[1] for kind in kinds if kind.startswith("attack/")}
    if not families:
        return []
    count = len(families)
    return [_fact(view.measured[-1].record, "plan/coverage", "attack_families", count, count, unit="families")]


def _fact(record: Record, kind: str, metric: str, k: int, n: int, *, unit: str = "proportion") -> Measured:
    return Measured(
        record,
        Measurement(
            assessment="record." + kind.partition("/")[2],
            kind=kind,
            metric=metric,
            subject="the ledger",
            estimate=k / n if unit == "proportion" else float(k),
            low=None,
            high=None,
            n=n,
            k=k,
            unit=unit,
            direction="lower" if unit == "files" else "higher",
            method=wording.COUNTED,
            note=next(x.doc for spec in FACTS if kind in spec.kinds for x in spec.metrics if x.name == metric),
            threat_model=NOBODY,
            seed=0,
        ),
    )
