"""From findings and coverage to one of four words."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from casemate.core.findings import Severity


class Verdict(enum.StrEnum):
    """What a scan says of a file (``casemate.scan/1``)."""

    CLEAN = "clean"
    SUSPICIOUS = "suspicious"
    MALICIOUS = "malicious"
    UNREADABLE = "unreadable"


def verdict_of(severities: Iterable[Severity], *, readable: bool) -> Verdict:
    """``malicious`` for a critical finding, ``suspicious`` for a high or medium one; else ``unreadable`` or ``clean``.

    Low and informative findings leave a file clean. What cannot be read is never clean.
    """
    worst = min((severity.rank for severity in severities), default=Severity.INFO.rank)
    if worst <= Severity.CRITICAL.rank:
        return Verdict.MALICIOUS
    if worst <= Severity.MEDIUM.rank:
        return Verdict.SUSPICIOUS
    return Verdict.CLEAN if readable else Verdict.UNREADABLE
