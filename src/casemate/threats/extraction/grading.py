"""What both extraction assessments share: who has which rows, under which policies, and how a copy is graded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from casemate.core.declarations import AssessmentSpec
from casemate.core.errors import UsageError
from casemate.core.measurement import Measurement
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.data.dataset import Dataset
from casemate.stats.proportions import clopper_pearson
from casemate.targets.answers import TOP_ONE, AnswerPolicy
from casemate.targets.target import Meter, Target
from casemate.threats.extraction.copies import Copy
from casemate.threats.extraction.space import InputSpace
from casemate.training.engagement import Array, Conclusion, Engagement, Result, Task

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


def budgets(engagement: Engagement, assessment: str, usual: Iterable[int]) -> list[int]:
    """The query budgets of an assessment, ascending: the configuration's, or the usual ones.

    Raises:
        UsageError: the configuration gives something else than positive whole numbers.
    """
    given = engagement.settings(assessment).get("budgets", usual)
    chosen = sorted(set(given))
    if not chosen or not all(isinstance(budget, int) and budget > 0 for budget in chosen):
        raise UsageError(
            f"budgets of {assessment} must be positive whole numbers", next_step="write for example [100, 1000]"
        )
    return chosen


def tasks(engagement: Engagement, asking: Sequence[int], held: int, seconds: float) -> list[Task]:
    """One task a policy; the curve over budgets is one attack looked at on its way."""
    return [
        Task(
            policy.name,
            {"digits": policy.digits, "top_one": policy.top_one, "budgets": list(asking)},
            queries=max(asking) + held,
            seconds=seconds,
        )
        for policy in policies(engagement)
    ]


def attacked(engagement: Engagement, task: Task) -> Target:
    """The view the attacker gets for a task: its policy, no weights, no more queries than the largest budget."""
    policy = AnswerPolicy(digits=task.parameters["digits"], top_one=task.parameters["top_one"])
    return engagement.target.answering(policy).restrict(Access.SCORES, budget=max(task.parameters["budgets"]))


def grade(engagement: Engagement, held: Dataset, copies: Sequence[Copy]) -> dict[str, Array]:
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
        "asked": np.array([copy.queries for copy in copies], dtype=np.int64),
    }


@dataclass
class Curve:
    """Collects the measurements of one assessment from graded copies, with their outcomes.

    Attributes:
        spec: the assessment.
        engagement: the model attacked.
        knowledge: what the attacker knows besides answers.
    """

    spec: AssessmentSpec
    engagement: Engagement
    knowledge: tuple[str, ...]

    def __post_init__(self) -> None:
        self._figures: list[Measurement] = []
        self._outcomes: dict[int, Array] = {}

    @property
    def conclusion(self) -> Conclusion:
        """Everything collected."""
        return Conclusion(self._figures, self._outcomes)

    def copy(self, found: Result, place: int, queries: int, answers: str, note: str) -> None:
        """Fidelity and accuracy of one copy, with exact intervals."""
        right = f"the model itself is right on {found['target'].mean():.1%} of these rows"
        for metric, hits, text in (
            ("fidelity", found["agree"][place], note),
            ("accuracy", found["correct"][place], right),
        ):
            count, trials = int(hits.sum()), len(hits)
            interval = clopper_pearson(count, trials)
            self._outcomes[len(self._figures)] = hits
            self._add(
                metric, queries, answers, int(found["asked"][place]), estimate=count / trials, low=interval.low,
                high=interval.high, n=trials, k=count, method=interval.method, note=text,
            )  # fmt: skip

    def figure(self, metric: str, value: float, queries: int, answers: str, *, asked: int) -> None:
        """One figure without an interval: a largest deviation."""
        none: dict[str, Any] = {"low": None, "high": None, "n": None, "k": None, "method": "largest deviation"}
        self._add(metric, queries, answers, asked, estimate=value, **none)

    def _add(self, metric: str, queries: int, answers: str, asked: int, **rest: Any) -> None:
        declared = next(one for one in self.spec.metrics if one.name == metric)
        model = ThreatModel(
            goal="make a copy that answers like the model",
            knowledge=(*self.knowledge, f"the answer policy ({answers})") if queries else self.knowledge,
            access=Access.LABELS if answers in (TOP_ONE.name, NOT_ASKED) else Access.SCORES,
            queries=queries,
        )
        self._figures.append(
            Measurement(
                assessment=self.spec.id,
                kind=self.spec.kinds[0],
                metric=metric,
                subject=self.engagement.name,
                threat_model=model,
                seed=self.engagement.seed,
                at={"queries": queries, "answers": answers},
                unit=declared.unit,
                direction=declared.direction,
                queries=asked,
                **rest,
            )
        )
