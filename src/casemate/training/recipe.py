"""How a model came to be, so that it can be made again on other rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from sklearn.base import clone

from casemate.core.digests import Digest
from casemate.data.dataset import Dataset
from casemate.targets.sklearn import classifier
from casemate.targets.target import Target


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
        """Digest of the estimator's class and parameters."""
        return Digest.of(f"{type(self.estimator).__module__}:{self.estimator!r}".encode())

    def fit(self, rows: Dataset, seed: int) -> Target:
        """Clone the estimator, set every ``random_state`` it has from ``seed``, and fit it.

        Labels are given as class codes, so class k of the new target is class k of the data set.
        """
        fresh = clone(self.estimator)
        states = {key: seed % (2**32) for key in fresh.get_params() if key.split("__")[-1] == "random_state"}
        fresh.set_params(**states)
        fresh.fit(rows.features, rows.labels)
        return classifier(fresh, rows.name)

    def change(self, **parameters: object) -> SklearnRecipe:
        """The same recipe with other parameters, named as in ``set_params``."""
        return SklearnRecipe(clone(self.estimator).set_params(**parameters))
