"""What private estimators share: models that are saved hold plain values, and bounds are no values of the data."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris

from casemate.core.errors import UsageError
from casemate.privacy.dp import (
    PCA,
    CategoricalNB,
    Certificate,
    ExplainableBoostingClassifier,
    ExplainableBoostingRegressor,
    GaussianNB,
    KMeans,
    LinearRegression,
    PoissonRegressor,
    Ridge,
)
from casemate.privacy.dp.estimator import Box

MODELS = (
    PCA(2),
    CategoricalNB(classes=(0, 1, 2)),
    ExplainableBoostingClassifier(classes=(0, 1, 2)),
    ExplainableBoostingRegressor(),
    GaussianNB(classes=(0, 1, 2)),
    KMeans(3),
    LinearRegression(),
    PoissonRegressor(),
    Ridge(),
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_a_saved_model_holds_plain_values_and_answers_the_same(model) -> None:
    x, y = load_iris(return_X_y=True)
    model = copy.deepcopy(model).fit(x, y)
    for value in model.__getstate__().values():
        assert not type(value).__module__.startswith("casemate")
    again = copy.deepcopy(model)
    assert isinstance(again.certificate_, Certificate)
    assert again.certificate_ == model.certificate_
    ask = "transform" if isinstance(model, PCA) else "predict"
    assert (getattr(again, ask)(x) == getattr(model, ask)(x)).all()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_noise_of_a_seed_is_named_and_repeats_itself(model) -> None:
    x, y = load_iris(return_X_y=True)
    made = []
    for _ in range(2):
        seeded = copy.deepcopy(model).set_params(random_state=3)
        with pytest.warns(UserWarning, match="nothing is private"):
            made.append(seeded.fit(x, y))
    ask = "transform" if isinstance(model, PCA) else "predict"
    assert (getattr(made[0], ask)(x) == getattr(made[1], ask)(x)).all()
    assert not made[0].certificate_.trusted
    assert "NOT PRIVATE" in str(made[0].certificate_)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert copy.deepcopy(model).fit(x, y).certificate_.trusted


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_an_absurd_budget_is_warned_of(model) -> None:
    x, y = load_iris(return_X_y=True)
    with pytest.warns(UserWarning, match="next to nothing"):
        copy.deepcopy(model).set_params(epsilon=1e3).fit(x, y)


def test_values_are_moved_between_bounds() -> None:
    box = Box(([0, -1], [10, 3]), 2)
    assert box(np.array([[5.0, 1.0], [-99.0, 99.0], [1e300, -1e300]])).tolist() == [[0, 0], [-1, 1], [1, -1]]
    assert Box((0, 1), 1)(np.array([0.75])).tolist() == [0.5]
    for bounds in ((1, 1), (0, np.nan), (-np.inf, 0), ([0, 0, 0], 1), None, ("a", "b"), (-1.7e308, 1.7e308)):
        with pytest.raises(UsageError) as caught:
            Box(bounds, 2)
        assert caught.value.next_step
