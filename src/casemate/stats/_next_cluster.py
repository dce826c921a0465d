"""The bound behind clustered proportions: what would one more cluster, hit hard, have done to the mean?"""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv

from casemate.stats._check import Floats


def upper_bound(mean: Floats, variance: Floats, hardest: Floats, hit: Floats, size: Floats, *, out: float) -> Floats:
    """The upper bound of a mean of independent clusters whose values lie in [0, 1].

    Clopper and Pearson's upper bound is a quantile of the beta distribution of the data *with one more success*. Fay
    and Feuer carry that to weighted events by adding one event of the largest weight; here the addition is one more
    cluster. How hard it is hit follows the rule of succession: no harder than the hardest seen so far, but with
    probability 1 / (hit + 1) as hard as can be. With independent trials this is Clopper-Pearson again; with no event
    at all it is exactly Clopper-Pearson's bound of 0 out of ``size`` clusters.

    Args:
        mean: the observed mean, in [0, 1].
        variance: its estimated variance.
        hardest: the largest value of a cluster, in units of a cluster of average weight.
        hit: clusters with a value above 0.
        size: effective number of clusters.
        out: probability left out above.

    Returns:
        Bounds of the shape of ``mean``.

    Reference:
        Fay & Feuer 1997, "Confidence intervals for directly standardized rates: a method based on the gamma
        distribution", Statistics in Medicine 16, 791-801; Clopper & Pearson 1934; Laplace 1774 (rule of succession).

    Example:
        >>> one = np.ones(1)
        >>> float(upper_bound(0 * one, 0 * one, 0 * one, 0 * one, 50 * one, out=0.025).round(3)[0])
        0.071
    """
    level = np.maximum(hardest, mean)
    level = np.where(level < 1.0, level + (1.0 - level) / (1.0 + hit), level)
    step = (level - mean) / (size + 1.0)
    center = np.minimum(mean + step, 1.0)
    free = center * (1.0 - center)
    inside = free > 0.0
    spread = np.clip(variance + step**2 * size / (size + 2.0), 1e-12 * free, (1.0 - 1e-6) * free)
    total = free / np.where(inside, spread, 1.0) - 1.0
    alpha, beta = np.where(inside, center * total, 1.0), np.where(inside, (1.0 - center) * total, 1.0)
    return np.where(inside, betaincinv(alpha, beta, 1.0 - out), 1.0)
