"""Private principal components: no record moves the sums too far, directions are found, bad input costs nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA as Plain
from sklearn.utils.estimator_checks import parametrize_with_checks

from casemate.core.errors import UsageError
from casemate.privacy.dp import sums
from casemate.privacy.dp.components import PCA
from tests.privacy.dp.neighbors import distances

BUDGETS = pytest.mark.parametrize("delta", [None, 1e-6], ids=["pure", "approximate"])


@pytest.mark.filterwarnings("ignore::casemate.privacy.dp.warning.PrivacyWarning")
@parametrize_with_checks([PCA(), PCA(delta=1e-6)])
def test_it_is_an_estimator_of_scikit_learn(estimator, check) -> None:
    check(estimator)


@BUDGETS
@given(x=arrays(np.float64, (6, 3), elements=st.floats(-30, 30)), norm=st.sampled_from([None, 0.5, 2.0]))
@settings(max_examples=25, deadline=None)
def test_no_record_moves_a_sum_farther_than_its_bound(delta: float | None, x: np.ndarray, norm: float | None) -> None:
    model = PCA(epsilon=1.0, delta=delta, bounds=(-5.0, [5.0, 20.0, 0.0]), data_norm=norm)
    assert max(distances(model.fit, x, np.zeros(6), 1 if delta is None else 2)) <= 1


@BUDGETS
def test_the_largest_record_reaches_the_bounds(delta: float | None) -> None:
    found = distances(PCA(epsilon=1.0, delta=delta).fit, np.full((6, 4), 1e9), np.zeros(6), 1 if delta is None else 2)
    assert min(found) > 0.999


def captured(x: np.ndarray, components: np.ndarray) -> float:
    """Share of the variance that lies along them."""
    centered = x - x.mean(axis=0)
    return float(((centered @ components.T) ** 2).sum() / (centered**2).sum())


def test_directions_of_digits_are_found() -> None:
    x = np.tile(load_digits().data, (4, 1))
    model = PCA(5, epsilon=1.0, delta=1e-6, bounds=(0, 16)).fit(x)
    plain = Plain(5).fit(x)
    assert captured(x, model.components_) > 0.75 * captured(x, plain.components_)
    assert model.components_ @ model.components_.T == pytest.approx(np.eye(5), abs=1e-9)
    assert model.mean_ == pytest.approx(x.mean(axis=0), abs=3)
    back = model.inverse_transform(model.transform(x))
    assert ((back - x) ** 2).sum() < ((x - x.mean(axis=0)) ** 2).sum()
    assert list(model.get_feature_names_out()) == [f"pca{at}" for at in range(5)]


def test_few_columns_need_no_delta() -> None:
    random = np.random.default_rng(0)
    x = random.normal(0, 0.3, (20_000, 3)) @ np.array([[1.0, 1.0, 0.0], [0.1, -0.1, 0.0], [0.0, 0.0, 0.1]])
    first = PCA(1, epsilon=1.0).fit(x).components_[0]
    assert first == pytest.approx([0.5**0.5, 0.5**0.5, 0], abs=0.05)


@pytest.mark.parametrize(
    "model", [PCA(0), PCA(4), PCA(epsilon=-1.0), PCA(delta=0.5), PCA(bounds=(1, 0)), PCA(data_norm=0.0)]
)
def test_bad_input_spends_nothing(model: PCA, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("noise was drawn")

    monkeypatch.setattr(sums, "gaussian", never)
    monkeypatch.setattr(sums, "laplace", never)
    with pytest.raises(UsageError) as caught:
        model.fit(np.eye(5)[:, :3])
    assert caught.value.next_step
