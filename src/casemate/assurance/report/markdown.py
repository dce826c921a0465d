"""The Markdown summary: what a pull request or a CI job summary shows."""

from __future__ import annotations

from casemate.assurance.dossier import Dossier
from casemate.core.escape import markdown_cell
from casemate.core.policy import Verdict

SHOWN = 20
"""Rows before the summary refers to the report."""

MARKS = {
    Verdict.PASS: "✔ PASS",
    Verdict.FAIL: "✖ FAIL",
    Verdict.INCONCLUSIVE: "◐ INCONCLUSIVE",
    Verdict.NOT_EVIDENCED: "○ NOT EVIDENCED",
    Verdict.STALE: "◷ STALE",
    Verdict.NOT_APPLICABLE: "– NOT APPLICABLE",
    Verdict.HUMAN: "☺ HUMAN",
}
"""A shape and a word for each verdict, so that color is never needed."""


def markdown(dossier: Dossier) -> bytes:
    """The summary of a dossier in GitHub-flavored Markdown: counts, failures first, defenses, how to verify."""
    view = dossier.view
    lines = [
        f"## {markdown_cell(view.system) or 'casemate'}",
        "",
        "| | measurements and defenses | controls |",
        "|---|--:|--:|",
    ]
    lines += [
        f"| {MARKS[v]} | {dossier.judged_counts[v]:,} | {dossier.control_counts[v]:,} |"
        for v in Verdict
        if dossier.judged_counts[v] or dossier.control_counts[v]
    ]
    open_ = [j for j in dossier.worst_first if j.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE)]
    if open_:
        lines += [
            "",
            "### What needs attention",
            "",
            "| verdict | rule | what was found | record |",
            "|---|---|---|--:|",
        ]
    for j in open_[:SHOWN]:
        rule = dossier.rule(j.assessment)
        record = "" if j.record is None else str(j.record)
        lines.append(f"| {MARKS[j.verdict]} | {rule.id if rule else ''} | {markdown_cell(j.reason)} | {record} |")
    if len(open_) > SHOWN:
        lines += ["", f"And {len(open_) - SHOWN:,} more in the report."]
    if view.paired:
        lines += ["", "### Defenses", "", "| defense | what it did |", "|---|---|"]
        lines += [f"| {markdown_cell(x.pair.defense)} | {markdown_cell(x.pair.conclusion)} |" for x in view.paired]
    if view.verify_command:
        lines += ["", "Check it yourself:", "", f"    {' '.join(view.verify_command.split())}"]
    return ("\n".join(lines) + "\n").encode()
