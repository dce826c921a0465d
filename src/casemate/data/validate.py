"""Whether a table is what its schema says. Errors name columns and counts, never a value: values are about people."""

from __future__ import annotations

import numpy as np
import pandas as pd

from casemate.core.errors import DataError
from casemate.data.dataset import Dataset
from casemate.data.schema import Column, Schema


def validate(dataset: Dataset) -> tuple[str, ...]:
    """Check a data set against its schema, all columns at once.

    Returns:
        What is worth knowing but no error, such as numbers outside the schema's bounds.

    Raises:
        DataError: columns are missing, left over or in another order; there are fewer than two rows; labels are no
            codes of the classes; or columns hold what the schema excludes (each is named, with how many rows).
    """
    check_columns(dataset.features, dataset.schema, dataset.name)
    if len(dataset) < 2:
        raise DataError(
            f"{dataset.name!r} has {len(dataset)} row{'' if len(dataset) == 1 else 's'}",
            next_step="give at least two rows, one a class",
        )
    labels = dataset.labels
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"the labels of {dataset.name!r} are {labels.dtype} of shape {labels.shape}",
            next_step="give one integer code a row",
        )
    outside = int(np.count_nonzero((labels < 0) | (labels >= len(dataset.classes))))
    if outside:
        raise DataError(f"{outside} labels of {dataset.name!r} are no class", next_step="check the list of classes")
    return check_values(dataset.features, dataset.schema, dataset.name)


def check_columns(frame: pd.DataFrame, schema: Schema, name: str) -> None:
    """Check that a table has the schema's columns, in its order.

    Raises:
        DataError: it has not; missing and extra columns are named.
    """
    given = [str(column) for column in frame.columns]
    missing, extra = sorted(set(schema.names) - set(given)), sorted(set(given) - set(schema.names))
    parts = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"extra: {', '.join(extra)}"] * bool(extra)
    if not parts and given != list(schema.names):
        parts = ["they are in another order, or there twice"]
    if parts:
        raise DataError(
            f"the columns of {name!r} are not those of the schema",
            cause="; ".join(parts),
            next_step="drop or add those columns",
        )


def check_values(frame: pd.DataFrame, schema: Schema, name: str) -> tuple[str, ...]:
    """Check each column's values; the notes say what is unusual but allowed.

    Raises:
        DataError: some columns hold what the schema excludes.
    """
    problems: list[str] = []
    notes: list[str] = []
    for column in schema.columns:
        wrong, odd = _look(frame[column.name], column)
        problems += [f"{column.name}: {text}" for text in wrong]
        notes += [f"{name}, {column.name}: {text}" for text in odd]
    if problems:
        raise DataError(
            f"{name!r} does not fit its schema",
            cause="; ".join(problems[:20]) + (f"; and {len(problems) - 20} more" if len(problems) > 20 else ""),
            next_step="mend those rows, or the [[column]] sections of the configuration",
        )
    return tuple(notes)


def _look(values: pd.Series, column: Column) -> tuple[list[str], list[str]]:
    missing = int(values.isna().sum())
    wrong = [f"{_rows(missing)} without a value"] if missing and not column.missing else []
    present = values.dropna()
    if column.type == "category":
        unseen = int((~present.astype(str).isin(column.categories)).sum()) if column.categories else 0
        return wrong + [f"{_rows(unseen)} with a category that is not in the schema"] * bool(unseen), []
    if column.type == "date":
        bad = int(dates(present).isna().sum())
        return wrong + [f"{_rows(bad)} that are no date"] * bool(bad), []
    if not (pd.api.types.is_numeric_dtype(present) or pd.api.types.is_bool_dtype(present)):
        text = int(pd.to_numeric(present, errors="coerce").isna().sum())
        return [*wrong, f"{_rows(text)} with text where numbers belong" if text else "numbers written as text"], []
    if pd.api.types.is_complex_dtype(present):
        return [*wrong, "complex numbers"], []
    return _numbers(present.to_numpy(dtype=np.float64), column, wrong)


def _numbers(numbers: np.ndarray, column: Column, wrong: list[str]) -> tuple[list[str], list[str]]:
    infinite = int(np.isinf(numbers).sum())
    if infinite:
        wrong = [*wrong, f"{_rows(infinite)} with infinite values"]
    if column.type == "boolean":
        other = int((~np.isin(numbers, (0.0, 1.0)) & np.isfinite(numbers)).sum())
        return wrong + [f"{_rows(other)} that are neither 0 nor 1"] * bool(other), []
    odd = []
    fractions = int((np.isfinite(numbers) & (numbers % 1 != 0)).sum()) if column.type == "integer" else 0
    if fractions:
        odd.append(f"{_rows(fractions)} with fractions in a column of whole numbers")
    below = int((numbers < column.low).sum()) if column.low is not None else 0
    above = int((numbers > column.high).sum()) if column.high is not None else 0
    if below + above:
        odd.append(f"{_rows(below + above)} outside the bounds")
    return wrong, odd


def dates(values: pd.Series) -> pd.Series:
    """The values as dates (ISO 8601 text, or dates already); what is none becomes missing."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return values
    if pd.api.types.is_numeric_dtype(values):
        return pd.Series(pd.NaT, index=values.index)
    return pd.to_datetime(values.astype(str), format="ISO8601", errors="coerce", utc=True)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
