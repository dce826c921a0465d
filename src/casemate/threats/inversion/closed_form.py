"""Membership inference against logistic regression without shadow models: what they would have shown, calculated.

A pool of rows is known, which of them were trained on is not. LiRA trains hundreds of models on random subsets to learn
how each row's log-odds are distributed with and without it. For a smooth, convex, penalized objective that can be
calculated. Write ``b_j`` for the coin that puts row j in the training set with probability q. Then for every row j

- the *cavity* logit ``z_out`` is what the other rows say of it, and training on it pulls it to
  ``z_in + k s (sigma(z_in) - y) = z_out``, with ``k`` its leverage among the others;
- its coin moves every other row i by ``x_i' G x_j r_j g_j``, with ``g_j`` its residual at ``z_in``, so these effects,
  squared and summed, are the variance of ``z_i``;
- G, the mean inverse Hessian over random subsets, is the inverse of ``q X' diag(w / (1 + (1-q) k w)) X + penalty``.

The first fit weighs every row by q; two or three rounds of the equations above then make it consistent. Without those
rounds (plain delete-one algebra around the pool fit) the means are off by a fifth of a standard deviation and the
spread is a fifth too small at 1,000 rows and 75 columns; with them by 3 % and 10 % (``benchmarks/membership_glm.py``).

References: Carlini et al. 2022 (LiRA, arXiv 2112.03570); Rad & Maleki 2020 (approximate leave-one-out); Mezard, Parisi
& Virasoro 1987 (cavity method); neighbors: leave-one-out distinguishability (arXiv 2309.17310), inverse-Hessian attack
(arXiv 2406.11544).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from casemate.threats.inversion.moments import Moments
from casemate.threats.inversion.signals import Floats
from casemate.training.influence import enter, outside_leverages
from casemate.training.linear import LogisticObjective, factorize, solve

Mask = npt.NDArray[np.bool_]
ROUNDS = 3


@dataclass(frozen=True)
class ClosedForm:
    """What random training sets drawn from a pool would say of every row.

    Attributes:
        moments: of the own label's log-odds, with and without each row.
        inclusion: q, the share of the pool that is trained on.
        signs: (n,) 1 for class 1, -1 for class 0.
        leverages: (n,) hat values in the pool, between 0 and 1.
        coefficients: (d,) mean coefficients, a good start for the next penalty.
        white: (n, d) rows such that the inner product of i and j is ``x_i' G x_j``.
        effects: (n, d) how the coin of each row moves the fit, in the same coordinates.
    """

    moments: Moments
    inclusion: float
    signs: Floats
    leverages: Floats
    coefficients: Floats
    white: Floats
    effects: Floats

    def simulate(self, draws: int, seed: int) -> tuple[Mask, Floats]:
        """Training sets drawn at random, and what models trained on them would answer; no model is fitted.

        Every row's answer moves with its own coin exactly and with the others' to first order, so answers of one
        draw are as dependent as those of one model.

        Args:
            draws: how many.
            seed: of the draws.

        Returns:
            (draws, n) memberships, and (draws, n) own-label log-odds.
        """
        n, rng = len(self.signs), np.random.default_rng(seed)
        masks = np.zeros((draws, n), dtype=np.bool_)
        for mask in masks:
            mask[rng.permutation(n)[: round(self.inclusion * n)]] = True
        coins = masks - self.inclusion
        own = np.einsum("ij,ij->i", self.white, self.effects)
        moved = coins * own - (coins @ self.effects) @ self.white.T
        return masks, np.where(masks, self.moments.mean_in, self.moments.mean_out) + self.signs * moved


@dataclass(frozen=True)
class _Cavity:
    """The rows as the others see them: logits without and with each row, its residual, curvature and skew there."""

    outside: Floats
    inside: Floats
    residuals: Floats
    curvatures: Floats
    skews: Floats


def closed_form(
    problem: LogisticObjective, inclusion: float, *, start: Floats | None = None, rounds: int = ROUNDS
) -> ClosedForm:
    """The two distributions of every pool row's log-odds over random training sets of a fixed size.

    Args:
        problem: the objective on the whole pool (n rows, d columns).
        inclusion: q, the share of the pool that is trained on, between 0 and 1.
        start: (d,) coefficients to start from.
        rounds: how often the cavity equations are applied, at least once.

    Raises:
        TargetError: the objective has no minimum, or its Hessian is singular.
    """
    q, x, penalty = inclusion, problem.design, problem.penalty
    fit = solve(problem.weighted(q), start)
    beta, mean, leverages = fit.coefficients, fit.logits, fit.curvatures * fit.leverages
    pull = outside_leverages(fit)
    rows = _enter(problem, q, mean, pull)
    for _ in range(max(1, rounds)):
        w = rows.curvatures
        ratio = 1.0 / (1.0 - q * pull * w / (1.0 + pull * w))
        factor = factorize(problem, q * w / (1.0 + (1.0 - q) * pull * w))
        white = factor.whiten(x)
        pull = np.einsum("ij,ij->i", white, white) * ratio
        effects = white * (ratio * rows.residuals)[:, None]
        total = effects.sum(axis=0)
        # The size of the training set is fixed, which takes the mean effect out of the coins' variance.
        spread = effects.T @ effects - np.outer(total, total) / len(mean)
        noise = q * (1.0 - q) * np.einsum("ij,ij->i", white @ spread, white)
        typical = rows.residuals + 0.5 * noise * rows.skews / (1.0 + pull * w) ** 3
        beta = beta - factor.solve(q * (x.T @ typical) + penalty * beta)
        mean = x @ beta
        rows = _enter(problem, q, mean, pull)
    w = rows.curvatures
    own = q * (1.0 - q) * (pull * rows.residuals) ** 2
    variance = np.maximum(noise - own, 1e-6 * noise + 1e-18)
    within = rows.inside - 0.5 * variance * pull * rows.skews / (1.0 + pull * w) ** 3
    sign, spread_out = np.where(problem.labels == 1, 1.0, -1.0), np.sqrt(variance)
    moments = Moments(
        mean_in=sign * within,
        sd_in=spread_out / (1.0 + pull * w),
        mean_out=sign * rows.outside,
        sd_out=spread_out,
    )
    return ClosedForm(moments, q, sign, leverages, beta, white, effects)


def _enter(problem: LogisticObjective, q: float, mean: Floats, pull: Floats) -> _Cavity:
    """Solve ``mean = z_out - q k g(z_in)`` and ``z_in = z_out - k g(z_in)`` together: one equation in ``z_in``."""
    y, s = problem.labels, problem.weights
    # Subtracting: z_in + (1 - q) k g(z_in) = mean, the same scalar equation with a smaller pull.
    inside = enter(mean, (1.0 - q) * pull, y, s)
    p = expit(inside)
    residuals, curvatures = s * (p - y), s * p * (1.0 - p)
    return _Cavity(mean + q * pull * residuals, inside, residuals, curvatures, curvatures * (1.0 - 2.0 * p))
