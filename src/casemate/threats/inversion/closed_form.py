"""Membership inference against logistic regression without shadow models: what they would have shown, calculated.

A pool of rows is known, which of them were trained on is not. LiRA trains hundreds of models on random subsets to learn
how each row's log-odds are distributed with and without it. For a convex, smooth, penalized objective one fit on the
whole pool, every row weighted by its inclusion probability q, tells both: the minimum sits at the center of all subset
fits, the Hessian there says how far the random inclusion of the others throws it (delta method), and a scalar equation
says how far the row itself pulls (approximate leave-one-out).

References: Carlini et al. 2022 (LiRA, arXiv 2112.03570); Rad & Maleki 2020 (approximate leave-one-out); neighbors:
leave-one-out distinguishability (arXiv 2309.17310), inverse-Hessian attack (arXiv 2406.11544).
"""

from __future__ import annotations

import numpy as np

from casemate.threats.inversion.moments import Moments
from casemate.threats.inversion.signals import Floats
from casemate.training.influence import enter, outside_leverages
from casemate.training.linear import LogisticFit, LogisticObjective, solve


def pool_fit(problem: LogisticObjective, inclusion: float, start: Floats | None = None) -> LogisticFit:
    """Fit the whole pool with every row at the weight of its inclusion probability."""
    return solve(problem.weighted(inclusion), start)


def closed_form(fit: LogisticFit, inclusion: float) -> Moments:
    """The two distributions of every pool row's log-odds over random training sets.

    Args:
        fit: from ``pool_fit``.
        inclusion: q, the share of the pool that was trained on.

    Returns:
        Moments of n rows, on the scale of the own label's log-odds.
    """
    q = inclusion
    labels = fit.objective.labels
    pulls = fit.residuals / q  # derivative of the unweighted loss
    white = fit.whitened
    spread = (white * pulls[:, None]).T @ (white * pulls[:, None])
    own = (pulls * fit.leverages) ** 2
    noise = np.einsum("ij,jk,ik->i", white, spread, white, optimize=True)
    variance = q * (1.0 - q) * np.maximum(noise - own, 1e-6 * noise + 1e-18)
    outside = outside_leverages(fit)
    weights = fit.objective.weights / q
    out = fit.logits + fit.residuals * outside
    within = enter(out, outside, labels, weights)
    sd_out = np.sqrt(variance)
    p = 0.5 * (1.0 + np.tanh(0.5 * within))
    sd_in = sd_out / (1.0 + outside * weights * p * (1.0 - p))
    sign = np.where(labels == 1, 1.0, -1.0)
    return Moments(mean_in=sign * within, sd_in=sd_in, mean_out=sign * out, sd_out=sd_out)
