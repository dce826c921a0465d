"""Principal components of sums of products with noise."""

from __future__ import annotations

import math
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from casemate.core.errors import UsageError
from casemate.privacy.dp.estimator import BITS, Bounds, Box, Private
from casemate.privacy.dp.linear.grid import Clip
from casemate.privacy.dp.linear.moments import products, symmetric
from casemate.privacy.dp.sums import NoisySums, Query

Floats = npt.NDArray[np.float64]

CENTERING: Final = 0.1
"""Share of the budget that goes to the mean."""


class PCA(Private, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Principal components of a covariance that is released once, with noise (Analyze Gauss).

    A row of norm B, between bounds of -1 and 1, adds ``x x'`` to the sum of products, of norm B^2, and x to the sum of
    rows. Both are released; the components are those of the covariance that follows, so they cost nothing more, and
    another number of them neither. Without ``delta`` the guarantee is pure: noise is Laplace noise and norms are L1
    norms, which suits few columns. Neighbors are data sets of equally many records of which one contributes nothing
    (``zero_out``).

    Args:
        n_components: how many are kept. None: all.
        epsilon: the budget.
        delta: for (epsilon, delta) with Gaussian noise; far below 1 / rows. None: pure epsilon, Laplace noise.
        bounds: (low, high) of features, each one number or one a column; values are moved to them, in training and in
            answers. Constants of yours, never taken from the data.
        data_norm: rows' largest norm, where features are counted from -1 to 1 between their bounds: L2 with ``delta``,
            L1 without. None: half as long as a row between bounds can be. Longer rows are shortened in training.
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
        >>> print(model.certificate_)  # doctest: +ELLIPSIS
        epsilon 1, delta 1e-06 (zero_out) by principal components of sums of products, with rounded Gaussian noise, ...

    Reference:
        Dwork, Talwar, Thakurta and Zhang 2014, "Analyze Gauss: optimal bounds for privacy-preserving principal
        component analysis", algorithm 1.
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
        box, pure = Box(self.bounds, d), budget.pure
        norm = float(self.data_norm) if self.data_norm is not None else (d if pure else math.sqrt(d)) / 2
        if not 0 < norm < math.inf:
            raise UsageError(
                f"data_norm {self.data_norm} cannot be used", next_step="give a number above 0; no budget was spent"
            )
        clip = Clip(min(norm, float(d) if pure else math.sqrt(d)), 1 if pure else 2, BITS)
        ask, step = NoisySums(budget, self._entropy()), 2.0**-BITS
        inside, most = clip(box(rows)), min(clip.steps, step**-1)
        mean = ask(Query(inside.sum(axis=0), clip.steps, CENTERING, box=most)).total * (step / n)
        gram, _ = symmetric(ask, products(inside, clip.steps, most, 1 - CENTERING, pure=pure))
        within = gram * (step * step / n) - np.outer(mean, mean)
        values, vectors = np.linalg.eigh(within * np.outer(box.half, box.half))
        largest = np.argsort(-values)[:many]
        self.mean_ = box.middle + box.half * np.clip(mean, -1, 1)
        self.n_components_ = many
        self.components_ = _turned(vectors[:, largest].T)
        self.explained_variance_ = np.maximum(values[largest], 0.0)
        whole = float(np.maximum(values, 0.0).sum())
        self.explained_variance_ratio_ = self.explained_variance_ / max(whole, np.finfo(np.float64).tiny)
        self._box = box
        self.certificate_ = ask.certificate(
            "principal components of sums of products", (), {"share of the mean": CENTERING, "data_norm": clip.bound}
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


def _turned(components: Floats) -> Floats:
    """The same with the largest entry of each positive, so that equal sums give equal components."""
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    turned: Floats = components * signs[:, None]
    return turned
