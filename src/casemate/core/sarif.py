"""What every SARIF 2.1.0 log of casemate shares (OASIS, 2020): the frame, rules, levels, and names as URIs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from casemate.core.findings import Rule, Severity

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

LEVELS = {
    Severity.CRITICAL: ("error", "9.5"),
    Severity.HIGH: ("error", "8.0"),
    Severity.MEDIUM: ("warning", "5.5"),
    Severity.LOW: ("note", "3.0"),
    Severity.INFO: ("note", "0.0"),
}
"""Severity -> SARIF level and the security-severity that code-scanning services sort by."""


def log(
    version: str, rules: Iterable[Rule], artifacts: Sequence[dict[str, Any]], results: Sequence[dict[str, Any]]
) -> bytes:
    """A log of one run.

    Args:
        version: of casemate.
        rules: in the order that results index them.
        artifacts: as SARIF has them.
        results: as SARIF has them.
    """
    run = {
        "tool": {
            "driver": {
                "name": "casemate",
                "informationUri": "https://github.com/casemate/casemate",
                "version": version,
                "rules": [descriptor(rule) for rule in rules],
            }
        },
        "artifacts": artifacts,
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    found = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n"


def descriptor(rule: Rule) -> dict[str, Any]:
    """A rule as a reportingDescriptor."""
    level, severity = LEVELS[rule.severity]
    parts = [("Why it matters", rule.why), ("How it is measured", rule.how), ("What to do", rule.fix)]
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.title.split()),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why or rule.title},
        "help": {
            "text": "\n\n".join(f"{head}: {text}" for head, text in parts if text) or rule.title,
            "markdown": "\n\n".join(f"**{head}.** {text}" for head, text in parts if text) or rule.title,
        },
        "defaultConfiguration": {"level": level},
        "properties": {"security-severity": severity, "tags": ["security", "machine-learning"]},
    }


def uri(name: str, keep: str = "") -> str:
    """A relative URI reference for a name (RFC 3986, section 3.3): UTF-8, percent-encoded.

    Args:
        name: a subject's name or a path.
        keep: signs that stay as they are, such as "/".
    """
    allowed = "-._~" + keep
    parts = (c if c.isascii() and (c.isalnum() or c in allowed) else _percent(c) for c in name)
    return "".join(parts)


def _percent(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode("utf-8", "surrogatepass"))
