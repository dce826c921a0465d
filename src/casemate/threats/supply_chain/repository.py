"""What a folder as a whole is examined for: what it depends on, and the secrets it holds. One artifact for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from casemate.core.findings import Finding
from casemate.threats.supply_chain.artifact import Artifact, with_findings
from casemate.threats.supply_chain.dependencies.check import NoneKnown, NotCheckable, Vulnerable
from casemate.threats.supply_chain.dependencies.database import open_database
from casemate.threats.supply_chain.dependencies.scan import scan_dependencies
from casemate.threats.supply_chain.secrets.scan import scan_secrets


def examine(path: Path, *, dependencies: bool, secrets: bool, osv: Path | None = None) -> Iterator[Artifact]:
    """Artifacts of the format "dependencies" and "secrets" for one folder or file.

    Args:
        path: what to look through.
        dependencies: whether to read lock files, requirements, install hooks and installed distributions.
        secrets: whether to look for credentials.
        osv: an OSV database, as a folder of records or of ``all.zip`` files; without one nothing is known of
            vulnerabilities, and the artifact says so.

    Raises:
        UnreadableError: the path or the database cannot be read.
    """
    if dependencies:
        found = scan_dependencies(path, open_database(osv) if osv else None)
        about: dict[str, object] = {
            "dependencies": len(found.dependencies),
            "vulnerable": found.count(Vulnerable),
            "none known": found.count(NoneKnown),
            "not checkable": found.count(NotCheckable),
            "database of": found.as_of or "no database given",
        }
        yield _artifact(path, "dependencies", found.findings, found.unreadable, about)
    if secrets:
        searched = scan_secrets(path)
        lost = {} if searched.engine else {str(path): "no engine for patterns is installed"}
        about = {"files": searched.searched, "bytes": searched.size, "partly": len(searched.partly)}
        yield _artifact(path, "secrets", searched.findings, lost, about)


def _artifact(
    path: Path, format: str, findings: tuple[Finding, ...], unreadable: dict[str, str], about: dict[str, object]
) -> Artifact:
    reason = "; ".join(f"{name}: {why}" for name, why in list(unreadable.items())[:5])
    made = Artifact(path=str(path), format=format, formats=(format,), coverage=0.0 if reason else 1.0, about=about)
    return with_findings(made, findings, reason)
