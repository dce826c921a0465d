"""Robust splitting as a defense of an audit: trees in, a forest out whose splits expect rows to move."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from casemate.core.errors import UsageError
from casemate.core.policy import Policy
from casemate.threats.evasion import declarations
from casemate.threats.evasion.hardening.forest import RobustForestClassifier
from casemate.training.engagement import Engagement, Proposal
from casemate.training.linear import split
from casemate.training.recipe import SklearnRecipe
from casemate.training.retraining import last_step, retrained, sklearn_recipe

TREES = (
    DecisionTreeClassifier,
    ExtraTreeClassifier,
    RandomForestClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
)
LOOKED_AT = 500
"""Rows on which it is seen whether preprocessing leaves values missing."""


class RobustSplitting:
    """The defense ``evasion.robust_splitting``.

    Args:
        eps: radius to expect, as a share of each column's interquartile range; columns of two values do not move.
        trees: of the forest.
        depth: of a tree.
        leaf: rows in a leaf at least.

    Raises:
        UsageError: a number that makes no sense.
    """

    spec = declarations.SPLITTING

    def __init__(self, eps: float = 0.25, trees: int = 100, depth: int = 10, leaf: int = 5) -> None:
        if not (0 < eps < float("inf") and min(trees, depth, leaf) >= 1):
            raise UsageError(
                f"the options of {self.spec.id} cannot be used", next_step="give eps above 0, and counts of 1 or more"
            )
        self._eps, self._trees, self._depth, self._leaf = eps, trees, depth, leaf

    def applies(self, engagement: Engagement) -> str:
        """Why the model cannot be grown again with robust splits, or ""."""
        if not isinstance(engagement.recipe, SklearnRecipe):
            return "there is no scikit-learn recipe"
        first, last = split(engagement.recipe.estimator)
        if not isinstance(last, TREES):
            return f"it ends in {type(last).__name__}, not in trees of scikit-learn"
        made: Any = engagement.members.features[:LOOKED_AT]
        try:
            if first is not None:
                made = clone(first).fit_transform(made, engagement.members.labels[:LOOKED_AT])
            values = np.asarray(made.toarray() if hasattr(made, "toarray") else made, dtype=np.float64)
        except (TypeError, ValueError):
            return "its trees take columns that are no numbers"
        return "" if np.isfinite(values).all() else "its trees take missing values, which robust splits do not know"

    def propose(self, engagement: Engagement, policy: Policy) -> Proposal:
        """Grow a forest in place of the last step, on the same rows."""
        recipe = sklearn_recipe(engagement)
        forest = RobustForestClassifier(
            self._eps, relative=True, n_estimators=self._trees, max_depth=self._depth, min_samples_leaf=self._leaf
        )
        place = last_step(recipe).removesuffix("__")
        changed = recipe.change(**{place: forest}) if place else SklearnRecipe(forest)
        return Proposal(
            engagement=retrained(engagement, changed, self.spec.id),
            settings={"eps": self._eps, "trees": self._trees, "depth": self._depth, "leaf": self._leaf},
            note=f"grown for changes of {self._eps:g} interquartile ranges in every column",
        )
