"""What parsers tell: facts, covered bytes, members, descriptions. Judged at once, by rules and names that are data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from casemate.core.findings import Finding
from casemate.threats.supply_chain.budget import Budget
from casemate.threats.supply_chain.coverage import Coverage
from casemate.threats.supply_chain.names import names
from casemate.threats.supply_chain.rules import rule_for
from casemate.threats.supply_chain.view import View, printable

if TYPE_CHECKING:
    from casemate.threats.supply_chain.pickles.allowlist import AllowList

MOST_FINDINGS = 100


@dataclass(frozen=True)
class Settings:
    """What one scan may do, and whose names it trusts.

    Attributes:
        allow: reviewed pickle names and the user's own, from ``pickles.allowlist``.
        deny: whether known bad names are told apart from unknown ones; without, they are merely unknown.
        most: bytes a file, and all that it expands to, may have.
    """

    allow: AllowList
    deny: bool = True
    most: int = 64 << 30


@dataclass(frozen=True)
class Claim:
    """A file beside this one whose bytes this one accounts for, such as external weights.

    Attributes:
        path: relative to this file's folder, as this file writes it.
        at, count: which bytes; ``count`` None is to the end.
        what: what they are.
        vacant: whether an empty file will do as well, because the bytes were left out when this one was written.
    """

    path: str
    at: int
    count: int | None
    what: str
    vacant: bool = False


class Packed(Protocol):
    """A member that is opened only when it is scanned, so that only one is in memory at a time."""

    def open(self, report: Report) -> Iterable[View]:
        """The view or views that it unpacks to; what is wrong with it becomes a fact of the container's report.

        Raises:
            Malformed: it is damaged.
            Refused: it can be read, but only an attacker would write it so.
        """


@dataclass
class Report:
    """What one parser says about one view.

    Attributes:
        view: what is read.
        settings, budget: shared by all views of a file.
        findings: in the order they are found, at most ``MOST_FINDINGS``.
        coverage: which bytes are understood.
        members: views inside, to be scanned like files.
        claims: files beside this one.
        about: descriptions for the bill of materials and the diff ("tensors": 12).
        imported: names that loading the view imports, as "module:name"; the load guard resolves no others.
    """

    view: View
    settings: Settings
    budget: Budget
    findings: list[Finding] = field(default_factory=list)
    coverage: Coverage = field(init=False)
    members: list[View | Packed] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    about: dict[str, object] = field(default_factory=dict)
    imported: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.coverage = Coverage(len(self.view))

    def cover(self, at: int, count: int) -> None:
        """These bytes are understood."""
        self.coverage.claim(at, count)

    def fact(self, kind: str, message: str, at: int | None = None, logical: str = "") -> None:
        """Something that a rule judges.

        Args:
            kind: "family.name"; the rule is the one that lists it.
            message: what was seen; names as they are, never contents.
            at: offset in the view, or None where bytes do not say it better.
            logical: a place that survives moved bytes: a member, a tensor, a key path, an imported name.
        """
        rule = rule_for(kind)
        place = " ".join(part for part in (self.view.where, "" if at is None else f"byte {at}") if part)
        made = Finding(
            rule=rule.id,
            severity=rule.severity,
            message=printable(message, 500),
            location=place,
            logical=printable(logical),
        )
        if made in self.findings:
            return
        if len(self.findings) == MOST_FINDINGS:
            mildest = max(self.findings, key=lambda finding: finding.severity.rank)
            if mildest.severity.rank <= made.severity.rank:
                return
            self.findings.remove(mildest)  # so that many mild findings cannot push out a bad one
        self.findings.append(made)

    def name(self, kind: str, name: str, at: int | None = None, logical: str = "") -> None:
        """A name that a list judges (``names/FAMILY.toml``); reviewed names leave no trace."""
        fact = names(kind.partition(".")[0])[kind].fact(name, deny=self.settings.deny)
        if fact is not None:
            self.fact(fact, f"{kind.partition('.')[2]} {printable(name)}", at, logical or name)

    def member(self, member: View | Packed) -> None:
        """A view inside this one, or one that is decompressed when its turn comes, to be scanned like a file."""
        self.budget.member()
        self.members.append(member)

    def claim(self, path: str, what: str, at: int = 0, count: int | None = None, *, vacant: bool = False) -> None:
        """Account for bytes of a file beside this one."""
        self.claims.append(Claim(path, at, count, what, vacant))

    def imports(self, module: str, name: str) -> None:
        """A name that loading imports. Judged elsewhere; kept so that the load guard can confine a loader to it."""
        self.imported.add(f"{module}:{name}")

    def describe(self, key: str, value: object) -> None:
        """A description that judges nothing."""
        self.about[key] = value
