"""Shadow pools: many networks at once are the networks a plain loop trains, and any recipe makes a pool."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from casemate.core.errors import DataError, UsageError
from casemate.data.dataset import Dataset
from casemate.data.schema import Column, Schema
from casemate.training import mlp
from casemate.training.batched import Schedule, initial, logits, orders, train
from casemate.training.mlp import MLPRecipe
from casemate.training.recipe import SklearnRecipe
from casemate.training.shadows import BatchedRecipe, ShadowPool, own_log_odds, train_pool

SHORT = Schedule(hidden=(16,), epochs=4, batch=32)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    content = load_digits()
    names = [f"p{j}" for j in range(64)]
    schema = Schema(tuple(Column(name=name, type="number", low=0, high=1) for name in names))
    frame = pd.DataFrame(content.data[:400] / 16, columns=names)
    return Dataset("digits", frame, content.target[:400].astype(np.int64), tuple(map(str, range(10))), schema)


def masks(count: int, rows: int, size: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = np.zeros((count, rows), dtype=bool)
    for line in made:
        line[rng.permutation(rows)[:size]] = True
    return made


def torch_loop(data: Dataset, rows: np.ndarray, seed: int, how: Schedule) -> np.ndarray:
    """The plain loop everyone writes, with the same initial weights and orders."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    kind = getattr(torch, how.precision)
    act = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[how.activation]
    widths = (data.features.shape[1], *how.hidden, len(data.classes))
    parts: list = []
    for weights in initial(widths, seed):
        layer = torch.nn.Linear(weights.shape[0] - 1, weights.shape[1]).to(kind)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weights[:-1].T))
            layer.bias.copy_(torch.tensor(weights[-1]))
        parts += [layer, act()]
    net = torch.nn.Sequential(*parts[:-1])
    descent = torch.optim.SGD(net.parameters(), lr=how.rate, momentum=how.momentum, weight_decay=how.decay)
    loss = torch.nn.CrossEntropyLoss()
    every = torch.tensor(data.features.to_numpy(), dtype=kind)
    x, y = every[rows], torch.tensor(data.labels[rows])
    shuffle = orders(len(rows), seed)
    for _ in range(how.epochs):
        turn = torch.from_numpy(next(shuffle))
        for first in range(0, len(rows), how.batch):
            batch = turn[first : first + how.batch]
            descent.zero_grad()
            loss(net(x[batch]), y[batch]).backward()
            descent.step()
    with torch.no_grad():
        return net(every).double().numpy()


@pytest.mark.torch
@pytest.mark.parametrize(
    ("how", "most"),
    [
        (Schedule(hidden=(16,), epochs=10, batch=32, activation="tanh"), 1e-4),
        (Schedule(hidden=(16,), epochs=10, batch=32, precision="float64"), 1e-10),
        (Schedule(hidden=(12, 8), epochs=5, batch=50, precision="float64", decay=0.01), 1e-10),
        (Schedule(hidden=(), epochs=5, batch=64, precision="float64", momentum=0.0), 1e-10),
    ],
    ids=["tanh float32", "relu float64", "two layers, decay", "no hidden layer"],
)
def test_the_pool_is_the_plain_torch_loop(digits: Dataset, how: Schedule, most: float) -> None:
    chosen = np.stack([np.flatnonzero(mask) for mask in masks(3, 400, 150)])
    table = digits.features.to_numpy()
    pool = logits(train(table, digits.labels, 10, rows=chosen, seeds=[5, 6, 7], how=how), table, how.activation)
    for model in range(3):
        plain = torch_loop(digits, chosen[model], 5 + model, how)
        assert np.abs(pool[model] - plain).max() <= most
        assert np.abs(plain).max() > 0.2


def test_a_model_alone_is_bit_by_bit_the_one_in_the_pool(digits: Dataset) -> None:
    chosen = np.stack([np.flatnonzero(mask) for mask in masks(5, 400, 150)])
    table = digits.features.to_numpy()
    together = train(table, digits.labels, 10, rows=chosen, seeds=list(range(5)), how=SHORT)
    alone = train(table, digits.labels, 10, rows=chosen[3:4], seeds=[3], how=SHORT)
    for many, one in zip(together, alone, strict=True):
        assert np.array_equal(many[3], one[0])


def test_chunks_do_not_matter(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    some = masks(5, 400, 150)
    pool = train_pool(MLPRecipe(SHORT), digits, some, range(5))
    monkeypatch.setattr(mlp, "CHUNK", 2)
    assert np.array_equal(pool.logits, train_pool(MLPRecipe(SHORT), digits, some, range(5)).logits)


@pytest.mark.parametrize("sizes", [(150, 150), (150, 90)], ids=["alike", "unlike"])
def test_the_batched_and_the_general_path_agree(digits: Dataset, sizes: tuple[int, int]) -> None:
    class OneByOne:
        digest = MLPRecipe(SHORT).digest

        def fit(self, rows: Dataset, seed: int) -> object:
            return MLPRecipe(SHORT).fit(rows, seed)

    some = np.concatenate([masks(2, 400, size, size) for size in sizes])
    batched = train_pool(MLPRecipe(SHORT), digits, some, range(4))
    single = train_pool(OneByOne(), digits, some, range(4))  # type: ignore[arg-type]
    assert isinstance(MLPRecipe(), BatchedRecipe)
    assert not isinstance(OneByOne(), BatchedRecipe)
    np.testing.assert_allclose(batched.logits, single.logits, atol=1e-4)


def test_any_recipe_makes_a_pool_even_where_a_shadow_misses_a_class(digits: Dataset) -> None:
    recipe = SklearnRecipe(make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)))
    some = masks(2, 400, 200)
    some[1] &= digits.labels != 3
    pool = train_pool(recipe, digits, some, (1, 2))
    target = recipe.fit(digits.take(some[0]), 1)
    scores = target.scores(digits.features)
    own = scores[np.arange(400), digits.labels]
    np.testing.assert_allclose(expit(pool.logits[0].astype(float)), own, atol=1e-5)
    assert pool.logits[1][digits.labels == 3].max() < -20
    assert (pool.logits[0][some[0]] > 0).mean() > 0.95


def test_a_row_seen_is_known_better_than_one_not_seen(digits: Dataset) -> None:
    pool = train_pool(MLPRecipe(Schedule(hidden=(16,), epochs=30, batch=32)), digits, masks(8, 400, 200), range(8))
    assert np.mean(pool.logits[pool.masks]) > np.mean(pool.logits[~pool.masks])
    assert len(pool.without([0, 3])) == 6
    assert np.array_equal(pool.without([0]).masks, pool.masks[1:])


@given(
    arrays(np.float64, (7, 3), elements=st.floats(-300, 0)),
    arrays(np.int64, 7, elements=st.integers(0, 2)),
)
def test_log_odds_never_saturate(log_scores: np.ndarray, labels: np.ndarray) -> None:
    odds = own_log_odds(log_scores, labels)
    own = log_scores[np.arange(7), labels]
    others = np.array(
        [np.logaddexp.reduce(np.delete(line, label)) for line, label in zip(log_scores, labels, strict=True)]
    )
    np.testing.assert_allclose(odds, own - others, atol=1e-3)


def test_a_network_is_a_target(digits: Dataset) -> None:
    target = MLPRecipe(SHORT).fit(digits, 1)
    scores = target.scores(digits.features)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)
    assert target.labels(digits.features).tolist() == scores.argmax(axis=1).tolist()
    assert (target.labels(digits.features) == digits.labels).mean() > 0.5
    assert MLPRecipe(SHORT).digest != MLPRecipe(Schedule()).digest


def test_networks_take_numbers_only(digits: Dataset) -> None:
    recipe = MLPRecipe(SHORT)
    with pytest.raises(DataError, match="numbers only"):
        recipe.fit(Dataset("t", digits.features.assign(p0="a"), digits.labels, digits.classes, digits.schema), 1)
    with pytest.raises(DataError, match="missing"):
        recipe.fit(Dataset("t", digits.features.assign(p0=np.nan), digits.labels, digits.classes, digits.schema), 1)


@pytest.mark.parametrize("some", [np.zeros((2, 400), bool), np.ones((3, 400), bool), np.ones((2, 400))])
def test_masks_fit(digits: Dataset, some: np.ndarray) -> None:
    with pytest.raises(UsageError, match="masks"):
        train_pool(MLPRecipe(SHORT), digits, some, (1, 2))


def test_a_pool_fits_together() -> None:
    with pytest.raises(UsageError):
        ShadowPool(np.ones((2, 3), bool), np.ones((2, 4), np.float32))
