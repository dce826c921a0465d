"""A fitted model, its ensemble, and how to ask it: the original is the judge of every example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError
from casemate.targets.target import Target
from casemate.threats.evasion.trees.ask import answers, column_names
from casemate.threats.evasion.trees.form import Ensemble, Floats, Whole
from casemate.threats.evasion.trees.read import read


@dataclass(frozen=True)
class Model:
    """What is attacked.

    Attributes:
        original: the fitted model.
        ensemble: the same as arrays.
        rows: (n, d) the rows under attack, as they were given but for the container.
        names: column names that the model was fitted with, or None.
    """

    original: Any
    ensemble: Ensemble
    rows: npt.NDArray[np.floating]
    names: tuple[str, ...] | None

    @classmethod
    def of(cls, model: Any, x: Any) -> Model:
        """Read a model, or take one that was read before, and look at the rows.

        Raises:
            TargetError: the model cannot be read.
            AccessError: a target that does not grant its weights.
            DataError: the rows are not a table of numbers.
        """
        original = model.model if isinstance(model, Target) else model
        try:
            rows = np.asarray(x.to_numpy() if hasattr(x, "to_numpy") else x)
            rows = rows if rows.dtype in (np.float32, np.float64) else rows.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(
                "rows are not a table of numbers",
                cause=str(error),
                next_step="encode them as for the model; constraints can keep one-hot groups together",
            ) from error
        names = tuple(x.columns) if hasattr(x, "columns") else column_names(original)
        return cls(original, read(original), rows, names)

    def codes(self, rows: Floats) -> Whole:
        """(n,) codes of the original's answers."""
        said = answers(self.original, rows.astype(self.rows.dtype), self.names)
        return np.searchsorted(self.ensemble.classes, said).astype(np.int64)
