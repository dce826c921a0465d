"""The objective is scikit-learn's own, and whatever the closed form does not describe is refused with a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from casemate.core.errors import TargetError
from casemate.training.linear import objective, refusal, solve

X, Y = load_breast_cancer(return_X_y=True, as_frame=True)


@pytest.mark.parametrize(
    "regression",
    [
        LogisticRegression(C=0.3, tol=1e-10, max_iter=5000),
        LogisticRegression(C=5.0, class_weight="balanced", tol=1e-10, max_iter=5000),
        LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10, max_iter=5000),
        LogisticRegression(C=0.1, solver="liblinear", intercept_scaling=2.0, tol=1e-10, max_iter=5000),
        LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-10),
    ],
    ids=["plain", "balanced", "no intercept", "liblinear", "newton"],
)
def test_minimum_is_sklearns(regression):
    pipeline = make_pipeline(StandardScaler(), regression)
    fit = solve(objective(pipeline, X, Y.to_numpy()))
    assert np.allclose(fit.logits, pipeline.fit(X, Y).decision_function(X), atol=1e-4)


def test_gradient_vanishes_and_leverages_are_hat_values():
    problem = objective(make_pipeline(StandardScaler(), LogisticRegression()), X, Y.to_numpy())
    fit = solve(problem)
    assert np.abs(problem.design.T @ fit.residuals + problem.penalty * fit.coefficients).max() < 1e-5
    hessian = (problem.design.T * fit.curvatures) @ problem.design + np.diag(problem.penalty)
    direct = np.einsum("ij,jk,ik->i", problem.design, np.linalg.inv(hessian), problem.design)
    assert np.allclose(fit.leverages, direct)
    assert (fit.curvatures * fit.leverages).min() > 0.0
    assert (fit.curvatures * fit.leverages).max() < 1.0


def test_a_table_with_words_and_gaps():
    frame = pd.DataFrame({"age": [30.0, np.nan, 50.0, 61.0] * 10, "ward": ["a", "b", "c", "a"] * 10})
    labels = np.array([0, 1, 1, 0, 1, 0, 1, 0] * 5)
    prepare = ColumnTransformer([("n", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
                                 ("w", OneHotEncoder(), ["ward"])])  # fmt: skip
    pipeline = make_pipeline(prepare, LogisticRegression(tol=1e-10))
    assert np.allclose(
        solve(objective(pipeline, frame, labels)).logits,
        pipeline.fit(frame, labels).decision_function(frame),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (LogisticRegression(l1_ratio=1.0, solver="saga"), "L1"),
        (LogisticRegression(l1_ratio=0.5, solver="saga"), "L1"),
        (LogisticRegression(C=np.inf), "penalty"),
        (LogisticRegression(warm_start=True), "warm_start"),
        (RidgeClassifier(), "RidgeClassifier"),
        (make_pipeline(SelectKBest(k=3), LogisticRegression()), "learns from the labels"),
    ],
)
def test_what_is_refused(estimator, reason):
    assert reason in refusal(estimator)
    with pytest.raises(TargetError, match="closed form"):
        objective(estimator, X, Y.to_numpy())


def test_an_unconverged_fit_is_refused():
    with pytest.warns(UserWarning, match="failed to converge"):
        fitted = LogisticRegression(max_iter=2).fit(X, Y)
    assert "before it converged" in refusal(fitted)
    three = np.arange(len(Y)) % 3
    assert "more than two classes" in refusal(LogisticRegression().fit(StandardScaler().fit_transform(X), three))


def test_a_singular_hessian_is_an_error_not_a_guess():
    problem = objective(LogisticRegression(), X.iloc[:, :2], Y.to_numpy())
    twice = problem.scaled(0.0)
    twin = np.column_stack([twice.design[:, 0], twice.design[:, 0]])
    with pytest.raises(TargetError, match=r"singular|no minimum"):
        solve(replace(twice, design=twin - twin, penalty=np.zeros(2)))
