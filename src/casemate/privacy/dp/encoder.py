"""Rows of a table as numbers between 0 and 1, by what a schema declares and by nothing that the data say."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from casemate.core.errors import DataError, UsageError
from casemate.data.schema import Column, Schema

Floats = npt.NDArray[np.float64]


class PublicEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Numbers scaled by declared bounds, categories as one column each of those that are declared.

    A missing number stands in the middle and sets a column of its own; an unknown category sets none. Nothing is
    learned from rows, so that fitting spends no privacy; bounds and categories must be public.

    Args:
        columns: one (name, kind, low, high, categories, missing) a column, as `columns_of` makes them.

    Raises:
        DataError: a column is not there, or holds text where numbers belong.

    Example:
        >>> schema = Schema((Column(name="age", type="integer", low=0, high=100),))
        >>> PublicEncoder(columns_of(schema)).transform(pd.DataFrame({"age": [25]}))
        array([[0.25]])
    """

    def __init__(self, columns: tuple[tuple[Any, ...], ...] = ()) -> None:
        self.columns = columns

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Nothing is learned."""
        return self

    def transform(self, X: pd.DataFrame) -> Floats:
        """(n, width) numbers within 0 and 1."""
        lacking = [name for name, *_ in self.columns if name not in X.columns]
        if lacking:
            raise DataError(
                f"the table lacks {len(lacking)} columns of the schema: {', '.join(lacking[:5])}",
                next_step="give the columns that the model was trained on",
            )
        parts = [part for column in self.columns for part in _coded(X[column[0]], *column[1:])]
        return np.hstack(parts) if parts else np.zeros((len(X), 0))

    @property
    def width(self) -> int:
        """Numbers a row becomes."""
        return sum(
            len(categories) if kind == "category" else 1 + missing
            for _, kind, _, _, categories, missing in self.columns
        )

    def __sklearn_is_fitted__(self) -> bool:
        return True


def columns_of(schema: Schema) -> tuple[tuple[Any, ...], ...]:
    """What `PublicEncoder` needs of a schema, in plain values that a saved model can hold.

    Raises:
        UsageError: a column cannot be encoded without looking at the data; see `refusal`.
    """
    refused = [reason for column in schema.columns if (reason := refusal(column))]
    if refused:
        raise UsageError(refused[0], next_step="declare it in a [[column]] section, or leave the column out")
    return tuple(
        (each.name, each.type, each.low, each.high, tuple(each.categories), each.missing) for each in schema.columns
    )


def refusal(column: Column) -> str:
    """Why a column cannot be encoded by its declaration alone, or ""."""
    if column.type == "date":
        return f"column {column.name!r} is a date, and dates have no public bounds"
    if column.type == "category" and not column.categories:
        return f"column {column.name!r} declares no categories"
    if column.type in ("number", "integer") and (column.low is None or column.high is None):
        return f"column {column.name!r} declares no bounds"
    return ""


def _coded(
    values: pd.Series, kind: str, low: float, high: float, categories: tuple[str, ...], missing: bool
) -> list[Floats]:
    if kind == "category":
        return [(values.astype(str).to_numpy()[:, None] == np.array(categories)[None]).astype(np.float64)]
    try:
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"column {values.name!r} holds text where numbers belong", next_step="clean the column, or declare it"
        ) from error
    low, high = (0.0, 1.0) if kind == "boolean" else (low, high)
    absent = np.isnan(numbers)
    scaled = (np.where(absent, (low + high) / 2, numbers).clip(low, high) - low) / ((high - low) or 1.0)
    return [scaled[:, None], absent[:, None].astype(np.float64)] if missing else [scaled[:, None]]
