"""A schema from looking at a table."""

from __future__ import annotations

import pandas as pd

from casemate.data.schema import Column, ColumnType, Schema


def infer_schema(frame: pd.DataFrame) -> Schema:
    """What the columns seem to hold; meant to be shown and mended.

    Numbers that are all whole become integers; two-valued numbers and booleans become booleans; text becomes a category
    whose values are those seen. Bounds are those seen.
    """
    return Schema(tuple(_column(name, frame[name]) for name in frame.columns))


def _column(name: str, values: pd.Series) -> Column:
    present = values.dropna()
    missing = len(present) < len(values)
    if isinstance(values.dtype, pd.CategoricalDtype) or not (
        pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values)
    ):
        seen = tuple(sorted({str(value) for value in present}))
        return Column(name=name, type="category", categories=seen, missing=missing)
    if pd.api.types.is_datetime64_any_dtype(values):
        return Column(name=name, type="date", missing=missing)
    numbers = present.astype("float64")
    low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (None, None)
    return Column(name=name, type=_number_type(values, numbers), low=low, high=high, missing=missing)


def _number_type(values: pd.Series, numbers: pd.Series) -> ColumnType:
    if pd.api.types.is_bool_dtype(values) or set(numbers.unique()) <= {0.0, 1.0}:
        return "boolean"
    return "integer" if (numbers % 1 == 0).all() else "number"
