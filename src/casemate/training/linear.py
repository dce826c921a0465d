"""Logistic regression seen from inside: its objective, its exact minimum, and how far each row pulls it.

scikit-learn minimizes ``sum_i s_i log(1 + exp(-(2 y_i - 1) z_i)) + penalty / 2 ||w||^2`` with ``z = X w``, where ``s``
are class weights and ``penalty = 1 / C``. The minimum is unique and smooth in the rows' weights, so what a model would
have been without a row, or with other rows, follows from one fit (see ``casemate.training.influence``). Whatever breaks
that, a corner in the penalty, a solver that stopped early, a start that matters, is refused with a reason.

The preprocessing in front of the regression is taken as fixed: a scaler or imputer moves by O(1/n) when one row is
left out, an order below what the row itself does (``tests/training/test_influence.py`` measures it).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.special import expit
from sklearn.base import clone
from sklearn.feature_selection import SelectorMixin, VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight

from casemate.core.errors import TargetError

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

WIDEST = 5_000
"""More columns than this and the exact Hessian is no longer cheap."""


def split(estimator: Any) -> tuple[Any | None, Any]:
    """The preprocessing (None when there is none) and the last step of an estimator."""
    if isinstance(estimator, Pipeline):
        first, last = split(estimator.steps[-1][1])
        steps = [*estimator.steps[:-1], *([] if first is None else [("last", first)])]
        return (Pipeline(steps), last) if steps else (None, last)
    return None, estimator


def refusal(estimator: Any) -> str:
    """Why the closed form does not describe this estimator, or "" when it does.

    Args:
        estimator: a classifier or pipeline, fitted or not; convergence can be judged only when fitted.

    Example:
        >>> refusal(LogisticRegression(C=0.5))
        ''
        >>> refusal(LogisticRegression(l1_ratio=1.0, solver="saga"))
        'its penalty has an L1 part, so a row can switch coefficients off and on'
    """
    before, last = split(estimator)
    if type(last) is not LogisticRegression:
        return f"it ends in {type(last).__name__}, not in LogisticRegression"
    if last.penalty in ("l1", "elasticnet") or (last.l1_ratio or 0.0) > 0.0:
        return "its penalty has an L1 part, so a row can switch coefficients off and on"
    if last.warm_start:
        return "warm_start makes the outcome depend on earlier fits"
    if penalty_strength(last) <= 0.0:
        return "without a penalty the minimum may not exist"
    if before is not None and any(_uses_labels(step) for step in before.get_params(deep=True).values()):
        return "its preprocessing learns from the labels"
    if len(getattr(last, "classes_", (0, 1))) != 2:
        return "it has more than two classes"
    if np.any(getattr(last, "n_iter_", 0) >= last.max_iter):
        return "its solver stopped before it converged"
    return ""


def penalty_strength(regression: LogisticRegression) -> float:
    """The factor of ``||w||^2 / 2`` in the objective: 1 / C, or 0 without a penalty."""
    return 0.0 if regression.penalty is None else 1.0 / float(regression.C)


def _uses_labels(step: Any) -> bool:
    if isinstance(step, SelectorMixin):  # most selectors look at the labels without saying so in their tags
        return not isinstance(step, VarianceThreshold)
    tags = getattr(step, "__sklearn_tags__", None)
    return tags is not None and not isinstance(step, type) and bool(tags().target_tags.required)


@dataclass(frozen=True)
class LogisticObjective:
    """What a logistic regression minimizes on given rows.

    Attributes:
        design: (n, d) preprocessed features; the last column is the intercept's where there is one.
        labels: (n,) 0 or 1.
        weights: (n,) weight of each row's loss.
        penalty: (d,) factor of each squared coefficient, halved; 0 for an intercept that is not penalized.
    """

    design: Floats
    labels: Codes
    weights: Floats
    penalty: Floats

    def scaled(self, factor: float) -> LogisticObjective:
        """The same objective with a penalty ``factor`` times as strong."""
        return replace(self, penalty=self.penalty * factor)

    def weighted(self, weights: Floats | float) -> LogisticObjective:
        """The same objective with every row's loss multiplied by these weights."""
        return replace(self, weights=self.weights * weights)


@dataclass(frozen=True)
class Factor:
    """A Hessian's lower Cholesky factor L."""

    lower: Floats

    def solve(self, vector: Floats) -> Floats:
        """``H^-1 v`` for a (d,) vector or the columns of a (d, m) matrix."""
        return np.asarray(cho_solve((self.lower, True), vector, check_finite=False), dtype=np.float64)

    def whiten(self, design: Floats) -> Floats:
        """(n, d) ``L^-1 x`` for each row x, so that inner products of the results are ``x_i' H^-1 x_j``."""
        white = solve_triangular(self.lower, design.T, lower=True, check_finite=False).T
        return np.asarray(white, dtype=np.float64)


@dataclass(frozen=True)
class LogisticFit:
    """The minimum of a ``LogisticObjective``, and its curvature there.

    Attributes:
        objective: what was minimized.
        coefficients: (d,) the minimum.
        logits: (n,) log-odds of class 1.
        residuals: (n,) derivative of each row's loss by its logit, class weight and row weight included.
        curvatures: (n,) second derivative, likewise.
        leverages: (n,) ``x_i' H^-1 x_i``: how far a unit of residual moves the row's own logit.
        factor: of the Hessian.
    """

    objective: LogisticObjective
    coefficients: Floats
    logits: Floats
    residuals: Floats
    curvatures: Floats
    leverages: Floats
    factor: Factor


def objective(estimator: Any, features: pd.DataFrame, labels: Codes) -> LogisticObjective:
    """The objective that fitting ``estimator`` on these rows would minimize.

    Args:
        estimator: a classifier or pipeline for which ``refusal`` is ""; only its parameters are used.
        features: (n, d) rows; the preprocessing is fitted on them.
        labels: (n,) codes 0 and 1.

    Raises:
        TargetError: the closed form does not apply, or the preprocessed rows are not finite numbers.
    """
    reason = refusal(estimator)
    if reason or set(np.unique(labels)) != {0, 1}:
        raise TargetError(
            "the closed form does not apply",
            cause=reason or "the labels are not 0 and 1, both present",
            next_step='set method = "shadows"',
        )
    before, last = split(estimator)
    table = features if before is None else clone(before).fit(features, labels).transform(features)
    return _assemble(last, table, labels)


def fitted_objective(model: Any, features: pd.DataFrame, labels: Codes) -> tuple[LogisticObjective, Floats]:
    """The objective on these rows as a fitted model preprocesses them, and the model's own coefficients.

    Args:
        model: a fitted classifier or pipeline for which ``refusal`` is "".
        features: (n, d) rows.
        labels: (n,) codes 0 and 1.

    Returns:
        The objective, and (d,) coefficients in its coordinates.

    Raises:
        TargetError: the closed form does not apply.
    """
    if reason := refusal(model):
        raise TargetError(
            "the closed form does not apply", cause=reason, next_step="use an attack that asks for scores"
        )
    before, last = split(model)
    problem = _assemble(last, features if before is None else before.transform(features), labels)
    coefficients = last.coef_[0]
    if last.fit_intercept:
        scale = last.intercept_scaling if last.solver == "liblinear" else 1.0
        coefficients = np.append(coefficients, last.intercept_[0] / scale)
    return problem, np.asarray(coefficients, dtype=np.float64)


def _assemble(last: LogisticRegression, table: Any, labels: Codes) -> LogisticObjective:
    """Preprocessed rows, with the intercept's column and the penalty of each coefficient."""
    matrix = np.asarray(table.toarray() if hasattr(table, "toarray") else table, dtype=np.float64)
    if not np.isfinite(matrix).all() or matrix.shape[1] > WIDEST:
        raise TargetError(
            "the closed form does not apply",
            cause=f"the {matrix.shape[1]} preprocessed columns are not all finite, or more than {WIDEST}",
            next_step='set method = "shadows"',
        )
    penalty = np.full(matrix.shape[1], penalty_strength(last))
    if last.fit_intercept:
        # liblinear penalizes its intercept, scaled; every other solver leaves it free.
        scale, strength = (last.intercept_scaling, penalty[0]) if last.solver == "liblinear" else (1.0, 0.0)
        matrix = np.column_stack([matrix, np.full(len(matrix), scale)])
        penalty = np.append(penalty, strength)
    weights = np.asarray(compute_sample_weight(last.class_weight, labels), dtype=np.float64)
    return LogisticObjective(matrix, labels, weights, penalty)


def solve(problem: LogisticObjective, start: Floats | None = None, steps: int = 100) -> LogisticFit:
    """Minimize by Newton's method with step halving, to a gradient of 1e-9 of its scale.

    Args:
        problem: the objective; its penalty must make the Hessian invertible.
        start: (d,) where to start; zero by default. The minimum does not depend on it.
        steps: most Newton steps.

    Raises:
        TargetError: the Hessian is singular or the steps did not suffice (separable classes without a penalty).
    """
    x, y, s = problem.design, problem.labels, problem.weights
    beta = np.zeros(x.shape[1]) if start is None else start
    logits = x @ beta
    value = _value(problem, beta, logits)
    tolerance = 1e-9 * max(1.0, float(np.abs(x).T.dot(s).max()))
    for _ in range(steps):
        p = expit(logits)
        gradient = x.T @ (s * (p - y)) + problem.penalty * beta
        factor = factorize(problem, s * p * (1.0 - p))
        if np.abs(gradient).max() <= tolerance:
            return _fit(problem, beta, logits, factor)
        step = factor.solve(gradient)
        slope, length, moved = float(gradient @ step), 1.0, x @ step
        while True:
            trial, trial_logits = beta - length * step, logits - length * moved
            trial_value = _value(problem, trial, trial_logits)
            if trial_value <= value - 1e-4 * length * slope or length < 1e-6:
                break
            length /= 2.0
        if length < 1e-6:  # rounding leaves nothing to gain: this is the minimum to machine precision
            return _fit(problem, beta, logits, factor)
        beta, logits, value = trial, trial_logits, trial_value
    raise TargetError(
        "the logistic regression has no minimum within reach",
        cause=f"{steps} Newton steps did not converge",
        next_step="give it a penalty, or use the shadow pool",
    )


def _value(problem: LogisticObjective, beta: Floats, logits: Floats) -> float:
    loss = np.logaddexp(0.0, np.where(problem.labels == 1, -logits, logits))
    return float(problem.weights @ loss + 0.5 * problem.penalty @ beta**2)


def factorize(problem: LogisticObjective, curvatures: Floats) -> Factor:
    """Factor the Hessian ``X' diag(curvatures) X + diag(penalty)``.

    Raises:
        TargetError: it is singular.
    """
    hessian = (problem.design * curvatures[:, None]).T @ problem.design
    hessian[np.diag_indices_from(hessian)] += problem.penalty
    try:
        lower = cholesky(hessian, lower=True, check_finite=False, overwrite_a=True)
    except np.linalg.LinAlgError as error:
        raise TargetError(
            "the logistic regression's Hessian is singular",
            cause="columns repeat each other and no penalty tells them apart",
            next_step="give it a penalty, or use the shadow pool",
        ) from error
    return Factor(np.asarray(lower, dtype=np.float64))


def _fit(problem: LogisticObjective, beta: Floats, logits: Floats, factor: Factor) -> LogisticFit:
    p = expit(logits)
    whitened = factor.whiten(problem.design)
    return LogisticFit(
        objective=problem,
        coefficients=beta,
        logits=logits,
        residuals=problem.weights * (p - problem.labels),
        curvatures=problem.weights * p * (1.0 - p),
        leverages=np.einsum("ij,ij->i", whitened, whitened),
        factor=factor,
    )
