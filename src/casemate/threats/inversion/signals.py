"""The one number a membership attack reads off an answer: the log-odds that the model gives the record's own label.

On that scale the answers of models trained with and without a record are close to normal (LiRA, Carlini et al. 2022,
arXiv 2112.03570, section IV-C), also where probabilities saturate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import logit

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

LEAST = 1e-12
"""No answer is believed closer to 0 or 1 than this."""


def log_odds(scores: Floats, labels: Codes) -> Floats:
    """Log-odds of the own label, ``log p_y - log sum_{k != y} p_k``, finite whatever the scores.

    A model that answers exactly 0 or 1 (trees, rounded answers) means "beyond what I can express": zeros become half
    of the smallest probability in the same table.

    Args:
        scores: (n, classes) probabilities, float64.
        labels: (n,) class codes.

    Returns:
        (n,) log-odds.

    Example:
        >>> log_odds(np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0, 1])).round(3).tolist()
        [2.197, 0.0]
        >>> log_odds(np.array([[1.0, 0.0], [0.8, 0.2]]), np.array([0, 0])).round(3).tolist()
        [2.303, 1.386]
    """
    own = scores[np.arange(len(labels)), labels]
    others = scores.sum(axis=1) - own if scores.shape[1] > 2 else scores[np.arange(len(labels)), 1 - labels]
    positive = scores[scores > LEAST]
    floor = max(LEAST, float(positive.min()) / 2.0) if len(positive) else LEAST
    return np.asarray(np.log(np.maximum(own, floor)) - np.log(np.maximum(others, floor)), dtype=np.float64)


def rounding_cell(scores: Floats, labels: Codes, digits: int) -> tuple[Floats, Floats]:
    """The log-odds that a rounded answer may stand for, as lower and upper ends; infinite at 0 and 1.

    Args:
        scores: (n, classes) probabilities as they left the target, rounded to ``digits`` decimal digits.
        labels: (n,) class codes.
        digits: how many digits left.

    Example:
        >>> low, high = rounding_cell(np.array([[0.9, 0.1], [0.0, 1.0]]), np.array([0, 1]), 1)
        >>> low.round(3).tolist(), high.round(3).tolist()
        ([1.735, 2.944], [2.944, inf])
    """
    own = scores[np.arange(len(labels)), labels]
    half = 0.5 * 10.0**-digits
    return logit(np.clip(own - half, 0.0, 1.0)), logit(np.clip(own + half, 0.0, 1.0))
