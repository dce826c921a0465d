"""``casemate explain``."""

from __future__ import annotations

import importlib
from pathlib import Path

from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from casemate.audit.config import Config, read_config
from casemate.audit.explain import people, rules, turned
from casemate.audit.explain import rule as find_rule
from casemate.cli.terminal import console, watching
from casemate.core.errors import UsageError
from casemate.core.findings import Rule

MASKING = "gradient-masking"
MASKING_MEANS = (
    "Measured just now on {attacked} of scikit-learn's digits, changes of at most {eps:g} of the range of gray. "
    "Claimed is accuracy under projected gradient descent; really is the least over all attacks that signs call for.",
    "People still list gradient masking as a defense. It makes attacks fail that follow gradients, and leaves inputs "
    "as near to the boundary as before: whoever averages, asks for scores or takes another loss breaks them. "
    "Such a model is called MASKED, never passes, and is attacked by those means at once. What helps is training: "
    "see `casemate harden --against evasion`.",
)


def explain(
    rule: str | None = None,
    /,
    *,
    record: bool = False,
    example: bool = False,
    model: str | None = None,
    config: Path = Path("casemate.toml"),
    top: int = 10,
) -> int:
    """What a finding means, how it was measured and how to fix it; or which records it is about.

    --record shows the training records that are most exposed, --example the unseen rows that small changes turn, and
    which. Both show people's data, and work only where the audited data and the keys of the audit are.

    Examples:
      casemate explain                      all rules
      casemate explain CM-INV-001           one of them
      casemate explain gradient-masking     an experiment of half a minute: why hidden gradients are no defense
      casemate explain --record --model boosted --config examples/clinical
      casemate explain --example --model boosted --config examples/clinical --top 3

    Args:
        rule: id of the rule, or "gradient-masking".
        record: show the most exposed training records and why.
        example: show the unseen rows that the cheapest changes turn, and what is changed.
        model: which model's, with --record or --example.
        config: the audit's configuration, with them.
        top: how many records.
    """
    if record:
        _show_records(config, model, top)
    elif example:
        _show_examples(config, model, top)
    elif rule is None:
        _list_rules()
    elif rule == MASKING:
        _show_masking()
    else:
        _show_rule(find_rule(rule))
    return 0


def _show_masking() -> None:
    """The experiment, run now: nothing in the table was written by hand."""
    demonstration = importlib.import_module("casemate.threats.evasion.demonstration")  # it needs torch
    total, eps = len(dict(demonstration.networks())), demonstration.EPS
    table = Table(box=None, pad_edge=False, title="Six networks, one attack, and a look behind", title_justify="left")
    for heading in ("what was done", "clean", "claimed", "verdict", "really", "the sign"):
        table.add_column(heading, justify="right" if heading in ("clean", "claimed", "really") else "left")
    with watching() as observer:
        observer.begin("experiment", total)
        for shown in demonstration.demonstrate():
            signs = ", ".join(sign.name for sign in shown.trust.signs if sign.raised) or "none"
            figures = f"{shown.clean:.0%}", f"{shown.claimed:.0%}"
            table.add_row(shown.name, *figures, shown.trust.verdict, f"{shown.trust.estimate:.0%}", signs)
            observer.advance("experiment")
        observer.end("experiment")
    out = console()
    out.print(table)
    for text in MASKING_MEANS:
        out.print(Panel(text.format(eps=eps, attacked=demonstration.ATTACKED), width=100))


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


def _show_examples(config: Path, model: str | None, top: int) -> None:
    settings = read_config(config)
    out = console()
    for rank, each in enumerate(turned(settings, _one(settings, model), top=top), 1):
        table = Table(box=None, pad_edge=False, title_justify="left")
        table.title = f"{rank}. unseen row {each.row}, class {escape(each.label)}: turned at a cost of {each.cost:.3g}"
        for heading in ("feature", "was", "becomes", "cost"):
            table.add_column(heading)
        for change in each.changes:
            table.add_row(change.column, _value(change.before), _value(change.after), f"{change.cost:.3g}")
        out.print(table)


def _value(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else escape(str(value))


def _one(settings: Config, model: str | None) -> str:
    """The model that is meant."""
    names = [each.name for each in settings.model]
    if model is None and len(names) != 1:
        raise UsageError("there are several models", next_step=f"give --model, one of: {', '.join(names)}")
    return names[0] if model is None else model


def _show_records(config: Path, model: str | None, top: int) -> None:
    settings = read_config(config)
    out = console()
    for rank, each in enumerate(people(settings, _one(settings, model), top=top), 1):
        person = f", {settings.data.subject} {each.subject}" if each.subject else ""
        found = each.exposed
        out.print(f"[bold]{rank}. training row {found.row}{escape(person)}[/]")
        out.print(f"   log-likelihood ratio {found.score:+.2f}; {found.false_alarms:.2%} of strangers score as high")
        for reason in found.reasons:
            out.print(f"   - {escape(reason)}")
        values = ", ".join(f"{name} {value}" for name, value in each.values.items())
        out.print(f"   [dim]{escape(values)}[/]")
