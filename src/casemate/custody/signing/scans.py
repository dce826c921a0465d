"""What a policy can ask of a scan beyond its verdict: which scanner, which rules, and that every file was scanned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from casemate.custody.signing.manifest import Manifest
from casemate.custody.signing.names import SINGLE
from casemate.custody.signing.policy import Requirement


def scan_problem(predicate: Mapping[str, Any], rule: Requirement, manifest: Manifest) -> str:
    """Why a scan does not count for this rule, or ""."""
    for part, least in (("scanner", rule.scanner), ("rules", rule.rules)):
        said = predicate.get(part)
        version = str(said.get("version", "")) if isinstance(said, Mapping) else ""
        if least and not (version and release(version) >= release(least)):
            return f"the scan was made with {part} {version[:40] or 'unknown'}, at least {least} is accepted"
    return unscanned(predicate, manifest)


def unscanned(predicate: Mapping[str, Any], manifest: Manifest) -> str:
    """Which signed file the scan does not cover, or "". Files are compared by name and SHA-256."""
    if manifest.serialization.method != "files" or manifest.serialization.hash_type != "sha256":
        return "the manifest has no SHA-256 of whole files, so nothing says that the scan covers them"
    scanned = predicate.get("artifacts")
    pairs = {
        (str(each.get("path")), str(each.get("sha256")))
        for each in (scanned if isinstance(scanned, list) else [])
        if isinstance(each, Mapping)
    }
    name = manifest.name
    for each in manifest.resources:
        if (name if each.name == SINGLE else each.name, each.digest) not in pairs:
            return f"the scan does not cover {name if each.name == SINGLE else each.name!r}"
    return ""


def release(version: str) -> tuple[int, ...]:
    """The numbers at the start of a version, to compare: "1.10.0rc1" -> (1, 10); () for what starts with none."""
    match = re.match(r"v?(\d{1,9}(?:\.\d{1,9}){0,7})", version)
    if match is None:
        return ()
    numbers = [int(part) for part in match[1].split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
