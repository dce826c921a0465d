"""The assessment ``extraction.equations``: how much of a linear model leaves with how many answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from casemate.core.measurement import Measurement
from casemate.core.seeds import derive
from casemate.targets.target import Target
from casemate.threats.extraction import declarations
from casemate.threats.extraction.affine import Affine, solve
from casemate.threats.extraction.bounds import ask
from casemate.threats.extraction.equations import EquationSolving
from casemate.threats.extraction.grading import Curve, attacked, auditor, grade, sides, space_of, tasks, too_few
from casemate.threats.extraction.space import InputSpace
from casemate.training.engagement import Array, Conclusion, Engagement, Result, Task

Floats = npt.NDArray[np.float64]

ROUND_BUDGETS = {"quick": (1000,), "standard": (100, 300, 1000), "thorough": (100, 300, 1000, 3000)}
AFFINE = 1e-3
"""Largest gap, in logits, between a model and its affine copy that still counts as affine (float32 models err by 1e-4)."""


class EquationAssessment:
    """Equation solving under every answer policy.

    Settings (``[assess."extraction.equations"]``): ``budgets``, a list of query budgets instead of the effort's.
    """

    spec = next(spec for spec in declarations.ASSESSMENTS if spec.id == declarations.EQUATIONS)

    def applies(self, engagement: Engagement) -> str:
        """Why this model cannot be attacked by solving equations, or ""; looked at by asking it as its auditor."""
        if reason := too_few(engagement):
            return reason
        view = auditor(engagement.target)
        if not view.gives_scores:
            return "the model has no scores to make equations of"
        space = space_of(sides(engagement).own)
        copy = EquationSolving(queries=space.width + 11)(view, space, seed=engagement.seed)
        if copy.residual is not None and copy.residual <= AFFINE:
            return ""
        return "the model's log-odds are not affine in its inputs; extraction.surrogate measures its theft"

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """One a policy."""
        halves = sides(engagement)
        width = space_of(halves.own).width
        given = engagement.settings(self.spec.id).get("budgets")
        budgets = given or {width + 1, 2 * width, *(b for b in ROUND_BUDGETS[engagement.effort] if b > width)}
        return tasks(engagement, sorted(int(budget) for budget in budgets), len(halves.held), seconds=2.0)

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Attack under one policy and grade the copies."""
        halves = sides(engagement)
        space = space_of(halves.own)
        target = attacked(engagement, task)
        seed = derive(engagement.seed, self.spec.id, task.id)
        copies = EquationSolving().curve(target, space, task.parameters["budgets"], seed=seed)
        truth = true_map(auditor(engagement.target), space)
        errors = [_error(copy.map, truth) for copy in copies]
        graded = grade(engagement, halves.held, copies, [copy.queries for copy in copies])
        return {**graded, "error": np.array(errors), "width": np.array(space.width)}

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """Fidelity, accuracy and coefficient error by queries and policy."""
        curve = Curve(
            self.spec,
            self.spec.kinds[0],
            engagement,
            ("the schema", f"{len(sides(engagement).own):,} rows from the same population, without labels", "linear"),
        )
        figures: list[Measurement] = []
        outcomes: dict[int, Array] = {}
        for task in self.tasks(engagement):
            found = results[task.id]
            for place, budget in enumerate(task.parameters["budgets"]):
                at: dict[str, float | str] = {"queries": budget, "answers": task.id}
                asked = int(found["asked"][place])
                outcomes[len(figures)] = found["agree"][place]
                note = _note(task, int(found["width"]), asked)
                figures.append(curve.proportion("fidelity", found["agree"][place], at, asked, note))
                outcomes[len(figures)] = found["correct"][place]
                right = f"the model itself is right on {found['target'].mean():.1%} of these rows"
                figures.append(curve.proportion("accuracy", found["correct"][place], at, asked, right))
                figures.append(curve.figure("coefficient_error", float(found["error"][place]), at, asked, ""))
        return Conclusion(figures, outcomes)


def true_map(target: Target, space: InputSpace) -> Affine:
    """The model's own affine map in the attacker's encoding.

    It is read from ``decision_function`` where the model has one, which is independent of the scores that the attack
    works with, and from exact scores otherwise.
    """
    moves = space.moves()
    values = np.tile(space.center, (len(moves) + 1, 1))
    for place, (column, value) in enumerate(moves, start=1):
        values[place, column] = value
    encoded, frame = space.encode(values), space.frame(values)
    decide = getattr(target.model, "decision_function", None)
    if decide is None:
        return solve(encoded, ask(target, frame), len(target.classes))
    z = np.asarray(decide(frame), dtype=np.float64)
    z = np.column_stack([np.zeros(len(z)), z]) if z.ndim == 1 else z - z[:, :1]
    return Affine(np.linalg.solve(np.column_stack([np.ones(len(encoded)), encoded]), z).T)


def _error(found: Affine, truth: Affine) -> float:
    return float(np.abs(found.weights - truth.weights).max() / np.abs(truth.weights).max())


def _note(task: Task, width: int, asked: int) -> str:
    if task.parameters["digits"] is not None:
        return f"rounding is no defense: these answers still bound the log-odds of all {width} dimensions"
    if not task.parameters["top_one"] and asked > width:
        return f"{width + 1} exact answers determine all {width} coefficients and the intercept"
    return ""
