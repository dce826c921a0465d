"""What a scan says of one file: the contract ``casemate.scan/1``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from casemate.core.findings import Finding
from casemate.threats.supply_chain.engine import Outcome
from casemate.threats.supply_chain.report import Claim
from casemate.threats.supply_chain.verdict import Verdict, verdict_of

SCHEMA: Final = "casemate.scan/1"
UNKNOWN: Final = "unknown"
_OFFSET: Final = re.compile(r" ?byte \d+$")
_NUMBERS: Final = re.compile(r"(?:0x)?\d[\d,._]*")


class Located(Finding, frozen=True, kw_only=True):
    """A finding in an artifact.

    Attributes:
        fingerprint: the same for the same finding after bytes or lines have moved.
        ignored: the reason why an entry of the ignore file covers it, or "".
    """

    fingerprint: str = ""
    ignored: str = ""


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """One file that was scanned.

    Attributes:
        path: as given, or below the folder that was given.
        format: the main format, or "unknown".
        sha256: of its bytes; "" if it was not hashed.
        bytes: how many it has.
        verdict: what the findings and the coverage allow, before anything is ignored.
        findings: worst first.
        coverage: share of the bytes, members included, that were understood.
        formats: every format that the bytes are of.
        reason: why some of it is not understood, or "".
        about: descriptions, such as the number of tensors.
        accepted: the reason why the ignore list accepts that it is not understood, or "".
        effective: the verdict that counts for the exit code, with what is ignored left out.
    """

    path: str
    format: str = UNKNOWN
    sha256: str = ""
    bytes: int = 0
    verdict: Verdict = Verdict.UNREADABLE
    findings: tuple[Located, ...] = ()
    coverage: float = 0.0
    formats: tuple[str, ...] = ()
    reason: str = ""
    about: dict[str, Any] = {}
    accepted: str = ""
    effective: Verdict = Verdict.UNREADABLE


class Scanned(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact before its siblings have been heard.

    Attributes:
        artifact: as far as the file alone goes.
        claims: what it says of files beside it.
        unknown: whether no parser knows it and nothing is wrong with it, so that siblings may account for it.
    """

    artifact: Artifact
    claims: tuple[Claim, ...] = ()
    unknown: bool = False


def made(path: str, outcome: Outcome, size: int, sha256: str, trouble: str = "") -> Scanned:
    """The artifact of an outcome; ``trouble`` is why its bytes cannot be trusted, whatever was found."""
    reason = trouble or outcome.unreadable
    artifact = Artifact(
        path=path,
        format=outcome.formats[0] if outcome.formats else UNKNOWN,
        sha256=sha256,
        bytes=size,
        findings=tuple(located(finding) for finding in outcome.findings),
        coverage=outcome.coverage,
        formats=outcome.formats,
        reason=reason,
        about=outcome.about,
    )
    unknown = bool(size and not trouble and not outcome.formats and not outcome.findings)
    return Scanned(artifact=judged(artifact), claims=outcome.claims, unknown=unknown)


def failed(path: str, why: str, size: int = 0) -> Scanned:
    """The artifact of a file that cannot be read."""
    return Scanned(artifact=Artifact(path=path, bytes=size, reason=why))


def judged(artifact: Artifact) -> Artifact:
    """The same, with the verdicts that its findings and its reason allow."""
    readable = not artifact.reason
    verdict = effective = verdict_of((finding.severity for finding in artifact.findings), readable=readable)
    if artifact.accepted or any(finding.ignored for finding in artifact.findings):
        effective = verdict_of(
            (finding.severity for finding in artifact.findings if not finding.ignored),
            readable=readable or bool(artifact.accepted),
        )
    return msgspec.structs.replace(artifact, verdict=verdict, effective=effective)


def with_findings(artifact: Artifact, findings: Iterable[Finding], reason: str = "") -> Artifact:
    """The same with more findings, and with a reason if it had none."""
    every = sorted((*artifact.findings, *map(located, findings)), key=lambda finding: finding.severity.rank)
    return judged(
        msgspec.structs.replace(artifact, findings=tuple(dict.fromkeys(every)), reason=artifact.reason or reason)
    )


def located(finding: Finding) -> Located:
    """The finding with its fingerprint."""
    return Located(
        rule=finding.rule,
        severity=finding.severity,
        message=finding.message,
        location=finding.location,
        logical=finding.logical,
        fingerprint=fingerprint(finding),
    )


def place(finding: Finding) -> str:
    """Where a finding is, without offsets and without the file's own name: members, and the logical place."""
    _, inside, members = _OFFSET.sub("", finding.location).partition("!")
    return "/".join(part for part in (members if inside else "", finding.logical) if part)


def fingerprint(finding: Finding) -> str:
    """The same for two findings that differ only in offsets and counts, and in the path of the file.

    Example:
        >>> from casemate.core.findings import Severity
        >>> one, two = (Finding(rule="R", severity=Severity.LOW, message=f"{n} bytes", location=f"f!m byte {n}")
        ...             for n in (3, 40))
        >>> fingerprint(one) == fingerprint(two)
        True
    """
    words = "\n".join((finding.rule, place(finding), _NUMBERS.sub("#", finding.message)))
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:32]
