"""What both extraction assessments share: who has which rows, under which policies, and how a copy is graded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from casemate.core.declarations import AssessmentSpec
from casemate.core.measurement import Measurement
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.data.dataset import Dataset
from casemate.stats.proportions import clopper_pearson
from casemate.targets.answers import TOP_ONE, AnswerPolicy
from casemate.targets.target import Meter, Target
from casemate.threats.extraction.copies import Copy
from casemate.threats.extraction.space import InputSpace
from casemate.training.engagement import Engagement, Result, Task

LEAST_ROWS = 100
"""Fewer rows that the model never saw leave neither an attacker nor a judge enough to work with."""

NOT_ASKED = "none"
"""The answer policy of the baseline that asks nothing."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sides:
    """Rows the model never saw, halved.

    Attributes:
        own: what the attacker has, with labels.
        held: what copies are graded on; the attacker never sees it. One row a subject, so that trials are independent.
    """

    own: Dataset
    held: Dataset


def sides(engagement: Engagement) -> Sides:
    """Halve the non-members; all rows of one subject go to one side. Same seed, same halves, whatever the defense."""
    rows = engagement.nonmembers
    rng = np.random.default_rng(derive(engagement.seed, "extraction", "sides"))
    if rows.subjects is None:
        order = rng.permutation(len(rows))
        return Sides(rows.take(order[: len(rows) // 2]), rows.take(order[len(rows) // 2 :]))
    _, first, group = np.unique(rows.subjects.astype(str), return_index=True, return_inverse=True)
    mine = np.zeros(len(first), dtype=bool)
    mine[rng.permutation(len(first))[: len(first) // 2]] = True
    return Sides(rows.take(mine[group]), rows.take(np.sort(first[~mine])))


def too_few(engagement: Engagement) -> str:
    """Why there are not enough rows, or ""."""
    if len(engagement.nonmembers) >= LEAST_ROWS:
        return ""
    return f"it needs at least {LEAST_ROWS} rows that the model never saw, and there are {len(engagement.nonmembers)}"


def space_of(own: Dataset) -> InputSpace:
    """The attacker's view of the input space."""
    return InputSpace.of(own.schema, own.features)


def auditor(target: Target) -> Target:
    """The model past its answer policy and meter: for grading and for seeing what applies, never for attacking."""
    return replace(target, access=Access.WEIGHTS, answers=AnswerPolicy(), meter=Meter())


def policies(engagement: Engagement) -> list[AnswerPolicy]:
    """The policy the target is served with, then, unless a defense has just chosen it, stricter ones to compare."""
    served = engagement.target.answers if engagement.target.gives_scores else TOP_ONE
    if served.top_one or engagement.defense is not None:
        return [served]
    coarser = [] if served.digits is not None and served.digits <= 2 else [AnswerPolicy(digits=2)]
    return [served, *coarser, TOP_ONE]


def tasks(engagement: Engagement, budgets: Sequence[int], held: int, seconds: float) -> list[Task]:
    """One task a policy; the curve over budgets is one attack looked at on its way."""
    return [
        Task(
            policy.name,
            {"digits": policy.digits, "top_one": policy.top_one, "budgets": list(budgets)},
            queries=max(budgets) + held,
            seconds=seconds,
        )
        for policy in policies(engagement)
    ]


def attacked(engagement: Engagement, task: Task) -> Target:
    """The view the attacker gets for a task: its policy, no weights, no more queries than the largest budget."""
    policy = AnswerPolicy(digits=task.parameters["digits"], top_one=task.parameters["top_one"])
    return engagement.target.answering(policy).restrict(Access.SCORES, budget=max(task.parameters["budgets"]))


def grade(engagement: Engagement, held: Dataset, copies: Sequence[Copy], asked: Sequence[int]) -> Result:
    """Compare copies with the target on rows the attacker never used.

    Returns:
        ``agree`` and ``correct`` as (copies, rows), ``asked`` (copies,), ``target`` (rows,): where the target is right.
    """
    answers = engagement.target.labels(held.features)
    copied = np.array([copy.labels(held.features) for copy in copies]).reshape(len(copies), len(held))
    return {
        "agree": copied == answers,
        "correct": copied == held.labels,
        "target": answers == held.labels,
        "asked": np.asarray(asked, dtype=np.int64),
    }


@dataclass(frozen=True)
class Curve:
    """Builds the measurements of one assessment from graded copies."""

    spec: AssessmentSpec
    kind: str
    engagement: Engagement
    knowledge: tuple[str, ...]

    def proportion(self, metric: str, hits: Bools, at: Mapping[str, float | str], asked: int, note: str) -> Measurement:
        """One proportion with its exact interval."""
        interval = clopper_pearson(int(hits.sum()), len(hits))
        return self._figure(
            metric, float(hits.mean()), at, asked, note,
            low=interval.low, high=interval.high, n=len(hits), k=int(hits.sum()), method=interval.method,
        )  # fmt: skip

    def figure(self, metric: str, value: float, at: Mapping[str, float | str], asked: int, note: str) -> Measurement:
        """One figure without an interval."""
        return self._figure(
            metric, value, at, asked, note, low=None, high=None, n=None, k=None, method="largest deviation"
        )

    def _figure(
        self, metric: str, value: float, at: Mapping[str, float | str], asked: int, note: str, **rest: Any
    ) -> Measurement:
        declared = next(one for one in self.spec.metrics if one.name == metric)
        policy = at["answers"]
        model = ThreatModel(
            goal="make a copy that answers like the model",
            knowledge=(*self.knowledge, *([f"the answer policy ({policy})"] if at["queries"] else [])),
            access=Access.SCORES if policy not in (TOP_ONE.name, NOT_ASKED) else Access.LABELS,
            queries=int(at["queries"]),
        )
        return Measurement(
            assessment=self.spec.id, kind=self.kind, metric=metric, subject=self.engagement.name, estimate=value,
            threat_model=model, seed=self.engagement.seed, at=dict(at), unit=declared.unit,
            direction=declared.direction, queries=asked, note=note, **rest,
        )  # fmt: skip
