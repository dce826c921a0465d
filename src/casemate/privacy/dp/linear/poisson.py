"""Poisson regression that keeps its training records private."""

from __future__ import annotations

import math
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from casemate.core.errors import UsageError
from casemate.privacy.dp.estimator import Private
from casemate.privacy.dp.linear.defaults import gaussian_plan
from casemate.privacy.dp.linear.descent import Plan, descend
from casemate.privacy.dp.linear.grid import RESIDUAL_BITS, ROW_BITS, Clip, Floats
from casemate.privacy.dp.sums import NoisySums, Query

STARTING: Final = 0.05
"""Share of the budget that goes to the target's mean, from which the descent starts."""
MOST: Final = 4.0
"""Largest residual, and largest factor by which a mean differs from that of all, in means of the target."""
TARGET_BITS: Final = 20
"""Steps of a target between 0 and its bound, as a power of two."""
PURE_STEPS: Final = 20
"""Steps with Laplace noise, which grows with their number."""
BIAS: Final = 0.5
"""The constant that stands for the intercept."""


class PoissonRegressor(Private, RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Counts whose mean is the exponential of a linear function, by gradient descent with noise.

    First the mean of the target is released; residuals are counted in it, and clipped at four of it, which bounds what
    a record adds to a step's gradient. Neighbors are data sets of equally many records of which one contributes nothing
    (``zero_out``). Without ``delta`` the guarantee is pure.

    Args:
        epsilon: the budget.
        delta: for (epsilon, delta) with Gaussian noise; far below 1 / rows. None: pure epsilon, Laplace noise.
        data_norm: rows' largest norm: L2 with ``delta``, L1 without; longer rows are shortened, in training and in
            answers. A constant of yours, never taken from the data.
        target_bound: the largest count; values are moved between 0 and it. A constant of yours, likewise.
        pull: weight of the squared norm of the weights in the loss.
        random_state: seed of noise that can be repeated, for tests only; then nothing is private, and the certificate
            says so.

    Attributes:
        coef_: (features,) for rows that were shortened.
        intercept_: a number.
        n_iter_: steps.
        certificate_: what the guarantee rests on.

    Raises:
        UsageError: a budget or bounds that are none.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.uniform(-0.7, 0.7, (20_000, 2))
        >>> y = rng.poisson(np.exp(1 + 2 * x[:, 0]))
        >>> model = PoissonRegressor(epsilon=1.0, delta=1e-6, target_bound=20).fit(x, y)
        >>> bool(1.0 < model.coef_[0] < 2.5)
        True

    Reference:
        `casemate.privacy.dp.linear.descent`; McCullagh and Nelder 1989, "Generalized linear models", chapter 6.
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        *,
        delta: float | None = None,
        data_norm: float = 1.0,
        target_bound: float = 10.0,
        pull: float = 0.0,
        random_state: Any = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.data_norm = data_norm
        self.target_bound = target_bound
        self.pull = pull
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Learn from (n, d) rows and (n,) counts; the whole budget is spent."""
        rows, target = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        budget, n = self._budget(len(rows)), len(rows)
        for value, what in ((self.data_norm, "data_norm"), (self.target_bound, "target_bound")):
            if not 0 < float(value) < math.inf:
                raise UsageError(f"{what} {value} cannot be used", next_step="give a number above 0; nothing was spent")
        clipped = self._clipped(rows, pure=budget.pure)
        ask = NoisySums(budget, self._entropy())
        high = 2.0**TARGET_BITS
        share = np.clip(np.asarray(target, dtype=np.float64) / self.target_bound, 0.0, 1.0)
        first = ask(Query(np.trunc(share * high).sum().reshape(1), high, STARTING))
        self.middle_ = float(np.clip(max(first.total[0], first.deviation[0]) / (high * n), 1e-6, 1.0))
        wanted = share[:, None] / self.middle_
        residual = Clip(MOST, 1 if budget.pure else 2, RESIDUAL_BITS)
        long = (1 + BIAS if budget.pure else math.hypot(1, BIAS)) * 2.0**ROW_BITS
        plan = self._plan(n, ask, long * 2.0**-ROW_BITS * MOST)
        release = _Steps(ask, (clipped.shape[1], 1), long * residual.steps, (1 - STARTING) / plan.steps)
        weights = descend(clipped, lambda scores: _mean(scores) - wanted, residual, release, plan, ROW_BITS)
        self.weights_, self.n_iter_ = weights, plan.steps
        self.coef_ = weights[:-1, 0] / self.data_norm
        self.intercept_ = float(BIAS * weights[-1, 0] + math.log(self.middle_ * self.target_bound))
        self.certificate_ = ask.certificate(
            "Poisson regression by full-batch gradient descent",
            (),
            {
                "data_norm": float(self.data_norm),
                "target_bound": float(self.target_bound),
                "steps": plan.steps,
                "rate": plan.rate,
                "momentum": plan.momentum,
                "pull": plan.pull,
                "share of the mean": STARTING,
            },
        )
        return self

    def predict(self, X: npt.ArrayLike) -> Floats:
        """(n,) means of counts."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        scores = self._clipped(rows, pure=self.delta is None) @ (self.weights_ * 2.0**-ROW_BITS)
        answer: Floats = np.minimum(_mean(scores)[:, 0] * self.middle_, 1.0) * self.target_bound
        return answer

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags

    def _clipped(self, rows: Floats, *, pure: bool) -> Floats:
        """Rows on the grid, and the constant beside them."""
        made = Clip(1.0, 1 if pure else 2, ROW_BITS)(rows / self.data_norm)
        return np.hstack([made, np.full((len(made), 1), BIAS * 2.0**ROW_BITS)])

    def _plan(self, rows: int, ask: NoisySums, part: float) -> Plan:
        """As of logistic regression, but no faster than the steepest place of this loss allows."""
        steepest = MOST * (1 + BIAS * BIAS)
        if ask.budget.pure:
            momentum = 0.8
            return Plan(PURE_STEPS, 0.9 * (1 + momentum) / steepest, momentum, pull=self.pull)
        plan = gaussian_plan(rows, ask.budget, part)
        return Plan(plan.steps, min(plan.rate, (1 + plan.momentum) / steepest), plan.momentum, plan.tail, self.pull)


class _Steps:
    """Releases a step's gradient as one of the queries of a budget."""

    def __init__(self, ask: NoisySums, shape: tuple[int, ...], bound: float, share: float) -> None:
        self.ask, self.shape, self.bound, self.share = ask, shape, bound, share

    def __call__(self, total: Floats) -> Floats:
        """The sum with noise, in the same steps."""
        return self.ask(Query(total, self.bound, self.share)).total


def _mean(scores: Floats) -> Floats:
    """Means, in means of the target."""
    return np.exp(np.minimum(scores, math.log(MOST)))
