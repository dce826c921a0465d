"""The defense makes a table's model harder to turn by whoever sees labels only."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from casemate.core.errors import UsageError
from casemate.core.policy import Policy
from casemate.data.dataset import Dataset
from casemate.data.schema import Column, Schema
from casemate.threats.evasion.assess import DecisionEvasion
from casemate.threats.evasion.hardening.forest import RobustForestClassifier
from casemate.threats.evasion.hardening.splitting import RobustSplitting
from casemate.training.engagement import Engagement
from casemate.training.recipe import SklearnRecipe


def table(count: int, seed: int, *, gaps: bool = False) -> Dataset:
    """One column tells the classes apart with room; three tell them apart better, by a hair."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    wide = 0.5 + (labels - 0.5) * 0.6 * np.where(rng.random(count) < 0.95, 1, -1) + rng.normal(0, 0.03, count)
    hairs = {f"hair {at}": 0.02 * labels + rng.uniform(-1, 1, count).round(0) for at in range(3)}
    frame = pd.DataFrame({"wide": wide, **hairs})
    if gaps:
        frame.loc[::7, "wide"] = np.nan
    schema = Schema(tuple(Column(name=name, type="number", missing=gaps) for name in frame.columns))
    return Dataset("table", frame, labels, ("0", "1"), schema)


def engaged(estimator, *, gaps: bool = False) -> Engagement:
    members, strangers = table(600, 0, gaps=gaps), table(300, 1, gaps=gaps)
    recipe = SklearnRecipe(estimator)
    options = {"evasion.decision": {"rows": 60, "queries": [200], "eps": [0.3], "chunk": 60}}
    return Engagement("toy", recipe.fit(members, 0), members, strangers, recipe, seed=4, options=options)


def turned(engagement: Engagement) -> float:
    mechanism = DecisionEvasion()
    view = engagement.changed(target=engagement.target.restrict(mechanism.spec.access))
    found = mechanism.conclude(view, {task.id: mechanism.work(view, task) for task in mechanism.tasks(view)})
    return next(m.estimate for m in found.measurements if m.metric == "attack_success_rate")


@pytest.mark.parametrize(
    "estimator",
    [RandomForestClassifier(20, random_state=0), make_pipeline(StandardScaler(), HistGradientBoostingClassifier())],
)
def test_fewer_rows_are_turned_afterwards(estimator) -> None:
    before = engaged(estimator)
    defense = RobustSplitting(eps=0.5, trees=20)
    assert defense.applies(before) == ""
    after = defense.propose(before, Policy()).engagement
    last = after.recipe.estimator
    assert isinstance(last if isinstance(last, RobustForestClassifier) else last[-1], RobustForestClassifier)
    assert after.defense == "evasion.robust_splitting"
    accuracy = np.mean(after.target.labels(after.nonmembers.features) == after.nonmembers.labels)
    assert accuracy > 0.9
    assert turned(after) < turned(before) - 0.3


def test_it_says_where_it_does_not_apply() -> None:
    defense = RobustSplitting()
    assert "LogisticRegression" in defense.applies(engaged(LogisticRegression()))
    holes = engaged(HistGradientBoostingClassifier(), gaps=True)
    assert "missing" in defense.applies(holes)
    filled = engaged(make_pipeline(SimpleImputer(), RandomForestClassifier(5)), gaps=True)
    assert defense.applies(filled) == ""
    assert "recipe" in defense.applies(filled.changed(recipe=None))


@pytest.mark.parametrize("wrong", [{"eps": 0.0}, {"eps": np.nan}, {"trees": 0}, {"leaf": 0}])
def test_options_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(UsageError, match="robust_splitting"):
        RobustSplitting(**wrong)
