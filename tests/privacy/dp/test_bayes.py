"""Private naive Bayes: no record moves its sums too far, it is of use, and bad input costs nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB as Plain
from sklearn.utils.estimator_checks import parametrize_with_checks

from casemate.core.errors import DataError, UsageError
from casemate.privacy.dp import sums
from casemate.privacy.dp.bayes import CategoricalNB, GaussianNB
from tests.privacy.dp.neighbors import distances

pytestmark = pytest.mark.filterwarnings("ignore::casemate.privacy.dp.warning.PrivacyWarning")

BUDGETS = pytest.mark.parametrize("delta", [None, 1e-6], ids=["pure", "approximate"])
LABELS = arrays(np.int64, 6, elements=st.integers(0, 2))


@parametrize_with_checks([GaussianNB(), GaussianNB(delta=1e-6), CategoricalNB(), CategoricalNB(delta=1e-6)])
def test_they_are_estimators_of_scikit_learn(estimator, check) -> None:
    check(estimator)


@BUDGETS
@given(x=arrays(np.float64, (6, 3), elements=st.floats(-30, 30)), y=LABELS)
@settings(max_examples=25, deadline=None)
def test_no_record_moves_a_sum_farther_than_its_bound(delta: float | None, x: np.ndarray, y: np.ndarray) -> None:
    norm = 1 if delta is None else 2
    normal = GaussianNB(1.0, delta=delta, bounds=(-5.0, [5.0, 20.0, 0.0]), classes=(0, 1, 2))
    assert max(distances(normal.fit, x, y, norm)) <= 1
    counted = CategoricalNB(1.0, delta=delta, categories=(3, 2, 7), classes=(0, 1, 2))
    assert max(distances(counted.fit, x, y, norm)) <= 1


@BUDGETS
def test_the_largest_record_reaches_the_bounds(delta: float | None) -> None:
    x, y = np.full((6, 4), 1e9), np.arange(6) % 2
    for model in (GaussianNB(1.0, delta=delta, classes=(0, 1)), CategoricalNB(1.0, delta=delta, classes=(0, 1))):
        assert min(distances(model.fit, x, y, 1 if delta is None else 2)) > 0.999


@BUDGETS
def test_with_many_rows_they_are_as_good_as_without_noise(delta: float | None) -> None:
    x, y = load_iris(return_X_y=True)
    x, y = np.tile(x, (300, 1)), np.tile(y, 300)
    model = GaussianNB(1.0, delta=delta, bounds=(0, 8), classes=(0, 1, 2), random_state=0).fit(x, y)
    plain = Plain().fit(x, y)
    assert model.score(x, y) > plain.score(x, y) - 0.03
    assert model.theta_ == pytest.approx(plain.theta_, abs=0.2)
    assert model.var_ == pytest.approx(plain.var_, abs=0.3)
    assert model.predict_proba(x[:5]).sum(axis=1) == pytest.approx(1)
    codes = np.floor(x).clip(0, 7)
    counted = CategoricalNB(1.0, delta=delta, categories=8, classes=(0, 1, 2), random_state=0).fit(codes, y)
    assert counted.score(codes, y) > 0.9
    assert [each.shape for each in counted.feature_log_prob_] == [(3, 8)] * 4


def test_a_tiny_budget_gives_no_certainty_from_noise() -> None:
    """What was hardly seen is taken for wide, so no feature of noise decides alone."""
    x, y = load_iris(return_X_y=True)
    for _ in range(5):
        model = GaussianNB(1e-4, bounds=(0, 8), classes=(0, 1, 2)).fit(x, y)
        assert np.isfinite(model.predict_proba(x)).all()
        assert (model.var_ > 0.5).all()


def test_what_was_assumed_is_said() -> None:
    x, y = load_iris(return_X_y=True)
    with pytest.warns(UserWarning, match="classes were taken"):
        assert GaussianNB(1.0, bounds=(0, 8)).fit(x, y).certificate_.assumed == ("the classes",)
    assert GaussianNB(1.0, bounds=(0, 8), classes=(0, 1, 2)).fit(x, y).certificate_.assumed == ()


@pytest.mark.parametrize(
    ("model", "error"),
    [
        (GaussianNB(0.0), UsageError),
        (GaussianNB(delta=0.5), UsageError),
        (GaussianNB(bounds=(2, 1)), UsageError),
        (GaussianNB(classes=(0, 7)), DataError),
        (CategoricalNB(categories=1), UsageError),
        (CategoricalNB(categories=(2, 2)), UsageError),
        (CategoricalNB(categories=1 << 25), UsageError),
    ],
)
def test_bad_input_spends_nothing(
    model: GaussianNB | CategoricalNB, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("noise was drawn")

    monkeypatch.setattr(sums, "gaussian", never)
    monkeypatch.setattr(sums, "laplace", never)
    with pytest.raises(error) as caught:
        model.fit(np.eye(5)[:, :3], np.arange(5) % 2)
    assert caught.value.next_step
