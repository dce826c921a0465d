"""Rows and people that stand on both sides of a split, where a claim about membership needs them on one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.data.dataset import Dataset


def duplicates_across(members: Dataset, nonmembers: Dataset) -> npt.NDArray[np.bool_]:
    """Which nonmember rows repeat a member row, or belong to a subject with a member row: (len(nonmembers),) bool."""
    seen = pd.util.hash_pandas_object(members.features.astype("str"), index=False).to_numpy()
    asked = pd.util.hash_pandas_object(nonmembers.features.astype("str"), index=False).to_numpy()
    twice = np.isin(asked, seen)
    if members.subjects is not None and nonmembers.subjects is not None:
        people = {str(subject) for subject in members.subjects}
        twice |= np.array([str(subject) in people for subject in nonmembers.subjects], dtype=bool)
    return np.asarray(twice, dtype=bool)
