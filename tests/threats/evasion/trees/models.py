"""Small fitted models of every kind that is read, on real and on made data."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeClassifier

SKLEARN = ("tree", "forest", "extra", "boosting", "histogram")
KINDS = (
    *SKLEARN,
    *(
        pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed"))
        for name in ("xgboost", "lightgbm")
    ),
)


def make(kind: str, size: int = 20, seed: int = 0, **more: object):
    """An unfitted model."""
    if kind == "xgboost":
        import xgboost  # noqa: PLC0415

        return xgboost.XGBClassifier(n_estimators=size, max_depth=3, random_state=seed, n_jobs=1, **more)
    if kind == "lightgbm":
        import lightgbm  # noqa: PLC0415

        given = {"num_leaves": 8, "min_child_samples": 5, **more}
        return lightgbm.LGBMClassifier(n_estimators=size, random_state=seed, n_jobs=1, verbose=-1, **given)
    made = {
        "tree": lambda: DecisionTreeClassifier(max_depth=6, random_state=seed, **more),
        "forest": lambda: RandomForestClassifier(size, max_depth=4, random_state=seed, **more),
        "extra": lambda: ExtraTreesClassifier(size, max_depth=4, random_state=seed, **more),
        "boosting": lambda: GradientBoostingClassifier(n_estimators=size, max_depth=3, random_state=seed, **more),
        "histogram": lambda: HistGradientBoostingClassifier(max_iter=size, max_leaf_nodes=8, random_state=seed, **more),
    }
    return made[kind]()


@cache
def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Breast cancer ("cancer") or digits, scaled to [0, 1]."""
    x, y = (load_breast_cancer if name == "cancer" else load_digits)(return_X_y=True)
    return (x - x.min(axis=0)) / np.maximum(np.ptp(x, axis=0), 1e-12), y


@cache
def fitted(kind: str, name: str):
    """A model fitted on the first rows: 20 trees, or 8 for each of ten digits."""
    x, y = data(name)
    return make(kind, 20 if name == "cancer" else 8).fit(x[:300], y[:300])
