"""Which groups a table's rows fall into, column by column, without anybody having to name them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.data.dataset import Dataset
from casemate.data.schema import Column

MOST_GROUPS = 12
QUARTERS = 4

Names = npt.NDArray[np.object_]


def grouped(data: Dataset) -> Iterator[tuple[str, Names]]:
    """The columns to compare groups by, each with the group name of every row.

    Those are the columns marked sensitive, and all categories and booleans of at most ``MOST_GROUPS`` values. Sensitive
    numbers are cut at their quartiles. A missing value is a group of its own.

    Yields:
        Column name and (n,) group names.
    """
    for column in data.schema.columns:
        values = data.features[column.name]
        few = column.type in {"category", "boolean"} or values.nunique(dropna=True) <= 2
        if few and values.nunique(dropna=True) <= MOST_GROUPS:
            yield column.name, names(values)
        elif column.sensitive and column.type in {"number", "integer"}:
            yield column.name, quarters(values, column)


def names(values: pd.Series) -> Names:
    """Each value as text, "missing" where there is none."""
    missing = values.isna().to_numpy()
    return np.where(missing, "missing", values.astype(str).to_numpy(dtype=object))


def quarters(values: pd.Series, column: Column) -> Names:
    """Which quarter of the distribution each number lies in, as text with its bounds."""
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(numbers)
    digits = 0 if column.type == "integer" else 3
    cuts = np.unique(np.round(np.quantile(numbers[known], [0.25, 0.5, 0.75]), digits)) if known.any() else np.empty(0)
    labels = [f"<= {cut:g}" for cut in cuts] + [f"> {cuts[-1]:g}" if len(cuts) else "all"]
    place = np.searchsorted(cuts, numbers, side="left")
    return np.where(known, np.array(labels, dtype=object)[np.minimum(place, len(labels) - 1)], "missing")
