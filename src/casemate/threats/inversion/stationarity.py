"""Membership from the weights of a logistic regression: no model is fitted, and regularization is no defense.

At the minimum, the training rows' gradients and the penalty cancel exactly: ``sum_j b_j g_j x_j = -penalty * w``, where
``b_j`` says whether row j of the pool was trained on. Whoever holds the weights knows the right side and every
``g_j x_j``: d equations about n coins. Given the others as noise, each coin has a likelihood ratio in closed form, a
matched filter against the gradients' covariance.

A per-record attack reads one projection of the weights and drowns in the common noise that a strong penalty leaves.
This one removes that noise, so its power does not depend on the penalty.

References: Suri, Zhang & Evans 2024, "Do parameters reveal more than loss for membership inference?", arXiv 2406.11544
(the weights tell more than the loss); Verdu 1998, "Multiuser Detection", chapter 6 (the linear detector).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from casemate.threats.inversion.signals import Floats
from casemate.training.linear import LogisticObjective

RIDGE = 1e-9
LEAST = 1e-3


def gradient_ratio(problem: LogisticObjective, coefficients: Floats, inclusion: float) -> Floats:
    """Log-likelihood ratio of "was trained on" against "was not", for every row of a pool.

    Args:
        problem: the objective on the whole pool, preprocessed as the model does it.
        coefficients: (d,) the model's weights, intercept last.
        inclusion: q, the share of the pool that was trained on.

    Returns:
        (n,) log-likelihood ratios.
    """
    q, x = inclusion, problem.design
    residuals = problem.weights * (expit(x @ coefficients) - problem.labels)
    gradients = x * residuals[:, None]
    total = gradients.sum(axis=0)
    surprise = -problem.penalty * coefficients - q * total
    spread = q * (1.0 - q) * (gradients.T @ gradients - np.outer(total, total) / len(x))
    spread[np.diag_indices_from(spread)] += RIDGE * np.trace(spread) / len(spread) + 1e-300
    factor: Any = cho_factor(spread, lower=True)
    strength = np.einsum("ij,ji->i", gradients, cho_solve(factor, gradients.T))
    # The row's own coin is part of the spread; without it the others' noise is smaller by this factor.
    alone = 1.0 / np.maximum(1.0 - q * (1.0 - q) * strength, LEAST)
    return np.asarray(
        alone * (gradients @ cho_solve(factor, surprise) - 0.5 * (1.0 - 2.0 * q) * strength), dtype=np.float64
    )
