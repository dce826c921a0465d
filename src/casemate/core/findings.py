"""Rules and findings: what scan, audit, SARIF and ``casemate explain`` share."""

from __future__ import annotations

import enum

import msgspec


class Severity(enum.StrEnum):
    """How bad a finding is, worst first when sorted by ``rank``."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One thing casemate can find, with all that ``casemate explain RULE`` prints.

    Attributes:
        id: stable id, for example "CM-INV-001".
        title: what it means, in one line.
        severity: the usual severity.
        why: why it matters.
        how: how it is measured.
        fix: what to do about it.
        references: papers, standards, advisories.
    """

    id: str
    title: str
    severity: Severity
    why: str
    how: str
    fix: str
    references: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing found at one place.

    Attributes:
        rule: id of the rule.
        severity: the rule's, at the time.
        message: what was seen, never the contents of anything.
        location: file, member, offset or line, for a person.
        logical: a place that survives moved bytes and lines (a member, a tensor, a key path); fingerprints use it.
    """

    rule: str
    severity: Severity
    message: str
    location: str = ""
    logical: str = ""
