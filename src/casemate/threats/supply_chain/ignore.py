"""Findings that somebody has looked at and accepts, for a reason and for a time.

The list is TOML, usually ``.casemateignore``::

    [[ignore]]
    rule = "CM-SUP-104"              # one rule
    path = "models/legacy/*.zip"     # a glob over the path in the report, or over its end
    logical = "weights/*"            # optional: a glob over the logical place of the finding
    reason = "names from the old Windows exporter, reviewed by K."
    expires = 2027-03-01             # at most a year ahead

It is read only where the user names it, never because it lies in the folder that is scanned: who wrote the model may
not say what is ignored. Ignored findings stay in every report; only the exit code leaves them out.
"""

from __future__ import annotations

import datetime
import fnmatch
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from casemate.core.errors import UsageError
from casemate.core.findings import Finding
from casemate.threats.supply_chain.artifact import Artifact, Located, judged, place, with_findings
from casemate.threats.supply_chain.rules import rule_for, rules

MOST_AHEAD: Final = datetime.timedelta(days=366)
UNREADABLE: Final = "CM-SUP-141"
_NEXT: Final = "see the docstring of an entry: rule, path, reason and expires are needed"


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the list; see the module.

    Attributes:
        rule: id of the rule; "CM-SUP-141" accepts a file that is not understood.
        path: glob over the artifact's path, or over the end of it that begins behind a "/".
        logical: glob over the logical place; "" for any.
        reason: why, for those who read the reports.
        expires: the first day on which the entry ignores nothing.
    """

    rule: str
    path: str
    reason: str
    expires: datetime.date
    logical: str = ""

    def covers(self, path: str, rule: str, logical: str) -> bool:
        """Whether a finding of this rule at this place is meant."""
        if rule != self.rule or not (
            fnmatch.fnmatchcase(path, self.path) or fnmatch.fnmatchcase(path, f"*/{self.path}")
        ):
            return False
        return not self.logical or fnmatch.fnmatchcase(logical, self.logical)


class _List(msgspec.Struct, forbid_unknown_fields=True):
    ignore: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Ignored:
    """An ignore list as it stands on one day.

    Attributes:
        entries: those that have not expired.
        expired: those that have.
        path: of the file.
    """

    entries: tuple[Entry, ...] = ()
    expired: tuple[Entry, ...] = ()
    path: str = ""

    def apply(self, artifact: Artifact) -> Artifact:
        """The artifact with the reason beside each finding that an entry covers."""
        if not self.entries:
            return artifact
        found = [self._marked(artifact.path, finding) for finding in artifact.findings]
        accepted = self._reason(artifact.path, UNREADABLE, "") if artifact.reason else ""
        return judged(msgspec.structs.replace(artifact, findings=tuple(found), accepted=accepted))

    def findings(self) -> Artifact | None:
        """The list itself as an artifact, if entries of it have expired."""
        if not self.expired:
            return None
        rule = rule_for("ignore.expired")
        found = [
            Finding(
                rule=rule.id,
                severity=rule.severity,
                message=f"the entry for {entry.rule} in {entry.path} expired on {entry.expires.isoformat()}",
                location=Path(self.path).name,
                logical=f"{entry.rule} {entry.path}",
            )
            for entry in self.expired
        ]
        artifact = Artifact(path=self.path, format="ignore list", formats=("ignore list",), coverage=1.0)
        return with_findings(artifact, found)

    def _marked(self, path: str, finding: Located) -> Located:
        reason = self._reason(path, finding.rule, finding.logical) or self._reason(path, finding.rule, place(finding))
        return msgspec.structs.replace(finding, ignored=reason)

    def _reason(self, path: str, rule: str, logical: str) -> str:
        return next((each.reason for each in self.entries if each.covers(path, rule, logical)), "")


def read_ignored(path: Path, today: datetime.date) -> Ignored:
    """Read an ignore list.

    Args:
        path: the TOML file.
        today: the day on which entries must not have expired.

    Raises:
        UsageError: it cannot be read, an entry lacks a reason or a date, names no rule, or lasts more than a year.
    """
    try:
        entries = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _List).ignore
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"the ignore list {path.name} cannot be read", cause=str(error), next_step=_NEXT) from error
    _check(path, entries, today)
    return Ignored(
        entries=tuple(entry for entry in entries if entry.expires > today),
        expired=tuple(entry for entry in entries if entry.expires <= today),
        path=str(path),
    )


def _check(path: Path, entries: Iterable[Entry], today: datetime.date) -> None:
    known = {rule.id for rule in rules()}
    for entry in entries:
        if entry.rule not in known:
            problem = f"there is no rule {entry.rule!r}"
        elif not entry.reason.strip():
            problem = "an entry without a reason ignores nothing"
        elif not entry.path.strip("*?/. "):
            problem = f"the path {entry.path!r} would match every file"
        elif entry.expires - today > MOST_AHEAD:
            problem = f"it would last until {entry.expires.isoformat()}, more than a year"
        else:
            continue
        raise UsageError(
            f"the entry for {entry.rule} in {path.name} is not valid",
            cause=problem,
            next_step="name one rule, the files it is about, why, and a date within a year",
        )
