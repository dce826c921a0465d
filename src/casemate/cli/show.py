"""Outcomes as tables on a terminal, or as one of the machine formats."""

from __future__ import annotations

import sys

from rich.table import Table
from rich.text import Text

from casemate.assurance import wording
from casemate.assurance.judging import Judgment
from casemate.audit.harden import Hardening
from casemate.audit.output import FORMATS, Outcome
from casemate.cli.terminal import STYLE, console
from casemate.core.measurement import Measurement, Pair
from casemate.core.policy import Tolerance, Verdict


def show_outcome(outcome: Outcome, format: str) -> None:
    """Print an audit: verdicts, where the report is, and the command that verifies it."""
    if format != "text":
        sys.stdout.buffer.write(FORMATS[format][1](outcome.dossier))
        return
    out = console()
    out.print(_verdicts(outcome))
    _closing(outcome)


def show_hardening(hardening: Hardening, format: str) -> None:
    """Print what every defense bought and cost, then the verdicts."""
    if format != "text":
        show_outcome(hardening.outcome, format)
        return
    out = console()
    for each in hardening.defended:
        table = Table(title=f"{each.base}: {each.spec.title}", title_justify="left", box=None, pad_edge=False)
        for heading in ("figure", "before", "after, attacked again", "change", "promised"):
            table.add_column(heading)
        shown = _shown(hardening.outcome, each.engagement.name)
        for pair in shown:
            table.add_row(*_pair_row(pair))
        for cost in shown[0].quality if shown else ():
            change = f"{cost.difference:+.3f} [{cost.low:+.3f}, {cost.high:+.3f}]"
            table.add_row(f"cost: {cost.metric}", f"{cost.before:.3f}", f"{cost.after:.3f}", change, "")
        out.print(table)
        for line in (each.spec.known_false, each.proposal.note):
            if line:
                out.print(Text(f"  {line}", style="dim"))
        out.print()
    for path in hardening.written:
        out.print(f"written  {path}", soft_wrap=True)
    out.print()
    show_outcome(hardening.outcome, "text")


def _shown(outcome: Outcome, subject: str) -> list[Pair]:
    """The pairs that a tolerance speaks of, or all where none does."""
    judged = {judgment.record for judgment in outcome.judgments if judgment.tolerance is not None}
    own = [paired for paired in outcome.dossier.view.paired if paired.pair.after.subject == subject]
    return [paired.pair for paired in own if paired.record.index in judged] or [paired.pair for paired in own]


def _pair_row(pair: Pair) -> tuple[str, str, str, str, str]:
    promised = "" if pair.predicted is None else f"{pair.predicted:.3f}"
    change = f"{pair.difference:+.3f} [{pair.low:+.3f}, {pair.high:+.3f}]"
    if pair.p is not None:
        change += f" p={pair.p:.2g}"
    return wording.name(pair.after), wording.counted(pair.before), wording.counted(pair.after), change, promised


def _verdicts(outcome: Outcome) -> Table:
    table = Table(box=None, pad_edge=False, title="Verdicts", title_justify="left")
    for heading in ("verdict", "model", "tolerance", "measured", "accepted"):
        table.add_column(heading, overflow="fold")
    view = outcome.dossier.view
    figures = {found.record.index: found.measurement for found in view.measured}
    figures |= {found.record.index: found.pair.after for found in view.paired}
    for judgment in outcome.dossier.worst_first:
        if judgment.tolerance is not None:
            found = figures.get(-1 if judgment.record is None else judgment.record)
            table.add_row(*_judgment_row(judgment, judgment.tolerance, found))
    return table


def _judgment_row(
    judgment: Judgment, tolerance: Tolerance, found: Measurement | None
) -> tuple[Text, str, str, str, str]:
    figure = "nothing" if found is None else f"{_kind(found)} {wording.name(found)}: {wording.counted(found)}"
    verdict = Text(judgment.verdict, style=STYLE[judgment.verdict])
    return verdict, judgment.subject, tolerance.name, figure, _limit(judgment, tolerance)


def _kind(found: Measurement) -> str:
    return found.kind.rpartition("/")[2]


def _limit(judgment: Judgment, tolerance: Tolerance) -> str:
    limit = f"at most {tolerance.at_most:g}" if tolerance.at_most is not None else f"at least {tolerance.at_least:g}"
    return f"{limit}; n = {judgment.needed:,} would settle it" if judgment.needed else limit


def _closing(outcome: Outcome) -> None:
    out = console()
    skipped = [judgment for judgment in outcome.judgments if judgment.verdict is Verdict.NOT_APPLICABLE]
    if skipped:
        out.print(f"{len(skipped)} assessments do not apply; the report says why.", style="dim")
    out.print(f"\nreport  {outcome.report}", soft_wrap=True)
    out.print(f"verify  {outcome.verify_command}", soft_wrap=True)
