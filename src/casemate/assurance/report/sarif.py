"""SARIF 2.1.0 (OASIS, 2020): one result for each verdict that is not a pass, for code-scanning services.

A model is not a line of source code: the artifact is the model, and the place is a logical location (assessment and
point), never an invented line. Fingerprints depend on what was judged, not on the figures, so that a finding keeps its
history from run to run.
"""

from __future__ import annotations

from typing import Any

from casemate.assurance.dossier import Dossier
from casemate.assurance.judging import Judgment
from casemate.core.digests import Digest
from casemate.core.findings import Rule, Severity
from casemate.core.measurement import Measurement
from casemate.core.policy import Verdict
from casemate.core.sarif import LEVELS, log, uri

KINDS = {Verdict.FAIL: "fail", Verdict.INCONCLUSIVE: "open", Verdict.STALE: "review", Verdict.HUMAN: "review"}
"""Verdicts that become results; passes and what was not measured do not."""

UNKNOWN = Rule(
    id="CM-GEN-000",
    title="A tolerance is not met",
    severity=Severity.MEDIUM,
    why="The policy limits this figure.",
    how="See the evidence record.",
    fix="See the report.",
)


def sarif(dossier: Dossier) -> bytes:
    """The SARIF log of a dossier."""
    by_record = {x.record.index: x.measurement for x in dossier.view.measured}
    by_record |= {x.record.index: x.pair.after for x in dossier.view.paired}
    found = [j for j in dossier.worst_first if j.verdict in KINDS and j.control is None]
    rules: dict[str, Rule] = {}
    for judgment in found:
        rule = dossier.rule(judgment.assessment) or UNKNOWN
        rules.setdefault(rule.id, rule)
    order = {id: index for index, id in enumerate(sorted(rules))}
    subjects = sorted(dossier.view.current.items())
    artifacts = [
        {"location": {"uri": _uri(name)}, "hashes": {"sha-256": digest}, "roles": ["analysisTarget"]}
        for name, digest in subjects
    ]
    names = [name for name, _ in subjects]
    results = [
        _result(dossier, j, by_record.get(j.record) if j.record is not None else None, order, names) for j in found
    ]
    version = dossier.view.plan.casemate if dossier.view.plan else ""
    return log(version, [rules[id] for id in order], artifacts, results)


def _result(
    dossier: Dossier, judgment: Judgment, measurement: Measurement | None, order: dict[str, int], subjects: list[str]
) -> dict[str, Any]:
    rule = dossier.rule(judgment.assessment) or UNKNOWN
    failed = judgment.verdict is Verdict.FAIL
    place = _place(judgment, measurement)
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": place, "name": judgment.assessment, "kind": "module"}]
    }
    if judgment.subject in subjects:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": _uri(judgment.subject), "index": subjects.index(judgment.subject)}
        }
    result: dict[str, Any] = {
        "ruleId": rule.id,
        "ruleIndex": order[rule.id],
        "kind": KINDS[judgment.verdict],
        "level": LEVELS[rule.severity][0] if failed else "none",
        "message": {"text": judgment.reason},
        "locations": [location],
        "partialFingerprints": {"casemate/v1": Digest.of(f"{rule.id}\n{place}".encode()).hex},
        "properties": {"verdict": judgment.verdict.value},
    }
    if judgment.record is not None:
        result["properties"]["record"] = judgment.record
    return result


def _place(judgment: Judgment, measurement: Measurement | None) -> str:
    """What was judged, without figures: subject, assessment, metric, point and tolerance."""
    tolerance = judgment.tolerance.name if judgment.tolerance else ""
    if measurement is None:
        return "/".join((judgment.subject, judgment.assessment, tolerance))
    at = ",".join(f"{axis}={value}" for axis, value in sorted(measurement.at.items()))
    return "/".join((judgment.subject, judgment.assessment, f"{measurement.metric}@{at}", tolerance))


def _uri(name: str) -> str:
    """A relative URI reference for a subject's name."""
    return uri(name) or "model"
