"""SARIF 2.1.0: one result for each finding and for each file that is not understood.

A model has no lines: results carry the file, the logical place (member, tensor, key path, imported name) and a
fingerprint of the two with the rule, so that code-scanning services follow a finding when bytes move.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from casemate.core.findings import Finding, Rule
from casemate.core.sarif import LEVELS, log, uri
from casemate.threats.supply_chain.artifact import Artifact, Located, located, place
from casemate.threats.supply_chain.rules import rule_for, rules


def write(artifacts: Sequence[Artifact], version: str) -> bytes:
    """The log of a scan.

    Args:
        artifacts: what was scanned; clean ones are listed without results.
        version: of casemate.
    """
    results = [(index, finding) for index, artifact in enumerate(artifacts) for finding in _results(artifact)]
    known = {rule.id: rule for rule in rules()}
    used = sorted({finding.rule for _, finding in results})
    order = {identifier: index for index, identifier in enumerate(used)}
    entries = [
        {
            "location": {"uri": _uri(artifact.path)},
            "length": artifact.bytes,
            "roles": ["analysisTarget"],
            "properties": {"verdict": str(artifact.verdict), "formats": list(artifact.formats)},
            **({"hashes": {"sha-256": artifact.sha256}} if artifact.sha256 else {}),
        }
        for artifact in artifacts
    ]
    found = [_result(artifacts[index], index, finding, known[finding.rule], order) for index, finding in results]
    return log(version, [known[identifier] for identifier in used], entries, found)


def _results(artifact: Artifact) -> list[Located]:
    """The findings, and one more for a file that is not understood."""
    if not artifact.reason:
        return list(artifact.findings)
    rule = rule_for("file.unreadable")
    made = located(Finding(rule=rule.id, severity=rule.severity, message=artifact.reason, location=artifact.path))
    lost = msgspec.structs.replace(made, ignored=artifact.accepted)
    return [*artifact.findings, lost]


def _result(artifact: Artifact, index: int, finding: Located, rule: Rule, order: dict[str, int]) -> dict[str, Any]:
    logical = place(finding)
    where: dict[str, Any] = {
        "fullyQualifiedName": f"{artifact.path}!{logical}" if logical else artifact.path,
        "name": logical or posixpath.basename(artifact.path),
        "kind": "resource",
    }
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": order[finding.rule],
        "kind": "fail",
        "level": LEVELS[finding.severity][0],
        "message": {"text": f"{finding.message} ({finding.location})" if finding.location else finding.message},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": _uri(artifact.path), "index": index}},
                "logicalLocations": [where],
            }
        ],
        "partialFingerprints": {"casemate/v1": finding.fingerprint},
        "properties": {"title": rule.title},
    }
    if finding.ignored:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.ignored}]
    return result


def _uri(path: str) -> str:
    """Relative to the working folder where it lies below it, as code-scanning services want; else absolute."""
    if not path.startswith("/"):
        return uri(posixpath.normpath(path), keep="/")
    try:
        return uri(Path(path).relative_to(Path.cwd()).as_posix(), keep="/")
    except ValueError:
        return "file://" + uri(path, keep="/")
