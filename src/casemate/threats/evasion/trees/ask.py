"""Asking the original model, in the kind of table that it was fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def column_names(model: Any) -> tuple[str, ...] | None:
    """The names that a model knows its columns by, and would miss; None where it knows none."""
    try:
        names = getattr(model, "feature_names_in_", None)
    except AttributeError:
        return None
    return None if names is None else tuple(str(name) for name in names)


def answers(model: Any, rows: npt.NDArray[np.floating], names: tuple[str, ...] | None) -> npt.NDArray[np.generic]:
    """(n,) the model's own labels."""
    return np.asarray(model.predict(rows if names is None else pd.DataFrame(rows, columns=list(names))))
