"""scikit-learn classifiers and pipelines as targets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from casemate.core.errors import TargetError
from casemate.targets.answers import Scores
from casemate.targets.target import Codes, Target


@dataclass(frozen=True)
class SklearnBackend:
    """A fitted scikit-learn classifier, or a pipeline that ends in one."""

    model: Any

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The model's ``classes_``, as text."""
        return tuple(str(value) for value in self.model.classes_)

    @cached_property
    def gives_scores(self) -> bool:
        """Whether the model has ``predict_proba``."""
        return hasattr(self.model, "predict_proba")

    def scores(self, rows: pd.DataFrame) -> Scores:
        """(n, classes) probabilities."""
        answer: Scores = self.model.predict_proba(rows)
        return answer

    def labels(self, rows: pd.DataFrame) -> Codes:
        """(n,) codes of the predicted classes."""
        codes: Codes = np.searchsorted(self.model.classes_, self.model.predict(rows)).astype(np.int64)
        return codes


def classifier(model: Any, name: str = "model") -> Target:
    """A fitted scikit-learn classifier or pipeline as a target.

    Raises:
        TargetError: the model is not a fitted classifier.
    """
    if not hasattr(model, "predict") or not hasattr(model, "classes_"):
        raise TargetError(
            f"{type(model).__name__} is not a fitted classifier",
            cause="it has no predict or no classes_",
            next_step="fit it first; regressors are not supported yet",
        )
    return Target(name, SklearnBackend(model))
