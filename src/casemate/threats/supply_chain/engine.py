"""Runs the parsers over a view and over all its members, and combines what they say into one outcome.

Termination: a member is scanned once; members are counted and nesting is bounded by the budget; every parser is bounded
by the bytes of its view or by the budget's steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from casemate.core.errors import MissingPartError
from casemate.core.findings import Finding
from casemate.threats.supply_chain.budget import DEPTH, Budget
from casemate.threats.supply_chain.claims import Siblings
from casemate.threats.supply_chain.format import Format
from casemate.threats.supply_chain.identify import candidates
from casemate.threats.supply_chain.report import MOST_FINDINGS, Claim, Packed, Report, Settings
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
    if depth and not len(view):
        return Outcome(formats=("empty",), findings=(), unreadable="", covered=0, size=0)
    budget = Budget(len(view), settings.most) if budget is None else budget
    tried = _attempts(view, settings, budget)
    accepted = sorted(
        ((each, report) for each, report, reason in tried if not reason), key=lambda pair: -pair[1].coverage.covered
    )
    main = accepted[0][1] if accepted else Report(view, settings, budget)
    dropped = [report for each, report in accepted[1:] if each.kin != accepted[0][0].kin and _inside(report, main)]
    accepted = [(each, report) for each, report in accepted if not _among(report, dropped)]
    reports = [report for _, report, _ in tried if not _among(report, dropped)] + ([] if accepted else [main])
    if len({each.kin for each, _ in accepted}) > 1:
        main.fact("file.polyglot", "is read as " + " and as ".join(each.name for each, _ in accepted))
    inner = _scan_members(reports, main, settings, budget, depth)
    own = _reason(view, main, [reason for _, _, reason in tried if reason], accepted=bool(accepted))
    findings = [finding for report in reports for finding in report.findings] + inner.findings
    return Outcome(
        formats=tuple(each.name for each, _ in accepted),
        findings=tuple(sorted(dict.fromkeys(findings), key=lambda finding: finding.severity.rank))[:MOST_FINDINGS],
        unreadable=own or inner.unreadable,
        covered=main.coverage.covered + inner.covered,
        size=len(view) + inner.size,
        claims=tuple(claim for _, report in accepted for claim in report.claims),
        about=main.about,
        imported=tuple(sorted(inner.imported.union(*(report.imported for report in reports)))),
    )


def _attempts(view: View, settings: Settings, budget: Budget) -> list[tuple[Format, Report, str]]:
    """Every parser that may know the view; a last resort only if no other does, and none of its family stumbled."""
    chosen = candidates(view)
    tried = [(each, *_try(each, view, settings, budget)) for each in chosen if not each.last]
    for each in chosen:
        known = any(not reason or (other.kin == each.kin and not _foreign(reason)) for other, _, reason in tried)
        if each.last and not known:
            tried.append((each, *_try(each, view, settings, budget)))
    return tried


def _foreign(reason: str) -> bool:
    return reason.startswith("it is not ")


@dataclass
class _Inner:
    """What the members of one view add to it."""

    findings: list[Finding] = field(default_factory=list)
    unreadable: str = ""
    covered: int = 0
    size: int = 0
    imported: set[str] = field(default_factory=set)

    def lose(self, why: str) -> None:
        self.unreadable = self.unreadable or why

    def add(self, outcome: Outcome) -> None:
        self.findings += outcome.findings
        self.covered += outcome.covered
        self.size += outcome.size
        self.imported.update(outcome.imported)
        if len(self.findings) > 4 * MOST_FINDINGS:
            self.findings = sorted(dict.fromkeys(self.findings), key=lambda finding: finding.severity.rank)
            del self.findings[MOST_FINDINGS:]


def _scan_members(reports: list[Report], main: Report, settings: Settings, budget: Budget, depth: int) -> _Inner:
    """Scan members one by one, then let those that a parser knows account for those that none does."""
    inner, siblings = _Inner(), Siblings()
    sizes: dict[str, int] = {}
    unknown: list[tuple[View, Outcome]] = []
    for report, member in _members(reports):
        if depth >= DEPTH:
            main.fact("file.depth", f"archives nest more than {DEPTH} deep")
            inner.lose("it nests too deep")
            break
        try:
            for opened in (member,) if isinstance(member, View) else member.open(report):
                outcome = scan_view(opened, settings, budget, depth + 1)
                inner.add(outcome)
                sizes[opened.name] = len(opened)
                siblings.hear(opened.name, outcome.claims)
                if outcome.unreadable and (outcome.formats or outcome.findings):
                    inner.lose(_placed(opened.where, outcome.unreadable))
                elif outcome.unreadable:
                    unknown.append((View(b"", where=opened.where, name=opened.name), outcome))
        except (Malformed, Refused, MissingPartError) as stop:
            if isinstance(stop, Refused):
                report.fact(stop.fact, stop.message)
            inner.lose(_placed(report.view.where, stop.message) if depth else stop.message)
    for member, outcome in unknown:
        what, lost = siblings.account(member.name, outcome.size)
        if what and not lost:
            inner.covered += outcome.size - outcome.covered
        else:
            inner.lose(_placed(member.where, lost or outcome.unreadable))
    if siblings.made or siblings.complaints:
        for complaint in siblings.complaints + siblings.missing(sizes):
            main.fact(complaint.fact, complaint.message, logical=complaint.target)
            inner.lose(complaint.message)
    return inner


def _placed(where: str, reason: str) -> str:
    """The reason with the member it is about, which is named once."""
    return reason if reason.startswith(f"{where}!") else f"{where}: {reason}"


def _among(report: Report, reports: list[Report]) -> bool:
    return any(report is other for other in reports)


def _inside(other: Report, main: Report) -> bool:
    """Whether one reading of a view lies within one member of another: an archive at the end of a tar, say.

    No reader takes the view for two things then that are not both scanned, as the member is scanned by itself.
    """
    first, last = other.coverage.extent()
    start, stop = other.view.start + first, other.view.start + last
    return any(
        isinstance(member, View) and member.data is other.view.data and member.start <= start and stop <= member.stop
        for member in main.members
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
    except MissingPartError as stop:
        return report, str(stop)
    except Exception as error:
        # A parser that can be made to fail must not hide the file from the verdict, nor the other files from the scan.
        report.fact(
            "file.failed", f"the parser of {each.name} failed ({type(error).__name__}); please report this file"
        )
        return report, f"the parser of {each.name} failed"
    return report, ""


def _members(reports: list[Report]) -> list[tuple[Report, View | Packed]]:
    """Every member that any parser saw, once, with the report it stands in."""
    seen: dict[tuple[int, int, int], tuple[Report, View | Packed]] = {}
    for report in reports:
        for member in report.members:
            window = (id(member.data), member.start, member.stop) if isinstance(member, View) else (id(member), 0, 0)
            seen.setdefault(window, (report, member))
    return list(seen.values())


def _reason(view: View, main: Report, reasons: list[str], *, accepted: bool) -> str:
    if not len(view):
        return "it is empty"
    if not accepted:
        return next((reason for reason in reasons if not _foreign(reason)), "its format is not known")
    gaps = main.coverage.gaps()
    if gaps:
        lost = sum(stop - start for start, stop in gaps)
        return f"{lost} bytes belong to nothing that the format declares (first at byte {gaps[0][0]})"
    return ""
