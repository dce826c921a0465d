"""The Markdown summary of a scan: what a pull request or a CI job summary shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from casemate.core.escape import markdown_cell
from casemate.threats.supply_chain.artifact import Artifact
from casemate.threats.supply_chain.verdict import Verdict

SHOWN: Final = 100
"""Rows before the summary refers to the other formats."""

MARKS: Final = {
    Verdict.MALICIOUS: "✖ malicious",
    Verdict.SUSPICIOUS: "▲ suspicious",
    Verdict.UNREADABLE: "○ unreadable",
    Verdict.CLEAN: "✔ clean",
}
"""A shape and a word for each verdict, worst first, so that color is never needed."""


def write(artifacts: Sequence[Artifact], version: str) -> bytes:
    """The summary in GitHub-flavored Markdown: counts, then what needs attention, worst first.

    Args:
        artifacts: what was scanned.
        version: of casemate.
    """
    counts = Counter(artifact.verdict for artifact in artifacts)
    lines = [f"## casemate {version} scan", "", "| verdict | files |", "|---|--:|"]
    lines += [f"| {mark} | {counts[verdict]:,} |" for verdict, mark in MARKS.items() if counts[verdict]]
    rows = []
    for artifact in sorted(artifacts, key=lambda artifact: list(MARKS).index(artifact.verdict)):
        start = f"| {MARKS[artifact.verdict]} | {markdown_cell(artifact.path)} |"
        for each in artifact.findings:
            note = f" (ignored: {markdown_cell(each.ignored)})" if each.ignored else ""
            logical = f" at {markdown_cell(each.logical)}" if each.logical else ""
            rows.append(f"{start} {each.rule} | {markdown_cell(each.message)}{logical}{note} |")
        if artifact.reason:
            note = f" (accepted: {markdown_cell(artifact.accepted)})" if artifact.accepted else ""
            rows.append(f"{start} | {markdown_cell(artifact.reason)}{note} |")
    if rows:
        lines += ["", "### What needs attention", "", "| verdict | file | rule | what was found |", "|---|---|---|---|"]
        lines += rows[:SHOWN]
    if len(rows) > SHOWN:
        lines += ["", f"And {len(rows) - SHOWN:,} more: see `--format json`."]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")
