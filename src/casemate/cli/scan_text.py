"""How ``casemate scan`` speaks to people: worst first, one block a file, and what to do next.

Written by hand, without Rich: it would double the time that a scan of one pickle takes.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable
from typing import Final

from casemate.core.findings import Severity
from casemate.threats.supply_chain.artifact import UNKNOWN, Artifact, Located
from casemate.threats.supply_chain.diff import Change, Diff
from casemate.threats.supply_chain.rules import rules
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.view import printable

ORDER: Final = (Verdict.MALICIOUS, Verdict.SUSPICIOUS, Verdict.UNREADABLE, Verdict.CLEAN)
MARKS: Final = {
    Verdict.MALICIOUS: ("✖", "1;31"),
    Verdict.SUSPICIOUS: ("▲", "1;33"),
    Verdict.UNREADABLE: ("○", "36"),
    Verdict.CLEAN: ("✔", "32"),
}
SHADES: Final = {Severity.CRITICAL: "1;31", Severity.HIGH: "31", Severity.MEDIUM: "33"}
MOST_BLOCKS: Final = 50
MOST_FINDINGS: Final = 12
MOST_CLEAN: Final = 20
WIDTH: Final = 110


class Summary:
    """Hears about each artifact and keeps what the text needs: those that are not clean, and counts.

    Attributes:
        files: how many there were.
        worst: the verdict that decides the exit code.
    """

    def __init__(self) -> None:
        self.files = 0
        self.worst = Verdict.CLEAN
        self._bytes = 0
        self._counts: Counter[Verdict] = Counter()
        self._ignored = 0
        self._blocks: dict[Verdict, list[Artifact]] = {verdict: [] for verdict in ORDER}

    def add(self, artifact: Artifact) -> None:
        """Count it, and keep it if it will be shown."""
        self.files += 1
        self._bytes += artifact.bytes
        self._counts[artifact.verdict] += 1
        self._ignored += sum(1 for finding in artifact.findings if finding.ignored) + bool(artifact.accepted)
        self.worst = min(self.worst, artifact.effective, key=ORDER.index)
        kept = self._blocks[artifact.verdict]
        if len(kept) < (MOST_CLEAN + 1 if artifact.verdict is Verdict.CLEAN else MOST_BLOCKS):
            kept.append(artifact)

    def text(self, *, color: bool, width: int = WIDTH) -> str:
        """The whole report."""
        paint = Paint(color=color, width=width)
        lines: list[str] = []
        shown = 0
        for verdict in ORDER[:-1]:
            for artifact in self._blocks[verdict][: MOST_BLOCKS - shown]:
                lines += [*_block(artifact, paint), ""]
                shown += 1
        hidden = self.files - self._counts[Verdict.CLEAN] - shown
        if hidden:
            lines += [f"and {hidden:,} more files that are not clean: see --format json", ""]
        clean = self._blocks[Verdict.CLEAN]
        if len(clean) <= MOST_CLEAN:
            for artifact in clean:
                lines += _block(artifact, paint)
            lines += [""] if clean else []
        lines += self._closing(paint)
        return "\n".join(lines) + "\n"

    def _closing(self, paint: Paint) -> list[str]:
        counts = [
            paint(f"{self._counts[verdict]:,} {verdict}", MARKS[verdict][1])
            for verdict in ORDER
            if self._counts[verdict]
        ]
        files = "1 file" if self.files == 1 else f"{self.files:,} files"
        lines = [f"{files}, {size(self._bytes)}: {', '.join(counts)}"]
        if self._ignored:
            lines.append(f"{self._ignored:,} findings are ignored by your list; the exit code leaves them out")
        seen = [
            finding.rule for verdict in ORDER for artifact in self._blocks[verdict] for finding in artifact.findings
        ]
        if seen:
            lines.append(paint(f"explain  casemate explain {seen[0]}", "2"))
        elif self._counts[Verdict.UNREADABLE]:
            lines.append(paint("explain  casemate explain CM-SUP-141", "2"))
        return lines


class Paint:
    """Colors where a terminal shows them, and how wide it is."""

    def __init__(self, *, color: bool, width: int) -> None:
        self._color = color
        self.width = width

    def __call__(self, text: str, code: str) -> str:
        """The text in a color, given as the code of its escape sequence."""
        return f"\033[{code}m{text}\033[0m" if self._color and code else text


def size(count: int) -> str:
    """Bytes for people.

    Example:
        >>> size(999), size(1500), size(3 << 30)
        ('999 B', '1.5 kB', '3.2 GB')
    """
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value:,.0f} TB"


def _block(artifact: Artifact, paint: Paint) -> list[str]:
    mark, code = MARKS[artifact.verdict]
    about = [] if artifact.format == UNKNOWN else [", ".join(artifact.formats) or artifact.format]
    about += [size(artifact.bytes)]
    about += [f"sha256 {artifact.sha256[:12]}"] if artifact.sha256 else []
    head = paint(f"{mark} {artifact.verdict:<10}", code)
    lines = [f"{head}  {paint(printable(artifact.path, 4096), '1')}  {paint('  '.join(about), '2')}"]
    lines += _findings(artifact.findings, paint)
    if artifact.reason and artifact.verdict is not Verdict.CLEAN:
        lines += _wrapped("why  ", artifact.reason, "    ", paint.width)
    if artifact.accepted:
        lines += _wrapped("accepted  ", artifact.accepted, "    ", paint.width)
    return lines


def _findings(findings: Iterable[Located], paint: Paint) -> list[str]:
    """Each rule once, with all its places, what to do below."""
    groups: dict[str, list[Located]] = {}
    for each in findings:
        groups.setdefault(each.rule, []).append(each)
    fixes = {rule.id: rule.fix for rule in rules()} if groups else {}
    lines: list[str] = []
    for rule, group in groups.items():
        severity = group[0].severity
        head = f"    {rule}  {paint(f'{severity:<8}', SHADES.get(severity, ''))}  "
        for index, finding in enumerate(group[:MOST_FINDINGS]):
            start = head if index == 0 else " " * 26
            lines.append(f"{start}{printable(finding.message, 300)}")
            place = finding.location + (f" ({finding.logical})" if _says_more(finding) else "")
            lines.append(paint(f"{' ' * 26}{printable(place, 300)}", "2"))
            if finding.ignored:
                lines.append(f"{' ' * 26}ignored: {printable(finding.ignored, 300)}")
        if len(group) > MOST_FINDINGS:
            lines.append(f"{' ' * 26}and {len(group) - MOST_FINDINGS} more like this")
        lines += _wrapped("next  ", fixes.get(rule, ""), " " * 20, paint.width)
    return lines


def _says_more(finding: Located) -> bool:
    return bool(finding.logical) and finding.logical not in finding.message and finding.logical not in finding.location


def _wrapped(head: str, text: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(
        printable(text, 1000), width, initial_indent=indent + head, subsequent_indent=indent + " " * len(head)
    )


def diff_text(found: Diff, *, color: bool, width: int = WIDTH) -> str:
    """Two versions: what is new first, then what is gone, then what else has changed."""
    paint = Paint(color=color, width=width)
    lines: list[str] = []
    totals: Counter[str] = Counter()
    for change in found.changes:
        totals["new"] += len(change.new_findings)
        totals["gone"] += len(change.gone_findings)
        totals["kept"] += len(change.kept_findings)
        lines += _change(change, paint)
    states = Counter(change.state for change in found.changes)
    files = ", ".join(
        f"{states[state]:,} {state}" for state in ("changed", "added", "removed", "same") if states[state]
    )
    lines.append(f"files: {files or 'none'}")
    lines.append(f"findings: {totals['new']:,} new, {totals['gone']:,} gone, {totals['kept']:,} kept")
    return "\n".join(lines) + "\n"


def _change(change: Change, paint: Paint) -> list[str]:
    if change.state == "same" and not change.new_findings:
        return []
    lines = [f"{paint(f'{change.state:<8}', '1')}  {printable(change.path, 4096)}"]
    for kind, artifact in (("old", change.old), ("new", change.new)):
        if artifact is not None:
            verdict = paint(str(artifact.verdict), MARKS[artifact.verdict][1])
            digest = f"  sha256 {artifact.sha256[:12]}" if artifact.sha256 else ""
            lines.append(f"    {kind}  {verdict}  {artifact.format}  {size(artifact.bytes)}{digest}")
            if artifact.reason:
                lines += _wrapped("why  ", artifact.reason, "         ", paint.width)
    for word, code, findings in (("+ new ", "1;31", change.new_findings), ("- gone", "32", change.gone_findings)):
        for each in findings:
            lines.append(f"    {paint(word, code)}  {each.rule}  {each.severity:<8}  {printable(each.message, 300)}")
            if each.ignored:
                lines.append(f"            ignored: {printable(each.ignored, 300)}")
    if change.kept_findings:
        lines.append(f"    = kept  {len(change.kept_findings):,} findings")
    for key, (old, new) in change.about.items():
        lines.append(f"    {printable(key)}: {printable(str(old))} -> {printable(str(new))}")
    return [*lines, ""]
