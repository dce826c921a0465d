"""The assessment behind ``evasion.decision``: how many unseen rows survive an attacker who may type within a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from casemate.core.declarations import AssessmentSpec
from casemate.core.errors import UsageError
from casemate.core.measurement import Measurement
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.stats.proportions import clopper_pearson
from casemate.threats.evasion.decision import DecisionAttack
from casemate.threats.evasion.declarations import DECISION
from casemate.threats.evasion.space import Positions, Space, violations
from casemate.training.engagement import Array, Conclusion, Engagement, Result, Task

BUDGETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {"rows": 60, "queries": (50, 100)},
    "standard": {"rows": 150, "queries": (50, 100, 200, 400)},
    "thorough": {"rows": 500, "queries": (50, 100, 200, 400, 1000)},
}
DEFAULTS: Mapping[str, Any] = {"eps": (0.25, 0.5, 1.0, 2.0), "norm": 1, "chunk": 160, "pool": 1000}


class DecisionEvasion:
    """Attack a random sample of unseen rows, those that the model answers correctly, and count who survives.

    Options (``[assess."evasion.decision"]``): ``rows`` (sampled), ``queries`` (counts at which the curve is read; the
    last is the budget of a row), ``eps`` (budgets in schema units), ``norm`` (1 adds changes up, 2 is Euclidean),
    ``chunk`` (rows a task), ``pool`` (rows the attacker holds).
    """

    spec: AssessmentSpec = DECISION

    def applies(self, engagement: Engagement) -> str:
        """Held-out rows and something to change are needed."""
        if len(engagement.nonmembers) < 20:
            return "fewer than 20 held-out rows"
        return "" if len(space_of(engagement)) else "the schema lets an attacker change nothing"

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """One for each chunk of sampled rows."""
        options = settings(engagement)
        rows, chunk = len(_sample(engagement)[0]), int(options["chunk"])
        asked = int(max(options["queries"])) + len(options["queries"]) + 1
        return tuple(
            Task(f"rows-{at:05d}", {"start": at, "stop": stop}, queries=(stop - at) * asked, seconds=0.03 * (stop - at))
            for at in range(0, rows, chunk)
            for stop in [min(at + chunk, rows)]
        )

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Attack one chunk.

        Returns:
            "correct" (n,) bool; "cost" (n, points) infinite where nothing was found; "values" (n, d) the examples at
            the full budget; "broken" and "unconfirmed" (n,) bool; "queries" (n,).
        """
        options = settings(engagement)
        sampled, pool = _sample(engagement)
        numbers = sampled[int(task.parameters["start"]) : int(task.parameters["stop"])]
        data = engagement.nonmembers.take(numbers)
        answers = engagement.target.labels(data.features)
        correct = answers == data.labels
        points = tuple(int(count) for count in sorted(options["queries"]))
        space = space_of(engagement)
        cost = np.full((len(data), len(points)), np.inf)
        values, _ = space.encode(data.features)
        broken, unconfirmed = np.zeros(len(data), dtype=bool), np.zeros(len(data), dtype=bool)
        queries = np.ones(len(data), dtype=np.int64)
        if correct.any():
            victims = data.features[correct].reset_index(drop=True)
            attack = DecisionAttack(points=points, norm=int(options["norm"]))
            found = attack(
                engagement.target,
                space,
                victims,
                answers[correct],
                engagement.nonmembers.take(pool),
                seed=derive(engagement.seed, DECISION.id),
                numbers=numbers[correct].astype(np.int64),
            )
            _, there = space.encode(victims)
            for at in range(len(points)):
                changed = space.decode(victims, np.arange(len(victims)), found.values[:, at], there)
                wrong = violations(data.schema, victims, changed)
                broken[correct] |= wrong
                found.cost[wrong, at] = np.inf  # an example that breaks the schema is none
            cost[correct], values[correct] = found.cost, found.values[:, -1]
            unconfirmed[correct], queries[correct] = found.unconfirmed.any(axis=1), queries[correct] + found.queries
        return {
            "correct": correct,
            "cost": cost,
            "values": values,
            "broken": broken,
            "unconfirmed": unconfirmed,
            "queries": queries,
        }

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """Success and robust accuracy at every query count and budget, with exact intervals."""
        options = settings(engagement)
        parts = [results[task.id] for task in self.tasks(engagement)]
        correct, cost = (np.concatenate([part[name] for part in parts]) for name in ("correct", "cost"))
        failed = int(sum(part["unconfirmed"].sum() + part["broken"].sum() for part in parts))
        measurements: list[Measurement] = []
        outcomes: dict[int, Array] = {}
        for at, most in enumerate(sorted(options["queries"])):
            for eps in sorted(options["eps"]):
                turned = correct & (cost[:, at] <= eps)
                where: dict[str, float | str] = {"queries": float(most), "eps": float(eps)}
                outcomes[len(measurements)] = correct & ~turned
                kept = correct & ~turned
                measurements.append(
                    _row(engagement, "robust_accuracy", int(kept.sum()), len(correct), at=where, failed=failed)
                )
                if correct.any():
                    found, tried = int(turned.sum()), int(correct.sum())
                    measurements.append(_row(engagement, "attack_success_rate", found, tried, at=where, failed=failed))
        return Conclusion(measurements, outcomes)


def settings(engagement: Engagement) -> dict[str, Any]:
    """The budgets of this effort with the user's options over them.

    Raises:
        UsageError: an option that does not exist, or no query count or budget.
    """
    given = engagement.settings(DECISION.id)
    options = {**DEFAULTS, **BUDGETS[engagement.effort], **given}
    unknown = sorted(set(given) - {*DEFAULTS, *BUDGETS["standard"]})
    if unknown or not options["queries"] or not options["eps"] or options["norm"] not in (1, 2):
        raise UsageError(
            f"the options of {DECISION.id} cannot be used",
            cause=f"unknown: {', '.join(unknown)}" if unknown else "queries and eps must not be empty; norm is 1 or 2",
            next_step=f"use: {', '.join(sorted({*DEFAULTS, *BUDGETS['standard']}))}",
        )
    return options


def _sample(engagement: Engagement) -> tuple[Positions, Positions]:
    """Positions of the rows under attack and, apart from them, of the attacker's own rows."""
    options = settings(engagement)
    order = np.random.default_rng(derive(engagement.seed, DECISION.id, "sample")).permutation(
        len(engagement.nonmembers)
    )
    rows = min(int(options["rows"]), len(order) // 2)
    return order[:rows], order[rows : rows + int(options["pool"])]


def sampled(engagement: Engagement) -> Positions:
    """Positions of the rows under attack, in the order of the results."""
    return _sample(engagement)[0]


def space_of(engagement: Engagement) -> Space:
    """What an attacker can change in the rows of this engagement."""
    frames = pd.concat([engagement.members.features, engagement.nonmembers.features], ignore_index=True)
    return Space.build(engagement.nonmembers.schema, frames)


def _row(
    engagement: Engagement, metric: str, k: int, n: int, *, at: dict[str, float | str], failed: int
) -> Measurement:
    interval = clopper_pearson(k, n)
    success = metric == "attack_success_rate"
    return Measurement(
        assessment=DECISION.id,
        kind=DECISION.kinds[0],
        metric=metric,
        subject=engagement.name,
        estimate=k / n,
        low=interval.low,
        high=interval.high,
        n=n,
        k=k,
        method=interval.method,
        threat_model=ThreatModel(
            goal="change a record as little as possible so that the model answers wrongly",
            knowledge=("the schema", f"{int(settings(engagement)['pool']):,} labeled rows of the same population"),
            access=Access.LABELS,
            queries=int(at["queries"]),
        ),
        seed=engagement.seed,
        at=at,
        direction="lower" if success else "higher",
        errors=failed,
        note="share of correctly answered rows" if success else "share of all sampled rows",
    )
