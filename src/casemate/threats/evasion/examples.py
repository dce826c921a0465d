"""What turned a decision about a row of a table, feature by feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from casemate.threats.evasion.assess import DecisionEvasion, sampled, space_of
from casemate.training.engagement import Engagement, Result


@dataclass(frozen=True)
class Change:
    """One feature of an adversarial example.

    Attributes:
        column: its name.
        before, after: its value.
        cost: what the change contributes to the whole, in schema units.
    """

    column: str
    before: Any
    after: Any
    cost: float


@dataclass(frozen=True)
class Example:
    """An unseen row that a small change turns.

    Attributes:
        row: its number among the unseen rows.
        label: its class, which the model answered.
        cost: of all changes together, in schema units.
        changes: by cost, the largest first.
    """

    row: int
    label: str
    cost: float
    changes: tuple[Change, ...]


def examples(engagement: Engagement, results: Mapping[str, Result], top: int) -> list[Example]:
    """The cheapest adversarial examples that the kept trials of `DecisionEvasion` hold.

    Args:
        engagement: the model and its data.
        results: of every task.
        top: how many.
    """
    space, data, rows = space_of(engagement), engagement.nonmembers, sampled(engagement)
    parts = [results[task.id] for task in DecisionEvasion().tasks(engagement)]
    cost, values = np.concatenate([part["cost"][:, -1] for part in parts]), np.concatenate([p["values"] for p in parts])
    order = np.argsort(cost, kind="stable")[:top]
    found = []
    for at in order[np.isfinite(cost[order])]:
        row = data.take(rows[at : at + 1])
        there = space.encode(row.features)
        changed = space.decode(row.features, np.zeros(1, dtype=np.intp), values[at : at + 1], there[1])
        share = space.change(values[at : at + 1], there[0])[0]
        changes = [
            Change(axis.column, row.features[axis.column].iloc[0], changed[axis.column].iloc[0], float(share[place]))
            for place, axis in enumerate(space.axes)
            if share[place] > 0
        ]
        changes.sort(key=lambda change: -change.cost)
        found.append(Example(int(rows[at]), data.classes[row.labels[0]], float(cost[at]), tuple(changes)))
    return found
