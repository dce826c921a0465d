"""What was read answers as the model does, to the last digit where it must, and what cannot be read is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from casemate.core.errors import DataError, TargetError
from casemate.threats.evasion.trees import read
from casemate.threats.evasion.trees.constraints import FREE
from casemate.threats.evasion.trees.cuts import make as make_cuts
from casemate.threats.evasion.trees.form import LEAF, Ensemble, Rule
from casemate.threats.evasion.trees.readers.build import tree
from tests.threats.evasion.trees.models import KINDS, data, fitted, make


def scores(model, x: np.ndarray) -> np.ndarray:
    """The model's own sums."""
    if type(model).__module__.startswith("xgboost"):
        return model.predict(x, output_margin=True).reshape(len(x), -1)
    if type(model).__module__.startswith("lightgbm"):
        return model.predict(x, raw_score=True).reshape(len(x), -1)
    if hasattr(model, "decision_function"):
        return model.decision_function(x).reshape(len(x), -1)
    return model.predict_proba(x)


def near_thresholds(ensemble, n: int, seed: int = 0) -> np.ndarray:
    """Rows on thresholds, one float beside them, and elsewhere: where rounding and < or <= show."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-0.1, 1.1, size=(n, ensemble.features))
    for column in range(ensemble.features):
        cuts = np.concatenate([part.threshold[part.feature == column] for part in ensemble.trees])
        if len(cuts):
            some = rng.choice(cuts, n)
            beside = np.stack([some, np.nextafter(some, 9), np.nextafter(some, -9), some + 3e-8, some - 3e-8])
            rows[:, column] = np.where(
                rng.random(n) < 0.8, beside[rng.integers(0, 5, n), np.arange(n)], rows[:, column]
            )
    return rows


@pytest.mark.parametrize("name", ["cancer", "digits"])
@pytest.mark.parametrize("kind", KINDS)
def test_sums_are_the_models_own(kind: str, name: str) -> None:
    model = fitted(kind, name)
    ensemble = read(model)
    for rows in (near_thresholds(ensemble, 3000), data(name)[0]):
        assert (ensemble.predict(rows) == model.predict(rows)).all()
        assert (ensemble.raw(rows) == scores(model, rows)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_missing_values_go_where_the_model_sends_them(kind: str) -> None:
    x, y = data("cancer")
    holes = np.where(np.random.default_rng(1).random(x.shape) < 0.1, np.nan, x)
    if kind == "boosting":
        with pytest.raises(DataError, match="cannot compare"):
            read(fitted(kind, "cancer")).predict(holes)
        return
    for train in (holes, x):
        if kind in ("tree", "forest", "extra") and train is x:
            continue
        model = make(kind).fit(train[:300], y[:300])
        assert (read(model).predict(holes) == model.predict(holes)).all()


@pytest.mark.parametrize("grid", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_cuts_are_the_first_value_on_the_right(kind: str, grid: str) -> None:
    """Every row's leaf, found through cuts, is the leaf that the model finds; on both sides of every cut."""
    ensemble = read(fitted(kind, "cancer"))
    cuts = make_cuts(ensemble, [FREE] * ensemble.features, grid)
    rng = np.random.default_rng(2)
    rows = rng.uniform(0, 1, size=(400, ensemble.features)).astype(grid).astype(np.float64)
    for column in range(ensemble.features):
        own = np.flatnonzero(cuts.feature == column)
        if len(own):
            pick = rng.choice(own, len(rows))
            rows[:, column] = np.where(rng.random(len(rows)) < 0.5, cuts.value[pick], cuts.before[pick])
    if grid == "float32":
        assert (rows == rows.astype(np.float32)).all()
        assert (np.nextafter(cuts.before.astype(np.float32), np.float32(np.inf)) == cuts.value).all()
    else:
        assert (np.nextafter(cuts.before, np.inf) == cuts.value).all()
    for row, raw in zip(rows, ensemble.raw(rows), strict=True):
        right = np.append(row[cuts.feature] >= cuts.value, True)
        met = right[cuts.low] & np.append(row[cuts.feature] < cuts.value, True)[cuts.high]
        leaves = np.flatnonzero(np.logical_and.reduceat(met, cuts.starts))
        assert (cuts.tree[leaves] == np.arange(len(ensemble.trees))).all()
        total = ensemble.base.astype(ensemble.rule.sums)
        for leaf in leaves:
            total = total + cuts.leaf_value[leaf].astype(ensemble.rule.sums)
        assert (total / ensemble.rule.divide == raw).all()


def test_what_is_no_tree_classifier_is_refused() -> None:
    x, y = data("cancer")
    for model in (LogisticRegression(max_iter=50), RandomForestRegressor(2)):
        with pytest.raises(TargetError, match="not a tree classifier"):
            read(model.fit(x[:50], y[:50]))


def test_what_the_reader_does_not_know_is_refused() -> None:
    x, y = data("cancer")
    with pytest.raises(TargetError, match="several outputs"):
        read(RandomForestClassifier(2).fit(x, np.stack([y, y], axis=1)))
    with pytest.raises(TargetError, match="one class"):
        read(DecisionTreeClassifier().fit(x, np.zeros(len(x))))
    with pytest.raises(TargetError, match="LogisticRegression"):
        read(GradientBoostingClassifier(n_estimators=2, init=LogisticRegression()).fit(x, y))
    codes = np.column_stack([np.arange(len(x)) % 5, x[:, 0]])
    labels = np.isin(codes[:, 0], [1, 3]).astype(int)
    with pytest.raises(TargetError, match="categories"):
        read(HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]).fit(codes, labels))


def test_boosting_from_zero_is_read() -> None:
    x, y = data("cancer")
    model = GradientBoostingClassifier(n_estimators=3, init="zero").fit(x, y)
    assert (read(model).raw(x)[:, 0] == model.decision_function(x)).all()


def test_a_model_that_answers_otherwise_than_its_trees_is_refused() -> None:
    class Liar(DecisionTreeClassifier):
        def predict(self, rows, check_input=True):
            return 1 - super().predict(rows, check_input)

    with pytest.raises(TargetError, match="otherwise than its trees"):
        read(Liar().fit(*data("cancer")))


@pytest.mark.parametrize(
    "change",
    [
        {"left": [0, -1, -1]},
        {"right": [1, -1, -1]},
        {"left": [7, -1, -1]},
        {"feature": [5, LEAF, LEAF]},
        {"threshold": [np.nan, 0, 0]},
        {"value": [[0.0], [np.inf], [1.0]]},
    ],
)
def test_nodes_that_are_no_tree_are_refused(change: dict) -> None:
    nodes = {
        "feature": [0, LEAF, LEAF],
        "threshold": [0.5, 0, 0],
        "left": [1, -1, -1],
        "right": [2, -1, -1],
        "nan_left": [0, 0, 0],
        "value": [[0.0], [0.0], [1.0]],
    }
    assert tree(**nodes, features=2).left[0] == 1
    with pytest.raises(TargetError, match="not a tree"):
        tree(**{**nodes, **change}, features=2)


nodes = st.integers(-2, 8)


@given(
    feature=st.lists(st.integers(-2, 3), max_size=7),
    left=st.lists(nodes, max_size=7),
    right=st.lists(nodes, max_size=7),
    straight=st.booleans(),
)
def test_whatever_the_nodes_they_are_refused_or_lead_to_a_leaf(feature, left, right, straight) -> None:
    if straight:  # the first nodes of a chain, so that whole trees come up too
        feature = [0] * (len(feature) // 2) + [LEAF] * (len(feature) // 2 + 1)
        left, right = ([2 * at + side if kind == 0 else -1 for at, kind in enumerate(feature)] for side in (1, 2))
    try:
        made = tree(feature, [0.5] * len(feature), left, right, [0] * len(feature), np.ones((len(feature), 1)), 3)
    except TargetError:
        return
    ensemble = Ensemble((made,), np.zeros(1), Rule(False, "float64", "float64"), 3, np.array([0, 1]), "made")
    assert (ensemble.raw(np.random.default_rng(0).normal(size=(5, 3))) == 1.0).all()


def test_a_model_that_is_not_fitted_is_refused() -> None:
    for model in (RandomForestClassifier(), GradientBoostingClassifier(), HistGradientBoostingClassifier()):
        with pytest.raises(TargetError, match="not fitted"):
            read(model)


def test_labels_need_not_be_numbers() -> None:
    x, y = data("cancer")
    model = RandomForestClassifier(5, random_state=0).fit(x, np.array(["ill", "well"])[y])
    assert (read(model).predict(x) == model.predict(x)).all()


def test_rounding_is_an_upper_bound() -> None:
    """Sums in float32 differ from sums in float64 by no more than the bound says, and the bound is not idle."""
    ensemble = read(fitted("boosting", "digits"))
    rough = replace(ensemble, rule=replace(ensemble.rule, sums="float32"))
    x, _ = data("digits")
    off = np.abs(rough.raw(x) - ensemble.raw(x)).max(axis=0)
    assert (off <= rough.rounding).all()
    assert (off > rough.rounding / 1000).all()


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm"])
def test_early_stopping_counts_the_trees_that_predict_counts(kind: str) -> None:
    pytest.importorskip(kind)
    x, y = data("cancer")
    model = make(kind, 100, early_stopping_rounds=3, learning_rate=0.9)
    if kind == "xgboost":
        model.fit(x[:200], y[:200], eval_set=[(x[200:400], y[200:400])], verbose=False)
    else:
        model.fit(x[:200], y[:200], eval_X=x[200:400], eval_y=y[200:400])
    ensemble = read(model)
    assert len(ensemble.trees) < 100
    assert (ensemble.raw(x) == scores(model, x)).all()


@pytest.mark.parametrize("more", [{"booster": "dart"}, {"booster": "gblinear"}, {"objective": "binary:hinge"}])
def test_other_boosters_of_xgboost_are_refused(more: dict) -> None:
    xgboost = pytest.importorskip("xgboost")
    with pytest.raises(TargetError, match="cannot be read"):
        read(xgboost.XGBClassifier(n_estimators=3, **more).fit(*data("cancer")))


@pytest.mark.parametrize("more", [{"linear_tree": True}, {"zero_as_missing": True}])
def test_other_trees_of_lightgbm_are_refused(more: dict) -> None:
    pytest.importorskip("lightgbm")
    with pytest.raises(TargetError, match="cannot be read"):
        read(make("lightgbm", 3, **more).fit(*data("cancer")))
