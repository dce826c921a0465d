"""Rows and people that stand on both sides of a split, where a claim about membership needs them on one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.data.dataset import Dataset

Mask = npt.NDArray[np.bool_]


def duplicates_across(members: Dataset, nonmembers: Dataset) -> Mask:
    """Which nonmember rows repeat a member row, or belong to a subject with a member row: (len(nonmembers),) bool.

    Numbers are compared as numbers: 61 read as an integer equals 61.0 read beside missing values. Two people without an
    identifier are not the same person. Labels do not count: a row relabeled is the row.
    """
    twice = np.isin(_rows(nonmembers), _rows(members))
    if members.subjects is not None and nonmembers.subjects is not None:
        people = set(_people(members.subjects)) - {None}
        twice |= np.array([subject in people for subject in _people(nonmembers.subjects)], dtype=bool)
    return np.asarray(twice, dtype=bool)


def duplicates_within(dataset: Dataset) -> Mask:
    """Which rows repeat an earlier row of the same data set: (n,) bool."""
    return np.asarray(pd.Series(_rows(dataset)).duplicated().to_numpy(), dtype=bool)


def _rows(dataset: Dataset) -> npt.NDArray[np.uint64]:
    columns = {column.name: comparable(dataset.features[column.name]) for column in dataset.schema.columns}
    frame = pd.DataFrame(columns, index=dataset.features.index)
    return np.asarray(pd.util.hash_pandas_object(frame, index=False).to_numpy(), dtype=np.uint64)


def comparable(values: pd.Series) -> pd.Series:
    """A column as plain numbers or plain text, so that equal values have equal bytes however they were read."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return pd.Series(values.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0, index=values.index)  # -0.0 is 0.0
    return values.astype(object).map(str, na_action="ignore")


def _people(subjects: npt.NDArray[np.object_]) -> list[str | None]:
    return [None if pd.isna(subject) else _identifier(subject) for subject in subjects]


def _identifier(subject: object) -> str:
    return str(int(subject)) if isinstance(subject, float) and subject.is_integer() else str(subject)
