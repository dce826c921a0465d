"""A proportion counted by a detector that is itself sometimes wrong, and was itself measured on few examples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from casemate.core.errors import UsageError
from casemate.core.measurement import Interval
from casemate.stats._check import Bounds, Floats, counts, z_value
from casemate.stats.estimate import Estimate


def detected_proportion(
    flagged: int,
    n: int,
    sensitivity: tuple[int, int],
    specificity: tuple[int, int],
    confidence: float = 0.95,
) -> Estimate:
    """The true rate behind k flags in n trials, with the detector's own uncertainty carried along.

    Args:
        flagged: trials the detector flagged.
        n: trials.
        sensitivity: (flagged, all) among labeled positives.
        specificity: (not flagged, all) among labeled negatives.
        confidence: nominal coverage.

    Raises:
        UsageError: impossible counts, or a detector no better than chance (sensitivity + specificity <= 1), whose
            flags say nothing about the rate.

    Reference:
        Lang & Reiczigel 2014, "Confidence limits for prevalence of disease adjusted for estimated sensitivity and
        specificity", Preventive Veterinary Medicine 113, 13-22; the estimate is Rogan & Gladen 1978, American Journal
        of Epidemiology 107, 71-76.

    Example:
        >>> print(detected_proportion(20, 200, sensitivity=(90, 100), specificity=(98, 100)))
        0.09091 [0.02872, 0.1498]
    """
    low, high, value = detected_bounds(flagged, n, sensitivity, specificity, confidence)
    return Estimate(float(value), Interval(float(low), float(high), confidence, "lang-reiczigel"), n=n)


def detected_bounds(
    flagged: ArrayLike,
    n: ArrayLike,
    sensitivity: tuple[ArrayLike, ArrayLike],
    specificity: tuple[ArrayLike, ArrayLike],
    confidence: float = 0.95,
) -> tuple[Floats, Floats, Floats]:
    """Lower bound, upper bound and value of :func:`detected_proportion` for arrays of counts.

    Reference:
        Lang & Reiczigel 2014, equations 2-6.

    Example:
        >>> low, high, value = detected_bounds([0, 50], 50, (95, 100), (99, 100))
        >>> value.tolist()
        [0.0, 1.0]
    """
    z = z_value(confidence)
    rate, trials = _adjusted(*counts(flagged, n), z**2 / 2.0)
    found, positives = _adjusted(*counts(*sensitivity), 1.0)
    spared, negatives = _adjusted(*counts(*specificity), 1.0)
    skill = found + spared - 1.0
    if not (skill > 0.0).all():
        raise UsageError(
            "this detector is no better than chance",
            cause="its sensitivity and specificity add up to at most 1, so its flags say nothing about the rate",
            next_step="use another detector, or have the trials labeled by people",
        )
    center = (rate + spared - 1.0) / skill
    shift = (
        2.0 * z**2 * (center * found * (1.0 - found) / positives - (1.0 - center) * spared * (1.0 - spared) / negatives)
    )
    variance = (
        rate * (1.0 - rate) / trials
        + center**2 * found * (1.0 - found) / positives
        + (1.0 - center) ** 2 * spared * (1.0 - spared) / negatives
    )
    half = z * np.sqrt(variance) / skill
    low, high = np.clip(center + shift - half, 0.0, 1.0), np.clip(center + shift + half, 0.0, 1.0)
    value = _rogan_gladen(flagged, n, sensitivity, specificity)
    return np.minimum(low, value), np.maximum(high, value), value


def _adjusted(k: Floats, n: Floats, pseudo: float) -> Bounds:
    """A rate with ``pseudo`` successes and failures added, and the trials it now stands on."""
    return (k + pseudo) / (n + 2.0 * pseudo), n + 2.0 * pseudo


def _rogan_gladen(
    flagged: ArrayLike, n: ArrayLike, sensitivity: tuple[ArrayLike, ArrayLike], specificity: tuple[ArrayLike, ArrayLike]
) -> Floats:
    apparent, found, spared = (k / size for k, size in (counts(flagged, n), counts(*sensitivity), counts(*specificity)))
    skill = np.maximum(found + spared - 1.0, 1e-12)
    return np.clip((apparent + spared - 1.0) / skill, 0.0, 1.0)
