"""Logistic regression that keeps its training records private."""

from __future__ import annotations

import math
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from casemate.core.errors import UsageError
from casemate.privacy.dp.certificate import Certificate
from casemate.privacy.dp.estimator import Private, Scored, encoded
from casemate.privacy.dp.linear.defaults import gaussian_plan, longest_residual
from casemate.privacy.dp.linear.descent import Budget, Plan, Release, descend
from casemate.privacy.dp.linear.grid import RESIDUAL_BITS, ROW_BITS, Clip, Floats, sparse
from casemate.privacy.dp.linear.objective import certificate, divided, perturbed
from casemate.privacy.dp.noise import Entropy

MANY: Final = 0.7
"""Longest residual of one record, of more classes than two: about what every record has at the start."""


class LogisticRegression(Scored, Private, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Logistic regression, binary or multinomial: gradient descent with noise, or objective perturbation without delta.

    Neighbors are data sets of equally many records of which one contributes nothing (``zero_out``). Without ``delta``
    the guarantee is pure. Rows longer than ``data_norm`` are shortened to it, in training and in answers, so nothing
    about the data has to be known beforehand; what is better known should be said, above all ``classes``.

    Args:
        epsilon: the budget.
        delta: for (epsilon, delta) with Gaussian noise; far below 1 / rows. None: pure epsilon, Laplace noise.
        data_norm: rows' largest norm: L2 with ``delta``, L1 without. A constant of yours, never taken from the data.
        classes: the labels that can occur. None: taken from the data, and recorded as assumed public.
        fit_intercept: whether a constant is learned.
        pull: weight of the squared norm of the weights in the loss.
        random_state: seed of noise that can be repeated, for tests only; then nothing is private, and the certificate
            says so.

    Attributes:
        coef_: (1 or classes, features), for rows that were shortened.
        intercept_: (1 or classes,).
        classes_: (classes,).
        n_iter_: releases.
        certificate_: what the guarantee rests on.

    Raises:
        UsageError: a budget that is none.
        DataError: a label is not among ``classes``.

    Example:
        >>> from sklearn.datasets import load_breast_cancer
        >>> x, y = load_breast_cancer(return_X_y=True)
        >>> x = x / x.max(axis=0)  # in earnest: by constants that are known without the data
        >>> model = LogisticRegression(epsilon=3.0, delta=1e-5, classes=(0, 1)).fit(x, y)
        >>> print(model.certificate_)
        epsilon 3, delta 1e-05 (zero_out) by full-batch gradient descent with rounded Gaussian noise, 220 releases

    Reference:
        `casemate.privacy.dp.linear.descent`; for the loss, Chaudhuri, Monteleoni and Sarwate 2011, "Differentially
        private empirical risk minimization".
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        *,
        delta: float | None = None,
        data_norm: float = 1.0,
        classes: Any = None,
        fit_intercept: bool = True,
        pull: float = 0.0,
        random_state: Any = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.data_norm = data_norm
        self.classes = classes
        self.fit_intercept = fit_intercept
        self.pull = pull
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Learn from (n, d) rows and (n,) labels; the whole budget is spent."""
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        assumed: list[str] = []
        self.classes_, codes = encoded(self.classes, labels, assumed)
        budget = self._budget(len(rows))
        if not 0 < float(self.data_norm) < math.inf:
            raise UsageError(
                f"data_norm {self.data_norm} cannot be used", next_step="give a number above 0; no budget was spent"
            )
        outputs = 1 if len(self.classes_) == 2 else len(self.classes_)
        entropy = self._entropy()
        clipped, bias = self._clipped(rows, budget)
        fit = self._minimized if budget.pure else self._descended
        weights, self.n_iter_, self.certificate_ = fit(clipped, codes, outputs, bias, budget, entropy, tuple(assumed))
        self.weights_ = weights
        self.coef_ = weights[: rows.shape[1]].T / self.data_norm
        self.intercept_ = bias * weights[-1] if self.fit_intercept else np.zeros(outputs)
        return self

    def decision_function(self, X: npt.ArrayLike) -> Floats:
        """(n,) scores of the second class of two, or (n, classes) scores."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        clipped, _ = self._clipped(rows, Budget(self.epsilon, self.delta or 0.0))
        scores: Floats = clipped @ (self.weights_ * 2.0**-ROW_BITS)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def _clipped(self, rows: Floats, budget: Budget) -> tuple[Floats, float]:
        """Rows on the grid, and the constant that stands for the intercept beside them."""
        made = Clip(1.0, 1 if budget.pure else 2, ROW_BITS)(rows / self.data_norm)
        bias = (0.25 if budget.pure else 0.5) if self.fit_intercept else 0.0
        if not self.fit_intercept:
            return made, bias
        return np.hstack([made, np.full((len(made), 1), bias * 2.0**ROW_BITS)]), bias

    def _minimized(
        self,
        rows: Floats,
        codes: npt.NDArray[np.intp],
        outputs: int,
        bias: float,
        budget: Budget,
        entropy: Entropy,
        assumed: tuple[str, ...],
    ) -> tuple[Floats, int, Certificate]:
        """Weights, releases and certificate of a pure budget."""
        term = divided(budget.epsilon, len(rows), outputs, 1 + bias, 1 + bias * bias, self.pull * len(rows))
        weights, _ = perturbed(rows * 2.0**-ROW_BITS, codes, outputs, term, entropy)
        made = certificate(term, budget.epsilon, weights.size, entropy, assumed, self.pull, float(self.data_norm))
        return weights, 1, made

    def _descended(
        self,
        rows: Floats,
        codes: npt.NDArray[np.intp],
        outputs: int,
        bias: float,
        budget: Budget,
        entropy: Entropy,
        assumed: tuple[str, ...],
    ) -> tuple[Floats, int, Certificate]:
        """The same of (epsilon, delta)."""
        residual = Clip(longest_residual(len(rows), budget) if outputs == 1 else MANY, 2, RESIDUAL_BITS)
        longest = math.hypot(1, bias) * 2.0**ROW_BITS
        base = gaussian_plan(len(rows), budget, longest * 2.0**-ROW_BITS * residual.bound)
        plan = Plan(base.steps, base.rate, base.momentum, base.tail, self.pull)
        release = Release(budget, plan.steps, longest * residual.steps, (rows.shape[1], outputs), entropy)
        weights = descend(sparse(rows), _residuals(codes, outputs), residual, release, plan, ROW_BITS)
        settings: dict[str, float | int | str | bool] = {
            "data_norm": float(self.data_norm),
            "steps": plan.steps,
            "rate": plan.rate,
            "momentum": plan.momentum,
            "tail": plan.tail,
            "pull": plan.pull,
        }
        grid = self.data_norm * 2.0 ** -(ROW_BITS + RESIDUAL_BITS)
        return weights, plan.steps, release.certificate(grid, assumed, settings)


def _residuals(codes: npt.NDArray[np.intp], outputs: int) -> Any:
    """From scores to the slope of the logistic loss."""
    wanted = codes[:, None].astype(np.float64) if outputs == 1 else np.eye(outputs)[codes]

    def slope(scores: Floats) -> Floats:
        said: Floats = expit(scores) if outputs == 1 else softmax(scores, axis=1)
        return said - wanted

    return slope
