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
from casemate.privacy.dp import components, sums
from casemate.privacy.dp.components import MEASURING, PCA
from tests.privacy.dp.neighbors import distances, overheard

pytestmark = pytest.mark.filterwarnings("ignore::casemate.privacy.dp.warning.PrivacyWarning")

BUDGETS = pytest.mark.parametrize("delta", [None, 1e-6], ids=["pure", "approximate"])


@parametrize_with_checks([PCA(), PCA(delta=1e-6)])
def test_it_is_an_estimator_of_scikit_learn(estimator, check) -> None:
    check(estimator)


@BUDGETS
@given(x=arrays(np.float64, (6, 5), elements=st.floats(-30, 30)), norm=st.sampled_from([None, 0.5, 2.0]))
@settings(max_examples=25, deadline=None)
def test_no_record_moves_a_sum_farther_than_its_bound(delta: float | None, x: np.ndarray, norm: float | None) -> None:
    model = PCA(epsilon=1.0, delta=delta, bounds=(-5.0, [5.0, 20.0, 0.0, 9.0, 1.0]), data_norm=norm)
    assert max(distances(model.fit, x, np.zeros(6), 1 if delta is None else 2)) <= 1


def test_a_record_moves_scores_of_directions_upward_by_no_more_than_epsilon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrices that directions are drawn from, of two neighbors that were given the same answers."""
    random = np.random.default_rng(0)
    x = random.normal(0, 4, (9, 11))
    shown: list[tuple[np.ndarray, np.ndarray]] = []

    def draw(matrix: np.ndarray, _: object) -> np.ndarray:
        way = shown[at][1] if (at := len(seen)) < len(shown) else np.eye(len(matrix))[0]
        seen.append(matrix)
        return way

    seen: list[np.ndarray] = []
    monkeypatch.setattr(components, "direction", draw)
    model = PCA(3, epsilon=1.0, bounds=(-5.0, 4.0), data_norm=1.5)
    with overheard() as first:
        model.fit(x)
    shown, seen = [(each, np.eye(len(each))[0]) for each in seen], []
    with overheard([said for _, said in first]):
        model.fit(x[:-1])
    assert len(seen) == 3
    for (whole, _), less in zip(shown, seen, strict=True):
        moved = np.linalg.eigvalsh(whole - less)
        assert moved[0] > -1e-9
        assert moved[-1] <= (1 - MEASURING) / 3
    loud = PCA(1, epsilon=1.0, bounds=(-5.0, 4.0), data_norm=1.5)
    shown, seen = [], []
    loud.fit(np.vstack([x[:-1], np.full((1, x.shape[1]), 4.0)]))
    whole, seen = seen[0], []
    loud.fit(x[:-1])
    assert 0.999 * (1 - MEASURING) < np.linalg.eigvalsh(whole - seen[0])[-1] <= 1 - MEASURING


def test_directions_of_many_columns_are_found_without_delta() -> None:
    x = np.tile(load_digits().data, (20, 1))
    model = PCA(3, epsilon=2.0, bounds=(0, 16), random_state=0).fit(x)
    assert captured(x, model.components_) > 0.6 * captured(x, Plain(3).fit(x).components_)
    assert model.components_ @ model.components_.T == pytest.approx(np.eye(3), abs=1e-6)
    assert (np.diff(model.explained_variance_) <= 0).all()
    assert 0.1 < model.explained_variance_ratio_.sum() < 0.7
    assert "exponential mechanism" in str(model.certificate_)


@BUDGETS
def test_the_largest_record_reaches_the_bounds(delta: float | None) -> None:
    found = distances(PCA(epsilon=1.0, delta=delta).fit, np.full((6, 4), 1e9), np.zeros(6), 1 if delta is None else 2)
    assert min(found) > 0.999


def captured(x: np.ndarray, ways: np.ndarray) -> float:
    """Share of the variance that lies along them."""
    centered = x - x.mean(axis=0)
    return float(((centered @ ways.T) ** 2).sum() / (centered**2).sum())


def test_directions_of_digits_are_found() -> None:
    x = np.tile(load_digits().data, (4, 1))
    model = PCA(5, epsilon=1.0, delta=1e-6, bounds=(0, 16), random_state=0).fit(x)
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
    first = PCA(1, epsilon=1.0, random_state=0).fit(x).components_[0]
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
