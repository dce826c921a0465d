"""The paired bootstrap, for figures that have no exact interval. It refuses where it is known to lie.

With no or few events the resamples hardly differ and the interval collapses: 0 of 50 gives [0, 0], and 2 % of 50
covers 63 % instead of 95 %. So a figure on which too few rows have a say is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri, stdtrit

from casemate.core.errors import UsageError
from casemate.core.measurement import Interval
from casemate.core.seeds import derive
from casemate.stats._check import Floats, ranked, tail
from casemate.stats.estimate import Estimate

Statistic = Callable[..., float]
"""Takes the resampled columns, returns the figure."""

LEAST_INFLUENTIAL = 5.0
"""Rows that must share the say before the bootstrap is trusted (k events of a proportion count as k)."""


def paired_bootstrap(
    statistic: Statistic,
    columns: Sequence[ArrayLike],
    seed: int,
    *,
    strata: ArrayLike | None = None,
    confidence: float = 0.95,
    repeats: int = 2000,
) -> Estimate:
    """The bias-corrected and accelerated interval of any figure of paired columns, rows drawn together.

    Quantiles are widened as Student's t is wider than the normal, without which the bootstrap is too narrow in small
    samples. Coverage of a mean: 94 % or more for 20 rows of normal or 200 of exponential values, just under 94 % for
    50 of exponential ones; where an interval of :mod:`casemate.stats` exists for the figure, that one is better.

    Args:
        statistic: takes the columns (resampled), returns a float.
        columns: arrays with one row a record; row i of each belongs to the same record.
        seed: same seed, same interval.
        strata: (n,) labels; rows are resampled within each, for example members and non-members.
        confidence: nominal coverage.
        repeats: resamples.

    Raises:
        UsageError: columns differ in length, or so few rows have a say in the figure (zero or few events, or one huge
            value) that the bootstrap would lie; the next step names an exact interval.

    Reference:
        Efron 1987, "Better bootstrap confidence intervals", JASA 82, 171-185; Hesterberg 2015, The American
        Statistician 69, 371-386, section 5 (expanded quantiles).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> before = rng.normal(size=80)
        >>> after = before - rng.normal(0.5, 1.0, size=80)
        >>> result = paired_bootstrap(lambda a, b: float((b - a).mean()), [before, after], seed=1)
        >>> result.low < -0.5 < result.high
        True
        >>> paired_bootstrap(lambda a: float(a.mean()), [[0.0] * 50], seed=1)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        casemate.core.errors.UsageError: the bootstrap cannot give this figure an interval, because ...
    """
    arrays = [ranked(column, "rows") for column in columns]
    n = arrays[0].shape[0]
    if any(array.shape[0] != n for array in arrays):
        raise UsageError("the columns differ in length", next_step="give one row a record in every column")
    groups = _groups(n, strata)
    value = float(statistic(*arrays))
    influence = _influence(statistic, arrays, value, groups)
    _refuse_few(influence, n)
    rng = np.random.default_rng(derive(seed, "stats.paired_bootstrap"))
    draws = np.empty(repeats)
    for repeat in range(repeats):
        rows = np.concatenate([group[rng.integers(0, group.size, group.size)] for group in groups])
        draws[repeat] = statistic(*(array[rows] for array in arrays))
    low, high = _bca(draws, value, influence, n, confidence)
    return Estimate(value, Interval(low, high, confidence, "bootstrap-bca"), n=n)


def _groups(n: int, strata: ArrayLike | None) -> list[NDArray[np.intp]]:
    if strata is None:
        return [np.arange(n)]
    labels = np.asarray(strata)
    if labels.shape != (n,):
        raise UsageError("each row needs one stratum", next_step="give as many labels as rows")
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def _influence(statistic: Statistic, arrays: list[Floats], value: float, groups: list[NDArray[np.intp]]) -> Floats:
    """How far each row pulls the figure: the figure minus the figure without the row, times the rows of its stratum."""
    n = arrays[0].shape[0]
    pull = np.zeros(n)
    keep = np.ones(n, dtype=bool)
    for group in groups:
        if group.size < 2:
            raise UsageError("a stratum has a single row", next_step="give every stratum at least two rows")
        for row in group:
            keep[row] = False
            pull[row] = (value - statistic(*(array[keep] for array in arrays))) * (group.size - 1)
            keep[row] = True
        pull[group] -= pull[group].mean()
    return pull


def _refuse_few(influence: Floats, n: int) -> None:
    """Refuse when the participation ratio of the influences, (sum u^2)^2 / sum u^4, says that too few rows matter."""
    scaled = influence / (np.abs(influence).max() or 1.0)
    fourth = float((scaled**4).sum())
    voices = float((scaled**2).sum()) ** 2 / fourth if fourth > 0.0 else 0.0
    if voices < LEAST_INFLUENTIAL:
        raise UsageError(
            "the bootstrap cannot give this figure an interval",
            cause=f"only {voices:.1f} of {n} rows have a say in it",
            next_step="use clopper_pearson() or paired_difference(), which are exact with few events",
        )


def _bca(draws: Floats, value: float, influence: Floats, n: int, confidence: float) -> tuple[float, float]:
    below = (np.count_nonzero(draws < value) + 0.5 * np.count_nonzero(draws == value)) / draws.size
    bias = float(ndtri(np.clip(below, 0.5 / draws.size, 1.0 - 0.5 / draws.size)))
    acceleration = float((influence**3).sum() / (6.0 * (influence**2).sum() ** 1.5))
    z = float(-stdtrit(n - 1, tail(confidence))) * (n / (n - 1)) ** 0.5
    shifted = bias + np.array([-z, z])
    levels = ndtr(bias + shifted / (1.0 - acceleration * shifted))
    low, high = np.quantile(draws, levels)
    return float(low), float(high)
