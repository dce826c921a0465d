"""Moments learned from shadow models, each record borrowing strength from records like it (empirical-Bayes LiRA).

With few shadows a record's own mean shift and variances are noise. Both are shrunk toward what records of similar
confidence show, as much as the data say they should be: the shift by James-Stein with the between-record variance
estimated in place, the variances as Smyth's moderated variances.

References: Carlini et al. 2022 (LiRA, arXiv 2112.03570); BaVarIA (arXiv 2603.11799) for variance priors in membership
inference; Efron & Morris 1975 and Smyth 2004 ("Linear models and empirical Bayes methods for assessing differential
expression", SAGMB 3(1)) for shrinkage.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from casemate.threats.inversion.moments import Moments
from casemate.threats.inversion.signals import Floats

Mask = npt.NDArray[np.bool_]

LEAST = 1e-9
"""Variance of log-odds, at least."""


def learned(signals: Floats, masks: Mask, degrees: float = 8.0) -> Moments:
    """Moments of n records from N shadow models.

    Args:
        signals: (N, n) own-label log-odds.
        masks: (N, n) which rows each shadow was trained on; every row both in and out at least twice.
        degrees: prior degrees of freedom of the variances.

    Returns:
        Moments of n records, fit to be compared with one target's log-odds.
    """
    n_in, mean_in, var_in = _arm(signals, masks)
    n_out, mean_out, var_out = _arm(signals, ~masks)
    total = n_in + n_out
    level = (n_in * mean_in + n_out * mean_out) / total
    order = np.argsort(level, kind="stable")
    width = max(25, len(level) // 40)

    def neighbors(values: Floats) -> Floats:
        smooth = np.empty_like(values)
        smooth[order] = uniform_filter1d(values[order], width, mode="nearest")
        return smooth

    prior_in, prior_out = neighbors(var_in), neighbors(var_out)
    var_in = (degrees * prior_in + (n_in - 1) * var_in) / (degrees + n_in - 1)
    var_out = (degrees * prior_out + (n_out - 1) * var_out) / (degrees + n_out - 1)
    # a tree may say the same of a record in every model; without spread there would be nothing to divide by
    var_in, var_out = np.maximum(var_in, LEAST), np.maximum(var_out, LEAST)
    shift = mean_in - mean_out
    typical = neighbors(shift)
    sampling = np.maximum(neighbors(prior_in / n_in + prior_out / n_out), LEAST)
    between = np.maximum(neighbors((shift - typical) ** 2) - sampling, 0.05 * sampling)
    noise = var_in / n_in + var_out / n_out
    shift = typical + between / (between + noise) * (shift - typical)
    # Given the shift, both arms say where the record lies; the better known one counts more.
    center = (n_out * mean_out / var_out + n_in * (mean_in - shift) / var_in) / (n_out / var_out + n_in / var_in)
    doubt = 1.0 / (n_out / var_out + n_in / var_in)
    return Moments(
        mean_in=center + shift,
        sd_in=np.sqrt(var_in + doubt) + 1e-9,
        mean_out=center,
        sd_out=np.sqrt(var_out + doubt) + 1e-9,
    )


def _arm(signals: Floats, mask: Mask) -> tuple[Floats, Floats, Floats]:
    """How many models, their mean and their variance, for every record in one of the two worlds."""
    count = mask.sum(axis=0).astype(np.float64)
    mean = np.where(mask, signals, 0.0).sum(axis=0) / np.maximum(count, 1.0)
    squares = (np.where(mask, signals - mean, 0.0) ** 2).sum(axis=0)
    return count, mean, squares / np.maximum(count - 1.0, 1.0)
