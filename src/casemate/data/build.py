"""From a table to a data set: features in the schema's order, labels as codes, whose row each one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.errors import DataError
from casemate.data.dataset import Dataset
from casemate.data.schema import Schema
from casemate.data.validate import validate


def to_dataset(
    frame: pd.DataFrame,
    *,
    name: str,
    target: str,
    schema: Schema,
    subject: str | None = None,
    classes: Sequence[str] | None = None,
) -> Dataset:
    """Split a table into features, labels and subjects.

    Args:
        frame: (n, d) table with the schema's columns, the target and the subject.
        name: what reports call the data set.
        target: the column with the labels; numbers and text are both fine.
        schema: what the feature columns mean.
        subject: the column that says whose row it is.
        classes: the label values in order; those found, sorted, unless given.

    Raises:
        DataError: columns are missing or left over, labels are missing or unknown, there is only one
            class, or values are not what the schema says; columns and counts are named, never values.
    """
    wanted = [*schema.names, target, *([subject] if subject else [])]
    missing, extra = sorted(set(wanted) - set(frame.columns)), sorted(set(frame.columns) - set(wanted))
    if missing or extra:
        parts = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"extra: {', '.join(extra)}"] * bool(extra)
        raise DataError(
            f"the columns of {name!r} are not those of the schema",
            cause="; ".join(parts),
            next_step="drop or add those columns",
        )
    codes, found = _codes(frame[target], name, classes)
    dataset = Dataset(
        name=name,
        features=frame[list(schema.names)].reset_index(drop=True),
        labels=codes,
        classes=found,
        schema=schema,
        subjects=None if subject is None else frame[subject].to_numpy(dtype=object),
    )
    validate(dataset)
    return dataset


def _codes(
    labels: pd.Series, name: str, classes: Sequence[str] | None
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    if labels.isna().any():
        raise DataError(
            f"{int(labels.isna().sum())} rows of {name!r} have no label", next_step="drop those rows, or label them"
        )
    values = _in_order(labels.unique().tolist())
    words = tuple(map(str, values)) if classes is None else tuple(classes)
    if len(words) < 2:
        raise DataError(f"{name!r} has one class only", next_step="give rows of both")
    word = {value: _known(value, words) for value in values}
    unknown = {value for value in values if word[value] not in words}
    if unknown:
        raise DataError(
            f"{name!r} has labels the training data do not have: {len(unknown)} of them, "
            f"in {int(labels.isin(unknown).sum())} rows",
            next_step="check data.target",
        )
    code = {known: at for at, known in enumerate(words)}
    return np.array([code[word[value]] for value in labels], dtype=np.int64), words


def _in_order(values: list[Any]) -> list[Any]:
    """Sorted as values where they compare, as text where numbers and words are mixed."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=str)


def _known(value: object, words: tuple[str, ...]) -> str:
    """The class a label stands for: 1.0, read beside a missing value, is the class "1"."""
    text = str(value)
    if text not in words and isinstance(value, float | int):
        return next(
            (word for word in (str(int(value)), str(float(value))) if word in words and float(word) == value), text
        )
    return text
