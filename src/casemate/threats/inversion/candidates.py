"""The values an adversary tries in the place of a sensitive one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.data.dataset import Dataset

MOST = 8
BINS = 3


@dataclass(frozen=True)
class Candidates:
    """What a column may hold, as far as the adversary distinguishes it.

    Attributes:
        name: the column.
        values: one value a candidate, to put into rows; for binned numbers the median of the bin.
        edges: inner bounds of the bins, empty for values that are told apart exactly.
    """

    name: str
    values: tuple[Any, ...]
    edges: tuple[float, ...] = ()

    @property
    def count(self) -> int:
        """How many candidates there are."""
        return len(self.values)

    def codes(self, column: pd.Series) -> npt.NDArray[np.int64]:
        """(n,) candidate of each value; -1 where it is missing or too rare to be a candidate."""
        if self.edges:
            codes = np.searchsorted(self.edges, column.to_numpy(dtype=np.float64, na_value=np.nan), side="right")
            return np.asarray(np.where(column.isna(), -1, codes), dtype=np.int64)
        return np.asarray(pd.Index(self.values).get_indexer(pd.Index(column)), dtype=np.int64)

    def put(self, rows: Dataset, candidate: int) -> pd.DataFrame:
        """The rows' features with this candidate in the column, its type kept."""
        kind = rows.features[self.name].dtype
        column = pd.Series([self.values[candidate]] * len(rows), dtype=kind, index=rows.features.index)
        return rows.features.assign(**{self.name: column})


def candidates(rows: Dataset, name: str) -> Candidates:
    """Candidates from rows the adversary knows: the most frequent values, or three bins of a continuous number."""
    column = rows.features[name].dropna()
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > MOST:
        edges = np.unique(np.quantile(column, np.arange(1, BINS) / BINS))
        codes = np.searchsorted(edges, column.to_numpy(dtype=np.float64), side="right")
        # A value that occurs, so that integer columns stay integers.
        middle = [
            column[codes == code].quantile(0.5, interpolation="lower")
            for code in range(len(edges) + 1)
            if (codes == code).any()
        ]
        if len(middle) == len(edges) + 1:
            return Candidates(name, tuple(middle), tuple(float(edge) for edge in edges))
    return Candidates(name, tuple(column.value_counts().index[:MOST]))
