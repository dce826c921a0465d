"""A schema from looking at a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from casemate.data.schema import Column, ColumnType, Schema
from casemate.data.validate import dates

_DATE = r"\d{4}-\d{2}-\d{2}(?:[T ][\d:.]+(?:Z|[+-][\d:]+)?)?"


def infer_schema(frame: pd.DataFrame) -> Schema:
    """What the columns seem to hold; meant to be shown and mended.

    Numbers that are all whole become integers; two-valued numbers and booleans become booleans; text becomes a category
    whose values are those seen, or a date if all of it is in ISO 8601. Bounds are those seen.
    """
    return Schema(tuple(_column(name, frame[name]) for name in frame.columns))


def _column(name: str, values: pd.Series) -> Column:
    present = values.dropna()
    missing = len(present) < len(values)
    if _looks_like_dates(values, present):
        return Column(name=name, type="date", missing=missing)
    if isinstance(values.dtype, pd.CategoricalDtype) or not (
        pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)
    ):
        seen = tuple(sorted({str(value) for value in present}))
        return Column(name=name, type="category", categories=seen, missing=missing)
    numbers = present.astype("float64")
    numbers = numbers[np.isfinite(numbers)]
    low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (None, None)
    return Column(name=name, type=_number_type(values, numbers), low=low, high=high, missing=missing)


def _looks_like_dates(values: pd.Series, present: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(values):
        return True
    if isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_numeric_dtype(values) or present.empty:
        return False
    return bool(present.astype(str).str.fullmatch(_DATE).all() and dates(present).notna().all())


def _number_type(values: pd.Series, numbers: pd.Series) -> ColumnType:
    if pd.api.types.is_bool_dtype(values) or set(numbers.unique()) <= {0.0, 1.0}:
        return "boolean"
    return "integer" if (numbers % 1 == 0).all() else "number"
