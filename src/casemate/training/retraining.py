"""What defenses that train a model again by another recipe share."""

from __future__ import annotations

from dataclasses import replace

from sklearn.pipeline import Pipeline

from casemate.core.errors import UsageError
from casemate.core.seeds import derive
from casemate.training.engagement import Engagement
from casemate.training.recipe import Recipe, SklearnRecipe


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
