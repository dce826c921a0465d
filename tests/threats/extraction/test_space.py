"""The input space: what is typed stays inside the schema, and what is encoded spans every dimension."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import DataError
from casemate.data.schema import Column, Schema
from casemate.threats.extraction.space import InputSpace
from tests.threats.extraction.scene import linear

SCHEMA = Schema(
    (
        Column(name="age", type="integer", low=18, high=90),
        Column(name="dose", type="number", low=0.5, high=2.0, missing=True),
        Column(name="smokes", type="boolean"),
        Column(name="ward", type="category", categories=("a", "b", "c"), missing=True),
        Column(name="site", type="integer", low=3, high=3),
    )
)


def test_width_counts_what_can_vary() -> None:
    assert InputSpace.of(SCHEMA).width == 1 + 2 + 1 + 3 + 0


def test_moves_span_all_dimensions() -> None:
    space = InputSpace.of(SCHEMA)
    moves = space.moves()
    values = np.tile(space.center, (len(moves) + 1, 1))
    for place, (column, value) in enumerate(moves, start=1):
        values[place, column] = value
    design = np.column_stack([np.ones(len(values)), space.encode(values)])
    assert design.shape == (space.width + 1, space.width + 1)
    assert np.linalg.matrix_rank(design) == space.width + 1


@given(seed=st.integers(0, 2**32 - 1), own=st.booleans(), wide=st.booleans())
def test_every_query_could_be_typed(seed: int, own: bool, wide: bool) -> None:
    mine = pd.DataFrame(
        {"age": [20, 60], "dose": [1.0, np.nan], "smokes": [True, False], "ward": ["c", np.nan], "site": [3, 3]}
    )
    space = InputSpace.of(SCHEMA, mine if own else None)
    rng = np.random.default_rng(seed)
    frame = space.frame(space.corners(30, rng) if wide else space.sample(30, rng))
    assert list(frame) == list(SCHEMA.names)
    assert frame["age"].between(18, 90).all()
    assert (frame["age"] % 1 == 0).all()
    assert frame["dose"].dropna().between(0.5, 2.0).all()
    assert set(frame["smokes"]) <= {True, False}
    assert set(frame["ward"].dropna()) <= {"a", "b", "c"}
    assert (frame["site"] == 3).all()


def test_reading_is_the_inverse_of_framing() -> None:
    rows = linear().nonmembers.features
    space = InputSpace.of(linear().nonmembers.schema, rows)
    pd.testing.assert_frame_equal(space.frame(space.read(rows)), rows)


def test_dates_are_days() -> None:
    own = pd.DataFrame({"seen": pd.to_datetime(["2020-01-01", "2020-01-11", "2020-01-31"])})
    space = InputSpace.of(Schema((Column(name="seen", type="date"),)), own)
    pd.testing.assert_frame_equal(space.frame(space.read(own)), own)


def test_rows_without_a_column_are_refused() -> None:
    with pytest.raises(DataError, match="lack columns"):
        InputSpace.of(SCHEMA, pd.DataFrame({"age": [1]}))
