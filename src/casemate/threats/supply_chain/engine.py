"""Runs the parsers over a view and over all its members, and combines what they say into one outcome.

Termination: a member is scanned once; members are counted and nesting is bounded by the budget; every parser is bounded
by the bytes of its view or by the budget's steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from casemate.core.findings import Finding
from casemate.threats.supply_chain.budget import DEPTH, Budget
from casemate.threats.supply_chain.format import Format
from casemate.threats.supply_chain.identify import candidates
from casemate.threats.supply_chain.report import Claim, Report, Settings, worst
from casemate.threats.supply_chain.stops import Malformed, NotMine, Refused
from casemate.threats.supply_chain.verdict import Verdict, verdict_of
from casemate.threats.supply_chain.view import View


@dataclass(frozen=True)
class Outcome:
    """What is known about one view and everything inside it.

    Attributes:
        formats: every format that accepted the view itself, the main one first; empty if none did.
        findings: of the view and its members.
        unreadable: why some of it cannot be understood, or "".
        covered, size: bytes that were understood and bytes there are, members included.
        claims: bytes of files beside this one that it accounts for.
        about: descriptions of the view itself.
        imported: names that loading it imports, members included, sorted, as "module:name".
    """

    formats: tuple[str, ...]
    findings: tuple[Finding, ...]
    unreadable: str
    covered: int
    size: int
    claims: tuple[Claim, ...] = ()
    about: dict[str, object] = field(default_factory=dict)
    imported: tuple[str, ...] = ()

    @property
    def coverage(self) -> float:
        """Share of bytes understood; 1.0 only if it is all of them."""
        return self.covered / self.size if self.size else 0.0

    @property
    def verdict(self) -> Verdict:
        """The worst that findings and coverage allow."""
        return verdict_of((finding.severity for finding in self.findings), readable=not self.unreadable)


def scan_view(view: View, settings: Settings, budget: Budget | None = None, depth: int = 0) -> Outcome:
    """Scan a view and all its members. Nothing is imported, made or run; every error of a parser becomes a result."""
    budget = Budget(len(view), settings.most) if budget is None else budget
    tried = [_try(each, view, settings, budget) for each in candidates(view)]
    reports = [report for report, _ in tried]
    accepted = [(each, report) for each, (report, reason) in zip(candidates(view), tried, strict=True) if not reason]
    accepted.sort(key=lambda pair: -pair[1].coverage.covered)
    main = accepted[0][1] if accepted else Report(view, settings, budget)
    if len({each.kin for each, _ in accepted}) > 1:
        main.fact("file.polyglot", "is read as " + " and as ".join(each.name for each, _ in accepted))
        reports = reports if main in reports else [*reports, main]
    findings = [finding for report in reports for finding in report.findings]
    covered, size = main.coverage.covered, len(view)
    imported = {name for report in reports for name in report.imported}
    unreadable = _reason(view, main, [reason for _, reason in tried if reason], accepted=bool(accepted))
    for member in _members(reports):
        if depth >= DEPTH:
            main.fact("file.depth", f"archives nest more than {DEPTH} deep")
            findings, unreadable = [*findings, main.findings[-1]], unreadable or "it nests too deep"
            break
        inner = scan_view(member, settings, budget, depth + 1)
        findings += inner.findings
        imported.update(inner.imported)
        covered, size = covered + inner.covered, size + inner.size
        if inner.unreadable:
            unreadable = unreadable or f"{member.where}: {inner.unreadable}"
    return Outcome(
        formats=tuple(each.name for each, _ in accepted),
        findings=tuple(worst(list(dict.fromkeys(findings)))),
        unreadable=unreadable,
        covered=covered,
        size=size,
        claims=tuple(claim for _, report in accepted for claim in report.claims),
        about=main.about,
        imported=tuple(sorted(imported)),
    )


def _try(each: Format, view: View, settings: Settings, budget: Budget) -> tuple[Report, str]:
    """One parser's report, and why it did not accept the view ("" if it did)."""
    report = Report(view, settings, budget)
    try:
        each.parser.parse(view, report)
    except NotMine:
        return Report(view, settings, budget), f"it is not {each.name}"
    except Malformed as stop:
        return report, f"{each.name}: {stop.message} (byte {stop.offset})"
    except Refused as stop:
        report.fact(stop.fact, stop.message, stop.offset)
        return report, f"{each.name}: {stop.message} (byte {stop.offset})"
    return report, ""


def _members(reports: list[Report]) -> list[View]:
    """Every member that any parser saw, once."""
    seen: dict[tuple[int, int, int], View] = {}
    for report in reports:
        for member in report.members:
            seen.setdefault((id(member.data), member.start, member.stop), member)
    return list(seen.values())


def _reason(view: View, main: Report, reasons: list[str], *, accepted: bool) -> str:
    if not len(view):
        return "it is empty"
    if not accepted:
        return next((reason for reason in reasons if not reason.startswith("it is not ")), "its format is not known")
    gaps = main.coverage.gaps()
    if gaps:
        lost = sum(stop - start for start, stop in gaps)
        return f"{lost} bytes belong to nothing that the format declares (first at byte {gaps[0][0]})"
    return ""
