"""Private k-means: no record moves a turn's sums too far, clusters are found, bad input costs nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cluster import KMeans as Plain
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from casemate.core.errors import UsageError
from casemate.privacy.dp import sums
from casemate.privacy.dp.clusters import FEW, KMeans, _apart, turns
from tests.privacy.dp.neighbors import distances

pytestmark = pytest.mark.filterwarnings("ignore::casemate.privacy.dp.warning.PrivacyWarning")

BUDGETS = pytest.mark.parametrize("delta", [None, 1e-6], ids=["pure", "approximate"])


@parametrize_with_checks([KMeans(), KMeans(delta=1e-6)])
def test_it_is_an_estimator_of_scikit_learn(estimator, check) -> None:
    check(estimator)


@BUDGETS
@given(data=st.data(), columns=st.sampled_from([2, FEW + 4]), norm=st.sampled_from([None, 0.7]))
@settings(max_examples=25, deadline=None)
def test_no_record_moves_a_sum_farther_than_its_bound(
    delta: float | None, data: st.DataObject, columns: int, norm: float | None
) -> None:
    x = data.draw(arrays(np.float64, (6, columns), elements=st.floats(-30, 30)))
    model = KMeans(2, epsilon=1.0, delta=delta, bounds=(-5.0, 4.0), data_norm=norm, random_state=0)
    found = distances(lambda rows, _: model.fit(rows), x, np.zeros(6), 1 if delta is None else 2)
    assert max(found) <= 1


@BUDGETS
def test_clusters_that_lie_apart_are_found(delta: float | None) -> None:
    x, y = make_blobs(6000, centers=[(-6, -6), (6, 6), (-6, 6), (6, -6)], random_state=0)
    good = 0
    for seed in range(5):
        with pytest.warns(UserWarning, match="seed"):
            model = KMeans(4, epsilon=1.0, delta=delta, bounds=(-10, 10), random_state=seed).fit(x)
        good += adjusted_rand_score(y, model.predict(x)) > 0.95
    assert good >= 3
    assert model.transform(x[:7]).shape == (7, 4)
    assert (model.transform(x).argmin(axis=1) == model.labels_).all()


def test_rows_of_many_columns_are_told_apart() -> None:
    x = np.tile(load_digits().data, (8, 1))
    model = KMeans(10, epsilon=2.0, delta=1e-6, bounds=(0, 16), random_state=0).fit(x)
    alone = ((x - x.mean(axis=0)) ** 2).sum()
    plain = Plain(10, n_init=1, random_state=0).fit(x).inertia_
    found = ((x - model.cluster_centers_[model.predict(x)]) ** 2).sum()
    assert found < alone - 0.4 * (alone - plain)


def test_first_centers_lie_apart() -> None:
    draw = np.random.default_rng(0)
    for count, columns in ((1, 1), (7, 1), (10, 2), (5, 8)):
        centers = _apart(count, columns, draw)
        assert centers.shape == (count, columns)
        assert np.abs(centers).max() <= 1
        gaps = np.linalg.norm(centers[:, None] - centers, axis=2) + 9 * np.eye(count)
        assert gaps.min() > 0.5 / count


def test_turns_follow_from_public_numbers() -> None:
    assert turns(100, 8, 8, 0.2, pure=False) == 2
    assert turns(10**6, 8, 8, 0.2, pure=False) == 7
    assert 2 <= turns(2000, 3, 2, 1.0, pure=True) <= 7


@pytest.mark.parametrize(
    "model",
    [
        KMeans(0),
        KMeans(9),
        KMeans(2, epsilon=0.0),
        KMeans(2, delta=0.5),
        KMeans(2, bounds=(1, 0)),
        KMeans(2, data_norm=0),
    ],
)
def test_bad_input_spends_nothing(model: KMeans, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("noise was drawn")

    monkeypatch.setattr(sums, "gaussian", never)
    monkeypatch.setattr(sums, "laplace", never)
    with pytest.raises(UsageError) as caught:
        model.fit(np.eye(5)[:, :3])
    assert caught.value.next_step
