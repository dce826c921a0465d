"""Each bad input gives one clear error: exit code 3, columns and counts, a next step, and nobody's values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.core.errors import DataError
from casemate.data import Column, Dataset, Schema, infer_schema, read_frame, to_dataset, validate

TRAIN = pd.DataFrame(
    {
        "age": [61, 45, 70, 52],
        "dose": [0.5, 1.25, np.nan, 2.0],
        "sex": ["f", "m", "m", "f"],
        "smoker": [0, 1, 1, 0],
        "seen": ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"],
        "dead": [0, 1, 0, 1],
        "patient": ["p1", "p2", "p3", "p4"],
    }
)
SCHEMA = infer_schema(TRAIN.drop(columns=["dead", "patient"]))


def build(frame: pd.DataFrame, **more: object) -> Dataset:
    return to_dataset(frame, name="ward", target="dead", schema=SCHEMA, subject="patient", **more)  # type: ignore[arg-type]


def changed(column: str, value: object) -> pd.DataFrame:
    frame = TRAIN.astype({column: object})
    frame.loc[1, column] = value
    return frame


def test_the_table_itself_is_fine() -> None:
    data = build(TRAIN)
    assert validate(data) == ()
    assert data.labels.tolist() == [0, 1, 0, 1]
    assert [column.type for column in SCHEMA.columns] == ["integer", "number", "category", "boolean", "date"]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (TRAIN.drop(columns=["age", "sex"]), ["missing: age, sex"]),
        (TRAIN.assign(shoe=41), ["extra: shoe"]),
        (changed("age", None).astype({"age": float}), ["age: 1 row without a value"]),
        (TRAIN.assign(dose=[np.inf, -np.inf, 1, 2]), ["dose: 2 rows with infinite values"]),
        (changed("dose", "SECRET"), ["dose: 1 row with text where numbers belong"]),
        (TRAIN.astype({"age": str}), ["age: numbers written as text"]),
        (TRAIN.assign(age=TRAIN["age"] + 1j), ["age: complex numbers"]),
        (changed("sex", "SECRET"), ["sex: 1 row with a category that is not in the schema"]),
        (changed("smoker", 2).astype({"smoker": int}), ["smoker: 1 row that are neither 0 nor 1"]),
        (changed("seen", "SECRET"), ["seen: 1 row that are no date"]),
        (changed("dead", None), ["1 rows of 'ward' have no label"]),
        (TRAIN.assign(dead="SECRET"), ["one class only"]),
        (TRAIN.iloc[:1], ["one class only"]),
        (TRAIN.iloc[:0], ["one class only"]),
        (changed("sex", "SECRET").assign(age=np.nan), ["age: 4 rows without a value", "sex: 1 row"]),
    ],
)
def test_a_bad_table_is_refused(frame: pd.DataFrame, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        build(frame)

    assert caught.value.exit_code == 3
    assert caught.value.next_step
    for word in words:
        assert word in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_one_row_and_unknown_labels_of_a_holdout_are_refused() -> None:
    with pytest.raises(DataError, match="has 1 row") as caught:
        build(TRAIN.iloc[:1], classes=("0", "1"))
    assert caught.value.exit_code == 3
    with pytest.raises(DataError, match="1 of them, in 1 rows") as caught:
        build(changed("dead", "SECRET"), classes=("0", "1"))
    assert "SECRET" not in str(caught.value)


def test_labels_as_words_become_codes_and_the_words_are_kept() -> None:
    data = build(TRAIN.assign(dead=["no", "yes", "no", "yes"]))
    assert data.labels.tolist() == [0, 1, 0, 1]
    assert data.classes == ("no", "yes")
    later = build(TRAIN.assign(dead=[1.0, 0.0, 1.0, 1.0]), classes=("0", "1"))
    assert later.labels.tolist() == [1, 0, 1, 1]


def test_wrong_shapes_and_codes_are_refused() -> None:
    good = build(TRAIN)
    with pytest.raises(DataError, match="4 rows but 3 labels"):
        Dataset("ward", good.features, good.labels[:3], good.classes, SCHEMA)
    for labels, word in (
        (good.labels.reshape(4, 1), "shape"),
        (good.labels * 1.5, "float64"),
        (good.labels + 1, "2 labels"),
    ):
        with pytest.raises(DataError, match=word):
            validate(Dataset("ward", good.features, labels, good.classes, SCHEMA))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="another order"):
        validate(Dataset("ward", good.features[list(SCHEMA.names)[::-1]], good.labels, good.classes, SCHEMA))


def test_what_is_unusual_but_possible_is_a_note() -> None:
    data = build(TRAIN.assign(age=[61.5, 45, 70, 99]))
    assert validate(data) == (
        "ward, age: 1 row with fractions in a column of whole numbers",
        "ward, age: 1 row outside the bounds",
    )


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", None, "there is no file none.csv"),
        ("empty.csv", b"", "cannot be read"),
        ("header.csv", b"a,b\n", "has no rows"),
        ("torn.csv", b'a,b\n1,"2', "cannot be read"),
        ("latin.csv", b"a,b\n\xff\xfe,2\n", "cannot be read"),
        ("twice.csv", b"a,a\n1,2\n", ""),
        ("table.xlsx", b"PK", "no table that casemate reads"),
        ("empty.npz", b"", "cannot be read"),
        ("torn.npz", b"PK\x03\x04xx", "cannot be read"),
        ("torn.parquet", b"PAR1", "cannot be read"),
    ],
)
def test_a_file_that_is_no_table(name: str, content: bytes | None, words: str, tmp_path: Path) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    if not words:
        assert list(read_frame(path).columns) == ["a", "a.1"]  # pandas tells them apart
        return
    with pytest.raises(DataError, match=words) as caught:
        read_frame(path)
    assert caught.value.exit_code == 3
    assert caught.value.next_step


def test_npz_reads_vectors_and_matrices_and_never_objects(tmp_path: Path) -> None:
    path = tmp_path / "table.npz"
    np.savez(path, x=np.arange(6.0).reshape(3, 2), y=[0, 1, 0])
    assert list(read_frame(path).columns) == ["x0", "x1", "y"]
    for arrays, words in (
        ({"x": np.array([None, 1], object)}, "cannot be read"),
        ({"x": np.zeros((2, 2, 2))}, "3 dimensions"),
        ({"x": np.zeros(())}, "0 dimensions"),
        ({"x": np.zeros(2), "y": np.zeros(3)}, "different lengths"),
    ):
        np.savez(path, **arrays)  # type: ignore[arg-type]
        with pytest.raises(DataError, match=words):
            read_frame(path)
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "one.npy").rename(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_frame(path)


def test_parquet_and_csv_give_the_same_data(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    TRAIN.to_parquet(tmp_path / "t.parquet")
    TRAIN.to_csv(tmp_path / "t.csv", index=False)
    assert build(read_frame(tmp_path / "t.parquet")).digest == build(read_frame(tmp_path / "t.csv")).digest


@pytest.mark.parametrize("ending", ["csv", "npz", "parquet"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=200), at=st.integers(0, 3000), flip=st.integers(1, 255))
def test_any_bytes_are_a_table_or_a_data_error(
    ending: str, content: bytes, at: int, flip: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{ending}"
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    if at % 2:
        frame = TRAIN[["age", "dose"]]
        if ending == "csv":
            frame.to_csv(path)
        elif ending == "npz":
            np.savez_compressed(path, **{name: frame[name].to_numpy() for name in frame})
        else:
            frame.to_parquet(path)
        data = bytearray(path.read_bytes())
        data[at % len(data)] ^= flip
        content = bytes(data)
    path.write_bytes(content)
    try:
        frame = read_frame(path)
    except DataError:
        return
    assert len(frame) > 0


def test_a_schema_is_a_list_of_columns() -> None:
    with pytest.raises(KeyError):
        Schema((Column(name="a", type="number"),)).edit({}, sensitive=["b"])
