"""Naive Bayes classifiers from counts and moments with noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from casemate.core.errors import DataError, UsageError
from casemate.privacy.dp.estimator import BITS, Bounds, Box, Private, encoded
from casemate.privacy.dp.shrinkage import drawn, positive
from casemate.privacy.dp.sums import NoisySums, Query

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

COUNTING: Final = 0.1
"""Share of a budget that goes to how many records there are of each class."""
LEAST: Final = 1e-3
"""Variance of a feature, at least, where bounds are -1 and 1."""


class _Bayes(Private, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """What both have in common: scores are logarithms of joint probabilities."""

    classes: Any
    classes_: npt.NDArray[Any]

    def _scores(self, X: npt.ArrayLike) -> Floats:
        raise TypeError(f"{type(self).__name__} has no scores")

    def predict_log_proba(self, X: npt.ArrayLike) -> Floats:
        """(n, classes) logarithms of probabilities."""
        scores = self._scores(X)
        return np.maximum(scores - logsumexp(scores, axis=1, keepdims=True), math.log(np.finfo(np.float64).tiny))

    def predict_proba(self, X: npt.ArrayLike) -> Floats:
        """(n, classes) probabilities."""
        return np.asarray(np.exp(self.predict_log_proba(X)))

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """(n,) labels."""
        best = self._scores(X).argmax(axis=1)
        answer: npt.NDArray[Any] = self.classes_[best]
        return answer


class GaussianNB(_Bayes):
    """Naive Bayes with normal features, from the number, the means and the variances of each class.

    Between bounds of -1 and 1, a record contributes 1 to the number of its class, x to the sum of its features and
    x^2 - 1/2 to that of their squares: at most 1, the root of d and half of that in L2, or 1, d and d / 2 in L1. Noise
    that was added is taken into account: means and variances are drawn toward those of all classes together by as much
    as the noise explains. Neighbors are data sets of equally many records of which one contributes nothing
    (``zero_out``). Without ``delta`` the guarantee is pure.

    Args:
        epsilon: the budget.
        delta: for (epsilon, delta) with Gaussian noise; far below 1 / rows. None: pure epsilon, Laplace noise.
        bounds: (low, high) of features, each one number or one a column; values are moved to them, in training and in
            answers. Constants of yours, never taken from the data.
        classes: the labels that can occur. None: taken from the data, and recorded as assumed public.
        random_state: seed of noise that can be repeated, for tests only; then nothing is private, and the certificate
            says so.

    Attributes:
        class_prior_: (classes,) shares.
        theta_: (classes, features) means.
        var_: (classes, features) variances.
        classes_: (classes,).
        certificate_: what the guarantee rests on.

    Raises:
        UsageError: a budget or bounds that are none.
        DataError: a label is not among ``classes``.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> x, y = load_iris(return_X_y=True)
        >>> model = GaussianNB(epsilon=10.0, bounds=(0, 8), classes=(0, 1, 2)).fit(x, y)
        >>> print(model.certificate_)  # doctest: +ELLIPSIS
        epsilon 10, pure (zero_out) by naive Bayes from moments of classes, with rounded Laplace and cube noise, ...

    Reference:
        Vaidya, Shafiq, Basu and Hong 2013, "Differentially private naive Bayes classification".
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        *,
        delta: float | None = None,
        bounds: Bounds = (-1.0, 1.0),
        classes: Any = None,
        random_state: Any = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.bounds = bounds
        self.classes = classes
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Learn from (n, d) rows and (n,) labels; the whole budget is spent."""
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        assumed: list[str] = []
        self.classes_, codes = encoded(self.classes, labels, assumed)
        budget = self._budget(len(rows))
        self._box = Box(self.bounds, rows.shape[1])
        ask = NoisySums(budget, self._entropy())
        inside, unit = np.trunc(self._box(rows) * 2.0**BITS), 2.0**BITS
        squares = np.trunc(inside * inside / unit - unit / 2)
        d, k = rows.shape[1], len(self.classes_)
        long = unit * (d if budget.pure else math.sqrt(d) * (1 + 2.0**-50))  # the root is rounded
        rest = (1 - COUNTING) / 2
        numbers = ask(Query(np.bincount(codes, minlength=k).astype(np.float64), 1.0, COUNTING)).total
        first = ask(Query(_by_class(inside, codes, k), long, rest, box=unit, alone=True))
        second = ask(Query(_by_class(squares, codes, k), long / 2, rest, box=unit / 2, alone=True))
        n = np.maximum(numbers, 1.0)[:, None]
        self.class_prior_ = n[:, 0] / n.sum()
        means, doubt = np.clip(first.total / (n * unit), -1, 1), first.deviation / (n * unit)
        mean, unsure = drawn(means, doubt)
        squared, of_squares = second.total / (n * unit) + 0.5, second.deviation / (n * unit)
        variance, off = drawn(squared - mean * mean, np.hypot(of_squares, 2 * np.abs(mean) * unsure))
        self._means = np.clip(mean, -1, 1)
        self._variances = np.clip(positive(variance, off) + unsure**2, LEAST, 4.0)
        self.theta_ = self._box.middle + self._means * self._box.half
        self.var_ = self._variances * self._box.half**2
        self.certificate_ = ask.certificate(
            "naive Bayes from moments of classes", tuple(assumed), {"share of counts": COUNTING}
        )
        return self

    def _scores(self, X: npt.ArrayLike) -> Floats:
        check_is_fitted(self)
        rows = self._box(validate_data(self, X, dtype=np.float64, reset=False))
        found = np.tile(np.log(self.class_prior_), (len(rows), 1))
        for at, (mean, variance) in enumerate(zip(self._means, self._variances, strict=True)):
            found[:, at] -= 0.5 * (np.log(variance) + (rows - mean) ** 2 / variance).sum(axis=1)
        return found


class CategoricalNB(_Bayes):
    """Naive Bayes with categories, from how often each occurs in each class.

    A record is in one cell of each feature's table, so it contributes a vector of d ones: the root of d in L2, d in L1.
    Shares are drawn toward those of all classes together by as much as the noise explains. Neighbors are data sets of
    equally many records of which one contributes nothing (``zero_out``). Without ``delta`` the guarantee is pure.

    Args:
        epsilon: the budget.
        delta: for (epsilon, delta) with Gaussian noise; far below 1 / rows. None: pure epsilon, Laplace noise.
        categories: how many each feature has, one number or one a column: codes are whole numbers from 0, and what lies
            beyond is moved to the nearest. Constants of yours, never taken from the data.
        classes: the labels that can occur. None: taken from the data, and recorded as assumed public.
        random_state: seed of noise that can be repeated, for tests only; then nothing is private, and the certificate
            says so.

    Attributes:
        class_prior_: (classes,) shares.
        feature_log_prob_: a (classes, categories) array a feature.
        classes_: (classes,).
        certificate_: what the guarantee rests on.

    Raises:
        UsageError: a budget or numbers of categories that are none.
        DataError: a label is not among ``classes``.

    Example:
        >>> x = np.random.default_rng(0).integers(0, 4, (3000, 5))
        >>> model = CategoricalNB(epsilon=1.0, categories=4, classes=(False, True)).fit(x, x[:, 0] > 1)
        >>> bool(model.score(x, x[:, 0] > 1) > 0.95)
        True

    Reference:
        Vaidya, Shafiq, Basu and Hong 2013, "Differentially private naive Bayes classification".
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        *,
        delta: float | None = None,
        categories: int | Sequence[int] = 10,
        classes: Any = None,
        random_state: Any = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.categories = categories
        self.classes = classes
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Learn from (n, d) codes and (n,) labels; the whole budget is spent."""
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        assumed: list[str] = []
        self.classes_, codes = encoded(self.classes, labels, assumed)
        budget = self._budget(len(rows))
        self.n_categories_ = _numbers(self.categories, rows.shape[1])
        cells, starts = self._cells(rows)
        ask = NoisySums(budget, self._entropy())
        d, k, width = rows.shape[1], len(self.classes_), int(self.n_categories_.sum())
        numbers = ask(Query(np.bincount(codes, minlength=k).astype(np.float64), 1.0, COUNTING)).total
        places = (codes[:, None] * width + cells).ravel()
        table = np.bincount(places, minlength=k * width).reshape(k, width).astype(np.float64)
        long = float(d) if budget.pure else math.sqrt(d) * (1 + 2.0**-50)  # the root is rounded
        counts = ask(Query(table, long, 1 - COUNTING, box=1.0, alone=True))
        n = np.maximum(numbers, 1.0)[:, None]
        self.class_prior_ = n[:, 0] / n.sum()
        self.feature_log_prob_ = []
        for start, size in zip(starts, self.n_categories_, strict=True):
            part = slice(start, start + size)
            shares, off = drawn(counts.total[:, part] / n, np.broadcast_to(counts.deviation[:, part] / n, (k, size)))
            shares = positive(shares, off) + 1 / n
            self.feature_log_prob_.append(np.log(shares / shares.sum(axis=1, keepdims=True)))
        self.certificate_ = ask.certificate(
            "naive Bayes from counts of categories", tuple(assumed), {"share of counts": COUNTING}
        )
        return self

    def _scores(self, X: npt.ArrayLike) -> Floats:
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        cells, _ = self._cells(rows)
        table = np.concatenate(self.feature_log_prob_, axis=1)
        found: Floats = np.log(self.class_prior_) + table.T[cells].sum(axis=1)
        return found

    def _cells(self, rows: Floats) -> tuple[Codes, Codes]:
        """The (n, d) places of codes in a row of all categories, and where each feature's begin."""
        starts = np.concatenate([[0], np.cumsum(self.n_categories_)[:-1]]).astype(np.intp)
        return np.clip(np.rint(rows), 0, self.n_categories_ - 1).astype(np.intp) + starts, starts


def _numbers(categories: int | Sequence[int], columns: int) -> Codes:
    try:
        found = np.broadcast_to(np.asarray(categories, dtype=np.intp), columns)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"categories do not fit {columns} columns",
            next_step="give how many there are, one number or one a column; no budget was spent",
        ) from error
    if found.min(initial=2) < 2 or found.sum() > 1 << 24:
        raise UsageError(
            "a feature has fewer than two categories, or all have more than 2^24 together",
            next_step="leave the feature out, or merge categories; no budget was spent",
        )
    return found


def _by_class(rows: Floats, codes: Codes, classes: int) -> Floats:
    """The (classes, d) sums of rows of each class."""
    found: Floats = np.eye(classes)[codes].T @ rows
    if len(rows) > 1 << (53 - BITS - 1):
        raise DataError("there are too many records for exact sums", next_step="train on a sample of them")
    return found
