"""The assessment ``extraction.surrogate``: how well a learned copy does, by queries and answer policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from casemate.core.seeds import derive
from casemate.threats.extraction import declarations
from casemate.threats.extraction.copies import Copy
from casemate.threats.extraction.grading import (
    NOT_ASKED,
    Curve,
    attacked,
    budgets,
    grade,
    sides,
    space_of,
    tasks,
    too_few,
)
from casemate.threats.extraction.surrogate import LearnedSurrogate
from casemate.training.engagement import Conclusion, Engagement, Result, Task

BUDGETS = {"quick": (100, 1000), "standard": (100, 300, 1000), "thorough": (100, 300, 1000, 3000)}


class SurrogateAssessment:
    """A learned surrogate under every answer policy, beside what the attacker's own labels give it without asking.

    Settings (``[assess."extraction.surrogate"]``): ``budgets``, a list of query budgets instead of the effort's.
    """

    spec = next(spec for spec in declarations.ASSESSMENTS if spec.id == declarations.SURROGATE)

    def applies(self, engagement: Engagement) -> str:
        """Why it cannot be run, or ""."""
        return too_few(engagement)

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """One a policy."""
        asking = budgets(engagement, self.spec.id, BUDGETS[engagement.effort])
        return tasks(engagement, asking, len(sides(engagement).held), seconds=0.5 + max(asking) / 800)

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Attack under one policy and grade the copies; the copy before the first query comes first."""
        halves = sides(engagement)
        seed = derive(engagement.seed, self.spec.id, task.id)
        attack, space, target = LearnedSurrogate(), space_of(halves.own), attacked(engagement, task)
        copies: list[Copy] = [
            *attack.curve(target, space, (0, *task.parameters["budgets"]), own_labels=halves.own.labels, seed=seed)
        ]
        return grade(engagement, halves.held, copies)

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """Fidelity and accuracy by queries and policy, and without asking."""
        own = f"{len(sides(engagement).own):,} labeled rows of its own, unseen by the model"
        curve = Curve(self.spec, engagement, ("the schema", own))
        todo = self.tasks(engagement)
        curve.copy(results[todo[0].id], 0, 0, NOT_ASKED, "what the attacker's own labels give it without asking")
        for task in todo:
            found = results[task.id]
            for place, queries in enumerate(task.parameters["budgets"], start=1):
                gained = found["agree"][place].mean() - found["agree"][0].mean()
                note = f"{gained:+.1%} over a model of the attacker's own labels"
                curve.copy(found, place, queries, task.id, note)
        return curve.conclusion
