"""Findings of the doors that read folders rather than views: the same rules, the same severities."""

from __future__ import annotations

from collections.abc import Iterable

from casemate.core.findings import Finding
from casemate.threats.supply_chain.rules import rule_for
from casemate.threats.supply_chain.verdict import Verdict, verdict_of
from casemate.threats.supply_chain.view import printable


def found(kind: str, message: str, location: str = "", logical: str = "") -> Finding:
    """What the rule for this kind of fact says of it.

    Args:
        kind: "family.name", as in ``Report.fact``.
        message: what was seen, never the contents of anything.
        location: the file, and a line where there are lines.
        logical: a place that survives moved lines.
    """
    rule = rule_for(kind)
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        message=printable(message, 500),
        location=printable(location, 400),
        logical=printable(logical, 400),
    )


def judged(findings: Iterable[Finding], *, readable: bool) -> Verdict:
    """The verdict of ``casemate.scan/1`` for these findings."""
    return verdict_of((finding.severity for finding in findings), readable=readable)
