"""Objective perturbation: the budget covers what a record can change, the minimum is as near as is claimed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import DataError
from casemate.privacy.dp.linear import objective
from casemate.privacy.dp.linear.logistic import LogisticRegression
from casemate.privacy.dp.linear.objective import FINE, _left, _Logistic, _minimum, bows, divided, perturbed
from casemate.privacy.dp.noise import SeededEntropy


def problem(rows: int, width: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of L1 norm 1 and codes that hang on them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, width))
    x /= np.abs(x).sum(axis=1, keepdims=True)
    codes = (x @ rng.normal(size=(width, classes)) * 5 + rng.gumbel(size=(rows, classes))).argmax(axis=1)
    return x, codes


@given(st.floats(1e-3, 900.0), st.sampled_from([1, 3, 10]), st.sampled_from([0.0, 0.01, 50.0]))
def test_the_budget_is_spent_and_not_overspent(budget: float, outputs: int, pull: float) -> None:
    """At every q of a record, by the definition."""
    term = divided(budget, 100, outputs, 1.25, 1.0625, pull)
    missed, rank = np.linspace(0, 1, 9973), max(outputs - 1, 1)
    spent = term.bound * missed / term.scale + term.cover
    spent += rank * np.log1p(1.0625 * bows(missed, outputs) / (rank * term.ridge))
    assert budget * 0.999 < spent.max() <= budget
    assert term.ridge >= pull
    assert min(term.scale, term.cover) > 0


@given(st.integers(0, 10_000), st.sampled_from([1, 3, 5]))
def test_a_record_changes_gradient_and_curvature_by_no_more_than_was_charged(seed: int, outputs: int) -> None:
    """With and without one record, at any weights."""
    rng = np.random.default_rng(seed)
    x, codes = problem(6, 4, max(outputs, 2), seed)
    x[-1] = np.eye(4)[0]  # the longest row that there can be
    budget = rng.choice([0.1, 1.0, 5.0])
    term = divided(budget, 100, outputs, 1.0, 1.0, 0.0)
    weights = rng.normal(0, rng.choice([0.0, 1.0, 30.0]), (4, outputs))
    logs, slopes = [], []
    for rows in (x, x[:-1]):
        loss = _Logistic(rows, codes[: len(rows)], outputs, term.ridge, np.zeros((4, outputs)))
        said = loss.said(weights)
        logs.append(np.linalg.slogdet(loss._curvature(said))[1])
        slopes.append(loss.slope(weights, said))
    gained = logs[0] - logs[1]
    assert gained >= -1e-9
    assert np.abs(slopes[0] - slopes[1]).sum() / term.scale + gained <= budget - term.cover + 1e-9


def test_densities_of_neighbors_are_within_the_budget_everywhere() -> None:
    """One coordinate, where the density of the minimum is known: the term's, times the slope of what decides it."""
    term = divided(1.0, 100, 1, 1.0, 1.0, 0.0)
    rng = np.random.default_rng(0)
    grid = np.linspace(-40, 40, 4001)

    def log_density(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        said = 1 / (1 + np.exp(-x[:, None] * grid))
        slant = -((said - y[:, None]) * x[:, None]).sum(axis=0) - term.ridge * grid
        bent = (said * (1 - said) * x[:, None] ** 2).sum(axis=0) + term.ridge
        return -np.abs(slant) / term.scale - math.log(2 * term.scale) + np.log(bent)

    worst = 0.0
    for count in (1, 2, 3, 12) * 10:
        x, y = rng.choice([-1.0, 1.0, 0.3], count), rng.integers(0, 2, count).astype(float)
        gap = log_density(x, y) - log_density(x[:-1], y[:-1])
        worst = max(worst, float(np.abs(gap).max()))
    assert worst <= 1.0 - term.cover
    assert worst > 0.6  # with more coordinates, others can bring the rest


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_minimum_is_as_near_as_is_hidden(outputs: int) -> None:
    """Beside Newton's method in extended precision, the random term as the grid has it."""
    x, codes = problem(3000, 5, max(outputs, 2))
    term = divided(1.0, 100, outputs, 1.0, 1.0, 0.0)
    slant = np.random.default_rng(1).laplace(0, term.scale, (5, outputs))
    loss = _Logistic(x, codes, outputs, term.ridge, slant)
    found = _minimum(loss)
    exact = found.astype(np.longdouble)
    wide, wanted = x.astype(np.longdouble), np.eye(max(outputs, 2), dtype=np.longdouble)[codes][:, -outputs:]
    for _ in range(4):
        scores = wide @ exact
        said = 1 / (1 + np.exp(-scores)) if outputs == 1 else np.exp(scores)
        said = said if outputs == 1 else said / said.sum(axis=1, keepdims=True)
        slope = wide.T @ (said - wanted) + term.ridge * exact + slant
        exact = exact - loss.step(slope.astype(float), said.astype(float))
    assert np.abs(slope).max() < 1e-12
    assert np.linalg.norm((found - exact).astype(float)) <= _left(len(x), slant.size, term.scale / FINE) / term.ridge


def test_large_problems_take_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    x, codes = problem(500, 6, 3)
    loss = _Logistic(x, codes, 3, 0.5, np.random.default_rng(2).laplace(0, 1, (6, 3)))
    dense = _minimum(loss)
    monkeypatch.setattr(objective, "DENSE", 0)
    assert _minimum(loss) == pytest.approx(dense, abs=1e-5)


def test_both_noises_are_added() -> None:
    x, codes = problem(400, 4, 2)
    term = divided(1.0, 100, 1, 1.0, 1.0, 0.0)
    made = [perturbed(x, codes, 1, term, SeededEntropy(seed)) for seed in range(40)]
    spread = np.std([weights for weights, _ in made], axis=0)
    assert (spread > 0.2).all()
    for weights, release in made:
        assert release.left == 0
        assert release.noise * release.budget.epsilon == pytest.approx(release.sensitivity)
        # the released weights lie on the grid of the covering noise
        step = 2 * 2 * _left(400, 4, term.scale / FINE) / term.ridge / objective.COARSE
        assert np.abs(weights / step - np.rint(weights / step)).max() < 1e-3


def test_a_minimum_that_is_not_found_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objective, "TURNS", 1)
    x, codes = problem(50, 3, 2)
    with pytest.raises(DataError, match="not found"):
        perturbed(x, codes, 1, divided(1.0, 100, 1, 1.0, 1.0, 0.0), SeededEntropy(0))


def test_the_certificate_adds_up() -> None:
    x, codes = problem(300, 4, 3)
    made = LogisticRegression(0.7, classes=(0, 1, 2)).fit(x, codes).certificate_
    missed, ridge = np.linspace(0, 1, 9973), float(made.settings["ridge"])
    bent = 2 * np.log1p(1.0625 * bows(missed, 3) / (2 * ridge))
    spent = float((made.sensitivity / made.noise * missed + bent).max()) + float(made.settings["cover"])
    assert 0.699 < spent <= 0.7 == made.epsilon
    assert made.delta == 0.0
    assert made.curve == ()
    assert made.trusted


def test_the_covering_noise_is_small_beside_the_other_however_many_rows_and_columns(monkeypatch) -> None:
    """In 64 bits alone, what rounding may leave of 20,000 rows of 500 columns took more noise than all else."""
    found: list[np.ndarray] = []

    def kept(loss: _Logistic) -> np.ndarray:
        found.append(_minimum(loss))
        return found[-1]

    monkeypatch.setattr(objective, "_minimum", kept)
    rows, columns = 4000, 400
    random = np.random.default_rng(0)
    x = np.zeros((rows, columns))
    x[np.arange(rows), random.integers(0, columns, rows)] = 1.0
    term = divided(1.0, rows, 1, 1.25, 1.0625, 0.0)
    weights, _ = perturbed(x, random.integers(0, 2, rows), 1, term, SeededEntropy(3))
    assert np.std(weights - found[0]) < 0.008 * math.sqrt(2) * term.scale / term.ridge


def test_the_gradient_that_is_left_is_looked_at_in_long_numbers() -> None:
    x, codes = problem(2500, 5, 3)
    loss = _Logistic(x, codes, 3, 0.5, np.random.default_rng(2).laplace(0, 1, (5, 3)))
    for weights in (_minimum(loss), np.ones((5, 3))):
        slope = float(np.linalg.norm(loss.slope(weights, loss.said(weights))))
        assert loss.left(weights) == pytest.approx(slope, rel=1e-9, abs=1e-9)
