"""Principal components of sums of products with noise."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from casemate.core.errors import UsageError
from casemate.privacy.dp.estimator import BITS, Bounds, Box, Private
from casemate.privacy.dp.linear.grid import Clip
from casemate.privacy.dp.linear.moments import products, symmetric
from casemate.privacy.dp.noise import direction
from casemate.privacy.dp.sums import NoisySums, Query

Floats = npt.NDArray[np.float64]

CENTERING: Final = 0.1
"""Share of the budget that goes to the mean."""
DRAWN: Final = 2.0
"""Times the root of columns: with a pure budget, fewer components than that are drawn one by one."""
MEASURING: Final = 0.1
"""Share of a pure budget that goes to the variance along directions."""
LARGEST: Final = 1 << 24
"""Rows times columns at most, for directions one by one: then sums of products are exact, and scores err by less than
2^-24 of epsilon each (`casemate.privacy.dp.noise.direction`)."""
CARE: Final = 1 - 2.0**-20
"""What that leaves of epsilon: both scores of two neighbors err, and what both densities are divided by."""


class PCA(Private, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Principal components of a covariance that is released once, with noise (Analyze Gauss).

    First the mean is released, if its noise is short beside rows. A row x less the mean, of norm B, adds ``x x'`` to
    the sum of products, of norm B^2, which is released too; the components are those of the covariance that follows, so
    they cost nothing more, and another number of them neither.

    Without ``delta`` the guarantee is pure. Noise in each of many products would then hide everything, so where fewer
    components are asked for than ``DRAWN`` says they are drawn one by one by the exponential mechanism: u with density
    ``exp(epsilon u' S u / B^2)``. A record changes ``u' S u`` by at most B^2 and always upward, so the density and what
    it is divided by change the same way, and no factor of 2 is lost. Neighbors are data sets of equally many records of
    which one contributes nothing (``zero_out``).

    Args:
        n_components: how many are kept. None: all.
        epsilon: the budget.
        delta: for (epsilon, delta) with Gaussian noise; far below 1 / rows. None: pure epsilon, Laplace noise.
        bounds: (low, high) of features, each one number or one a column; values are moved to them, in training and in
            answers. Constants of yours, never taken from the data.
        data_norm: rows' largest norm, where features are counted from -1 to 1 between their bounds: L2, but L1 where
            the covariance has a pure budget. None: half as long as a row between bounds can be, in L2. Longer rows are
            shortened in training.
        random_state: seed of noise that can be repeated, for tests only; then nothing is private, and the certificate
            says so.

    Attributes:
        components_: (components, features) of length 1, in units of features.
        explained_variance_: (components,).
        explained_variance_ratio_: (components,) shares of all variance.
        mean_: (features,).
        certificate_: what the guarantee rests on.

    Raises:
        UsageError: a budget, bounds or a number of components that are none.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> x = load_digits().data
        >>> model = PCA(5, epsilon=1.0, delta=1e-6, bounds=(0, 16)).fit(x)
        >>> model.transform(x).shape
        (1797, 5)
        >>> print(model.certificate_)
        epsilon 1, delta 1e-06 (zero_out) by principal components of sums, with rounded Gaussian noise, 2 releases

    References:
        Dwork, Talwar, Thakurta and Zhang 2014, "Analyze Gauss: optimal bounds for privacy-preserving principal
        component analysis", algorithm 1; one by one: Chaudhuri, Sarwate and Sinha 2013, "A near-optimal algorithm for
        differentially-private principal components", and Amin et al. 2019, "Differentially private covariance
        estimation", algorithm 1.
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        epsilon: float = 1.0,
        delta: float | None = None,
        bounds: Bounds = (-1.0, 1.0),
        data_norm: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.epsilon = epsilon
        self.delta = delta
        self.bounds = bounds
        self.data_norm = data_norm
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn from (n, d) rows; the whole budget is spent."""
        rows = validate_data(self, X, dtype=np.float64)
        n, d = rows.shape
        many = d if self.n_components is None else int(self.n_components)
        if not 0 < many <= d:
            raise UsageError(
                f"{self.n_components} components of {d} features cannot be",
                next_step="give a number from 1 to that of features; no budget was spent",
            )
        budget = self._budget(n)
        box, single = Box(self.bounds, d), budget.pure and d > 1 and many < DRAWN * math.sqrt(d)
        if single and n * d > LARGEST:
            raise UsageError(
                f"{n:,} rows of {d} columns are too many for a pure budget",
                next_step="give delta=, or train on a sample; no budget was spent",
            )
        flat = budget.pure and not single
        norm = float(self.data_norm) if self.data_norm is not None else d if flat else math.sqrt(d) / 2
        if not 0 < norm < math.inf:
            raise UsageError(
                f"data_norm {self.data_norm} cannot be used", next_step="give a number above 0; no budget was spent"
            )
        clip = Clip(min(norm, float(d) if flat else math.sqrt(d)), 1 if flat else 2, BITS)
        ask = NoisySums(budget, self._entropy())
        ways = _one_by_one(ask, box(rows), clip, many) if single else _at_once(ask, box(rows), clip, box.half, many)
        self.mean_, self._box, self.n_components_ = box.middle + box.half * ways.mean, box, many
        self.components_, self.explained_variance_ = ways.components, np.maximum(ways.variances, 0.0)
        if single:  # in units of features, as far as those differ
            self.components_, self.explained_variance_ = _scaled(ways, box.half)
        tiny = np.finfo(np.float64).tiny
        share = float(np.maximum(ways.variances, 0.0).sum()) / max(ways.whole, tiny)
        self.explained_variance_ratio_ = self.explained_variance_ / max(self.explained_variance_.sum(), tiny) * share
        self.certificate_ = ask.certificate(
            "principal components drawn by the exponential mechanism" if single else "principal components of sums",
            (),
            {"share of the mean": ways.centering, "data_norm": clip.bound},
        )
        return self

    def transform(self, X: npt.ArrayLike) -> Floats:
        """(n, components) places of (n, d) rows along the components."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        moved = self._box.middle + self._box.half * self._box(rows)
        places: Floats = (moved - self.mean_) @ self.components_.T
        return places

    def inverse_transform(self, X: npt.ArrayLike) -> Floats:
        """(n, d) rows of (n, components) places."""
        check_is_fitted(self)
        rows: Floats = np.asarray(X, dtype=np.float64) @ self.components_ + self.mean_
        return rows

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components_)


class _Ways(NamedTuple):
    """What was found.

    Attributes:
        mean: (d,) between bounds of -1 and 1.
        components: (components, d).
        variances: (components,) along them.
        whole: variance in all directions.
        centering: share of the budget that the mean took.
    """

    mean: Floats
    components: Floats
    variances: Floats
    whole: float
    centering: float


def _at_once(ask: NoisySums, rows: Floats, clip: Clip, half: Floats, many: int) -> _Ways:
    """From sums of products."""
    n, step, pure = len(rows), 2.0**-BITS, ask.budget.pure
    mean, centering = _mean(ask, rows, clip)
    inside = clip(np.clip(rows - mean, -1, 1))
    query = products(inside, clip.steps, min(clip.steps, 2.0**BITS), 1 - centering, pure=pure)
    gram, _ = symmetric(ask, query)
    values, vectors = np.linalg.eigh(gram * (step * step / n) * np.outer(half, half))
    largest = np.argsort(-values)[:many]
    return _Ways(mean, _turned(vectors[:, largest].T), values[largest], float(np.maximum(values, 0.0).sum()), centering)


def _one_by_one(ask: NoisySums, rows: Floats, clip: Clip, many: int) -> _Ways:
    """By the exponential mechanism, each in what those before leave."""
    n, d = rows.shape
    mean, centering = _mean(ask, rows, clip)
    inside = clip(rows - mean) * 2.0**-BITS
    left = 1 - MEASURING - centering
    scatter, basis, found = inside.T @ inside, np.eye(d), list[Floats]()
    for _ in range(many):
        epsilon = ask.set_aside(left / many, d) * CARE
        way = basis @ direction(epsilon / clip.bound**2 * (basis.T @ scatter @ basis), ask.entropy)
        found.append(way / np.linalg.norm(way))
        basis = np.linalg.svd(np.array(found), full_matrices=True)[2][len(found) :].T  # all that is orthogonal to them
    ways = np.array(found)
    along = (inside @ ways.T) ** 2
    parts = np.hstack([along, np.maximum((inside**2).sum(axis=1) - along.sum(axis=1), 0.0)[:, None]])
    bound = clip.bound**2 * (1 + 2.0**-30)  # the parts of a row add up to its squared length
    query = Query(np.trunc(parts * 2.0**BITS).sum(axis=0), bound * 2.0**BITS, MEASURING)
    seen = ask(query).total * (2.0**-BITS / n)
    order = np.argsort(-seen[:many])
    return _Ways(mean, ways[order], seen[order], float(np.maximum(seen, 0.0).sum()), centering)


def _mean(ask: NoisySums, rows: Floats, clip: Clip) -> tuple[Floats, float]:
    """The mean with noise and the share that it took; 0 and none, if noise would be as long as rows are.

    That is known beforehand: it follows from the budget and from numbers of rows and columns.
    """
    n, d = rows.shape
    if ask.budget.pure:
        noise = d * (d / (CENTERING * ask.signal * n)) ** 2 / 3
    else:
        noise = d * d / (CENTERING * (ask.signal * n) ** 2)
    if noise > clip.bound**2 / 16:
        return np.zeros(d), 0.0
    whole = np.trunc(rows * 2.0**BITS).sum(axis=0)
    longest = (d if ask.budget.pure else math.sqrt(d) * (1 + 2.0**-50)) * 2.0**BITS
    found = ask(Query(whole, longest, CENTERING, box=2.0**BITS)).total * (2.0**-BITS / n)
    return np.clip(found, -1, 1), CENTERING


def _scaled(ways: _Ways, half: Floats) -> tuple[Floats, Floats]:
    """Components and variances in units of features: those of the covariance that both make up."""
    values = np.maximum(ways.variances, 0.0)
    spread = (ways.components * half).T * np.sqrt(values + np.finfo(np.float64).eps)
    vectors, sizes, _ = np.linalg.svd(spread, full_matrices=False)
    return _turned(vectors.T), np.where(values.sum() > 0, sizes**2, 0.0)


def _turned(components: Floats) -> Floats:
    """The same with the largest entry of each positive, so that equal sums give equal components."""
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    turned: Floats = components * signs[:, None]
    return turned
