"""Proportions and means of trials that come in clusters: prompts of one template, visits of one patient.

Trials of one cluster resemble each other, so a thousand of them may say no more than a few dozen independent ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from casemate.core.errors import UsageError
from casemate.core.measurement import Interval
from casemate.stats._check import Bounds, Floats, counts, sample, tail, z_value
from casemate.stats._next_cluster import upper_bound
from casemate.stats.estimate import Estimate


def by_cluster(outcomes: ArrayLike, clusters: ArrayLike) -> tuple[Floats, Floats]:
    """Successes and trials of each cluster, from one outcome and one cluster label a trial.

    Args:
        outcomes: (n,) 0 or 1.
        clusters: (n,) labels, any kind that can be sorted.

    Returns:
        Two arrays, one entry a cluster, in the order of the sorted labels.

    Raises:
        UsageError: lengths differ or there are no trials.

    Example:
        >>> k, n = by_cluster([1, 0, 1, 1], ["a", "a", "b", "b"])
        >>> k.tolist(), n.tolist()
        ([1.0, 2.0], [2.0, 2.0])
    """
    values, labels = sample(outcomes, "outcomes"), np.asarray(clusters)
    if labels.shape != values.shape:
        raise UsageError("each trial needs one cluster label", next_step="give as many labels as outcomes")
    _, index = np.unique(labels, return_inverse=True)
    return np.bincount(index, weights=values).astype(np.float64), np.bincount(index).astype(np.float64)


def clustered_proportion(successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> Estimate:
    """One proportion of clustered trials, with an interval that covers with few clusters and rare events too.

    The variance between clusters is the jackknife's; Student's t has as many degrees of freedom as clusters of equal
    size would carry the weights; and the bound itself is Clopper-Pearson's carried over to clusters (see
    ``_next_cluster``). At zero events it is Clopper-Pearson's 0 out of the effective number of *clusters*: nothing
    was seen that would speak against the next cluster failing as a whole. The least coverage seen is 93.8 %: 400
    clusters of very unequal size, 2 % of which fail, each as a whole.

    Args:
        successes: (clusters,) successes of each cluster.
        trials: (clusters,) trials of each cluster, at least one each.
        confidence: nominal coverage.

    Returns:
        The pooled rate; ``effective_n`` is the number of independent trials with the same variance (trials divided by
        the design effect), or the effective number of clusters when the outcomes show no variation.

    Raises:
        UsageError: fewer than two clusters or impossible counts.

    Reference:
        Fay & Feuer 1997, Statistics in Medicine 16, 791-801; Korn & Graubard 1998, Survey Methodology 24, 193-201;
        Kish 1965, "Survey Sampling", section 8.2 (design effect). Compared with Korn & Graubard's own
        interval (:mod:`casemate.stats.korn_graubard`) in benchmarks/interval_coverage.py.

    Example:
        >>> result = clustered_proportion([3, 0, 1, 0, 0, 4, 0, 0, 2, 0], [10] * 10)
        >>> print(result, result.clusters, round(result.effective_n))
        0.1 [0.01512, 0.2868] 10 41
        >>> print(clustered_proportion([0] * 10, [50] * 10))
        0 [0, 0.3085]
    """
    k, n = counts(successes, trials)
    low, high = clustered_bounds(k, n, confidence)
    rate, variance, size = (float(part) for part in _jackknife(k, n))
    total = float(n.sum())
    effective = rate * (1.0 - rate) / variance if 0.0 < rate < 1.0 else size
    interval = Interval(float(low), float(high), confidence, "clustered-clopper-pearson")
    return Estimate(rate, interval, n=int(total), clusters=n.size, effective_n=effective)


def clustered_bounds(successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> Bounds:
    """The bounds of :func:`clustered_proportion` for many samples at once.

    Args:
        successes: (..., clusters) successes of each cluster.
        trials: trials of each cluster, broadcastable to successes.
        confidence: nominal coverage.

    Reference:
        As :func:`clustered_proportion`.

    Example:
        >>> low, high = clustered_bounds([[0] * 50, [1] * 50], 1)
        >>> low.round(3).tolist(), high.round(3).tolist()
        ([0.0, 0.929], [0.071, 1.0])
    """
    k, n = counts(successes, trials)
    rate, variance, size = _jackknife(k, n)
    out = tail(confidence)
    variance = variance * (stdtrit(np.maximum(size - 1.0, 1.0), out) / z_value(confidence)) ** 2
    average = n.sum(axis=-1) / size
    high = upper_bound(rate, variance, k.max(axis=-1) / average, (k > 0).sum(axis=-1), size, out=out)
    failures = n - k
    low = upper_bound(1.0 - rate, variance, failures.max(axis=-1) / average, (failures > 0).sum(axis=-1), size, out=out)
    return 1.0 - low, high


def _jackknife(k: Floats, n: Floats) -> tuple[Floats, Floats, Floats]:
    """The pooled rate, its delete-one-cluster variance (never below the binomial's), the effective cluster number."""
    if k.ndim == 0 or k.shape[-1] < 2:
        raise UsageError(
            "one cluster says nothing about others",
            cause="the variance between clusters needs at least two",
            next_step="use more templates, patients or targets",
        )
    total = n.sum(axis=-1)
    rate = k.sum(axis=-1) / total
    weight = n / total[..., None]
    pull = (k - rate[..., None] * n) / total[..., None] / (1.0 - weight)
    clusters = k.shape[-1]
    variance = (pull**2).sum(axis=-1) * (clusters - 1) / clusters
    return rate, np.maximum(variance, rate * (1.0 - rate) / total), 1.0 / (weight**2).sum(axis=-1)


def clustered_mean(values: ArrayLike, clusters: ArrayLike, confidence: float = 0.95) -> Estimate:
    """The mean of clustered numbers (losses, seconds, distances), with a t interval over clusters.

    Args:
        values: (n,) numbers.
        clusters: (n,) labels.
        confidence: nominal coverage.

    Raises:
        UsageError: fewer than two clusters, lengths differ, values that are not finite, or clusters whose means are
            all equal.

    Reference:
        Jackknife of clusters as MacKinnon & White 1985, Journal of Econometrics 29, 305-325 (HC3 with clusters).

    Example:
        >>> print(clustered_mean([1.0, 1.2, 2.0, 2.1, 1.5, 1.4], ["a", "a", "b", "b", "c", "c"]))
        1.533 [0.3398, 2.727]
    """
    total, size = by_cluster(values, clusters)
    if size.size < 2:
        raise UsageError("one cluster says nothing about others", next_step="use more clusters")
    mean = float(total.sum() / size.sum())
    weight = size / size.sum()
    pull = (total - mean * size) / size.sum() / (1.0 - weight)
    error = float(np.sqrt((pull**2).sum() * (size.size - 1) / size.size))
    if error == 0.0:
        raise UsageError(
            "equal clusters have no t interval",
            cause="all cluster means are equal, so their spread is unknown",
            next_step="use clustered_proportion() for outcomes, or more clusters",
        )
    half = float(-stdtrit(max(1.0 / float((weight**2).sum()) - 1.0, 1.0), tail(confidence))) * error
    interval = Interval(mean - half, mean + half, confidence, "clustered-t")
    return Estimate(mean, interval, n=int(size.sum()), clusters=size.size)
