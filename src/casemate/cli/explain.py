"""``casemate explain``."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from casemate.audit.config import read_config
from casemate.audit.explain import people, rules
from casemate.audit.explain import rule as find_rule
from casemate.cli.terminal import console
from casemate.core.errors import UsageError
from casemate.core.findings import Rule


def explain(
    rule: str | None = None,
    /,
    *,
    record: bool = False,
    model: str | None = None,
    config: Path = Path("casemate.toml"),
    top: int = 10,
) -> int:
    """What a finding means, how it was measured and how to fix it; with --record, which records are most exposed.

    --record shows people's data. It works only where the audited data and the keys of the audit are.

    Examples:
      casemate explain                      all rules
      casemate explain CM-INV-001           one of them
      casemate explain --record --model boosted --config examples/clinical

    Args:
        rule: id of the rule.
        record: show the most exposed training records and why.
        model: which model's, with --record.
        config: the audit's configuration, with --record.
        top: how many records.
    """
    if record:
        _show_records(config, model, top)
    elif rule is None:
        _list_rules()
    else:
        _show_rule(find_rule(rule))
    return 0


def _list_rules() -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("rule", "severity", "what it means"):
        table.add_column(heading)
    for each in sorted(rules().values(), key=lambda each: each.id):
        table.add_row(each.id, each.severity, each.title)
    console().print(table)


def _show_rule(found: Rule) -> None:
    out = console()
    out.print(f"[bold]{found.id}[/]  {escape(found.title)}  ({found.severity})\n")
    for heading, text in (("why", found.why), ("how it is measured", found.how), ("how to fix it", found.fix)):
        out.print(Panel(escape(text), title=heading, title_align="left", width=100))
    for reference in found.references:
        out.print(f"  {escape(reference)}")


def _show_records(config: Path, model: str | None, top: int) -> None:
    settings = read_config(config)
    if model is None:
        names = [each.name for each in settings.model]
        if len(names) != 1:
            raise UsageError("there are several models", next_step=f"give --model, one of: {', '.join(names)}")
        model = names[0]
    out = console()
    for rank, each in enumerate(people(settings, model, top=top), 1):
        person = f", {settings.data.subject} {each.subject}" if each.subject else ""
        found = each.exposed
        out.print(f"[bold]{rank}. training row {found.row}{escape(person)}[/]")
        out.print(f"   log-likelihood ratio {found.score:+.2f}; {found.false_alarms:.2%} of strangers score as high")
        for reason in found.reasons:
            out.print(f"   - {escape(reason)}")
        values = ", ".join(f"{name} {value}" for name, value in each.values.items())
        out.print(f"   [dim]{escape(values)}[/]")
