"""Models worth stealing: a table of numbers, whole numbers and categories with gaps, and pipelines trained on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from casemate.data.dataset import Dataset
from casemate.data.schema import Column, Schema
from casemate.targets.sklearn import classifier
from casemate.training.engagement import Engagement


@dataclass(frozen=True)
class Scene:
    members: Dataset
    nonmembers: Dataset
    model: Any

    def engagement(self, **changes: Any) -> Engagement:
        target = classifier(self.model, "model")
        return Engagement("model", target, self.members, self.nonmembers, effort="quick", seed=5).changed(**changes)


def table(seed: int, rows: int, classes: int = 2) -> Dataset:
    rng = np.random.default_rng(seed)
    world = np.random.default_rng(99)
    columns: dict[str, Any] = {}
    fields = []
    logits = np.zeros((rows, classes))
    for j in range(10):
        values = rng.normal(size=rows)
        values = np.minimum(np.exp(values), 15) if j % 4 == 1 else np.rint(values * 5 + 40) if j % 4 == 2 else values
        logits += np.outer((values - values.mean()) / values.std(), world.normal(size=classes) * 0.7)
        if j % 3 == 0:
            values[rng.random(rows) < 0.1] = np.nan
        name = f"n{j}"
        columns[name] = values
        low, high = ((-4, 4), (0, 15), (20, 60), (-4, 4))[j % 4]
        fields.append(
            Column(name=name, type="integer" if j % 4 == 2 else "number", low=low, high=high, missing=j % 3 == 0)
        )
    for j in range(4):
        levels = np.array([f"level {k}" for k in range(3 + j)], dtype=object)
        picks = rng.integers(len(levels), size=rows)
        logits += world.normal(size=(len(levels), classes))[picks]
        cells = levels[picks]
        if j % 2:
            cells[rng.random(rows) < 0.05] = np.nan
        columns[f"c{j}"] = cells
        fields.append(Column(name=f"c{j}", type="category", categories=tuple(levels), missing=bool(j % 2)))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (chances.cumsum(axis=1) > rng.random(rows)[:, None]).argmax(axis=1).astype(np.int64)
    names = tuple(str(k) for k in range(classes))
    return Dataset("table", pd.DataFrame(columns), labels, names, Schema(tuple(fields)))


@cache
def linear(classes: int = 2) -> Scene:
    members, others = table(1, 700, classes), table(2, 1000, classes)
    numbers = [name for name in members.schema.names if name[0] == "n"]
    words = [name for name in members.schema.names if name[0] == "c"]
    model = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore"), words),
        ),
        LogisticRegression(max_iter=2000),
    )
    return Scene(members, others, model.fit(members.features, members.labels))


@cache
def boosted() -> Scene:
    members, others = table(3, 700), table(4, 1000)
    words = [name for name in members.schema.names if name[0] == "c"]
    model = make_pipeline(
        make_column_transformer((OrdinalEncoder(), words), remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=40, random_state=0),
    )
    return Scene(members, others, model.fit(members.features, members.labels))
