"""Private linear regression: no record moves its sums too far, it is of use, and bad input costs nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression as Plain
from sklearn.utils.estimator_checks import parametrize_with_checks

from casemate.core.errors import UsageError
from casemate.privacy.dp import sums
from casemate.privacy.dp.linear.ridge import LinearRegression, Ridge, _shrunk
from tests.privacy.dp.neighbors import distances

pytestmark = pytest.mark.filterwarnings("ignore::casemate.privacy.dp.warning.PrivacyWarning")

BUDGETS = pytest.mark.parametrize("delta", [None, 1e-6], ids=["pure", "approximate"])
ROWS = arrays(np.float64, (6, 3), elements=st.floats(-30, 30))


@parametrize_with_checks([Ridge(), Ridge(delta=1e-6), LinearRegression()])
def test_it_is_an_estimator_of_scikit_learn(estimator, check) -> None:
    check(estimator)


@BUDGETS
@given(x=ROWS, y=arrays(np.float64, 6, elements=st.floats(-9, 9)), norm=st.sampled_from([None, 0.5, 1.2]))
@settings(max_examples=25, deadline=None)
def test_no_record_moves_a_sum_farther_than_its_bound(
    delta: float | None, x: np.ndarray, y: np.ndarray, norm: float | None
) -> None:
    model = Ridge(1.0, delta=delta, bounds=(-5.0, [5.0, 20.0, 0.0]), target_bounds=(0, 4), data_norm=norm)
    assert max(distances(model.fit, x, y, 1 if delta is None else 2)) <= 1


@BUDGETS
def test_the_largest_record_reaches_the_bounds(delta: float | None) -> None:
    """So they are not larger than they need be."""
    x, y = np.full((6, 4), 1e9), np.full(6, 1e9)
    assert min(distances(Ridge(1.0, delta=delta).fit, x, y, 1 if delta is None else 2)) > 0.999


@BUDGETS
def test_it_predicts_nearly_as_well_as_without_noise(delta: float | None) -> None:
    x, y = load_diabetes(return_X_y=True)
    x, y = np.tile(x, (40, 1)), np.tile(y, 40)
    model = Ridge(1.0, delta=delta, bounds=(-0.2, 0.2), target_bounds=(0, 400), random_state=0).fit(x, y)
    plain = Plain().fit(x, y)
    assert model.score(x, y) > plain.score(x, y) - 0.06
    assert model.predict(x[:3]) == pytest.approx(x[:3] @ model.coef_ + model.intercept_, rel=1e-3)
    assert model.certificate_.assumed == ()


def test_hardly_any_budget_gives_the_middle_and_not_noise() -> None:
    """Weights are shrunk by as much as noise outweighs what was summed."""
    x, y = load_diabetes(return_X_y=True)
    for _ in range(5):
        model = Ridge(1e-3, bounds=(-0.2, 0.2), target_bounds=(0, 400)).fit(x, y)
        assert np.abs(model.predict(x) - 200).max() <= 200
        assert model.score(x, y) > -8


def test_shrinkage_finds_weights_better_than_inversion() -> None:
    """Over 50 noisy releases of sums whose weights are known."""
    random = np.random.default_rng(0)
    ours, inverted = [], []
    for _ in range(50):
        x = random.normal(0, 0.3, (300, 6))
        truth = random.normal(0, 0.5, 6)
        noise = random.normal(0, 3.0, (6, 6))
        gram = x.T @ x + np.triu(noise) + np.triu(noise, 1).T
        cross = x.T @ x @ truth + random.normal(0, 3.0, 6)
        ours.append(np.linalg.norm(_shrunk(gram, cross, 3.0, 3.0, 0.0) - truth))
        inverted.append(np.linalg.norm(np.linalg.solve(gram, cross) - truth))
    assert np.median(ours) < 0.9 * np.median(inverted)
    exact = _shrunk(x.T @ x, x.T @ x @ truth, 1e-9, 1e-9, 0.0)
    assert exact == pytest.approx(truth)


@pytest.mark.parametrize(
    "given_",
    [
        {"epsilon": 0.0},
        {"epsilon": math.nan},
        {"delta": 0.5},
        {"delta": 0.0},
        {"bounds": (1.0, 1.0)},
        {"bounds": (0.0, math.inf)},
        {"bounds": ([0.0, 1.0], 2.0)},
        {"target_bounds": (3.0, 2.0)},
        {"data_norm": 0.0},
        {"data_norm": math.inf},
    ],
)
def test_what_cannot_be_promised_is_refused_before_anything_is_spent(
    given_: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("noise was drawn")

    monkeypatch.setattr(sums, "gaussian", never)
    monkeypatch.setattr(sums, "laplace", never)
    with pytest.raises(UsageError) as caught:
        Ridge(**given_).fit(np.eye(5)[:, :3], np.arange(5.0))
    assert caught.value.next_step
