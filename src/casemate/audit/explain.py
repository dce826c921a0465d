"""What a rule means, and which records a finding is about: the second only where data and keys are."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casemate.audit.config import Config
from casemate.audit.engage import open_engagements
from casemate.audit.notebook import LEDGER, Kept, read_trials
from casemate.audit.plan import Scope, scope
from casemate.audit.registry import registry
from casemate.audit.run import conclude
from casemate.core.errors import UsageError
from casemate.core.findings import Rule
from casemate.core.observer import Silent
from casemate.keys.files import default_home
from casemate.ledger.view import verify_folder
from casemate.threats.evasion.examples import Example, examples
from casemate.threats.inversion.records import Exposed, exposed
from casemate.threats.supply_chain.rules import rules as supply_rules

MEMBERSHIP, EVASION = "inversion.membership", "evasion.decision"


def rules() -> dict[str, Rule]:
    """Every rule that casemate can report, by id."""
    return {**{rule.id: rule for rule in supply_rules()}, **registry().rules}


def rule(identifier: str) -> Rule:
    """One rule, or an error that names the nearest one."""
    known = rules()
    found = known.get(identifier.upper())
    if found is None:
        near = difflib.get_close_matches(identifier.upper(), known, n=1)
        raise UsageError(
            f"there is no rule {identifier!r}",
            next_step=f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(sorted(known))}",
        )
    return found


@dataclass(frozen=True)
class Person:
    """One training record that is exposed, with the person behind it.

    Attributes:
        exposed: its score and the reasons.
        subject: whose it is, where the data say so.
        values: the record itself.
    """

    exposed: Exposed
    subject: str
    values: Mapping[str, Any]


def people(config: Config, model: str, *, top: int = 10, home: Path | None = None) -> list[Person]:
    """The training records that membership inference against one model exposes most, from the kept trials.

    Raises:
        UsageError: the model is unknown, or the assessment has not been run.
    """
    each, kept = _trials(config, model, MEMBERSHIP, home)
    found = conclude(each, kept)
    members = each.engagement.members
    return [
        Person(
            exposed=each,
            subject="" if members.subjects is None else str(members.subjects[each.row]),
            values=dict(members.features.iloc[each.row]),
        )
        for each in exposed(found.records, members.schema.names, top)
    ]


def turned(config: Config, model: str, *, top: int = 10, home: Path | None = None) -> list[Example]:
    """The unseen rows of a table whose decision the cheapest changes turn, from the kept trials of evasion.

    Raises:
        UsageError: the model is unknown, or the assessment has not been run.
    """
    each, kept = _trials(config, model, EVASION, home)
    return examples(each.engagement, {task: one.result for task, one in kept.items()}, top)


def _trials(config: Config, model: str, assessment: str, home: Path | None) -> tuple[Scope, dict[str, Kept]]:
    opened = open_engagements(config, Silent(), home)
    if model not in opened.engagements:
        raise UsageError(f"there is no model {model!r}", next_step=f"use one of: {', '.join(opened.engagements)}")
    each = scope(opened.engagements[model], registry().assessment(assessment))
    if each.not_applicable:
        raise UsageError(f"{assessment} does not apply to {model}", cause=each.not_applicable)
    ledger = config.path(config.audit.out) / LEDGER
    return each, read_trials(ledger, verify_folder(ledger).records, home or default_home())(each)
