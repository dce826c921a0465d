"""An affine map from encoded rows to logits, estimated from equations, intervals or labels.

For intervals and labels the likelihood of a contrast t = z[high] - z[low] known to lie in [lower, upper] is that of a
logistic latent noise of scale s, sigma((upper - t)/s) - sigma((lower - t)/s). It factors into sigma((upper - t)/s) *
sigma((t - lower)/s) * const, so its logarithm is concave and needs no special case for infinite bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lstsq
from scipy.special import expit, log_expit

from casemate.threats.extraction.bounds import Bounds

Floats = npt.NDArray[np.float64]


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


def fit(
    encoded: Floats, told: Bounds, start: Affine, *, prior: Affine, ridge: float, softness: float, floor: float
) -> Affine:
    """Find the most likely affine map under interval-censored contrasts, by damped Newton steps.

    Args:
        encoded: (n, d) encoded queries.
        told: what the answers say about them.
        start: where to start.
        prior: center of the Gaussian prior.
        ridge: precision of the prior on every weight.
        softness: scale of the latent noise as a share of the interval's width.
        floor: least scale, used where the interval is one-sided.

    Returns:
        The maximum of the penalized likelihood.
    """
    design = np.column_stack([np.ones(len(encoded)), encoded])
    final = scales(told, softness, floor)
    weights = start.weights.copy()
    # Far from the optimum narrow intervals have no curvature, so the noise starts wide and shrinks.
    for width in (1.0, 0.1, 0.01, 0.0):
        if width == 0.0 or np.any(final < width):
            weights = _newton(design, told, weights, prior.weights, ridge, np.maximum(final, width))
    return Affine(weights)


def _newton(
    design: Floats, told: Bounds, weights: Floats, center: Floats, ridge: float, scale: Floats, steps: int = 40
) -> Floats:
    """Minimize the penalized negative log-likelihood; the first class stays at zero."""
    value = _loss(design, told, weights, center, ridge, scale)
    for _ in range(steps):
        gradient, hessian = _derivatives(design, told, weights, center, ridge, scale)
        move = np.linalg.solve(hessian, gradient).reshape(len(weights) - 1, -1)
        promise = float(np.sum(move.ravel() * gradient))
        if promise < 1e-9 * (1.0 + abs(value)):
            break
        length = 1.0
        while length > 1e-6:
            trial = weights.copy()
            trial[1:] -= length * move
            reached = _loss(design, told, trial, center, ridge, scale)
            if reached <= value - 1e-4 * length * promise:
                weights, value = trial, reached
                break
            length /= 2.0
        else:
            break
    return weights


def _loss(design: Floats, told: Bounds, weights: Floats, center: Floats, ridge: float, scale: Floats) -> float:
    z = design @ weights.T
    t = z[told.row, told.high] - z[told.row, told.low]
    above = log_expit((told.upper - t) / scale)  # log sigma(inf) is 0: one-sided bounds need no special case
    return float(
        0.5 * ridge * np.sum((weights - center) ** 2) - np.sum(above) - np.sum(log_expit((t - told.lower) / scale))
    )


def _derivatives(
    design: Floats, told: Bounds, weights: Floats, center: Floats, ridge: float, scale: Floats
) -> tuple[Floats, Floats]:
    """Gradient and Hessian over the free classes, flattened class by class."""
    z = design @ weights.T
    t = z[told.row, told.high] - z[told.row, told.low]
    over, under = expit((t - told.upper) / scale), expit((told.lower - t) / scale)
    slope = (over - under) / scale
    bend = (over * (1.0 - over) + under * (1.0 - under)) / scale**2
    count, classes = z.shape
    push = np.zeros((count, classes))
    np.add.at(push, (told.row, told.high), slope)
    np.add.at(push, (told.row, told.low), -slope)
    gradient = push.T @ design + ridge * (weights - center)
    curve = np.zeros((classes, classes, count))
    np.add.at(curve, (told.high, told.high, told.row), bend)
    np.add.at(curve, (told.low, told.low, told.row), bend)
    np.add.at(curve, (told.high, told.low, told.row), -bend)
    np.add.at(curve, (told.low, told.high, told.row), -bend)
    width = design.shape[1]
    hessian = ridge * np.eye((classes - 1) * width)
    for one in range(1, classes):
        for other in range(1, one + 1):
            block = (design * curve[one, other][:, None]).T @ design
            hessian[(one - 1) * width : one * width, (other - 1) * width : other * width] += block
            if other != one:
                hessian[(other - 1) * width : other * width, (one - 1) * width : one * width] += block.T
    return gradient[1:].ravel(), hessian


def scales(told: Bounds, softness: float, floor: float) -> Floats:
    """(m,) scale of the latent noise: in proportion to the width of an interval, ``floor`` where it is one-sided."""
    width = told.upper - told.lower
    return np.where(np.isfinite(width), np.maximum(softness * width, 1e-9), floor)
