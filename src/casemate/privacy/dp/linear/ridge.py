"""Linear regression from sums of products with noise."""

from __future__ import annotations

import math
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from casemate.core.errors import UsageError
from casemate.privacy.dp.estimator import BITS, Bounds, Box, Private
from casemate.privacy.dp.linear.grid import Clip
from casemate.privacy.dp.linear.moments import products, symmetric
from casemate.privacy.dp.sums import NoisySums, Query

Floats = npt.NDArray[np.float64]

SHARES: Final = {"products of features": 0.4, "products with the target": 0.4, "features": 0.06, "target": 0.14}
"""Of the budget. The first two err alike where weights are about the target's range over the rows' norm."""
USUAL: Final = 1 / 9
"""Variance with which a target's mean lies between bounds of -1 and 1, as far as is known beforehand."""
SPREADS: Final = np.logspace(-8, 3, 133)
"""Variances of weights that are compared."""


class Ridge(Private, RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Linear regression by sums of products that are released once, with noise (sufficient statistics perturbation).

    A record contributes ``(x x', x y, x, y)``, of norms at most ``(B^2, B, B, 1)`` for rows of norm B and a target
    between -1 and 1. Weights are shrunk by as much as the noise asks for: the variance of weights under which the noisy
    sums are likeliest is found from them, so nothing more is asked of the data. (AdaSSP spends a third of its budget
    on the least eigenvalue for the same purpose.) Neighbors are data sets of equally many records of which one
    contributes nothing (``zero_out``). Without ``delta`` the guarantee is pure.

    Args:
        epsilon: the budget.
        delta: for (epsilon, delta) with Gaussian noise; far below 1 / rows. None: pure epsilon, Laplace noise.
        bounds: (low, high) of features, each one number or one a column; values are moved to them, in training and in
            answers. Constants of yours, never taken from the data.
        target_bounds: (low, high) of the target, likewise.
        data_norm: rows' largest norm, where features are counted from -1 to 1 between their bounds: L2 with ``delta``,
            L1 without. None: as long as a row between bounds can be. Less means less noise, and longer rows are
            shortened.
        alpha: weight of the squared norm of the weights, as in scikit-learn; added to what the noise asks for.
        fit_intercept: whether a constant is learned.
        random_state: seed of noise that can be repeated, for tests only; then nothing is private, and the certificate
            says so.

    Attributes:
        coef_: (features,) for rows between bounds.
        intercept_: a number.
        certificate_: what the guarantee rests on.

    Raises:
        UsageError: a budget or bounds that are none.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.uniform(-1, 1, (5000, 3))
        >>> y = x @ [0.5, -0.3, 0.1]
        >>> model = Ridge(epsilon=1.0).fit(x, y)
        >>> bool(model.score(x, y) > 0.9)
        True
        >>> print(model.certificate_)  # doctest: +ELLIPSIS
        epsilon 1, pure (zero_out) by ridge regression from sums of products, with rounded Laplace and cube noise, ...

    References:
        Vu and Slavkovic 2009, "Differential privacy for clinical trial data"; Wang 2018, "Revisiting differentially
        private linear regression", algorithm 2 (AdaSSP).
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        *,
        delta: float | None = None,
        bounds: Bounds = (-1.0, 1.0),
        target_bounds: tuple[float, float] = (-1.0, 1.0),
        data_norm: float | None = None,
        alpha: float = 0.0,
        fit_intercept: bool = True,
        random_state: Any = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.bounds = bounds
        self.target_bounds = target_bounds
        self.data_norm = data_norm
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Learn from (n, d) rows and (n,) targets; the whole budget is spent."""
        rows, target = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        budget = self._budget(len(rows))
        box, goal = Box(self.bounds, rows.shape[1]), Box(self.target_bounds, 1, "target_bounds")
        clip = self._clip_of(rows.shape[1], pure=budget.pure)
        ask = NoisySums(budget, self._entropy())
        inside = clip(box(rows))
        wanted = np.trunc(goal(np.asarray(target, dtype=np.float64)) * 2.0**BITS)
        length, step, n = clip.steps, 2.0**-BITS, len(rows)
        most = min(length, 2.0**BITS)
        shares = iter(SHARES.values())
        gram, of_gram = symmetric(ask, products(inside, length, most, next(shares), pure=budget.pure))
        cross = ask(Query(inside.T @ wanted, length * 2.0**BITS, next(shares), box=most * 2.0**BITS))
        means = ask(Query(inside.sum(axis=0), length, next(shares), box=most)).total * (step / n)
        answer = ask(Query(wanted.sum().reshape(1), 2.0**BITS, next(shares)))
        doubt = float(answer.deviation[0]) * (step / n)
        mean = float(answer.total[0]) * (step / n) * USUAL / (USUAL + doubt * doubt)
        if not self.fit_intercept:
            means, mean = np.zeros_like(means), 0.0
        weights = _shrunk(
            gram * step * step - n * np.outer(means, means),
            cross.total * step * step - n * means * mean,
            of_gram * step * step,
            float(cross.deviation[0]) * step * step,
            self.alpha,
        )
        self.weights_, self._box, self._clip = weights, box, clip
        self.coef_ = weights * goal.half[0] / box.half
        self.middle_ = float(goal.middle[0] + goal.half[0] * (mean - means @ weights))
        self.intercept_ = self.middle_ - float(self.coef_ @ box.middle)
        self._low, self._high = (float(goal.middle[0] + sign * goal.half[0]) for sign in (-1, 1))
        settings: dict[str, float | int | str | bool] = {f"share of {each}": part for each, part in SHARES.items()}
        settings |= {"data_norm": clip.bound, "alpha": float(self.alpha), "fit_intercept": bool(self.fit_intercept)}
        self.certificate_ = ask.certificate("ridge regression from sums of products", (), settings)
        return self

    def predict(self, X: npt.ArrayLike) -> Floats:
        """(n,) targets, between their bounds."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        inside = self._clip(self._box(rows)) * 2.0**-BITS
        scale = self.coef_ * self._box.half
        answer: Floats = np.clip(inside @ scale + self.middle_, self._low, self._high)
        return answer

    def _clip_of(self, columns: int, *, pure: bool) -> Clip:
        longest = float(columns) if pure else math.sqrt(columns)
        norm = longest if self.data_norm is None else float(self.data_norm)
        if not 0 < norm < math.inf:
            raise UsageError(
                f"data_norm {self.data_norm} cannot be used", next_step="give a number above 0; no budget was spent"
            )
        return Clip(min(norm, longest), 1 if pure else 2, BITS)


class LinearRegression(Ridge):
    """`Ridge` under the name that others give it; ``alpha`` adds nothing by default, and noise is shrunk all the same.

    Example:
        >>> x = np.random.default_rng(0).uniform(-1, 1, (5000, 1))
        >>> bool(LinearRegression(epsilon=1.0).fit(x, 0.5 * x[:, 0]).score(x, 0.5 * x[:, 0]) > 0.9)
        True
    """


def _shrunk(gram: Floats, cross: Floats, of_gram: float, of_cross: float, alpha: float) -> Floats:
    """Weights from noisy sums, shrunk as their noise asks for.

    With weights of variance v each, ``cross = gram w + noise`` where noise has the variance of ``cross`` and that of
    what noise in ``gram`` does to weights of this size; along an eigenvector all this is one-dimensional. The v under
    which ``cross`` is likeliest decides (empirical Bayes; a function of what was released, so it costs nothing).
    """
    values, vectors = np.linalg.eigh(gram)
    values, along = np.maximum(values, 0.0) + alpha, vectors.T @ cross
    noise = of_cross**2 + of_gram**2 * len(values) * SPREADS
    spread = values[:, None] ** 2 * SPREADS + noise
    likely = -0.5 * (np.log(spread) + along[:, None] ** 2 / spread).sum(axis=0)
    best = int(np.argmax(likely))
    weights: Floats = vectors @ (values * SPREADS[best] * along / (values**2 * SPREADS[best] + noise[best]))
    return weights
