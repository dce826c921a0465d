"""Whether scores mean what they say: calibration error with an interval that can cover zero, and Brier's score.

The plain calibration error is never zero, even for a perfect model: every bin contributes the absolute value of its
noise, and a resampled one contributes it twice. So the estimate here is corrected for that bias. The bounds are not
trusted to the correction: the upper one lies above the uncorrected value, the lower one comes from the triangle
inequality (the noise can add no more than its own weighted size).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from casemate.core.measurement import Interval

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reliability:
    """Bins of equal mass over the confidence of the top label.

    Attributes:
        confidence: (bins,) mean confidence.
        right: (bins,) rows answered correctly.
        rows: (bins,) rows.
    """

    confidence: Floats
    right: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]


def bins_of(confidence: Floats, bins: int = 15) -> npt.NDArray[np.intp]:
    """The bin of each row: bins of equal mass, ties kept together.

    Example:
        >>> bins_of(np.array([0.5, 0.6, 0.6, 0.9]), bins=2).tolist()
        [0, 1, 1, 1]
    """
    cuts = np.unique(np.quantile(confidence, np.arange(1, bins) / bins))
    place = np.searchsorted(cuts, confidence, side="right")
    return np.unique(place, return_inverse=True)[1].astype(np.intp)


def reliability(confidence: Floats, right: Flags, bins: int = 15) -> Reliability:
    """How often rows of about the same confidence are right.

    Args:
        confidence: (n,) score of the top label.
        right: (n,) whether the top label is the row's own.
        bins: how many bins of equal mass.
    """
    place = bins_of(confidence, bins)
    rows = np.bincount(place)
    return Reliability(
        np.bincount(place, confidence) / rows, np.bincount(place, right).astype(np.int64), rows.astype(np.int64)
    )


def expected_calibration_error(
    confidence: Floats, right: Flags, rng: np.random.Generator, bins: int = 15, resamples: int = 1000
) -> tuple[float, Interval]:
    """The bias-corrected expected calibration error, with a bootstrap interval.

    Args:
        confidence: (n,) score of the top label.
        right: (n,) whether the top label is the row's own.
        rng: draws the resamples.
        bins: how many bins of equal mass.
        resamples: how often rows are drawn again.

    Returns:
        The estimate and its 95 % interval; the interval contains the estimate and is clipped to [0, 1].

    Reference:
        Guo et al. 2017, arXiv:1706.04599, equation 3; Efron & Tibshirani 1993, sections 10.2 and 13.4.
    """
    n = len(confidence)
    place = bins_of(confidence, bins)
    residual = confidence - right
    gaps = np.bincount(place, residual) / n
    plain = float(np.abs(gaps).sum())
    # Sums over a bin's resampled rows are close to normal and depend on nothing but the bin's first two moments.
    shares = np.bincount(place) / n
    squares = np.bincount(place, residual**2) / n
    covariance = (np.diag(squares) - np.outer(gaps, gaps)) / n
    noise = rng.multivariate_normal(np.zeros(len(shares)), covariance, size=resamples, method="svd")
    again = np.abs(gaps + noise).sum(axis=1)
    hidden = float(np.quantile(np.abs(noise).sum(axis=1), 0.975))
    estimate = max(0.0, 2 * plain - float(again.mean()))
    high = plain + float(np.quantile(again, 0.975) - again.mean())
    low = min(estimate, max(0.0, plain - hidden))
    return estimate, Interval(low, min(1.0, high), 0.95, "bootstrap, bias-corrected")


def brier(scores: Floats, labels: npt.NDArray[np.int64]) -> Floats:
    """(n,) squared distance between the scores and the truth, summed over classes and halved: 0 is best, 1 is worst.

    For two classes this is the usual (p - y)^2.

    Args:
        scores: (n, classes) class probabilities.
        labels: (n,) codes of the true classes.
    """
    truth = np.zeros_like(scores)
    truth[np.arange(len(labels)), labels] = 1.0
    squares: Floats = ((scores - truth) ** 2).sum(axis=1) / 2
    return squares
