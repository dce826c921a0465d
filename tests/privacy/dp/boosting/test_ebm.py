"""Private boosting: no record moves a turn's sums too far, functions are found, bad input costs nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.utils.estimator_checks import parametrize_with_checks

from casemate.core.errors import DataError, UsageError
from casemate.privacy.dp import sums
from casemate.privacy.dp.boosting import ebm
from casemate.privacy.dp.boosting.bins import CELLS, _merged
from casemate.privacy.dp.boosting.ebm import ExplainableBoostingClassifier as Classifier
from casemate.privacy.dp.boosting.ebm import ExplainableBoostingRegressor as Regressor
from tests.privacy.dp.neighbors import added

pytestmark = pytest.mark.filterwarnings("ignore::casemate.privacy.dp.warning.PrivacyWarning")

BUDGETS = pytest.mark.parametrize("delta", [None, 1e-6], ids=["pure", "approximate"])


@parametrize_with_checks([Classifier(), Classifier(delta=1e-6), Regressor(), Regressor(delta=1e-6)])
def test_they_are_estimators_of_scikit_learn(estimator, check) -> None:
    check(estimator)


@BUDGETS
@pytest.mark.parametrize("classes", [2, 3, 0])
@given(
    x=arrays(np.float64, (1, 3), elements=st.floats(-9, 9)),
    y=arrays(np.int64, 1, elements=st.integers(0, 2)),
    epsilon=st.sampled_from([0.1, 1.0, 20.0]),
)
@settings(max_examples=8, deadline=None)
def test_no_record_adds_more_to_a_sum_than_its_bound(
    delta: float | None, classes: int, x: np.ndarray, y: np.ndarray, epsilon: float
) -> None:
    common = {"delta": delta, "bounds": (-5.0, [5.0, 20.0, 0.0]), "categories": (0, 0, 3), "max_bins": 4}
    if classes:
        model = Classifier(epsilon, classes=range(classes), **common)
    else:
        model = Regressor(epsilon, target_bounds=(0, 1.5), **common)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ebm, "EPOCHS", 8)
        found = added(model.fit, x, y % classes if classes else y * 1.0, 1 if delta is None else 2)
    assert len(found) == 1 + 3 * model.certificate_.settings["epochs"]
    assert max(found) <= 1


@BUDGETS
def test_a_function_of_one_feature_is_found_and_others_are_flat(delta: float | None) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (8000, 2))
    y = np.abs(x[:, 0]) > 0.5
    model = Classifier(2.0, delta=delta, classes=(False, True), random_state=0).fit(x, y)
    assert model.score(x, y) > 0.9
    used, other = model.term_scores_
    assert np.ptp(used) > 5 * np.ptp(other)
    terms = model.explain(x[:9])
    assert terms.shape == (9, 2, 1)
    assert model.decision_function(x[:9]) == pytest.approx(terms.sum(axis=(1, 2)) + model.intercept_[0])
    numbers = Regressor(2.0, delta=delta, target_bounds=(-1, 1), random_state=0).fit(x, x[:, 0] ** 2)
    assert numbers.score(x, x[:, 0] ** 2) > 0.85


@BUDGETS
def test_categories_have_no_order(delta: float | None) -> None:
    x = np.random.default_rng(0).integers(0, 6, (9000, 2))
    y = np.isin(x[:, 1], (0, 3, 5))
    model = Classifier(2.0, delta=delta, categories=(6, 6), classes=(False, True), random_state=0).fit(x, y)
    assert model.score(x, y) == 1.0


def test_real_tables() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    x, y = np.tile(x, (10, 1)), np.tile(y, 10)
    model = Classifier(1.0, delta=1e-6, bounds=(0, x.max(axis=0)), classes=(0, 1), random_state=0).fit(x, y)
    assert model.score(x, y) > 0.9
    x, y = load_iris(return_X_y=True)
    x, y = np.tile(x, (30, 1)), np.tile(y, 30)
    flower = Classifier(1.0, delta=1e-6, bounds=(0, 8), classes=(0, 1, 2), random_state=0).fit(x, y)
    assert flower.score(x, y) > 0.85
    assert flower.predict_proba(x[:4]).sum(axis=1) == pytest.approx(1)


def test_cells_are_merged_until_they_hold_enough() -> None:
    counts = np.random.default_rng(0).normal(10, 4, CELLS)
    merged = _merged(counts, 50)
    held = np.bincount(merged, np.maximum(counts, 0))
    assert (held[:-1] >= 50).all()
    assert held[-1] >= 25
    assert (np.diff(merged) >= 0).all()
    assert (_merged(np.zeros(5), 1.0) == 0).all()


def test_what_was_assumed_is_said() -> None:
    x, y = load_iris(return_X_y=True)
    with pytest.warns(UserWarning, match="classes were taken"):
        assert Classifier(1.0, bounds=(0, 8)).fit(x, y).certificate_.assumed == ("the classes",)


@pytest.mark.parametrize(
    ("model", "error"),
    [
        (Classifier(0.0), UsageError),
        (Classifier(delta=0.5), UsageError),
        (Classifier(bounds=(1, 0)), UsageError),
        (Classifier(categories=(0, 0)), UsageError),
        (Classifier(categories=(0, 0, 1)), UsageError),
        (Classifier(max_bins=1), UsageError),
        (Classifier(classes=(0, 7)), DataError),
        (Regressor(target_bounds=(1, 1)), UsageError),
    ],
)
def test_bad_input_spends_nothing(
    model: Classifier | Regressor, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("noise was drawn")

    monkeypatch.setattr(sums, "gaussian", never)
    monkeypatch.setattr(sums, "laplace", never)
    with pytest.raises(error) as caught:
        model.fit(np.eye(5)[:, :3], np.arange(5) % 2)
    assert caught.value.next_step
