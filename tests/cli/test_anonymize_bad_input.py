"""Tables and hierarchies that people really have: an answer, or what is wrong and the next step; never a traceback."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.cli.app import run

CELLS = st.one_of(
    st.integers(-5, 5).map(str),
    st.sampled_from(["", "a", "b", "1.5", "2020-01-01", "0017", "nan", "x;y", '"', "*", "-3--1", "1e400", "\u00e9"]),
)


@st.composite
def tables(draw: st.DrawFn) -> str:
    columns = draw(st.integers(1, 4))
    head = [f"c{at}" for at in range(columns)]
    rows = draw(st.lists(st.lists(CELLS, min_size=columns, max_size=columns), min_size=1, max_size=30))
    return pd.DataFrame(rows, columns=head).to_csv(index=False)


@settings(max_examples=12, deadline=None)
@given(tables(), st.sampled_from([[], ["--method", "mondrian"], ["--synthetic"], ["--k", "2", "--limit", "1"]]))
def test_any_table_is_released_or_refused_with_a_reason(tmp_path_factory, content, words) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "t.csv").write_text(content, "utf-8")
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(["anonymize", str(folder / "t.csv"), "--victims", "20", *words])
    assert code in (0, 1, 2, 3)
    if code == 3:
        assert err.getvalue().startswith("error:")
        assert "Traceback" not in err.getvalue()
        assert list(folder.iterdir()) == [folder / "t.csv"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [{"age": 20 + at, "zip": f"{at:05}", "ward": "ABC"[at % 3]} for at in range(60)]
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def test_rows_that_are_all_unique_are_generalized_until_they_are_not(table, capsys) -> None:
    assert run(["anonymize", str(table), "--quasi", "zip", "--k", "5", "--no-attack"]) == 0
    made = pd.read_csv(table.with_name("t.released.csv"), dtype=str)
    assert made.groupby(list(made.columns)).size().min() >= 5
    assert "alone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("A;x;*\nB;x;*\n", "20 cells of column 'ward' are not in its hierarchy, the first in row 3"),
        ("A;x;A\nB;x;A\nC;x;A\n", "go in a circle"),
        ("A;x;y\nB;y;x\nC;x;y\n", "go in a circle"),
        ("A;x;*\nB;x;+\nC;y;*\n", "share their label at level 1, not at level 2"),
        ("A;x;*\nB;x\nC;y;*\n", "row 2 has 2 columns"),
        ("A;x;*\nA;x;*\nC;y;*\n", "gives the value of row 1 again"),
        ("", "it has no rows"),
    ],
)
def test_hierarchies_that_are_none_name_the_row_and_write_nothing(rows, told, table, tmp_path, capsys) -> None:
    (tmp_path / "ward.csv").write_text(rows, "utf-8")
    words = ["anonymize", str(table), "--drop", "zip", "--hierarchy", f"ward={tmp_path / 'ward.csv'}"]
    assert run(words) == 3
    said = capsys.readouterr().err
    assert told in said
    assert "next:" in said
    assert not table.with_name("t.released.csv").exists()


def test_parquet_and_csv_say_the_same(table, tmp_path) -> None:
    pd.read_csv(table, dtype={"zip": str}).to_parquet(tmp_path / "p.parquet")
    common = ["--method", "mondrian", "--no-attack", "--keep-order"]
    assert run(["anonymize", str(table), "--out", str(tmp_path / "a.csv"), *common]) == 0
    assert run(["anonymize", str(tmp_path / "p.parquet"), "--out", str(tmp_path / "b.parquet"), *common]) == 0
    one = pd.read_csv(tmp_path / "a.csv", dtype=str)
    pd.testing.assert_frame_equal(one, pd.read_parquet(tmp_path / "b.parquet").astype(str), check_dtype=False)
