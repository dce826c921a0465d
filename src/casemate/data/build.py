"""From a table to a data set: features in the schema's order, labels as codes, whose row each one is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.errors import DataError
from casemate.data.dataset import Dataset
from casemate.data.schema import Schema


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
        DataError: columns are missing or left over, labels are missing or unknown, or there is only one class.
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
    return Dataset(
        name=name,
        features=frame[list(schema.names)].reset_index(drop=True),
        labels=codes,
        classes=found,
        schema=schema,
        subjects=None if subject is None else frame[subject].to_numpy(dtype=object),
    )


def _codes(
    labels: pd.Series, name: str, classes: Sequence[str] | None
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    if labels.isna().any():
        raise DataError(
            f"{int(labels.isna().sum())} rows of {name!r} have no label", next_step="drop those rows, or label them"
        )
    values = sorted(labels.unique().tolist())
    words = tuple(str(value) for value in values) if classes is None else tuple(classes)
    if len(words) < 2:
        raise DataError(f"{name!r} has one class only", cause=f"every label is {words[0]!r}", next_step="add others")
    unknown = sorted({str(value) for value in values} - set(words))
    if unknown:
        raise DataError(
            f"{name!r} has labels the training data do not have: {', '.join(unknown[:5])}",
            next_step="check data.target",
        )
    code = {word: at for at, word in enumerate(words)}
    return np.array([code[str(value)] for value in labels], dtype=np.int64), words
