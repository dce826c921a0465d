"""What the defenses of this room share: which tolerance they aim at, and how they hand on what they made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from sklearn.pipeline import Pipeline

from casemate.core.digests import canonical_json
from casemate.core.errors import UsageError
from casemate.core.policy import Policy
from casemate.core.seeds import derive
from casemate.threats.inversion import declarations
from casemate.training.engagement import Engagement
from casemate.training.recipe import Recipe, SklearnRecipe

AT: dict[str, float | str] = {"fpr": 0.01}
CONFIDENT = 0.9
"""A defense aims at what this share of models trained its way would pass, since only one will be trained and judged."""


def accepted(policy: Policy) -> float | None:
    """The strictest accepted TPR at a false-positive rate of 1 %, or None when the policy names none."""
    found = [
        tolerance.at_most
        for tolerance in policy.tolerances
        if tolerance.at_most is not None
        and tolerance.metric == "tpr"
        and tolerance.at in ({}, AT)
        and fnmatchcase(declarations.LIRA, tolerance.kind)
    ]
    return min(found, default=None)


def promise(kind: str, metric: str, at: Mapping[str, float | str]) -> str:
    """The key under which ``Proposal.predicted`` promises a figure of ``inversion.membership``."""
    return canonical_json([declarations.MEMBERSHIP.id, kind, metric, dict(at)]).decode()


def retrained(engagement: Engagement, recipe: Recipe, defense: str) -> Engagement:
    """The engagement with its model trained again by another recipe, on the same rows, behind the same door."""
    model = recipe.fit(engagement.members, derive(engagement.seed, defense))
    old = engagement.target
    target = replace(model, name=old.name, access=old.access, answers=old.answers)
    return engagement.changed(target=target, recipe=recipe, defense=defense)


def sklearn_recipe(engagement: Engagement) -> SklearnRecipe:
    """The engagement's recipe, if it is scikit-learn's.

    Raises:
        UsageError: it is not; ``applies`` says so before.
    """
    if not isinstance(engagement.recipe, SklearnRecipe):
        raise UsageError("the defense needs a scikit-learn recipe", next_step="ask `applies` first")
    return engagement.recipe


def last_step(recipe: SklearnRecipe) -> str:
    """What the names of the last step's parameters begin with, as ``set_params`` wants them: "" without a pipeline."""
    estimator, prefix = recipe.estimator, ""
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    return prefix
