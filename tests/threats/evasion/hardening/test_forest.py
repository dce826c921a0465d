"""Robust splitting: certified accuracy, by exact search, is what it must raise."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_digits

from casemate.core.errors import DataError, UsageError
from casemate.threats.evasion.hardening.forest import RobustForestClassifier, _split, _weighted
from casemate.threats.evasion.trees import TreeAttack, TreeRobustness


def digits() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_digits(return_X_y=True)
    return x / 16, y


def test_certified_accuracy_rises_where_an_ordinary_forest_breaks() -> None:
    x, y = digits()
    shares = []
    for eps in (0.0, 0.1):
        made = RobustForestClassifier(eps, n_estimators=10, max_depth=7, random_state=0).fit(x[:900], y[:900])
        assert (made.predict(x[900:]) == y[900:]).mean() > 0.85
        (bracket,) = TreeRobustness((0.1,), TreeAttack(boxes=300)).evaluate(made, x[900:940], y[900:940]).brackets
        shares.append((bracket.certified, bracket.attacked))
    (_, plain), (robust, _) = shares
    assert robust >= plain + 12  # of 40: the certified of one exceed what the attack leaves of the other


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), eps=st.sampled_from([0.0, 0.1, 0.3]), leaf=st.integers(1, 5))
def test_a_split_is_as_good_as_the_worst_of_what_an_adversary_can_do(seed: int, eps: float, leaf: int) -> None:
    rng = np.random.default_rng(seed)
    values, codes = rng.uniform(size=30).round(1), rng.integers(0, 3, 30)
    cost, threshold = _split(values, codes, 3, eps, leaf)
    best = float("inf")
    for at in np.unique(values)[1:]:
        edge = (at + values[values < at].max()) / 2
        near = (values >= edge - eps) & (values <= edge + eps)
        left = values <= edge
        if not leaf <= left.sum() <= 30 - leaf:
            continue
        sides = [left, left & ~near, left | near, np.where(near, ~left, left)]
        each = [
            _weighted(np.bincount(codes[s], minlength=3)) + _weighted(np.bincount(codes[~s], minlength=3))
            for s in sides
        ]
        best = min(best, float(max(each)))
    assert cost == pytest.approx(best)
    if np.isfinite(cost):
        assert leaf <= (values <= threshold).sum() <= 30 - leaf


def test_it_is_a_forest_of_scikit_learn_in_everything_else() -> None:
    x, y = digits()
    names = np.array([f"number {each}" for each in range(10)])
    made = RobustForestClassifier(0.05, n_estimators=4, random_state=1).fit(x[:300], names[y[:300]])
    again = clone(made).fit(x[:300], names[y[:300]])
    assert (made.predict_proba(x) == again.predict_proba(x)).all()
    assert made.predict(x[:5])[0].startswith("number")
    assert (copy.deepcopy(made).predict(x) == made.predict(x)).all()
    assert made.max_depth == 10
    for part in made.estimators_:
        tree = part.tree_
        assert tree.max_depth <= 10
        assert tree.n_node_samples[tree.children_left == -1].min() >= 5
        assert part.apply(x.astype(np.float32)).max() < tree.node_count
    assert made.feature_importances_.shape == (64,)


def test_a_relative_radius_follows_the_spread_of_columns_and_leaves_indicators_alone() -> None:
    x = np.column_stack([np.arange(100.0), np.arange(100) % 2])
    made = RobustForestClassifier(0.2, relative=True)
    assert made._reach(x).tolist() == pytest.approx([0.2 * 49.5, 0.0])


def test_what_it_cannot_take_is_refused() -> None:
    x, y = np.random.default_rng(0).uniform(size=(40, 3)), np.arange(40) % 2
    with pytest.raises(UsageError, match="eps"):
        RobustForestClassifier(-0.1).fit(x, y)
    with pytest.raises(UsageError, match="eps"):
        RobustForestClassifier(np.array([0.1, 0.1])).fit(x, y)
    with pytest.raises(UsageError, match="weights"):
        RobustForestClassifier().fit(x, y, sample_weight=np.ones(40))
    with pytest.raises(DataError, match="missing"):
        RobustForestClassifier().fit(np.where(x > 0.9, np.nan, x), y)
