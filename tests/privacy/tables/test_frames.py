"""Tables from files: numbers only where nothing is lost, errors that name no value."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import DataError, UsageError
from casemate.privacy.tables import Anonymizer, KAnonymity
from casemate.privacy.tables.frames import read_table, to_pandas, write_table


def test_codes_keep_their_zeros_and_numbers_are_numbers(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("zip;age;bmi;id;on\n01067;30;21.5;12345678901234567890;2026-01-05\n80331;41;19;2;\n", "utf-8")
    frame = read_table(path, ";")
    assert frame["zip"].tolist() == ["01067", "80331"]
    assert frame["age"].dtype == "int64"
    assert frame["bmi"].tolist() == [21.5, 19.0]
    assert frame["id"].tolist() == ["12345678901234567890", "2"]
    assert frame["on"].isna().tolist() == [False, True]


def test_whole_numbers_with_gaps_stay_whole(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("age,sex\n30,f\n,m\n", "utf-8")
    assert str(read_table(path)["age"].dtype) == "Int64"
    assert write_table(read_table(path), ".csv") == b"age,sex\n30,f\n,m\n"


def test_parquet_goes_in_and_out(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_bytes(write_table(pd.DataFrame({"age": [1, 2]}), ".parquet"))
    assert read_table(path)["age"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "cannot be read"), (b"a,b\n", "no rows"), (b"a,a\n1,2\n", "twice"), (b"a\n\xff\xfe\n", "cannot be read")],
)
def test_what_is_no_table_is_refused(tmp_path, content, told):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=told):
        read_table(path)
    with pytest.raises(DataError, match="no file"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="no table that is read here"):
        read_table(tmp_path / "t.xlsx")
    with pytest.raises(UsageError, match="no ending of a table"):
        write_table(pd.DataFrame({"a": [1]}), ".xlsx")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_an_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "t.csv"
    path.write_bytes(content)
    try:
        frame = read_table(path)
    except DataError:
        return
    assert len(frame)


def test_frames_of_polars_are_taken():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"age": [1, 2]})
    assert to_pandas(frame)["age"].tolist() == [1, 2]
    assert to_pandas(frame.lazy())["age"].tolist() == [1, 2]


def test_what_is_no_frame_is_refused():
    with pytest.raises(UsageError, match="a list is no table"):
        to_pandas([1, 2])


def test_a_frame_of_polars_is_generalized():
    polars = pytest.importorskip("polars")
    release = Anonymizer([KAnonymity(2)]).release(polars.DataFrame({"age": [21, 22, 53, 54]}), ["age"])
    assert sorted(release.table["age"]) == ["20-23", "20-23", "52-55", "52-55"]
