"""Encoding by declarations alone: nothing of the data moves anything, and what is not declared is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from casemate.core.errors import DataError, UsageError
from casemate.data.schema import Column, Schema
from casemate.privacy.dp.encoder import PublicEncoder, columns_of

SCHEMA = Schema(
    (
        Column(name="age", type="integer", low=20, high=70, missing=True),
        Column(name="smokes", type="boolean"),
        Column(name="ward", type="category", categories=("a", "b")),
        Column(name="constant", type="number", low=3, high=3),
    )
)


def table(**changed: list[object]) -> pd.DataFrame:
    whole = {"age": [20, 45, None], "smokes": [True, False, True], "ward": ["a", "b", "z"], "constant": [3.0] * 3}
    return pd.DataFrame({**whole, **changed})


def test_numbers_categories_and_what_is_missing_or_unknown() -> None:
    made = PublicEncoder(columns_of(SCHEMA)).fit_transform(table())
    assert made.tolist() == [[0, 0, 1, 1, 0, 0], [0.5, 0, 0, 0, 1, 0], [0.5, 1, 1, 0, 0, 0]]


def test_a_row_is_encoded_the_same_whatever_stands_beside_it() -> None:
    encoder = PublicEncoder(columns_of(SCHEMA))
    alone = encoder.fit(table()).transform(table().iloc[[1]])
    beside = encoder.fit(table(age=[1e9, 45, -1e9])).transform(table(age=[1e9, 45, -1e9]))
    assert (beside[1] == alone[0]).all()
    assert beside.min() >= 0
    assert beside.max() <= 1


@pytest.mark.parametrize(
    "column",
    [
        Column(name="x", type="number", low=0.0),
        Column(name="x", type="integer"),
        Column(name="x", type="category"),
        Column(name="x", type="date"),
    ],
)
def test_columns_whose_code_is_not_declared_are_refused(column: Column) -> None:
    with pytest.raises(UsageError, match="'x'"):
        columns_of(Schema((column,)))


def test_tables_that_do_not_fit_are_refused_without_showing_a_value() -> None:
    encoder = PublicEncoder(columns_of(SCHEMA))
    with pytest.raises(DataError, match="lacks 1 columns"):
        encoder.transform(table().drop(columns=["ward"]))
    with pytest.raises(DataError, match="text") as said:
        encoder.transform(table(age=["20", "secret", "3"]))
    assert "secret" not in str(said.value)
    assert np.isfinite(encoder.transform(table())).all()
