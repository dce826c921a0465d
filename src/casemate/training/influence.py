"""What a logistic regression would have said about a row, had that row been left out: from one fit, without retraining.

The approximate leave-one-out logit is the one-dimensional version of the exact answer: removing row i moves the minimum
along ``H^-1 x_i`` only, to first order, so one scalar equation a row remains.

Reference: Rad & Maleki 2020, "A scalable estimate of the out-of-sample prediction error via approximate leave-one-out
cross-validation", JRSS B 82(4), equation 8; Cook & Weisberg 1982 for leverage; Koh & Liang 2017 for influence.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from casemate.training.linear import Codes, Floats, LogisticFit


def outside_leverages(fit: LogisticFit) -> Floats:
    """(n,) leverage that each row would have in the Hessian of the others: ``h / (1 - w h)``."""
    return fit.leverages / np.maximum(1.0 - fit.curvatures * fit.leverages, 1e-12)


def leave_one_out(fit: LogisticFit) -> Floats:
    """(n,) log-odds of class 1 for every row from the model fitted without it.

    One Newton step from the full fit along the only direction that matters; on SUPPORT2 at n = 1,000 its median error
    against true retraining is below 1 % of the median shift.
    """
    return fit.logits + fit.residuals * outside_leverages(fit)


def enter(outside: Floats, leverages: Floats, labels: Codes, weights: Floats | float = 1.0, steps: int = 200) -> Floats:
    """The logit that a row has once it has been trained on, given its logit before.

    Solves ``z + h s (sigma(z) - y) = outside`` for z, row by row; the left side increases in z, so a bracketed Newton
    iteration always converges.

    Args:
        outside: (...,) log-odds of class 1 without the row.
        leverages: (...,) leverage of the row in the others' Hessian.
        labels: (...,) 0 or 1.
        weights: (...,) weight of the row's loss.
        steps: most iterations.

    Example:
        >>> enter(np.array([0.0]), np.array([1.0]), np.array([1])).round(4).tolist()
        [0.4011]
    """
    pull = leverages * weights
    sign = np.where(labels == 1, 1.0, -1.0)
    low = np.where(labels == 1, outside, outside - pull)
    high = np.where(labels == 1, outside + pull, outside)
    z = np.clip(outside + sign * pull * expit(-sign * outside) / 2.0, low, high)
    last = before = high - low
    for _ in range(steps):
        p = expit(z)
        excess = z + pull * (p - labels) - outside
        low, high = np.where(excess <= 0, z, low), np.where(excess >= 0, z, high)
        newton = z - excess / (1.0 + pull * p * (1.0 - p))
        # Newton's step counts only where it at least halves the step before last; elsewhere the bracket is halved.
        trusted = (newton > low) & (newton < high) & (2.0 * np.abs(newton - z) <= before)
        following = np.where(trusted, newton, (low + high) / 2.0)
        before, last = last, np.abs(following - z)
        if last.max(initial=0.0) < 1e-12:
            break
        z = following
    return np.asarray(z, dtype=np.float64)


def influence(fit: LogisticFit, design: Floats, labels: Codes) -> Floats:
    """How much the summed loss on some rows would rise if each training row were left out, to first order.

    Positive: the row helps; clearly negative: it contradicts the others, as a flipped label does.

    Args:
        fit: the fitted regression.
        design: (m, d) rows to judge by, preprocessed as the fit's.
        labels: (m,) their labels, 0 or 1.

    Returns:
        (n,) change of the loss summed over the judging rows, for each training row.
    """
    gradient = design.T @ (expit(design @ fit.coefficients) - labels)
    pull = fit.residuals / np.maximum(1.0 - fit.curvatures * fit.leverages, 1e-12)
    return np.asarray((fit.objective.design @ fit.factor.solve(gradient)) * pull, dtype=np.float64)
