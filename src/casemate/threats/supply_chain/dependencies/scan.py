"""The doors: a tree, or an installed environment, in; findings and what is known about each dependency out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from casemate.core.findings import Finding
from casemate.threats.supply_chain.dependencies.check import Checked, NoneKnown, NotCheckable, Vulnerable, check
from casemate.threats.supply_chain.dependencies.collect import collect
from casemate.threats.supply_chain.dependencies.database import Database
from casemate.threats.supply_chain.dependencies.hooks import hooks
from casemate.threats.supply_chain.dependencies.installed import check_records, distributions
from casemate.threats.supply_chain.dependencies.lookalike import lookalike, popular
from casemate.threats.supply_chain.dependencies.model import Dependency, Origin, Read
from casemate.threats.supply_chain.found import judged
from casemate.threats.supply_chain.tree import Skipped, Walk
from casemate.threats.supply_chain.verdict import Verdict

_DECLARE = frozenset({"pyproject", "package.json", "Pipfile", "setup.py", "setup.cfg"})


@dataclass(frozen=True)
class DependencyReport:
    """What a tree depends on, and what is known about it.

    Attributes:
        findings: of files, names, hooks and vulnerabilities.
        dependencies: everything that is named.
        checked: one answer for each: ``Vulnerable``, ``NoneKnown`` or ``NotCheckable``.
        files: what was read, with its format.
        unreadable: what was not understood, and why.
        skipped: links, devices and what could not be opened.
        as_of: date of the database's newest record, "" without a database.
        broken: records of the database that could not be read.
    """

    findings: tuple[Finding, ...]
    dependencies: tuple[Dependency, ...]
    checked: tuple[Checked, ...]
    files: dict[str, str]
    unreadable: dict[str, str]
    skipped: tuple[Skipped, ...]
    as_of: str
    broken: int

    @property
    def verdict(self) -> Verdict:
        """``unreadable`` where a file that names dependencies was not understood."""
        return judged(self.findings, readable=not self.unreadable)

    def count(self, kind: type[Vulnerable | NoneKnown | NotCheckable]) -> int:
        """How many answers are of one type."""
        return sum(isinstance(each, kind) for each in self.checked)


def scan_dependencies(
    path: Path | str, database: Database | None = None, *, names: Path | None = None
) -> DependencyReport:
    r"""Read every file below ``path`` that names dependencies or runs by itself.

    A folder with ``.dist-info`` folders in it is an installed environment: each distribution is a dependency, and its
    files are compared with its RECORD.

    Args:
        path: a folder or one file; links are not followed, nothing is imported or run.
        database: advisories, from ``open_database``; without it no dependency counts as checked.
        names: a list of well-known names in place of casemate's own.

    Raises:
        UnreadableError: there is nothing at ``path``.
        UsageError: ``names`` is no list of names.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     size = (Path(folder) / "requirements.txt").write_text("reqeusts==2.0\n")
        ...     report = scan_dependencies(folder)
        >>> report.checked[0].reason, report.findings[0].message
        ('no database was given', 'reqeusts looks like requests: two letters are swapped')
    """
    walk = Walk(Path(path))
    entries = {entry.name: entry for entry in walk}
    found = collect(entries.values())
    folders = distributions(entries, found)
    _names(found, names)
    check_records(Path(path), entries, folders, found)
    hooks(entries.values(), found)
    checked = check(found.dependencies, database)
    _vulnerabilities(found, checked)
    if database is not None and database.broken:
        message = f"{database.broken} records of the database cannot be read: what they say is not known"
        found.fact("dependency.database", message, "", logical="database")
    _pins(found)
    return DependencyReport(
        findings=tuple(dict.fromkeys(found.findings)),
        dependencies=tuple(found.dependencies),
        checked=checked,
        files=found.files,
        unreadable=found.unreadable,
        skipped=tuple(walk.skipped),
        as_of=database.newest if database else "",
        broken=database.broken if database else 0,
    )


def _names(found: Read, path: Path | None) -> None:
    """Each look-alike name once, where it is first asked for."""
    lists, told = popular(path), set()
    for each in found.dependencies:
        if (each.ecosystem, each.name) in told or each.ecosystem not in lists or each.origin is Origin.PATH:
            continue
        told.add((each.ecosystem, each.name))
        near = lookalike(each.name, lists[each.ecosystem])
        if near is not None:
            found.fact(
                "dependency.lookalike",
                f"{each.name} looks like {near[0]}: {near[1]}",
                each.file,
                each.line,
                f"{each.ecosystem}:{each.name}",
            )


def _vulnerabilities(found: Read, checked: Iterable[Checked]) -> None:
    reasons: Counter[str] = Counter()
    told = set()
    for answer in checked:
        each = answer.dependency
        if isinstance(answer, NotCheckable):
            reasons[answer.reason] += 1
        if not isinstance(answer, Vulnerable):
            continue
        for advisory in answer.advisories:
            if (each.name, each.version, advisory.id, each.file) in told:
                continue
            told.add((each.name, each.version, advisory.id, each.file))
            kind = "dependency.malicious" if advisory.id.startswith("MAL-") else "dependency.vulnerable"
            fixed = f"; fixed in {', '.join(advisory.fixed()[:5])}" if advisory.fixed() else "; no fix is known"
            names = ", ".join((advisory.id, *advisory.aliases[:3]))
            severity = f" ({advisory.severity[0]})" if advisory.severity else ""
            message = f"{each.name} {each.version}: {names}{severity}: {advisory.summary or 'no summary'}{fixed}"
            found.fact(kind, message, each.file, each.line, f"{each.ecosystem}:{each.name}:{advisory.id}")
    for reason, count in sorted(reasons.items()):
        found.fact("dependency.unchecked", f"{count} not checked: {reason}", "", logical=reason)


def _pins(found: Read) -> None:
    """One finding a file for versions that are not fixed, and for missing hashes; one a dependency from elsewhere."""
    files: dict[str, list[Dependency]] = {}
    for each in found.dependencies:
        files.setdefault(each.file, []).append(each)
        if each.origin in {Origin.URL, Origin.VCS}:
            fixed = "fixed by a commit or hash" if each.hashes else "not fixed by a commit or hash"
            found.fact(
                "dependency.direct",
                f"{each.name} is taken from {each.asked} ({each.origin}), {fixed}",
                each.file,
                each.line,
                each.name,
            )
    for file, named in files.items():
        if found.files.get(file) in _DECLARE or found.files.get(file) == "dist-info":
            continue
        taken = [each for each in named if each.origin is Origin.REGISTRY]
        loose = [each for each in taken if each.version is None]
        if loose:
            message = (
                f"{len(loose)} of {len(taken)} have no exact version: {', '.join(each.name for each in loose[:5])}"
            )
            found.fact("dependency.unpinned", message, file)
        bare = [each for each in taken if each.version is not None and not each.hashes]
        if bare and any(each.ecosystem != "conda" for each in bare):
            found.fact("dependency.hashless", f"{len(bare)} of {len(taken)} have no hash", file)
