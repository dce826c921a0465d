"""Two versions of a model: what is new, what is gone, what stayed.

Findings are compared by fingerprint, so moved bytes, renamed files and new counts do not make an old finding a new one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from casemate.threats.supply_chain.artifact import Artifact, Located
from casemate.threats.supply_chain.verdict import Verdict

SCHEMA: Final = "casemate.scan-diff/1"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One file in two versions.

    Attributes:
        path: below the folder, or the file's name.
        state: "added", "removed", "changed" or "same" (by digest).
        old, new: what was scanned; None where there is no such file.
        new_findings, gone_findings, kept_findings: by fingerprint.
        about: descriptions and formats that differ, as [old, new].
    """

    path: str
    state: str
    old: Artifact | None
    new: Artifact | None
    new_findings: tuple[Located, ...] = ()
    gone_findings: tuple[Located, ...] = ()
    kept_findings: tuple[Located, ...] = ()
    about: dict[str, tuple[Any, Any]] = {}


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """All files of two versions, in the order of their paths."""

    schema: str = SCHEMA
    changes: tuple[Change, ...] = ()

    @property
    def has_news(self) -> bool:
        """Whether there is a finding that the old version does not have, and that counts."""
        return any(
            not each.ignored and each.severity.rank <= 2 for change in self.changes for each in change.new_findings
        )

    @property
    def is_unreadable(self) -> bool:
        """Whether something in the new version is not understood."""
        return any(change.new is not None and change.new.effective is Verdict.UNREADABLE for change in self.changes)


def diff(old: Iterable[Artifact], new: Iterable[Artifact], roots: tuple[str, str]) -> Diff:
    """Compare two scans.

    Args:
        old: of the old version.
        new: of the new one.
        roots: the two paths that were scanned; files are matched by their paths below these.
    """
    before, after = _below(old, roots[0]), _below(new, roots[1])
    if len(before) == len(after) == 1:  # two files, whatever they are called
        before = dict(zip(after, before.values(), strict=True))
    moved = _elsewhere(before, after)
    changes = [_change(path, before.get(path), after.get(path), moved) for path in sorted({*before, *after})]
    return Diff(changes=tuple(changes))


def _below(artifacts: Iterable[Artifact], root: str) -> dict[str, Artifact]:
    found = {}
    for artifact in artifacts:
        path = artifact.path.removeprefix(root).lstrip("/")
        found[path or artifact.path.rpartition("/")[2]] = artifact
    return found


def _elsewhere(before: dict[str, Artifact], after: dict[str, Artifact]) -> Counter[str]:
    """Fingerprints of findings in files that have gone: in a file that has come they are not new."""
    return Counter(each.fingerprint for path in before if path not in after for each in before[path].findings)


def _change(path: str, old: Artifact | None, new: Artifact | None, moved: Counter[str]) -> Change:
    known = Counter(each.fingerprint for each in old.findings) if old else moved
    fresh, kept = [], []
    for each in new.findings if new else ():
        if known[each.fingerprint] > 0:
            known[each.fingerprint] -= 1
            kept.append(each)
        else:
            fresh.append(each)
    left = Counter(each.fingerprint for each in kept)
    gone = []
    for each in old.findings if old else ():
        if left[each.fingerprint] > 0:
            left[each.fingerprint] -= 1
        else:
            gone.append(each)
    if old is None or new is None:
        state = "added" if old is None else "removed"
    else:
        state = "same" if old.sha256 and old.sha256 == new.sha256 else "changed"
    return Change(
        path=path,
        state=state,
        old=old,
        new=new,
        new_findings=tuple(fresh),
        gone_findings=tuple(gone),
        kept_findings=tuple(kept),
        about=_differences(old, new) if old and new else {},
    )


def _differences(old: Artifact, new: Artifact) -> dict[str, tuple[Any, Any]]:
    def told(artifact: Artifact) -> dict[str, Any]:
        return {"formats": list(artifact.formats), "verdict": str(artifact.verdict), **artifact.about}

    before, after = told(old), told(new)
    keys = dict.fromkeys((*before, *after))
    return {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}
