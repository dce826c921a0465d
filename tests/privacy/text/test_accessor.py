"""Frames that redact themselves."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer

from casemate.core.errors import UsageError
from casemate.privacy.text import accessor
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.redactor import Redactor


def patients() -> pd.DataFrame:
    """Real measurements, with columns that such a table has before anybody cleans it."""
    table = load_breast_cancer(as_frame=True).data.iloc[:40, :3].copy()
    table.insert(0, "patient", [f"Jane Doe {at}" for at in range(40)])
    table["phone"] = [f"212-555-01{at:02}" for at in range(40)]
    table["note"] = [f"MRN: 00{at:04}, write to j{at}@example.com" if at % 2 else "no remarks" for at in range(40)]
    table.index = table.index + 100
    return table


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_redacts_itself(library):
    plain = patients()
    frame = plain if library == "pandas" else pl.from_pandas(plain)
    accessor.register()
    made = frame.casemate.redact(mode="fast", columns={"patient": "PERSON", "mean radius": "keep"})
    assert list(made.columns) == list(frame.columns)
    assert set(made["patient"]) == {"[PERSON]"}
    assert set(made["phone"]) == {"[PHONE_NUMBER]"}
    assert set(made["note"]) == {"no remarks", "MRN: [MEDICAL_RECORD_NUMBER], write to [EMAIL_ADDRESS]"}
    assert (made["mean radius"] == frame["mean radius"]).all()
    assert frame["phone"][100 if library == "pandas" else 0] == "212-555-0100"
    roles = frame.casemate.roles(mode="fast")
    assert (roles["phone"], roles["note"], roles["mean radius"]) == ("PHONE_NUMBER", "", "")
    found = frame.casemate.find(mode="fast", type=["EMAIL_ADDRESS"])
    assert type(found) is type(frame)
    assert (len(found), found["where"][0], found["start"][0]) == (20, "row 2, column note", 22)
    assert "example.com" not in str(found.to_dict())


def test_a_column_redacts_itself_and_keeps_its_name_and_index():
    made = patients()["note"].casemate.redact(mode="fast", operator=["number"], types=["EMAIL_ADDRESS"])
    assert (made.name, made.index[0]) == ("note", 100)
    assert made.loc[101] == "MRN: 000001, write to [EMAIL_ADDRESS_1]"
    assert made.loc[103].endswith("[EMAIL_ADDRESS_2]")
    accessor.register()
    told = pl.Series("who", ["Jane", None]).casemate.redact(mode="fast", type="PERSON")
    assert (told.name, told.to_list()) == ("who", ["[PERSON]", None])


def test_options_that_cannot_be():
    frame = patients()
    with pytest.raises(UsageError):
        frame.casemate.redact(mode="slow")
    with pytest.raises(UsageError, match="no column"):
        frame.casemate.redact(mode="fast", columns={"absent": "PERSON"})
    with pytest.raises(UsageError, match="a redactor and options"):
        frame.casemate.redact(Redactor(Analyzer("fast")), mode="fast")


def test_the_adult_table_with_remarks():
    path = Path(os.environ.get("CASEMATE_BENCH_DATA", "absent")) / "arx" / "adult.csv"
    if not path.exists():
        pytest.skip("CASEMATE_BENCH_DATA has no arx/adult.csv")
    frame = pd.read_csv(path, sep=";", nrows=2000)
    before = frame.copy()
    frame["remarks"] = [
        f"{row.occupation}, call 212-555-{1000 + at} or mail p{at}@example.org"
        for at, row in enumerate(frame.itertuples())
    ]
    made = frame.casemate.redact(mode="fast")
    assert not made["remarks"].str.contains("@|555-").any()
    pd.testing.assert_frame_equal(made[before.columns], before)  # nothing else is taken for somebody's
