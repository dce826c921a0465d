"""What a surrogate is made of: learners that fit a target's logits, and a mixture weighed by how well they predict.

Learners see rows in two forms: raw values for trees, encoded dimensions for a linear map. Where the attacker has labels
of its own, the logits of a model of those (cross-fitted, so that it does not remember) are one more column.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold

from casemate.threats.extraction.space import InputSpace

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

FLOOR = 1e-6
"""Probabilities are kept this far from 0 and 1 before they become logits to learn."""

QUANTILES = 63, 200
"""How finely trees see a number: with few answers, and with many."""

MANY = 600
"""Answers from which on larger trees copy better: at 2,000 the small ones fell behind (benchmarks/extraction.py)."""


@dataclass(frozen=True)
class Rows:
    """(n,) rows in the forms learners want.

    Attributes:
        raw: (n, columns) values, categories as codes.
        encoded: (n, d) encoded dimensions.
        hint: (n, classes) logits of the attacker's own model; no columns where it has none.
    """

    raw: Floats
    encoded: Floats
    hint: Floats


@dataclass(frozen=True)
class Answers:
    """What the target told about rows.

    Attributes:
        logits: (n, classes) log-probabilities to imitate; None where only labels are told.
        labels: (n,) the target's labels.
        weight: (n,) how near the decision boundary a row lies, from about 0 (far) to 1.
    """

    logits: Floats | None
    labels: Codes
    weight: Floats


class Learner(Protocol):
    """Fits the target's logits on asked rows and predicts them elsewhere."""

    def fit(self, rows: Rows, answers: Answers, classes: int, seed: int) -> None:
        """Learn from these answers."""

    def logits(self, rows: Rows) -> Floats:
        """(n, classes) log-probabilities."""


class Boosted:
    """Boosted trees on raw values, with or without the hint."""

    def __init__(self, space: InputSpace, *, hint: bool) -> None:
        self._hint = hint
        self._categories = [0 < len(field.levels) <= 255 for field in space.fields]
        levels = [len(field.levels) for field, words in zip(space.fields, self._categories, strict=True) if words]
        self._levels = max([0, *levels])
        self._models: list[Any] = []
        self._edges: list[Floats] = []
        self._classes = 0

    def fit(self, rows: Rows, answers: Answers, classes: int, seed: int) -> None:
        """One regressor a free logit, or one classifier where only labels are told."""
        many = len(rows.raw) >= MANY
        quantiles = QUANTILES[many]
        self._edges = [_edges(column, quantiles) for column in self._columns(rows).T]
        table = self._table(rows)
        common = {
            "categorical_features": self._categories + [False] * (table.shape[1] - len(self._categories)),
            # Small, few and coarse trees copy as well as larger ones at half of the cost, until there is more to see.
            "max_leaf_nodes": 15 if many else 8,
            "max_bins": max(quantiles + 1, self._levels),  # every level of a category takes a bin
            "learning_rate": 0.1,
            # Exact answers carry no noise, so the more of them there are, the finer they may be fitted.
            "max_iter": _rounds(len(table), scores=answers.logits is not None),
            "min_samples_leaf": min(5, max(1, len(table) // 20)),
            "early_stopping": False,
            "random_state": seed % 2**32,
        }
        self._classes = classes
        if answers.logits is None:
            self._models = [_Single(answers.labels)]
            if len(np.unique(answers.labels)) > 1:
                self._models = [HistGradientBoostingClassifier(**common).fit(table, answers.labels)]
            return
        aims = answers.logits[:, 1:] - answers.logits[:, :1]
        self._models = [
            HistGradientBoostingRegressor(**common).fit(table, aim, sample_weight=answers.weight) for aim in aims.T
        ]

    def logits(self, rows: Rows) -> Floats:
        """(n, classes) log-probabilities."""
        table = self._table(rows)
        if hasattr(self._models[0], "predict_proba"):
            return spread(self._models[0], table, self._classes)
        return normalized(np.column_stack([np.zeros(len(table)), *(model.predict(table) for model in self._models)]))

    def _columns(self, rows: Rows) -> Floats:
        return np.column_stack([rows.raw, rows.hint]) if self._hint else rows.raw

    def _table(self, rows: Rows) -> Floats:
        """Numbers as their places among quantiles: what the trees would do themselves, but slowly where rows weigh."""
        columns = self._columns(rows)
        places = [
            np.searchsorted(edges, column).astype(np.float64)
            for edges, column in zip(self._edges, columns.T, strict=True)
        ]
        binned = np.where(np.isnan(columns), np.nan, np.column_stack(places))
        categories = np.array(self._categories + [False] * (columns.shape[1] - len(self._categories)))
        return np.where(categories, columns, binned)


def _rounds(rows: int, *, scores: bool) -> int:
    if rows >= MANY:
        return int(np.clip(rows / 12, 100, 250)) if scores else 100
    return int(np.clip(rows / 20, 60, 150)) if scores else 60


def _edges(column: Floats, quantiles: int) -> Floats:
    """At most ``quantiles - 1`` inner quantiles of a column."""
    known = column[~np.isnan(column)]
    return np.unique(np.quantile(known, np.linspace(0.0, 1.0, quantiles + 1)[1:-1])) if known.size else np.zeros(1)


class Linear:
    """A ridge regression of the logits on encoded dimensions and the hint; logistic where only labels are told."""

    def __init__(self) -> None:
        self._model: Any = None
        self._classes = 0

    def fit(self, rows: Rows, answers: Answers, classes: int, seed: int) -> None:
        """Solve the weighted normal equations."""
        self._classes = classes
        table = np.column_stack([rows.encoded, rows.hint])
        if answers.logits is not None:
            aims = answers.logits[:, 1:] - answers.logits[:, :1]
            self._model = Ridge(alpha=0.1).fit(table, aims, sample_weight=answers.weight)
        elif len(np.unique(answers.labels)) > 1:
            self._model = LogisticRegression(C=1.0, max_iter=500, random_state=seed % 2**32).fit(table, answers.labels)
        else:
            self._model = _Single(answers.labels)

    def logits(self, rows: Rows) -> Floats:
        """(n, classes) log-probabilities."""
        table = np.column_stack([rows.encoded, rows.hint])
        if hasattr(self._model, "predict_proba"):
            return spread(self._model, table, self._classes)
        made = np.asarray(self._model.predict(table)).reshape(len(table), -1)
        return normalized(np.column_stack([np.zeros(len(table)), made]))


class Unchanged:
    """The hint as it is: what the attacker believed before asking."""

    def fit(self, rows: Rows, answers: Answers, classes: int, seed: int) -> None:
        """Nothing to learn."""

    def logits(self, rows: Rows) -> Floats:
        """(n, classes) log-probabilities."""
        return rows.hint


class _Single:
    """The classifier of one class, for when all answers so far agree."""

    def __init__(self, labels: Codes) -> None:
        self.classes_ = labels[:1]

    def predict_proba(self, table: Floats) -> Floats:
        """(n, 1) ones."""
        return np.ones((len(table), 1))


@dataclass(frozen=True)
class Hint:
    """The attacker's own model of its own labels: what it knows before it asks anything."""

    models: Sequence[Any]
    space: InputSpace
    classes: int
    own: Floats

    @classmethod
    def learn(cls, space: InputSpace, labels: Codes, *, values: Floats, classes: int, seed: int) -> Hint:
        """Cross-fit boosted trees on own rows, so that ``own`` holds no logit of a model that saw the row."""
        own = np.zeros((len(labels), classes))
        models = []
        ways = StratifiedKFold(3, shuffle=True, random_state=seed % 2**32)
        for train, test in ways.split(values, labels):
            model = HistGradientBoostingClassifier(
                categorical_features=[0 < len(field.levels) <= 255 for field in space.fields],
                max_leaf_nodes=8,
                learning_rate=0.1,
                max_iter=60,
                early_stopping=False,
                random_state=seed % 2**32,
            ).fit(values[train], labels[train])
            models.append(model)
            own[test] = spread(model, values[test], classes)
        return cls(models, space, classes, own)

    def logits(self, values: Floats) -> Floats:
        """(n, classes) mean log-probabilities of the folds' models."""
        return normalized(np.mean([spread(model, values, self.classes) for model in self.models], axis=0))


def spread(model: Any, table: Floats, classes: int) -> Floats:
    """Log-probabilities of a classifier that may never have seen some classes."""
    made = np.full((len(table), classes), FLOOR)
    made[:, model.classes_.astype(np.int64)] = np.maximum(model.predict_proba(table), FLOOR)
    return normalized(np.log(made))


def normalized(logits: Floats) -> Floats:
    """Log-probabilities from logits."""
    made: Floats = logits - logsumexp(logits, axis=1, keepdims=True)
    return made


def nearness(logits: Floats) -> Floats:
    """(n,) 4 p q of the two likeliest classes: 1 on the decision boundary, towards 0 far from it."""
    top = np.sort(np.exp(logits), axis=1)
    return np.asarray(4.0 * top[:, -1] * top[:, -2])


def weigh(predicted: Sequence[Floats], told: Floats, steps: int = 5) -> Floats:
    """Mixture weights on a simplex grid with the least cross-entropy to the answers.

    Args:
        predicted: for each learner, (n, classes) log-probabilities made before the answers were known.
        told: (n, classes) the target's probabilities, or its labels one-hot.
        steps: the grid's resolution.
    """
    grid = [
        np.array(point) / steps
        for point in itertools.product(range(steps + 1), repeat=len(predicted))
        if sum(point) == steps
    ]
    costs = [-np.sum(told * normalized(np.tensordot(weights, np.array(predicted), axes=1))) for weights in grid]
    return grid[int(np.argmin(costs))]
