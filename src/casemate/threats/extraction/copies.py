"""What a thief walks away with: a copy that answers like the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax

from casemate.threats.extraction.affine import Affine
from casemate.threats.extraction.space import InputSpace

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


class Copy(Protocol):
    """A stolen model."""

    @property
    def queries(self) -> int:
        """Rows the target was asked about to make it."""

    def labels(self, rows: pd.DataFrame) -> Codes:
        """(n,) codes of the classes the copy predicts."""


@dataclass(frozen=True)
class AffineCopy:
    """A stolen linear model.

    Attributes:
        space: the encoding in which its logits are affine.
        map: the coefficients.
        queries: rows the target was asked about.
        residual: largest gap between the copy's logits and exact answers on rows kept for checking; None where there
            were none. A gap that is not tiny says that the target is not affine in this encoding.
    """

    space: InputSpace
    map: Affine
    queries: int
    residual: float | None = None

    def scores(self, rows: pd.DataFrame) -> Floats:
        """(n, classes) probabilities."""
        return np.asarray(softmax(self.map.logits(self.space.encode(self.space.read(rows))), axis=1))

    def labels(self, rows: pd.DataFrame) -> Codes:
        """(n,) codes of the classes the copy predicts."""
        return np.asarray(self.map.logits(self.space.encode(self.space.read(rows))).argmax(axis=1), dtype=np.int64)

    def _repr_html_(self) -> str:
        return (
            f"<table><tr><th>stolen linear model</th><td>{self.map.weights.size - self.map.weights.shape[1]} "
            f"coefficients</td></tr><tr><th>queries</th><td>{self.queries:,}</td></tr></table>"
        )
