"""Weighing what anyone could guess against what the model's answers add.

A conditional logit over the candidates with two weights, one for the imputation's log-probability and one for the
model's log-odds of the victim's label with the candidate in place. Weights (1, 0) are the imputation alone, weights
(1, 1) close to Fredrikson et al.'s maximum a posteriori; the adversary learns them on a model of its own.

References: Fredrikson, Jha & Ristenpart 2015 (CCS), section 3; Mehnaz et al. 2022 (CSMIA, USENIX Security); Jayaraman &
Evans 2022, "Are attribute inference attacks just imputation?", arXiv 2209.01292.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from casemate.threats.inversion.signals import Codes, Floats

BASELINE = np.array([1.0, 0.0])
LIMIT = 20.0


def utilities(prior: Floats, evidence: Floats, weights: Floats) -> Floats:
    """(n, candidates) how much speaks for each candidate."""
    told = np.clip(evidence - evidence.mean(axis=1, keepdims=True), -LIMIT, LIMIT)
    return np.asarray(weights[0] * np.log(prior) + weights[1] * told, dtype=np.float64)


def chosen(prior: Floats, evidence: Floats, weights: Floats) -> Codes:
    """(n,) the candidate for which most speaks.

    Args:
        prior: (n, candidates) imputed probabilities.
        evidence: (n, candidates) log-odds of the label with each candidate in place.
        weights: (2,) as ``weigh`` finds them.

    Example:
        >>> chosen(np.array([[0.6, 0.4]]), np.array([[0.0, 1.0]]), np.array([1.0, 1.0])).tolist()
        [1]
    """
    return np.asarray(utilities(prior, evidence, weights).argmax(axis=1), dtype=np.int64)


def weigh(prior: Floats, evidence: Floats, truth: Codes) -> Floats:
    """The weights under which the truth is likeliest, held to the baseline (1, 0) by a unit prior.

    Args:
        prior: (n, candidates) imputed probabilities of rows whose truth is known.
        evidence: (n, candidates) log-odds of their label.
        truth: (n,) the true candidates.

    Returns:
        (2,) weights.
    """
    rows = np.arange(len(truth))

    def loss(weights: Floats) -> float:
        likely = log_softmax(utilities(prior, evidence, weights), axis=1)[rows, truth]
        return float(-likely.sum() + 0.5 * ((weights - BASELINE) ** 2).sum())

    return np.asarray(minimize(loss, BASELINE, method="Nelder-Mead").x, dtype=np.float64)
