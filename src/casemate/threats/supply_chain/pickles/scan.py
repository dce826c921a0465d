"""The scan behind the load guard: bytes in, findings out. Nothing is imported, made or executed.

It is the scan of pickle and joblib files, and stricter where loading is stricter than looking: one stream only, the
bytes of arrays searched as well, and nothing left that is worth a warning.
"""

from __future__ import annotations

from dataclasses import dataclass

from casemate.core.digests import Digest
from casemate.core.findings import Finding, Severity
from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.containers.streams import compression, decompress
from casemate.threats.supply_chain.engine import scan_view
from casemate.threats.supply_chain.pickles.allowlist import AllowList
from casemate.threats.supply_chain.pickles.parse import Walk
from casemate.threats.supply_chain.report import Report, Settings
from casemate.threats.supply_chain.stops import Malformed, Refused
from casemate.threats.supply_chain.verdict import verdict_of
from casemate.threats.supply_chain.view import View

_ZIP = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan found out about a file.

    Attributes:
        digest: of the file's bytes.
        format: "pickle", or the compression around it.
        content: the decompressed bytes that were walked, and the only ones that may be loaded.
        findings: why the file must not be loaded; empty if it may.
        unreadable: why the file cannot be understood, or "".
        imported: the names that loading imports, sorted, as "module:name".
    """

    digest: Digest
    format: str
    content: bytes
    findings: tuple[Finding, ...]
    unreadable: str
    imported: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """clean, suspicious, malicious or unreadable, as in ``casemate.scan/1``."""
        return verdict_of((finding.severity for finding in self.findings), readable=not self.unreadable).value


def scan(data: bytes, allowed: AllowList, *, most: int) -> Scan:
    """Walk a pickle or joblib file, every byte of it.

    A file is clean only if every byte belongs to an opcode, to a declared array or to its padding, every name is
    allowed in its role, and nothing follows the end.

    Args:
        data: the file's bytes.
        allowed: names and roles, from ``casemate.threats.supply_chain.pickles.allowlist``.
        most: bytes that the decompressed content may have.

    Raises:
        MissingPartError: the file is compressed with lz4, which is not installed.
    """
    settings = Settings(allow=allowed, most=most)
    budget = Budget(len(data), most)
    kind = compression(data)
    content, unreadable = data, ""
    report = Report(View(data), settings, budget)
    walk = Walk(report.view, report, thorough=True)
    try:
        if data.startswith(_ZIP):
            raise Malformed("a zip archive is no pickle", 0)
        if kind is not None:
            content, behind = decompress(data, kind, most)
            if behind:
                report.fact("pickle.trailing", f"{behind} bytes follow the {kind} data", len(data) - behind)
            if compression(content) is not None:
                raise Malformed("the content is compressed twice", 0)
            outer, report = report, Report(View(content), settings, Budget(len(content), most))
            report.findings += outer.findings
            walk = Walk(report.view, report, thorough=True)
        walk.stream()
        if walk.left:
            walk.report.fact("pickle.trailing", f"{walk.left} bytes follow the end of the model", walk.at)
        while walk.left:
            walk.another()
    except Refused as stop:
        report.fact(stop.fact, stop.message, stop.offset)
    except Malformed as stop:
        unreadable = f"{stop.message} (byte {stop.offset})"
    if kind is None or content is not data:
        walk.close()
    findings = [finding for finding in report.findings if finding.severity.rank <= Severity.MEDIUM.rank]
    for member in report.members:
        if not isinstance(member, View):  # a pickle's members are windows in it
            continue
        inner = scan_view(member, settings, budget, 1)
        findings += inner.findings
        unreadable = unreadable or inner.unreadable
    if findings and unreadable:
        report.fact("pickle.unreadable", unreadable, 0)
        findings.append(report.findings[-1])
    return Scan(
        digest=Digest.of(data),
        format=kind or "pickle",
        content=content,
        findings=tuple(findings),
        unreadable=unreadable,
        imported=tuple(f"{module}:{name}" for module, name in sorted(walk.policy.imported)),
    )
