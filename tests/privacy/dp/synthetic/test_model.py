"""Inference is exact: against enumeration of all records, and against distributions whose potentials are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.privacy.dp.synthetic.meter import Measured
from casemate.privacy.dp.synthetic.model import Messages, Model, fit
from casemate.privacy.dp.synthetic.sampling import draw
from casemate.privacy.dp.synthetic.tree import junction_tree

SIZES = [2, 3, 2, 4, 2]
GRAPHS = [
    [(0, 1), (1, 2), (2, 3), (3, 4)],
    [(0, 1), (0, 2), (0, 3), (0, 4)],
    [(0, 1), (2, 3)],
    [(0, 1, 2), (2, 3), (3, 4), (0, 4)],
    [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)],
    [],
]


def enumerated(tree, potentials) -> np.ndarray:
    whole = np.zeros(SIZES)
    for clique, values in zip(tree.cliques, potentials, strict=True):
        shape = [SIZES[at] if at in clique else 1 for at in range(len(SIZES))]
        whole = whole + values.reshape(shape)
    whole = np.exp(whole)
    return whole / whole.sum()


@pytest.mark.parametrize("graph", GRAPHS)
def test_marginals_are_those_of_the_enumerated_distribution(graph) -> None:
    tree = junction_tree(graph, SIZES)
    rng = np.random.default_rng(1)
    potentials = [rng.normal(0, 2, [SIZES[at] for at in clique]) for clique in tree.cliques]
    whole = enumerated(tree, potentials)
    model = Model(tuple(SIZES), tree, tuple(potentials), 10.0, tuple(Messages(tree, SIZES)(potentials)))
    for many in (1, 2, 3, 5):
        for columns in itertools.combinations(range(5), many):
            others = tuple(at for at in range(5) if at not in columns)
            np.testing.assert_allclose(model.marginal(columns), 10 * whole.sum(axis=others), rtol=1e-9)


@settings(deadline=None)
@given(st.lists(st.sets(st.integers(0, 7), min_size=1, max_size=3), max_size=10))
def test_every_junction_tree_holds_its_sets_and_runs_through_each_column(sets) -> None:
    wanted = [tuple(sorted(each)) for each in sets]
    tree = junction_tree(wanted, [2] * 8)
    assert {column for clique in tree.cliques for column in clique} == set(range(8))
    assert all(tree.home(each, [2] * 8) >= 0 for each in wanted)
    for column in range(8):  # its cliques hang together: one of them only has no parent that holds it
        roots = [at for at, clique in enumerate(tree.cliques) if column in clique and column not in tree.separators[at]]
        assert len(roots) == 1
    for at, (parent, separator) in enumerate(zip(tree.parents, tree.separators, strict=True)):
        assert parent < at
        if at:
            assert set(separator) == set(tree.cliques[at]) & set(tree.cliques[parent])


@pytest.mark.parametrize("graph", GRAPHS[:5])
def test_exact_marginals_are_fitted(graph) -> None:
    rng = np.random.default_rng(2)
    whole = rng.dirichlet(np.ones(np.prod(SIZES))).reshape(SIZES) * 1000
    measured = []
    for columns in [*graph, *((at,) for at in range(5))]:
        counts = whole.sum(axis=tuple(at for at in range(5) if at not in columns))
        measured.append(Measured(columns, counts, np.ones_like(counts)))
    model = fit(SIZES, measured)
    assert model.total == pytest.approx(1000)
    for each in measured:
        assert np.abs(model.marginal(each.columns) - each.counts).sum() < 0.02 * 1000


def test_a_fit_is_the_best_there_is() -> None:
    """Against a quadratic program solved by another method: two pairs that disagree about their common column."""
    from scipy.optimize import minimize  # noqa: PLC0415

    first = np.array([[30.0, 10.0], [5.0, 55.0]])
    second = np.array([[20.0, 0.0], [-8.0, 80.0]])
    ones = np.ones((2, 2))
    measured = [Measured((0, 1), first, ones), Measured((1, 2), second, 4 * ones)]
    model = fit([2, 2, 2], measured, most=5000)

    def loss(whole: np.ndarray) -> float:
        cube = whole.reshape(2, 2, 2)
        return float(((cube.sum(2) - first) ** 2).sum() / 2 + 4 * ((cube.sum(0) - second) ** 2).sum() / 2)

    found = minimize(
        loss,
        np.full(8, model.total / 8),
        bounds=[(0, None)] * 8,
        constraints={"type": "eq", "fun": lambda whole: whole.sum() - model.total},
        options={"maxiter": 1000, "ftol": 1e-12},
    )
    assert loss(model.marginal((0, 1, 2)).ravel()) <= found.fun * 1.001 + 1e-3


def test_records_have_the_marginals_of_the_model() -> None:
    tree = junction_tree(GRAPHS[3], SIZES)
    rng = np.random.default_rng(3)
    potentials = [rng.normal(0, 1, [SIZES[at] for at in clique]) for clique in tree.cliques]
    model = Model(tuple(SIZES), tree, tuple(potentials), 1.0, tuple(Messages(tree, SIZES)(potentials)))
    codes = draw(model, 50_000, np.random.default_rng(0))
    for columns in itertools.combinations(range(5), 2):
        key = codes[columns[0]] * SIZES[columns[1]] + codes[columns[1]]
        seen = np.bincount(key, minlength=SIZES[columns[0]] * SIZES[columns[1]]) / 50_000
        assert np.abs(seen - model.marginal(columns).ravel()).sum() / 2 < 0.01
    root = tree.cliques[0]
    key = np.ravel_multi_index([codes[at] for at in root], [SIZES[at] for at in root])
    off = np.bincount(key, minlength=model.beliefs[0].size) - 50_000 * model.beliefs[0].ravel()
    assert np.abs(off).max() < 1.0001  # chance adds less than a record
    assert [len(each) for each in draw(model, 0, np.random.default_rng(0))] == [0] * 5
