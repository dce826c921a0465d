"""K-means by sums and counts of clusters with noise."""

from __future__ import annotations

import math
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from casemate.core.errors import UsageError
from casemate.privacy.dp.estimator import BITS, Bounds, Box, Private
from casemate.privacy.dp.linear.grid import Clip
from casemate.privacy.dp.shrinkage import drawn
from casemate.privacy.dp.sums import NoisySums, Query

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

FEW: Final = 8
"""Dimensions in which clusters are looked for; rows of more are projected at random, whatever they hold."""
LAST: Final = 0.5
"""Share of the budget for the centers in all dimensions, where rows are projected."""
COUNTING: Final = 0.2
"""Share of a turn's budget that goes to the numbers of records."""
MOST: Final = 7
"""Turns at most (Su et al. 2016, section 3.3: more of them gain nothing)."""
USUAL: Final = 1 / 9
"""Variance with which a mean lies between bounds of -1 and 1, as far as is known beforehand."""
TRIES: Final = 100
"""Random places for a first center, before centers are put closer together."""


class KMeans(Private, ClusterMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """K-means whose turns see only noisy sums and numbers of records (DPLloyd).

    A record adds 1 to the number of its cluster and itself to its sum: norms of at most 1 and B. First centers lie far
    apart between the bounds, whatever the data hold; the number of turns is set beforehand from rows, clusters and
    budget. Rows of more than ``FEW`` columns are projected at random to that many, since noise in every coordinate of a
    center tells clusters apart the worse the more there are; centers in all columns are released once, at the end.
    Neighbors are data sets of equally many records of which one contributes nothing (``zero_out``). Without ``delta``
    the guarantee is pure.

    Args:
        n_clusters: how many.
        epsilon: the budget.
        delta: for (epsilon, delta) with Gaussian noise; far below 1 / rows. None: pure epsilon, Laplace noise.
        bounds: (low, high) of features, each one number or one a column; values are moved to them, in training and in
            answers. Constants of yours, never taken from the data.
        data_norm: rows' largest norm, where features are counted from -1 to 1 between their bounds: L2 with ``delta``,
            L1 without. None: as long as a row between bounds can be.
        random_state: seed of noise that can be repeated, for tests only; then nothing is private, and the certificate
            says so.

    Attributes:
        cluster_centers_: (clusters, features).
        labels_: (n,) cluster of each row; not private, for the owner of the rows.
        n_iter_: turns.
        certificate_: what the guarantee rests on.

    Raises:
        UsageError: a budget, bounds or a number of clusters that are none.

    Example:
        >>> from sklearn.datasets import make_blobs
        >>> x, _ = make_blobs(2000, 2, centers=[(-5, 0), (5, 0), (0, 8)], random_state=0)
        >>> model = KMeans(3, epsilon=1.0, bounds=(-12, 12)).fit(x)
        >>> model.cluster_centers_.shape, model.n_iter_
        ((3, 2), 7)

    References:
        Su, Cao, Li, Bertino and Jin 2016, "Differentially private k-means clustering", sections 3.2 and 3.3; random
        projection: Balcan et al. 2017, "Differentially private clustering in high-dimensional Euclidean spaces".
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        epsilon: float = 1.0,
        delta: float | None = None,
        bounds: Bounds = (-1.0, 1.0),
        data_norm: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.epsilon = epsilon
        self.delta = delta
        self.bounds = bounds
        self.data_norm = data_norm
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn from (n, d) rows; the whole budget is spent."""
        rows = validate_data(self, X, dtype=np.float64)
        n, d = rows.shape
        if not 0 < int(self.n_clusters) <= n:
            raise UsageError(
                f"{self.n_clusters} clusters of {n} rows cannot be",
                next_step="give a number from 1 to that of rows; no budget was spent",
            )
        budget = self._budget(n)
        self._box, pure = Box(self.bounds, d), budget.pure
        longest = float(d) if pure else math.sqrt(d)
        norm = longest if self.data_norm is None else float(self.data_norm)
        if not 0 < norm < math.inf:
            raise UsageError(
                f"data_norm {self.data_norm} cannot be used", next_step="give a number above 0; no budget was spent"
            )
        self._clip = Clip(min(norm, longest), 1 if pure else 2, BITS)
        ask = NoisySums(budget, self._entropy())
        inside = self._clip(self._box(rows))
        draw = np.random.default_rng(ask.entropy.words(4))
        self.n_iter_ = turns(n, self.n_clusters, min(d, FEW), ask.signal, pure=pure)
        if d > FEW:
            centers = self._projected(ask, inside, draw)
        else:
            centers = _apart(self.n_clusters, d, draw)
            centers = _lloyd(ask, inside, self._clip.steps, centers, self.n_iter_, 1.0)
        self._centers = centers
        self.cluster_centers_ = self._box.middle + self._box.half * centers
        self.labels_ = _nearest(inside * 2.0**-BITS, centers)
        self.certificate_ = ask.certificate(
            "k-means by sums of clusters",
            (),
            {"turns": self.n_iter_, "data_norm": self._clip.bound, "projected to": min(d, FEW)},
        )
        return self

    def predict(self, X: npt.ArrayLike) -> Codes:
        """(n,) nearest centers of rows."""
        return _nearest(self._inside(X), self._centers)

    def transform(self, X: npt.ArrayLike) -> Floats:
        """(n, clusters) distances to centers, where features are counted from -1 to 1 between their bounds."""
        return np.sqrt(_distances(self._inside(X), self._centers))

    def _inside(self, X: npt.ArrayLike) -> Floats:
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        found: Floats = self._clip(self._box(rows)) * 2.0**-BITS
        return found

    def _projected(self, ask: NoisySums, inside: Floats, draw: np.random.Generator) -> Floats:
        """Centers of rows that are told apart in a random subspace."""
        d = inside.shape[1]
        axes = np.linalg.qr(draw.normal(size=(d, FEW)))[0]
        pure = ask.budget.pure
        near = Clip(float(FEW) if pure else min(math.sqrt(FEW), self._clip.bound), 1 if pure else 2, BITS)
        shadows = near(np.clip(inside * 2.0**-BITS @ axes, -1, 1))
        found = _lloyd(ask, shadows, near.steps, _apart(self.n_clusters, FEW, draw), self.n_iter_, 1 - LAST)
        labels = _nearest(shadows * 2.0**-BITS, found)
        means, doubt = _means(ask, inside, self._clip.steps, labels, self.n_clusters, LAST)
        together, left = drawn(means, doubt)
        centers: Floats = np.clip(together * USUAL / (USUAL + left**2), -1, 1)
        return centers


def turns(rows: int, clusters: int, columns: int, signal: float, *, pure: bool) -> int:
    """How many of them: as many as leave a center's noise small beside the distance of centers, of `MOST` at most."""
    alone = rows * signal / clusters
    afford = alone / (4 * columns) if pure else (alone / 4) ** 2 / columns
    return int(min(max(afford, 2), MOST))


def _lloyd(ask: NoisySums, rows: Floats, bound: float, centers: Floats, count: int, share: float) -> Floats:
    for _ in range(count):
        labels = _nearest(rows * 2.0**-BITS, centers)
        centers = _centers(ask, rows, bound, labels, centers, share / count)
    return centers


def _centers(ask: NoisySums, rows: Floats, bound: float, labels: Codes, before: Floats, share: float) -> Floats:
    """Means of clusters with noise, drawn toward where they were by as much as noise outweighs records."""
    means, doubt = _means(ask, rows, bound, labels, len(before), share)
    found: Floats = np.clip(before + USUAL / (USUAL + doubt**2) * (means - before), -1, 1)
    return found


def _means(ask: NoisySums, rows: Floats, bound: float, labels: Codes, k: int, share: float) -> tuple[Floats, Floats]:
    """(clusters, d) means, and the deviation of their noise."""
    largest = min(bound, 2.0**BITS)  # rows lie between -1 and 1
    numbers = ask(Query(np.bincount(labels, minlength=k).astype(np.float64), 1.0, share * COUNTING))
    sums = ask(Query(np.eye(k)[labels].T @ rows, bound, share * (1 - COUNTING), box=largest, alone=True))
    n = np.maximum(numbers.total, 1 + numbers.deviation)[:, None]
    return sums.total / n * 2.0**-BITS, sums.deviation / n * 2.0**-BITS


def _apart(count: int, columns: int, draw: np.random.Generator) -> Floats:
    """First centers between -1 and 1, at least twice as far from each other as from the border: as far as fits."""
    radius = 1.0
    while True:  # ends: a small enough radius fits any number of centers
        chosen = np.empty((0, columns))
        for _ in range(TRIES):
            place = draw.uniform(radius - 1, 1 - radius, (1, columns)) if radius < 1 else np.zeros((1, columns))
            if (((chosen - place) ** 2).sum(axis=1) >= 4 * radius * radius).all():
                chosen = np.vstack([chosen, place])
            if len(chosen) == count:
                return chosen
        radius *= 0.95


def _distances(rows: Floats, centers: Floats) -> Floats:
    squares = (rows**2).sum(axis=1)[:, None] - 2 * rows @ centers.T + (centers**2).sum(axis=1)
    found: Floats = np.maximum(squares, 0.0)
    return found


def _nearest(rows: Floats, centers: Floats) -> Codes:
    found: Codes = _distances(rows, centers).argmin(axis=1)
    return found
