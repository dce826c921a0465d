"""Explainable boosting machines: one function a feature, added up, with differential privacy (DP-EBM)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from casemate.core.errors import UsageError
from casemate.privacy.dp.boosting.bins import CELLS, binned, cells, checked
from casemate.privacy.dp.boosting.cycle import RESIDUAL_BITS, Course, boosted
from casemate.privacy.dp.curves import mu_of
from casemate.privacy.dp.estimator import Bounds, Box, Private, Scored, encoded
from casemate.privacy.dp.linear.descent import Budget
from casemate.privacy.dp.linear.grid import Clip
from casemate.privacy.dp.sums import NoisySums

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

BINNING: Final = 0.1
"""Share of the budget that goes to the histogram."""
EPOCHS, RATE = 60, 0.15
"""With Gaussian noise, whose turns cost nothing."""
PURE_EPOCHS, PURE_RATE = 8, 0.7
"""With Laplace noise, at most."""
MUCH, LITTLE = 0.5, 0.2
"""Noise (`_noise`) from which turns and leaves are fewer, and from which residuals are clipped."""
CLIPPED: Final = 0.5
"""Share of the longest residual that clipping leaves: about what every record has at the start. Noise is halved, and
probabilities of rare classes come out too small, but which class is likelier does not change."""
MOST_BINS: Final = 1 << 12


class _Additive(Private):
    """What both have in common: a table a feature."""

    bounds: Bounds
    categories: Sequence[int] | None
    max_bins: int

    def _learn(
        self,
        rows: Floats,
        residuals: Callable[[Floats], Floats],
        longest: float,
        outputs: int,
        assumed: tuple[str, ...],
    ) -> Self:
        budget = self._budget(len(rows))
        self.n_categories_ = checked(self.categories, rows.shape[1])
        if not 2 <= int(self.max_bins) <= MOST_BINS:
            raise UsageError(
                f"{self.max_bins} bins cannot be", next_step=f"give from 2 to {MOST_BINS}; no budget was spent"
            )
        self._box = Box(self.bounds, rows.shape[1])
        course, left = _course(budget, rows.shape, 0.25 if isinstance(self, ClassifierMixin) else 1.0)
        clip = Clip(
            longest * (left if isinstance(self, ClassifierMixin) else CLIPPED), 1 if budget.pure else 2, RESIDUAL_BITS
        )
        ask = NoisySums(budget, self._entropy())
        draw = np.random.default_rng(ask.entropy.words(4))
        places = self._cells(rows)
        bins = binned(ask, places, self.n_categories_, int(self.max_bins), BINNING)
        merged = np.stack([each.merged[places[:, at]] for at, each in enumerate(bins)], axis=1)
        tables = boosted(ask, bins, merged, residuals, clip, outputs, course, 1 - BINNING, draw)
        middles = [each.counts @ table / each.counts.sum() for each, table in zip(bins, tables, strict=True)]
        self.bins_ = [each.merged for each in bins]
        self.bin_counts_ = [each.counts for each in bins]
        self.term_scores_ = [table - middle for table, middle in zip(tables, middles, strict=True)]
        self.intercept_ = np.sum(middles, axis=0)
        self.certificate_ = ask.certificate(
            "cyclic boosting of one feature at a time (DP-EBM)",
            assumed,
            {
                "share of the histogram": BINNING,
                "epochs": course.epochs,
                "rate": course.rate,
                "max_bins": int(self.max_bins),
                "cells": CELLS,
                "clip of residuals": clip.bound,
            },
        )
        return self

    def explain(self, X: npt.ArrayLike) -> Floats:
        """(n, d, outputs): what each feature adds to the scores of (n, d) rows; the intercept is left out."""
        check_is_fitted(self)
        places = self._cells(validate_data(self, X, dtype=np.float64, reset=False))
        terms = zip(self.bins_, self.term_scores_, strict=True)
        return np.stack([table[merged[places[:, at]]] for at, (merged, table) in enumerate(terms)], axis=1)

    def _sums(self, X: npt.ArrayLike) -> Floats:
        terms = self.explain(X)
        found: Floats = terms.sum(axis=1) + self.intercept_
        return found

    def _cells(self, rows: Floats) -> Codes:
        numbers = np.array([not each for each in self.n_categories_])
        return cells(np.where(numbers, self._box(rows), rows), self.n_categories_)


def _noise(budget: Budget, shape: tuple[int, ...], epochs: int, rate: float) -> float:
    """Deviation of a leaf's score by noise, where a quarter of the records are in it and residuals are 1 at most."""
    rows, columns = shape
    turns = epochs * columns
    if budget.pure:
        one = math.sqrt(2) * turns / budget.epsilon
    else:
        one = math.sqrt(turns) / mu_of(budget.epsilon, budget.delta)
    return rate * math.sqrt(epochs) * one * 16 / rows


def _course(budget: Budget, shape: tuple[int, ...], steepness: float) -> tuple[Course, float]:
    """How boosting goes, and what share of the longest residual is left; of public numbers only."""
    epochs, rate = EPOCHS, RATE
    if budget.pure:
        epochs, rate = PURE_EPOCHS, PURE_RATE
        while epochs > 1 and _noise(budget, shape, epochs, rate) > MUCH:
            epochs, rate = epochs - 1, rate + (1 - PURE_RATE) / (PURE_EPOCHS - 1)
    noise = _noise(budget, shape, epochs, rate)
    return Course(epochs, rate, steepness, 2 if noise > MUCH else 4), 1.0 if noise < LITTLE else CLIPPED


class ExplainableBoostingClassifier(Scored, _Additive, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An additive model of binned features that is boosted with noise; for tables, often the best that there is.

    Each feature's function is a table that can be plotted (``term_scores_``) and edited. A record takes part in one
    histogram and in every turn with its residual, in one leaf: at most 1 (several classes: the root of 2 in L2, 2 in
    L1), or half of that, by clipping, where rows times budget are few (``LITTLE``).
    Neighbors are data sets of equally many records of which one contributes nothing (``zero_out``). Without ``delta``
    the guarantee is pure.

    Args:
        epsilon: the budget.
        delta: for (epsilon, delta) with Gaussian noise; far below 1 / rows. None: pure epsilon, Laplace noise.
        bounds: (low, high) of features that are numbers, each one number or one a column; values are moved to them.
            Constants of yours, never taken from the data.
        categories: of each column how many categories it has, as codes from 0; 0 for a number. None: all are numbers.
        classes: the labels that can occur. None: taken from the data, and recorded as assumed public.
        max_bins: of a number, at most.
        random_state: seed of noise that can be repeated, for tests only; then nothing is private, and the certificate
            says so.

    Attributes:
        term_scores_: a (bins, 1 or classes) table a feature.
        bins_: a (cells,) array a feature: the bin of each cell, of equal width between the bounds, or of each category.
        bin_counts_: a (bins,) array a feature: records, as released.
        intercept_: (1 or classes,).
        classes_: (classes,).
        certificate_: what the guarantee rests on.

    Raises:
        UsageError: a budget, bounds or categories that are none.
        DataError: a label is not among ``classes``.

    Example:
        >>> x = np.random.default_rng(0).uniform(-1, 1, (4000, 2))
        >>> y = np.abs(x[:, 0]) > 0.5
        >>> model = ExplainableBoostingClassifier(epsilon=2.0, classes=(False, True)).fit(x, y)
        >>> bool(model.score(x, y) > 0.85)
        True

    Reference:
        Nori, Caruana, Bu, Shen and Kulkarni 2021, "Accuracy, interpretability, and differential privacy via
        explainable boosting".
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        *,
        delta: float | None = None,
        bounds: Bounds = (-1.0, 1.0),
        categories: Sequence[int] | None = None,
        classes: Any = None,
        max_bins: int = 32,
        random_state: Any = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.bounds = bounds
        self.categories = categories
        self.classes = classes
        self.max_bins = max_bins
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Learn from (n, d) rows and (n,) labels; the whole budget is spent."""
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        assumed: list[str] = []
        self.classes_, codes = encoded(self.classes, labels, assumed)
        outputs = 1 if len(self.classes_) == 2 else len(self.classes_)
        most = 1.0 if outputs == 1 else 2.0 if self.delta is None else math.sqrt(2)
        wanted = codes[:, None].astype(np.float64) if outputs == 1 else np.eye(outputs)[codes]

        def lacking(scores: Floats) -> Floats:
            return wanted - (expit(scores) if outputs == 1 else softmax(scores, axis=1))

        return self._learn(rows, lacking, most, outputs, tuple(assumed))

    def decision_function(self, X: npt.ArrayLike) -> Floats:
        """(n,) scores of the second class of two, or (n, classes) scores."""
        scores = self._sums(X)
        return scores[:, 0] if scores.shape[1] == 1 else scores


class ExplainableBoostingRegressor(_Additive, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The same for numbers; a residual is at most half of the distance between the target's bounds.

    Args:
        epsilon: the budget.
        delta: for (epsilon, delta) with Gaussian noise; far below 1 / rows. None: pure epsilon, Laplace noise.
        bounds: (low, high) of features that are numbers, each one number or one a column; values are moved to them.
            Constants of yours, never taken from the data.
        target_bounds: (low, high) of the target, likewise.
        categories: of each column how many categories it has, as codes from 0; 0 for a number. None: all are numbers.
        max_bins: of a number, at most.
        random_state: seed of noise that can be repeated, for tests only; then nothing is private, and the certificate
            says so.

    Attributes:
        term_scores_: a (bins, 1) table a feature, in units of half of the distance between the target's bounds.
        bins_, bin_counts_, intercept_, certificate_: as of `ExplainableBoostingClassifier`.

    Raises:
        UsageError: a budget, bounds or categories that are none.

    Example:
        >>> x = np.random.default_rng(0).uniform(-1, 1, (4000, 2))
        >>> model = ExplainableBoostingRegressor(epsilon=2.0).fit(x, x[:, 0] ** 2)
        >>> bool(model.score(x, x[:, 0] ** 2) > 0.8)
        True

    Reference:
        See `ExplainableBoostingClassifier`.
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        *,
        delta: float | None = None,
        bounds: Bounds = (-1.0, 1.0),
        target_bounds: tuple[float, float] = (-1.0, 1.0),
        categories: Sequence[int] | None = None,
        max_bins: int = 32,
        random_state: Any = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.bounds = bounds
        self.target_bounds = target_bounds
        self.categories = categories
        self.max_bins = max_bins
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Learn from (n, d) rows and (n,) targets; the whole budget is spent."""
        rows, target = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        self._goal = Box(self.target_bounds, 1, "target_bounds")
        wanted = self._goal(np.asarray(target, dtype=np.float64))[:, None]
        return self._learn(rows, lambda scores: wanted - scores, 2.0, 1, ())

    def predict(self, X: npt.ArrayLike) -> Floats:
        """(n,) targets, between their bounds."""
        inside = np.clip(self._sums(X)[:, 0], -1.0, 1.0)
        answer: Floats = self._goal.middle[0] + self._goal.half[0] * inside
        return answer
