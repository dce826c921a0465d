"""How suspicious each training label is, and how suspicious is too suspicious.

A label is suspicious when models that never saw its row think otherwise. Two kinds of models are asked: those of the
recipe, trained on the other folds, and a logistic regression whose leave-one-out answer has a closed form. Their
log-odds are combined by a regression on the labels as they are, which weighs whichever is worth more and calibrates
the sum. Under random flips the order by the probability of the given label is the best there is, so what is left to
gain lies in the probabilities.

How much is too much is learned from rows that nobody could have poisoned, when there are any, or from labels drawn
again from the calibrated probabilities; never from the share of poison, which nobody knows.

Reference: Northcutt, Jiang & Chuang 2021, arXiv:1911.00068 (confident learning); Rad & Maleki 2020 (leave-one-out in
closed form); Wilks 1942, Annals of Mathematical Statistics 13, 400-409 (distribution-free prediction).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import betabinom
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from casemate.core.errors import DataError
from casemate.data.dataset import Dataset
from casemate.training.influence import leave_one_out
from casemate.training.linear import LogisticFit, objective, solve
from casemate.training.recipe import Recipe

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

EDGE = 1e-6
"""Probabilities are kept this far from 0 and 1, so that log-odds stay finite."""


@dataclass(frozen=True)
class Ranked:
    """The labels of a data set, ranked.

    Attributes:
        suspicion: (n,) log-odds against each label; higher is more suspicious.
        trusted: (m,) suspicion of trusted labels, scored the same way; empty without trusted rows.
        limit: what is flagged lies above this.
        null: how the limit was found: "trusted" or "redrawn".
    """

    suspicion: Floats
    trusted: Floats
    limit: float
    null: str

    @property
    def flagged(self) -> Flags:
        """(n,) labels that are too suspicious."""
        return self.suspicion > self.limit


@dataclass(frozen=True)
class Ranking:
    """Ranks labels of two classes.

    Attributes:
        folds: how many parts the rows are split into; each is scored by models trained on the others.
        share: the largest share of an untouched training set that may be flagged.
        confidence: how sure it is that no more are.
    """

    folds: int = 5
    share: float = 0.01
    confidence: float = 0.99

    def __call__(self, recipe: Recipe, rows: Dataset, seed: int, trusted: Dataset | None = None) -> Ranked:
        """Rank the labels of a training set.

        Args:
            recipe: how the model is trained.
            rows: the training set, possibly poisoned.
            seed: splits folds and trains.
            trusted: rows of the same population whose labels nobody could touch.

        Raises:
            DataError: the labels are not of two classes, or one of them has fewer rows than there are folds.
        """
        outside, beside = out_of_fold(recipe, rows, trusted, self.folds, seed)
        return self.rank(rows, outside, trusted, beside)

    def rank(
        self, rows: Dataset, outside: Floats, trusted: Dataset | None = None, beside: Floats | None = None
    ) -> Ranked:
        """Rank labels by probabilities that were made elsewhere.

        Args:
            rows: the training set.
            outside: (n,) probability of class 1 for each row from a model that never saw it.
            trusted: as in the call.
            beside: (folds, m) probabilities of class 1 for the trusted rows, one line for each fold's model.
        """
        fit, spare = linear_view(rows, trusted)
        views = np.column_stack([_log_odds(outside), leave_one_out(fit)])
        blend = LogisticRegression(C=1e3).fit(views, rows.labels)
        known = np.empty(0)
        if trusted is not None and beside is not None and spare is not None:
            both = np.stack([_log_odds(beside), np.broadcast_to(spare, beside.shape)], axis=-1)
            known = np.concatenate([_against(blend.decision_function(part), trusted.labels) for part in both])
        suspicion = _against(blend.decision_function(views), rows.labels)
        limit, null = self.limit(known, 0 if trusted is None else len(trusted), np.abs(suspicion))
        return Ranked(suspicion, known, limit, null)

    def limit(self, trusted: Floats, rows: int, margins: Floats) -> tuple[float, str]:
        """The suspicion above which no more than ``share`` of these labels lie if none was touched.

        With trusted labels this is an order statistic, chosen so that the promise holds with ``confidence`` whatever
        the distribution: how many of n labels exceed the j-th highest of m others is beta-binomial. Without enough of
        them, labels are drawn again from the calibrated probabilities: a third of the share may exceed the limit then,
        on average; since poison makes the probabilities look less certain, that flags few rows, but never too many.

        Args:
            trusted: suspicion of trusted labels, perhaps several a row.
            rows: how many trusted rows there are.
            margins: (n,) absolute log-odds of the training rows.

        Example:
            >>> Ranking().limit(np.arange(1000.0), 1000, np.ones(5000))
            (997.0, 'trusted')
        """
        n, ranks = len(margins), np.arange(1, int(self.share * rows) + 1)
        kept = ranks[betabinom.sf(int(self.share * n), n, ranks, rows + 1 - ranks) <= 1 - self.confidence]
        if len(kept):
            ordered = np.sort(trusted)[::-1]
            return float(ordered[int(np.ceil(kept[-1] * len(ordered) / rows)) - 1]), "trusted"
        order = np.argsort(-margins, kind="stable")
        exceeding = np.cumsum(expit(-margins[order])) / len(margins)
        within = np.flatnonzero(exceeding <= self.share / 3)
        return float(margins[order[within[-1]]] if len(within) else np.inf), "redrawn"


def out_of_fold(
    recipe: Recipe, rows: Dataset, trusted: Dataset | None, folds: int, seed: int
) -> tuple[Floats, Floats | None]:
    """Probabilities of class 1 from models that never saw the rows.

    Returns:
        (n,) for the rows, and (folds, m) for the trusted ones or None.

    Raises:
        DataError: fewer rows of a class than folds, or not two classes.
    """
    counts = np.bincount(rows.labels, minlength=len(rows.classes))
    if len(counts) != 2 or counts.min() < folds:
        raise DataError(
            "labels cannot be ranked",
            cause=f"{len(counts)} classes, {int(counts.min())} rows in the smallest; two and {folds} are needed",
            next_step="use fewer folds, or more rows",
        )
    outside = np.empty(len(rows))
    beside = []
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32)
    for train, test in splitter.split(np.zeros(len(rows)), rows.labels):
        target = recipe.fit(rows.take(train), seed)
        outside[test] = _probability(target, rows.features.iloc[test])
        if trusted is not None:
            beside.append(_probability(target, trusted.features))
    return outside, np.stack(beside) if beside else None


def linear_view(rows: Dataset, other: Dataset | None = None) -> tuple[LogisticFit, Floats | None]:
    """A logistic regression of any table, in closed form, and its log-odds for other rows."""
    model = encoder(rows)
    problem = objective(model, rows.features, rows.labels)
    fit = solve(problem)
    if other is None:
        return fit, None
    matrix = model[:-1].fit(rows.features).transform(other.features)
    design = np.column_stack([matrix.toarray() if hasattr(matrix, "toarray") else matrix, np.ones(len(other))])
    return fit, np.asarray(design @ fit.coefficients, dtype=np.float64)


def encoder(rows: Dataset) -> Pipeline:
    """A logistic regression that takes any table of this schema: numbers imputed and scaled, the rest one-hot."""
    numbers = [column.name for column in rows.schema.columns if column.type in {"number", "integer"}]
    words = [column.name for column in rows.schema.columns if column.name not in numbers]
    filled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    parts: list[tuple[str, Any, list[str]]] = [("numbers", filled, numbers)] if numbers else []
    if words:
        parts.append(("words", OneHotEncoder(handle_unknown="ignore", max_categories=30), words))
    return Pipeline([("prepare", ColumnTransformer(parts)), ("model", LogisticRegression(C=1.0))])


def _probability(target: Any, features: Any) -> Floats:
    if target.gives_scores:
        return np.asarray(target.scores(features)[:, 1], dtype=np.float64)
    return np.where(target.labels(features) == 1, 0.9, 0.1)


def _log_odds(probability: Floats) -> Floats:
    return np.asarray(logit(np.clip(probability, EDGE, 1 - EDGE)), dtype=np.float64)


def _against(log_odds: Floats, labels: Codes) -> Floats:
    return np.asarray(np.where(labels == 1, -log_odds, log_odds), dtype=np.float64)
