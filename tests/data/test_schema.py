"""Schemas survive being shown and mended; duplicates and digests do not depend on how a table was read."""

from __future__ import annotations

import tomllib

import msgspec
import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.data import Column, Dataset, Schema, duplicates_across, duplicates_within, infer_schema

TEXT = st.text(max_size=8)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.builds(
            Column,
            name=TEXT,
            type=st.sampled_from(["number", "integer", "boolean", "category", "date"]),
            low=st.none() | st.floats(allow_nan=False, allow_infinity=False),
            high=st.none() | st.floats(allow_nan=False, allow_infinity=False),
            categories=st.lists(TEXT, max_size=3).map(tuple),
            missing=st.booleans(),
            immutable=st.booleans(),
            depends_on=st.lists(TEXT, max_size=2).map(tuple),
            sensitive=st.booleans(),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_toml_gives_back_the_same_columns(columns: list[Column]) -> None:
    schema = Schema(tuple(columns))
    again = msgspec.convert(tomllib.loads(schema.to_toml())["column"], list[Column])
    assert again == columns
    assert len(schema.describe().split("\n")) >= 1 + len(columns)


def test_inference_of_every_type() -> None:
    frame = pd.DataFrame(
        {
            "n": [0.5, None, 2],
            "i": [1, 2, 5],
            "b": [True, False, True],
            "z": [0, 1, 1],
            "c": ["x", None, "y"],
            "k": pd.Categorical(["u", "v", "u"]),
            "d": pd.to_datetime(["2020-01-01"] * 3),
            "t": ["2020-01-01", "2020-01-02T10:00:00Z", None],
            "e": [np.nan] * 3,
        }
    )
    columns = {column.name: column for column in infer_schema(frame).columns}
    assert {name: column.type for name, column in columns.items()} == {
        "n": "number",
        "i": "integer",
        "b": "boolean",
        "z": "boolean",
        "c": "category",
        "k": "category",
        "d": "date",
        "t": "date",
        "e": "boolean",
    }
    assert (columns["n"].low, columns["n"].high, columns["n"].missing) == (0.5, 2.0, True)
    assert columns["c"].categories == ("x", "y")
    assert not columns["i"].missing


def data(frame: pd.DataFrame, subjects: list[object] | None = None) -> Dataset:
    people = None if subjects is None else np.array(subjects, dtype=object)
    return Dataset("d", frame, np.zeros(len(frame), np.int64), ("0", "1"), infer_schema(frame), people)


def test_rows_are_the_same_however_their_numbers_were_read() -> None:
    members = data(pd.DataFrame({"a": [61.0, np.nan, -0.0], "s": ["x", "y", None]}))
    strangers = data(pd.DataFrame({"a": [61, 7, 0], "s": pd.Categorical(["x", "y", None])}))
    assert duplicates_across(members, strangers).tolist() == [True, False, True]
    assert duplicates_within(data(pd.DataFrame({"a": [1, 2, 1]}))).tolist() == [False, False, True]


def test_people_are_compared_and_the_unnamed_are_nobody_twice() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3]})
    other = pd.DataFrame({"a": [4, 5, 6]})
    assert duplicates_across(data(frame, [7, None, "q"]), data(other, [7.0, None, "r"])).tolist() == [
        True,
        False,
        False,
    ]


def test_the_digest_sees_every_value_and_its_place() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan], "s": ["ab", "c"], "n": [1, 2]})
    schema = infer_schema(frame)

    def digest(frame: pd.DataFrame) -> str:
        return Dataset("d", frame, np.zeros(2, np.int64), ("0", "1"), schema).digest.hex

    base = digest(frame)
    assert digest(frame.copy()) == base
    assert digest(frame.assign(s=pd.Categorical(frame["s"]))) == base
    for changed in (
        frame.assign(a=[np.nan, 1.0]),
        frame.assign(s=["a", "bc"]),
        frame.assign(s=["ab", None]),
        frame.assign(n=[1, 3]),
        frame.iloc[::-1],
    ):
        assert digest(changed) != base
    assert data(frame).take(np.array([0, 1])).digest == data(frame).digest
