"""Small worlds in which membership and attributes leak, or do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from casemate.data.dataset import Dataset
from casemate.data.schema import Column, Schema
from casemate.training.engagement import Assessment, Conclusion, Engagement
from casemate.training.recipe import SklearnRecipe


def people(n: int, d: int = 20, seed: int = 0, classes: int = 2) -> Dataset:
    """Correlated numbers, a rare heavy tail, and labels from a noisy linear rule."""
    rng = np.random.default_rng([seed, 7])
    x = rng.normal(size=(n, d)) @ (np.eye(d) + 0.3 * rng.normal(size=(d, d))) * rng.lognormal(0, 0.4, size=(n, 1))
    score = x @ rng.normal(size=(d, classes)) / np.sqrt(d) + rng.gumbel(size=(n, classes))
    features = pd.DataFrame(x, columns=[f"x{i}" for i in range(d)])
    schema = Schema(tuple(Column(name=name, type="number") for name in features.columns))
    names = tuple(str(code) for code in range(classes))
    return Dataset("people", features, score.argmax(axis=1).astype(np.int64), names, schema)


def logistic(c: float = 1.0) -> Any:
    """Scale, then regress."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=5000, tol=1e-8))


def engage(rows: Dataset, estimator: Any, seed: int = 0, share: float = 0.5, **more: Any) -> Engagement:
    """A model trained on a random share of the rows; the others are nonmembers."""
    order = np.random.default_rng([seed, 11]).permutation(len(rows))
    cut = round(share * len(rows))
    members, nonmembers = rows.take(order[:cut], "members"), rows.take(order[cut:], "nonmembers")
    recipe = SklearnRecipe(estimator)
    return Engagement("model", recipe.fit(members, seed), members, nonmembers, recipe, seed=seed, **more)


def settings(**options: Any) -> Mapping[str, Mapping[str, Any]]:
    """Options of the membership assessment."""
    return {"inversion.membership": options}


def run(assessment: Assessment, engagement: Engagement, reverse: bool = False) -> Conclusion:
    """All tasks of an assessment, first to last or last to first, and its conclusion."""
    assert assessment.applies(engagement) == ""
    tasks = list(assessment.tasks(engagement))
    results = {task.id: assessment.work(engagement, task) for task in (tasks[::-1] if reverse else tasks)}
    return assessment.conclude(engagement, results)


def figure(conclusion: Conclusion, kind: str, metric: str, **at: Any) -> Any:
    """The one measurement of this kind, metric and point."""
    found = [m for m in conclusion.measurements if (m.kind, m.metric) == (kind, metric) and m.at.items() >= at.items()]
    assert len(found) == 1
    return found[0]
