"""``evasion.trees``: proof and example on either side of robust accuracy, and the attack by labels agrees with both."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

from casemate.core.errors import UsageError
from casemate.data.dataset import Dataset
from casemate.data.schema import Column, Schema
from casemate.threats.evasion.decision import DecisionAttack
from casemate.threats.evasion.space import Space
from casemate.threats.evasion.trees.assess import TreesEvasion, everything
from casemate.training.engagement import Conclusion, Engagement
from casemate.training.recipe import SklearnRecipe
from tests.threats.evasion.trees.test_pipeline import SCHEMA, pipeline, table

EPS = (0.05, 0.5, 1.0)


def data(seed: int, count: int) -> Dataset:
    frame, y = table(seed, count)
    return Dataset("wards", frame, y, ("0", "1"), SCHEMA)


def engaged(estimator: object = None, **options: object) -> Engagement:
    members, strangers = data(0, 200), data(1, 60)
    recipe = SklearnRecipe(estimator or pipeline("boosting", "standard", 20, encoder="ordinal"))
    given = {"evasion.trees": {"eps": EPS, "rows": 60, "boxes": 3000, "chunk": 25, **options}}
    return Engagement("toy", recipe.fit(members, 0), members, strangers, recipe, seed=4, options=given)


def run(engagement: Engagement) -> Conclusion:
    mechanism = TreesEvasion()
    assert mechanism.applies(engagement) == ""
    view = engagement.changed(target=engagement.target.restrict(mechanism.spec.access))
    results = {task.id: mechanism.work(view, task) for task in mechanism.tasks(view)}
    assert all(array.dtype != object for result in results.values() for array in result.values())
    return mechanism.conclude(view, results)


def held(found: Conclusion, metric: str, eps: float) -> np.ndarray:
    at = next(at for at, m in enumerate(found.measurements) if m.metric == metric and m.at["eps"] == eps)
    return np.asarray(found.outcomes[at])


def test_what_is_certified_is_standing_and_both_fall_with_the_radius() -> None:
    found = run(engaged())
    assert [m.at["eps"] for m in found.measurements] == [eps for eps in EPS for _ in range(2)]
    assert all(found.outcomes[at].sum() == m.k for at, m in enumerate(found.measurements))
    for eps in EPS:
        assert not (held(found, "certified_accuracy", eps) & ~held(found, "robust_accuracy", eps)).any()
    counts = [held(found, "robust_accuracy", eps).sum() for eps in EPS]
    assert counts == sorted(counts, reverse=True)
    assert 0 < counts[-1] < counts[0]
    assert all(m.errors == 0 and m.n == 60 for m in found.measurements)


def test_chunks_do_not_change_the_figures() -> None:
    assert run(engaged()).measurements == run(engaged(chunk=60)).measurements


def test_no_attack_by_labels_turns_what_is_certified() -> None:
    """Another attack, which knows nothing of trees: changes that add up to eps move no column by more."""
    engagement = engaged()
    certified = held(run(engagement), "certified_accuracy", 0.5)
    victims, target = engagement.nonmembers, engagement.target
    right = np.flatnonzero(target.labels(victims.features) == victims.labels)
    space = Space.build(victims.schema, everything(engagement))
    attacked = DecisionAttack(points=(300,))(
        target, space, victims.features.iloc[right], victims.labels[right], engagement.members, seed=3
    )
    turned = attacked.cost[:, -1] <= 0.5
    assert turned.any()
    assert not (certified[right] & turned).any()


def test_rows_that_the_search_cannot_take_are_standing_not_certified_and_counted() -> None:
    engagement = engaged()
    plain = run(engagement)
    strangers = engagement.nonmembers
    features = strangers.features.copy()
    features.loc[:4, "ward"] = "z"
    features.loc[5, "dose"] = 1e3  # out of the schema's bounds
    odd = Dataset("odd", features, strangers.labels, strangers.classes, strangers.schema)
    found = run(engagement.changed(nonmembers=odd))
    assert {m.errors for m in found.measurements} == {6}
    assert "6 of the rows" in found.measurements[0].note
    assert not held(found, "certified_accuracy", EPS[0])[:6].any()
    right = engagement.target.labels(features) == strangers.labels
    assert (held(found, "robust_accuracy", EPS[-1])[:6] == right[:6]).all()
    assert plain.measurements[0].errors == 0


def test_it_says_where_it_does_not_apply() -> None:
    numbers = Schema((Column(name="a", type="number"), Column(name="b", type="number")))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    rows = Dataset("n", frame, rng.integers(0, 2, 60), ("0", "1"), numbers)

    def applies(estimator: object) -> str:
        recipe = SklearnRecipe(estimator)
        return TreesEvasion().applies(Engagement("toy", recipe.fit(rows, 0), rows, rows, recipe))

    assert applies(RandomForestClassifier(3)) == ""
    assert "LogisticRegression" in applies(make_pipeline(StandardScaler(), LogisticRegression()))
    assert "PowerTransformer" in applies(make_pipeline(PowerTransformer(), RandomForestClassifier(3)))
    assert "20" in TreesEvasion().applies(engaged().changed(nonmembers=data(1, 10)))


@pytest.mark.parametrize("options", [{"box": 3}, {"eps": ()}, {"eps": (0.0,)}, {"rows": 0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"evasion\.trees"):
        TreesEvasion().tasks(engaged(**options))
