"""Leave-one-out without retraining, against retraining."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from casemate.training.influence import enter, influence, leave_one_out
from casemate.training.linear import LogisticObjective, objective, solve

X, Y = load_breast_cancer(return_X_y=True, as_frame=True)
LABELS = Y.to_numpy()


def without(problem: LogisticObjective, row: int) -> LogisticObjective:
    weights = np.ones(len(problem.labels))
    weights[row] = 0.0
    return problem.weighted(weights)


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(3)
    rows = rng.choice(len(X), 250, replace=False)
    return objective(make_pipeline(StandardScaler(), LogisticRegression(C=1.0)), X.iloc[rows], LABELS[rows])


def test_leave_one_out_is_retraining(problem):
    fit = solve(problem)
    shift = np.abs(leave_one_out(fit) - fit.logits)
    rows = np.argsort(-shift)[::25]  # from the most influential to the least
    truth = np.array([solve(without(problem, row)).logits[row] for row in rows])
    error = np.abs(leave_one_out(fit)[rows] - truth)
    assert np.median(error / np.abs(truth - fit.logits[rows])) < 0.05
    assert np.corrcoef(leave_one_out(fit)[rows], truth)[0, 1] > 0.999


def test_preprocessing_matters_an_order_less_than_the_row(problem):
    """Refitting the scaler without the row changes its logit far less than retraining without it does."""
    rng = np.random.default_rng(3)
    rows = rng.choice(len(X), 250, replace=False)
    features, labels = X.iloc[rows].reset_index(drop=True), LABELS[rows]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, tol=1e-10, max_iter=5000))
    fit = solve(problem)
    chosen, ratios = np.argsort(-np.abs(leave_one_out(fit) - fit.logits))[:100:10], []
    for row in chosen:
        keep = np.arange(len(labels)) != row
        whole = pipeline.fit(features[keep], labels[keep]).decision_function(features.iloc[[row]])[0]
        fixed = solve(without(problem, row)).logits[row]
        ratios.append(abs(whole - fixed) / abs(fixed - fit.logits[row]))
    assert np.median(ratios) < 0.1


@example(outside=3.0, leverage=3.0, label=0, weight=9.0)  # Newton's steps jump to and fro here
@given(st.floats(-8, 8), st.floats(1e-6, 50.0), st.integers(0, 1), st.floats(0.1, 10.0))
def test_entering_solves_its_equation(outside, leverage, label, weight):
    z = enter(np.array([outside]), np.array([leverage]), np.array([label]), weight)[0]
    assert z + leverage * weight * (expit(z) - label) == pytest.approx(outside, abs=1e-7)
    assert (z - outside) * (1 if label else -1) >= -1e-9  # training on a row never lowers its own label


def test_influence_ranks_as_retraining_does(problem):
    labels = problem.labels.copy()
    flipped = np.arange(0, 250, 25)
    labels[flipped] = 1 - labels[flipped]
    noisy = LogisticObjective(problem.design, labels, problem.weights, problem.penalty)
    fit = solve(noisy)
    judged = influence(fit, problem.design, problem.labels)
    assert np.isin(np.argsort(judged)[:10], flipped).mean() >= 0.9  # leaving a flipped row out lowers the loss

    def loss(coefficients):
        logits = problem.design @ coefficients
        return np.logaddexp(0.0, np.where(problem.labels == 1, -logits, logits)).sum()

    rows = np.argsort(judged)[[0, 1, 2, 3, 4, -1, -2, -3]]
    truth = [loss(solve(without(noisy, row)).coefficients) - loss(fit.coefficients) for row in rows]
    assert np.corrcoef(judged[rows], truth)[0, 1] > 0.95
