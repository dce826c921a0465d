"""An affine map from encoded rows to logits, estimated from equations, intervals or labels.

For intervals and labels the likelihood of a contrast t = z[high] - z[low] known to lie in [lower, upper] is that of a
logistic latent noise of scale s, sigma((upper - t)/s) - sigma((lower - t)/s). It factors into sigma((upper - t)/s) *
sigma((t - lower)/s) * const, so its logarithm is concave and needs no special case for infinite bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import lstsq
from scipy.special import expit, log_expit

from casemate.threats.extraction.bounds import Bounds

Floats = npt.NDArray[np.float64]

STEPS = 40
"""Newton steps at each noise scale; about six are used."""


@dataclass(frozen=True)
class Affine:
    """z = weights @ [1, x], one logit a class; class 0 is fixed at zero.

    Attributes:
        weights: (classes, 1 + d) float64; the first column is the intercept, the first row is zero.
    """

    weights: Floats

    def logits(self, encoded: Floats) -> Floats:
        """(n, d) encoded rows to (n, classes) logits."""
        made: Floats = encoded @ self.weights[:, 1:].T + self.weights[:, 0]
        return made


def solve(encoded: Floats, told: Bounds, classes: int) -> Affine:
    """Solve the equations of exact answers by least squares (minimum norm where they do not determine everything).

    Reference:
        Tramer et al. 2016, "Stealing machine learning models via prediction APIs", USENIX Security, section 4.1.1.
    """
    z = np.zeros((len(encoded), classes))
    z[told.row, told.low] = np.where(told.lower == told.upper, -told.lower, np.nan)  # relative to each row's winner
    z -= z[:, :1].copy()
    design = np.column_stack([np.ones(len(encoded)), encoded])
    finite = np.isfinite(z).all(axis=1)
    weights = lstsq(design[finite], z[finite], lapack_driver="gelsd")[0].T
    return Affine(np.ascontiguousarray(weights))


def fit(encoded: Floats, told: Bounds, scale: Floats, start: Affine, ridge: float) -> Affine:
    """Find the most likely affine map under interval-censored contrasts, by damped Newton steps.

    Args:
        encoded: (n, d) encoded rows.
        told: what is known about contrasts at them.
        scale: (m,) scale of the latent noise of each line.
        start: where to start.
        ridge: precision of the Gaussian prior on every weight, centered at zero.

    Returns:
        The maximum of the penalized likelihood.
    """
    problem = _Problem(np.column_stack([np.ones(len(encoded)), encoded]), told, ridge, scale)
    weights = start.weights
    # Far from the optimum narrow intervals have no curvature, so the noise starts wide and shrinks.
    for least in (1.0, 0.1, 0.01, 0.0):
        if least == 0.0 or np.any(scale < least):
            weights = _newton(replace(problem, scale=np.maximum(scale, least)), weights)
    return Affine(weights)


@dataclass(frozen=True)
class _Problem:
    """The penalized negative log-likelihood of (classes, 1 + d) weights; the first class stays at zero."""

    design: Floats
    told: Bounds
    ridge: float
    scale: Floats

    def loss(self, weights: Floats) -> float:
        """Its value, up to a constant."""
        t = self._contrasts(weights)
        above = log_expit((self.told.upper - t) / self.scale)  # zero where there is no upper bound
        below = log_expit((t - self.told.lower) / self.scale)
        return float(0.5 * self.ridge * np.sum(weights**2) - above.sum() - below.sum())

    def derivatives(self, weights: Floats) -> tuple[Floats, Floats]:
        """Gradient and Hessian over the free classes, flattened class by class."""
        t, told, scale = self._contrasts(weights), self.told, self.scale
        over, under = expit((t - told.upper) / scale), expit((told.lower - t) / scale)
        slope = (over - under) / scale
        bend = (over * (1.0 - over) + under * (1.0 - under)) / scale**2
        classes, width = weights.shape
        push = np.zeros((classes, len(self.design)))
        np.add.at(push, (told.high, told.row), slope)
        np.add.at(push, (told.low, told.row), -slope)
        curve = np.zeros((classes, classes, len(self.design)))
        high, low, row = told.high, told.low, told.row
        for one, other, sign in ((high, high, 1.0), (low, low, 1.0), (high, low, -1.0), (low, high, -1.0)):
            np.add.at(curve, (one, other, row), sign * bend)
        gradient = push @ self.design + self.ridge * weights
        hessian = np.empty((classes - 1, width, classes - 1, width))
        for left in range(1, classes):
            for right in range(1, left + 1):
                block = (self.design * curve[left, right][:, None]).T @ self.design
                hessian[left - 1, :, right - 1] = block
                hessian[right - 1, :, left - 1] = block.T
        flat = hessian.reshape((classes - 1) * width, -1)
        return gradient[1:].ravel(), flat + self.ridge * np.eye(len(flat))

    def _contrasts(self, weights: Floats) -> Floats:
        z = self.design @ weights.T
        made: Floats = z[self.told.row, self.told.high] - z[self.told.row, self.told.low]
        return made


def _newton(problem: _Problem, weights: Floats) -> Floats:
    value = problem.loss(weights)
    for _ in range(STEPS):
        gradient, hessian = problem.derivatives(weights)
        move = np.linalg.solve(hessian, gradient)
        promise = float(move @ gradient)
        if promise < 1e-9 * (1.0 + abs(value)):
            break
        step = np.vstack([np.zeros(weights.shape[1]), move.reshape(len(weights) - 1, -1)])
        for halving in range(20):
            trial = weights - step * 0.5**halving
            reached = problem.loss(trial)
            if reached <= value - 1e-4 * 0.5**halving * promise:
                weights, value = trial, reached
                break
        else:
            break
    return weights
