"""Rows with labels: tensors of one shape, or a table with its schema and, if rows are about people, whose they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.digests import Digest
from casemate.core.errors import DataError
from casemate.data.schema import Schema

Rows = npt.NDArray[np.intp] | npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """Features, labels as class codes, and what is known about both.

    Attributes:
        name: what the report calls it.
        features: (n, d) data frame whose columns are the schema's, in its order; of tensors, a flattened one a row.
        labels: (n,) int64 codes into ``classes``.
        classes: the label values, as text.
        schema: what the columns mean; empty for tensors.
        subjects: (n,) whose row each one is, or None where rows are not about people.
        shape: of one tensor, for example (1, 28, 28); None for a table.
    """

    name: str
    features: pd.DataFrame
    labels: Codes
    classes: tuple[str, ...]
    schema: Schema
    subjects: npt.NDArray[np.object_] | None = None
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.features) != len(self.labels):
            raise DataError(
                f"data set {self.name!r} has {len(self.features)} rows but {len(self.labels)} labels",
                next_step="give one label a row",
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Rows, name: str | None = None) -> Dataset:
        """The rows at these positions (or where this mask is true), in this order."""
        chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(
            self,
            name=name or self.name,
            features=self.features.iloc[chosen].reset_index(drop=True),
            labels=self.labels[chosen],
            subjects=None if self.subjects is None else self.subjects[chosen],
        )

    def relabel(self, labels: Codes) -> Dataset:
        """The same rows with other labels."""
        return replace(self, labels=labels)

    @property
    def tensors(self) -> npt.NDArray[np.float32]:
        """(n, *shape) float32.

        Raises:
            DataError: this is a table.
        """
        if self.shape is None:
            raise DataError(f"data set {self.name!r} is a table", next_step="give a .npz file of inputs and labels")
        return np.ascontiguousarray(self.features.to_numpy(dtype=np.float32)).reshape(len(self), *self.shape)

    @cached_property
    def digest(self) -> Digest:
        """Digest of schema or shape, values and labels, row by row in order."""
        state = hashlib.sha256(self.schema.digest.hex.encode())
        if self.shape is None:
            for name in self.features.columns:
                for part in _content(self.features[name]):
                    state.update(part)
        else:
            state.update(repr(self.shape).encode())
            state.update(np.ascontiguousarray(self.tensors, dtype="<f4").data)
        state.update(np.ascontiguousarray(self.labels, dtype="<i8").data)
        return Digest(state.hexdigest())


def _content(values: pd.Series) -> tuple[bytes, ...]:
    """A column's values as bytes that no other column has: numbers as they lie in memory, text with its lengths."""
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_integer_dtype(values):
        missing = values.isna().to_numpy()
        return b"i", np.asarray(values.fillna(0) if missing.any() else values, dtype="<i8").tobytes(), missing.tobytes()
    if pd.api.types.is_float_dtype(values):
        numbers = values.to_numpy(dtype="<f8", na_value=np.nan)
        return b"f", np.where(np.isnan(numbers), np.nan, numbers).tobytes()
    texts = [None if missing else str(value).encode() for value, missing in zip(values, values.isna(), strict=True)]
    lengths = np.array([-1 if text is None else len(text) for text in texts], dtype="<i8")
    return b"t", lengths.tobytes(), b"".join(text for text in texts if text is not None)


def concatenate(first: Dataset, second: Dataset, name: str) -> Dataset:
    """Put the rows of one data set under those of another with the same schema."""
    if first.schema.names != second.schema.names or first.classes != second.classes:
        raise DataError("the two data sets have different columns or classes", next_step="read them with one schema")
    subjects = None
    if first.subjects is not None and second.subjects is not None:
        subjects = np.concatenate([first.subjects, second.subjects])
    return replace(
        first,
        name=name,
        features=pd.concat([first.features, second.features], ignore_index=True),
        labels=np.concatenate([first.labels, second.labels]),
        subjects=subjects,
    )
