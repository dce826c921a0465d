"""``casemate drill``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.table import Table
from rich.text import Text

from casemate.assurance.report.drill import Report, results
from casemate.assurance.wording import counted
from casemate.cli.terminal import console, watching
from casemate.core.declarations import load

if TYPE_CHECKING:
    from casemate.audit.drill import Drilled


def drill(
    name: Literal["lane"],
    /,
    *,
    out: Path | None = None,
    seed: int = 0,
    effort: Literal["quick", "standard", "thorough"] = "standard",
    format: Literal["text", "json"] = "text",
) -> int:
    """Play a known incident end to end: attacked, defended, attacked again. A simulation on this machine's processor.

    lane: a car that a network steers by its camera, and stickers on the road that lead it off. Needs torch.

    Examples:
      casemate drill lane
      casemate drill lane --seed 7 --out drill-7 --format json

    Args:
        name: which drill.
        out: folder for page, results and ledger; drill-NAME unless given.
        seed: root of all randomness.
        effort: how hard to try; quick only shows that everything runs.
        format: what goes to stdout; files are written in any case.
    """
    # help must not wait for torch, nor need it
    settings, play = load(f"casemate.audit.drill:{name}"), load("casemate.audit.drill:drill")
    with watching() as observer:
        drilled: Drilled = play(settings(effort, seed), out or Path(f"drill-{name}"), observer=observer)
    if format == "json":
        sys.stdout.buffer.write(results(drilled.report))
    else:
        show(drilled)
    return drilled.exit_code


def show(drilled: Drilled) -> None:
    """The figures as tables."""
    shown, report = console(), drilled.report
    shown.print("simulation: nothing here was measured on a real car or road", style="yellow")
    shown.print(_rates(report))
    goals = Table(box=None, pad_edge=False)
    for heading in ("goal", "measured", ""):
        goals.add_column(heading, overflow="fold")
    for goal in report.goals:
        state = Text("reached", style="green") if goal.reached else Text("not reached", style="bold red")
        goals.add_row(goal.text, goal.said, state)
    shown.print(goals)
    shown.print(f"\nCPU     {sum(report.seconds.values()):.0f} s")
    shown.print(f"page    {drilled.page}", soft_wrap=True)
    shown.print(f"verify  {drilled.verify_command}", soft_wrap=True)


def _rates(report: Report) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("condition", "off the road", "most metres off center, mean"):
        table.add_column(heading, overflow="fold")
    for each in report.conditions:
        metres = each.deviation
        told = f"{metres.estimate:.2f} [{metres.low:.2f}, {metres.high:.2f}]"
        table.add_row(each.title, counted(each.off), told)
    return table
