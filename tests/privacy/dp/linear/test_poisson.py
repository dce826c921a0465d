"""Private Poisson regression: no record moves a step too far, it is of use, and bad input costs nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import PoissonRegressor as Plain
from sklearn.metrics import mean_poisson_deviance
from sklearn.utils.estimator_checks import parametrize_with_checks

from casemate.core.errors import UsageError
from casemate.privacy.dp import sums
from casemate.privacy.dp.linear.poisson import PoissonRegressor
from tests.privacy.dp.neighbors import added

pytestmark = pytest.mark.filterwarnings("ignore::casemate.privacy.dp.warning.PrivacyWarning")

BUDGETS = pytest.mark.parametrize("delta", [None, 1e-6], ids=["pure", "approximate"])


@parametrize_with_checks([PoissonRegressor(), PoissonRegressor(delta=1e-6)])
def test_it_is_an_estimator_of_scikit_learn(estimator, check) -> None:
    check(estimator)


@BUDGETS
@given(
    x=arrays(np.float64, (1, 3), elements=st.floats(-30, 30)),
    y=arrays(np.float64, 1, elements=st.floats(-1, 1e6)),
    epsilon=st.sampled_from([0.01, 1.0, 20.0]),
)
@settings(max_examples=15, deadline=None)
def test_no_record_adds_more_to_a_sum_than_its_bound(
    delta: float | None, x: np.ndarray, y: np.ndarray, epsilon: float
) -> None:
    """The only record's sums are what it adds, at whatever weights the noise leads to."""
    found = added(PoissonRegressor(epsilon, delta=delta).fit, x, y, 1 if delta is None else 2)
    assert len(found) > 10
    assert max(found) <= 1


@BUDGETS
def test_counts_are_predicted_nearly_as_well_as_without_noise(delta: float | None) -> None:
    random = np.random.default_rng(0)
    x = random.uniform(-0.6, 0.6, (20_000, 2))
    y = random.poisson(np.exp(0.5 + 2 * x[:, 0] - x[:, 1]))
    model = PoissonRegressor(2.0, delta=delta, target_bound=12, random_state=0).fit(x, y)
    plain, none = Plain(alpha=0).fit(x, y), mean_poisson_deviance(y, np.full(len(y), y.mean()))
    gained = none - mean_poisson_deviance(y, model.predict(x))
    assert gained > 0.75 * (none - mean_poisson_deviance(y, plain.predict(x)))
    assert model.predict(x[:4] / 2) == pytest.approx(np.exp(x[:4] / 2 @ model.coef_ + model.intercept_), rel=1e-3)


@pytest.mark.parametrize(
    "given_",
    [{"epsilon": 0.0}, {"delta": 0.5}, {"data_norm": 0.0}, {"target_bound": 0.0}, {"target_bound": math.inf}],
)
def test_bad_input_spends_nothing(given_: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("noise was drawn")

    monkeypatch.setattr(sums, "gaussian", never)
    monkeypatch.setattr(sums, "laplace", never)
    with pytest.raises(UsageError) as caught:
        PoissonRegressor(**given_).fit(np.eye(5)[:, :3], np.arange(5.0))
    assert caught.value.next_step
