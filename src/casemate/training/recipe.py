"""How a model came to be, so that it can be made again on other rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from sklearn.base import clone

from casemate.core.digests import Digest
from casemate.data.dataset import Dataset
from casemate.targets.sklearn import classifier
from casemate.targets.target import Target

DEEPEST = 32
"""How deep parameters may nest before only their class is told apart; it also ends cycles."""


class Recipe(Protocol):
    """How a model came to be: the same rows and seed give the same target."""

    @property
    def digest(self) -> Digest:
        """Digest of everything that decides the outcome but the rows and the seed."""

    def fit(self, rows: Dataset, seed: int) -> Target:
        """Train a new model on these rows."""


@dataclass(frozen=True)
class SklearnRecipe:
    """A scikit-learn estimator, cloned and fitted again.

    Attributes:
        estimator: a classifier or pipeline, fitted or not; only its parameters are used.
    """

    estimator: Any

    @cached_property
    def digest(self) -> Digest:
        """Digest of the estimator's class and parameters, the same in every process."""
        return Digest.of_value(describe(self.estimator))

    def fit(self, rows: Dataset, seed: int) -> Target:
        """Clone the estimator, set every ``random_state`` it has from ``seed``, and fit it.

        Labels are given as class codes, so class k of the new target is class k of the data set.
        """
        fresh = seeded(self.estimator, seed)
        fresh.fit(rows.features, rows.labels)
        return classifier(fresh, rows.name)

    def change(self, **parameters: object) -> SklearnRecipe:
        """The same recipe with other parameters, named as in ``set_params``."""
        return SklearnRecipe(clone(self.estimator).set_params(**parameters))


def seeded(estimator: Any, seed: int) -> Any:
    """An unfitted clone of a scikit-learn estimator, with every ``random_state`` it has set from a seed."""
    fresh = clone(estimator)
    fresh.set_params(**{key: seed % (2**32) for key in fresh.get_params() if key.split("__")[-1] == "random_state"})
    return fresh


def describe(value: Any, depth: int = 0) -> Any:
    """A parameter as plain JSON values, by class and content: never by address, which changes with each process.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> describe(LogisticRegression(C=2.0))["parameters"]["C"]
        2.0
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)  # JSON has no NaN
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, type) or hasattr(value, "__qualname__"):
        return f"{value.__module__}:{value.__qualname__}"
    name = f"{type(value).__module__}:{type(value).__qualname__}"
    if depth > DEEPEST:
        return name
    if isinstance(value, np.ndarray):
        return [str(value.dtype), list(value.shape), describe(value.tolist(), depth + 1)]
    if isinstance(value, list | tuple):
        return [describe(item, depth + 1) for item in value]
    content = value if isinstance(value, dict) else _content(value)
    parameters = {str(key): describe(item, depth + 1) for key, item in content.items()}
    return {"class": name, "parameters": parameters}


def _content(value: Any) -> dict[str, Any]:
    if hasattr(value, "get_params"):
        return dict(value.get_params(deep=False))
    return dict(getattr(value, "__dict__", {}))
