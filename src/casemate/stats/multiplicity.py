"""Many tests at once: p-values adjusted so that the chance of any false alarm stays at the level."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from casemate.core.errors import UsageError
from casemate.stats._check import Floats, sample


def holm(p_values: ArrayLike) -> Floats:
    """Holm's adjusted p-values: reject where one is at most the level, and all claims of the family hold together.

    Args:
        p_values: (tests,) p-values of one family, in any order and any dependence.

    Returns:
        (tests,) adjusted p-values in the order given.

    Raises:
        UsageError: no p-values, or some outside [0, 1].

    Reference:
        Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6,
        65-70.

    Example:
        >>> holm([0.01, 0.04, 0.03, 0.005]).round(3).tolist()
        [0.03, 0.06, 0.06, 0.02]
    """
    p = sample(p_values, "p-values")
    if not ((p >= 0.0) & (p <= 1.0)).all():
        raise UsageError("a p-value lies outside [0, 1]", next_step="give probabilities, not statistics")
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1.0)
    adjusted = np.empty_like(stepped)
    adjusted[order] = stepped
    return adjusted
