"""JSON Schemas of what scripts read: ``casemate.scan/1`` and ``casemate.scan-diff/1`` (JSON Schema 2020-12).

They come from the types that are written, so they cannot drift from them. Every field is always written; a later
version of casemate may add fields, so others are not forbidden.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from casemate.threats.supply_chain.artifact import Artifact
from casemate.threats.supply_chain.diff import Change

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
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
    return _written(_Scan)


def diff_schema() -> bytes:
    """The schema of ``casemate.scan-diff/1``."""
    return _written(_Diff)


def _written(kind: type[msgspec.Struct]) -> bytes:
    (root,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    name = root["$ref"].rpartition("/")[2]
    for part in parts.values():
        fields = part.get("properties", {})
        for field, more in _NARROWER.items():
            if field in fields:
                fields[field].update(more)
        for field in fields.values():
            field.pop("default", None)  # what is always written needs none
        if fields:
            part["required"] = sorted(fields)
    made = {"$schema": DIALECT, **parts.pop(name), "$defs": parts}
    made["title"] = made["properties"]["schema"]["enum"][0]
    return msgspec.json.format(msgspec.json.encode(made, order="sorted"), indent=2) + b"\n"
