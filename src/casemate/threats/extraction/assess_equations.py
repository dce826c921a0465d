"""The assessment ``extraction.equations``: how much of a linear model leaves with how many answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from casemate.core.seeds import derive
from casemate.targets.target import Target
from casemate.threats.extraction import declarations
from casemate.threats.extraction.affine import Affine, solve
from casemate.threats.extraction.bounds import ask
from casemate.threats.extraction.equations import EquationSolving
from casemate.threats.extraction.grading import (
    Curve,
    attacked,
    auditor,
    budgets,
    grade,
    sides,
    space_of,
    tasks,
    too_few,
)
from casemate.threats.extraction.space import InputSpace
from casemate.training.engagement import Conclusion, Engagement, Result, Task

Floats = npt.NDArray[np.float64]

ROUND_BUDGETS = {"quick": (100, 1000), "standard": (100, 300, 1000), "thorough": (100, 300, 1000, 3000)}
AFFINE = 1e-3
"""Largest gap, in logits, between a model and its copy that still counts as affine (float32 models err by 1e-4)."""


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
        round_numbers = (budget for budget in ROUND_BUDGETS[engagement.effort] if budget > width)
        asking = budgets(engagement, self.spec.id, (width + 1, 2 * width, *round_numbers))
        return tasks(engagement, asking, len(halves.held), seconds=2.0)

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Attack under one policy and grade the copies."""
        halves = sides(engagement)
        space = space_of(halves.own)
        target = attacked(engagement, task)
        seed = derive(engagement.seed, self.spec.id, task.id)
        copies = EquationSolving().curve(
            target, space, task.parameters["budgets"], own_labels=halves.own.labels, seed=seed
        )
        truth = true_map(auditor(engagement.target), space)
        errors = [_error(copy.map, truth, free_scale=not target.gives_scores) for copy in copies]
        return {
            **grade(engagement, halves.held, copies),
            "error": np.array(errors),
            "width": np.array(space.width),
        }

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """Fidelity, accuracy and coefficient error by queries and policy."""
        own = f"{len(sides(engagement).own):,} labeled rows of its own, unseen by the model"
        curve = Curve(self.spec, engagement, ("the schema", own, "that the model is linear"))
        for task in self.tasks(engagement):
            found = results[task.id]
            for place, queries in enumerate(task.parameters["budgets"]):
                asked = int(found["asked"][place])
                curve.copy(found, place, queries, task.id, _note(task, int(found["width"]), asked))
                error = float(found["error"][place])
                curve.figure("coefficient_error", error, queries, task.id, asked=asked)
        return curve.conclusion


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
    weights = np.linalg.solve(np.column_stack([np.ones(len(encoded)), encoded]), z).T
    return Affine(np.asarray(weights, dtype=np.float64))


def _error(found: Affine, truth: Affine, *, free_scale: bool) -> float:
    """Largest coefficient error relative to the largest coefficient; labels do not reveal the common scale."""
    guess = found.weights
    if free_scale:
        guess = guess * (np.sum(guess * truth.weights) / max(np.sum(guess**2), 1e-300))
    return float(np.abs(guess - truth.weights).max() / np.abs(truth.weights).max())


def _note(task: Task, width: int, asked: int) -> str:
    if task.parameters["digits"] is not None:
        return f"rounding is no defense: these answers still bound the log-odds of all {width} dimensions"
    if not task.parameters["top_one"] and asked > width:
        return f"{width + 1} exact answers determine all {width} coefficients and the intercept"
    return ""
