"""scikit-learn's decision trees, forests, gradient boosting and histogram gradient boosting, for classification."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from casemate.threats.evasion.trees.form import LEAF, Ensemble, Floats, Rule, Tree
from casemate.threats.evasion.trees.readers.build import tree, unsupported

FORESTS = (RandomForestClassifier, ExtraTreesClassifier)
SINGLE = (DecisionTreeClassifier, ExtraTreeClassifier)


def read(model: Any) -> Ensemble | None:
    """A fitted model as an ensemble, or None where it is not one of scikit-learn's tree classifiers.

    Trees and forests compare float32 with float64 thresholds; histogram boosting compares float64.

    Raises:
        TargetError: it predicts several outputs, splits on categories, or starts from an estimator that looks at rows.
    """
    if isinstance(model, FORESTS):
        return _forest(model, list(model.estimators_))
    if isinstance(model, SINGLE):
        return _forest(model, [model])
    if isinstance(model, GradientBoostingClassifier):
        return _boosting(model)
    if isinstance(model, HistGradientBoostingClassifier):
        return _histogram(model)
    return None


def _forest(model: Any, parts: list[Any]) -> Ensemble:
    if model.n_outputs_ != 1:
        raise unsupported(model, "it predicts several outputs")
    features, classes = int(model.n_features_in_), np.asarray(model.classes_)
    trees = tuple(_grown(part.tree_, part.tree_.value[:, 0, :], features) for part in parts)
    missing = all(part._support_missing_values(np.full((1, features), np.nan)) for part in parts)
    rule = Rule(False, "float32", "float64", divide=float(len(parts)), missing=missing)
    return Ensemble(trees, np.zeros(len(classes)), rule, features, classes, type(model).__name__)


def _boosting(model: Any) -> Ensemble:
    features, outputs = int(model.n_features_in_), int(model.estimators_.shape[1])
    start = np.zeros((1, outputs))
    if model.init_ != "zero":
        if type(model.init_).__name__ != "DummyClassifier":
            raise unsupported(model, f"it starts from a fitted {type(model.init_).__name__}")
        start = model._raw_predict_init(np.zeros((1, features), dtype=np.float32))
    trees = tuple(
        _grown(part.tree_, _in_column(model.learning_rate * part.tree_.value[:, 0, 0], output, outputs), features)
        for stage in model.estimators_
        for output, part in enumerate(stage)
    )
    base = np.asarray(start, dtype=np.float64).reshape(outputs)
    rule = Rule(False, "float32", "float64", even=1)
    return Ensemble(trees, base, rule, features, np.asarray(model.classes_), type(model).__name__)


def _histogram(model: Any) -> Ensemble:
    features, outputs = int(model.n_features_in_), int(model.n_trees_per_iteration_)
    trees = []
    for stage in model._predictors:
        for output, part in enumerate(stage):
            nodes = part.nodes
            leaf = nodes["is_leaf"].astype(bool)
            if nodes["is_categorical"][~leaf].any():
                raise unsupported(model, "it splits on categories")
            trees.append(
                tree(
                    np.where(leaf, LEAF, nodes["feature_idx"]),
                    np.where(leaf, 0.0, nodes["num_threshold"]),
                    nodes["left"],
                    nodes["right"],
                    nodes["missing_go_to_left"],
                    _in_column(nodes["value"], output, outputs),
                    features,
                )
            )
    base = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(outputs)
    rule = Rule(False, "float64", "float64", missing=True)
    return Ensemble(tuple(trees), base, rule, features, np.asarray(model.classes_), type(model).__name__)


def _grown(grown: Any, value: Floats, features: int) -> Tree:
    leaf = grown.children_left == -1
    nan_left = getattr(grown, "missing_go_to_left", np.zeros(len(leaf)))
    return tree(
        np.where(leaf, LEAF, grown.feature),
        np.where(leaf, 0.0, grown.threshold),
        grown.children_left,
        grown.children_right,
        nan_left,
        value,
        features,
    )


def _in_column(values: Floats, output: int, outputs: int) -> Floats:
    """(n, outputs) zeros with the values in one column."""
    made = np.zeros((len(values), outputs))
    made[:, output] = values
    return made
