"""JSON Schemas of what scripts read of a scan: ``casemate.scan/1`` and ``casemate.scan-diff/1``."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from casemate.core.schemas import written_schema
from casemate.threats.supply_chain.artifact import Artifact
from casemate.threats.supply_chain.diff import Change

_NARROWER: Final[dict[str, dict[str, Any]]] = {
    "sha256": {"pattern": "^([0-9a-f]{64})?$"},
    "fingerprint": {"pattern": "^[0-9a-f]{32}$"},
    "bytes": {"minimum": 0},
    "coverage": {"minimum": 0, "maximum": 1},
    "state": {"enum": ["added", "removed", "changed", "same"]},
    "rule": {"pattern": "^CM-[A-Z]+-[0-9]{3}$"},
}
"""What the types do not say of a field."""


class _Scan(msgspec.Struct, kw_only=True):
    """What ``casemate scan --format json`` writes: one artifact for each file given, or found below a folder."""

    schema: Literal["casemate.scan/1"]
    artifacts: tuple[Artifact, ...]


class _Diff(msgspec.Struct, kw_only=True):
    """What ``casemate scan --diff --format json`` writes: the files of two versions, in the order of their paths."""

    schema: Literal["casemate.scan-diff/1"]
    changes: tuple[Change, ...]


def scan_schema() -> bytes:
    """The schema of ``casemate.scan/1``."""
    return written_schema(_Scan, _NARROWER)


def diff_schema() -> bytes:
    """The schema of ``casemate.scan-diff/1``."""
    return written_schema(_Diff, _NARROWER)
