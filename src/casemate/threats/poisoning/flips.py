"""Which labels an adversary flips: any, those that hurt most, or those that hurt most and are not found.

The strong adversary holds the training set and a logistic regression that stands in for the model. It prepares several
sets of flips, trains its stand-in on each (cleansed first, when it knows that the defender cleanses), and keeps the set
that leaves the stand-in least accurate on the labels as they really are.

Reference: Koh, Steinhardt & Liang 2022, arXiv:1811.00741 (stronger data poisoning attacks break data sanitization
defenses); Biggio, Nelson & Laskov 2012, arXiv:1206.6389.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.special import expit

from casemate.threats.poisoning.ranking import Codes, Flags, Floats
from casemate.training.influence import leave_one_out
from casemate.training.linear import LogisticFit, LogisticObjective, solve

SOFTNESS = 0.5
"""Width, in log-odds, of the smooth stand-in for a wrong answer that influence is taken of."""


def random_flips(rows: int, rate: float, rng: np.random.Generator) -> Flags:
    """(n,) a random share of rows, at least one."""
    flipped = np.zeros(rows, dtype=bool)
    flipped[rng.permutation(rows)[: count(rows, rate)]] = True
    return flipped


def worst_flips(fit: LogisticFit, rate: float, limit: float | None) -> Flags:
    """The flips that hurt a stand-in most.

    Args:
        fit: the stand-in, fitted on the untouched training set.
        rate: share of rows to flip.
        limit: the log-odds against a label from which on the defender drops its row; None when nobody cleanses.

    Returns:
        (n,) which labels to flip.
    """
    problem = fit.objective
    candidates = list(_candidates(fit, count(len(problem.labels), rate), limit))
    accuracy = [_accuracy(problem, flipped, limit, fit.coefficients) for flipped in candidates]
    return candidates[int(np.argmin(accuracy))]


def count(rows: int, rate: float) -> int:
    """How many of these rows a rate stands for: at least one."""
    return max(1, round(rate * rows))


def harm(fit: LogisticFit) -> Floats:
    """(n,) how much flipping each label alone would raise the smoothed error on the training rows, to first order."""
    y = fit.objective.labels
    side = 2.0 * y - 1.0
    wrong = expit(-side * fit.logits / SOFTNESS)
    gradient = fit.objective.design.T @ (-side * wrong * (1 - wrong) / SOFTNESS)
    pushed = fit.objective.design @ fit.factor.solve(gradient)
    return np.asarray(-side * fit.objective.weights * pushed, dtype=np.float64)


def _candidates(fit: LogisticFit, flips: int, limit: float | None) -> Iterator[Flags]:
    y = fit.objective.labels
    outside = leave_one_out(fit)
    loud = np.where(y == 1, outside, -outside)  # log-odds against the label once it is flipped
    scores = [harm(fit), *(np.where(y == side, loud, loud - 1e6) for side in (0, 1))]
    for score in scores:
        yield _top(score, flips)
        if limit is not None:
            for margin in (0.0, 0.5, 1.0):  # poison shifts the ranking, so some flips stay well below the limit
                yield _top(np.where(loud < limit - margin, score, score - 1e9), flips)


def _top(score: Floats, flips: int) -> Flags:
    chosen = np.zeros(len(score), dtype=bool)
    chosen[np.argsort(-score, kind="stable")[:flips]] = True
    return chosen


def _accuracy(problem: LogisticObjective, flipped: Flags, limit: float | None, start: Floats) -> float:
    labels: Codes = np.where(flipped, 1 - problem.labels, problem.labels)
    fit = solve(replace(problem, labels=labels), start)
    if limit is not None:
        outside = leave_one_out(fit)
        kept = np.where(labels == 1, -outside, outside) <= limit
        fit = solve(replace(problem, labels=labels).weighted(kept.astype(np.float64)), fit.coefficients)
    return float(((fit.logits > 0) == (problem.labels == 1)).mean())
