"""The rows a membership attack is about: members and strangers in one pool, and which of them can be counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.data.dataset import Dataset, concatenate
from casemate.threats.inversion.signals import Floats
from casemate.training.engagement import Engagement

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pool:
    """Members first, then nonmembers. The attack treats both alike; only the final count knows which is which.

    Attributes:
        rows: all of them.
        members: how many of the first rows were trained on.
        counted: (n,) rows whose membership is well defined: rows that occur on both sides, or whose subject does, are
            scored but not counted.
    """

    rows: Dataset
    members: int
    counted: Mask

    @property
    def inclusion(self) -> float:
        """The share of the pool that was trained on."""
        return self.members / len(self.rows)

    @property
    def excluded(self) -> int:
        """How many rows are not counted."""
        return int((~self.counted).sum())

    def sides(self, scores: Floats, among: Mask | None = None) -> tuple[Floats, Floats]:
        """Scores of the members and of the nonmembers among these rows (those counted, by default)."""
        chosen = self.counted if among is None else among
        return scores[: self.members][chosen[: self.members]], scores[self.members :][chosen[self.members :]]


def pool(engagement: Engagement) -> Pool:
    """Put members and nonmembers together, marking those that stand on both sides."""
    rows = concatenate(engagement.members, engagement.nonmembers, "pool")
    members = len(engagement.members)
    keys = pd.util.hash_pandas_object(rows.features, index=False).to_numpy() ^ _spread(rows.labels)
    counted = ~_on_both_sides(keys, members)
    if rows.subjects is not None:
        counted &= ~_on_both_sides(pd.factorize(rows.subjects)[0], members)
    return Pool(rows, members, counted)


def _spread(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    return pd.util.hash_array(labels)


def _on_both_sides(keys: npt.NDArray[np.uint64] | npt.NDArray[np.intp], members: int) -> Mask:
    return np.isin(keys, np.intersect1d(keys[:members], keys[members:]))
