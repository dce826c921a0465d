"""A real table of 442 patients, made ready to be handed out, attacked, and reported on."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from sklearn.datasets import load_diabetes

from casemate.assurance.verdicts import decide
from casemate.core.errors import DataError, UsageError
from casemate.core.policy import Tolerance, Verdict
from casemate.privacy.tables import PseudonymKey, publish
from casemate.privacy.tables.options import AnonymizeSection, read_options

KEY = PseudonymKey("test", bytes(range(32)))


@pytest.fixture(scope="module")
def patients() -> pd.DataFrame:
    found = load_diabetes(as_frame=True, scaled=False)
    table = found.data[["age", "sex", "bmi", "bp"]].astype({"age": int, "sex": int})
    table.insert(0, "patient", [f"p{at:03}" for at in range(len(table))])
    table["visit"] = (pd.Timestamp("2025-01-01") + pd.to_timedelta(table.index % 300, unit="D")).strftime("%Y-%m-%d")
    table["glucose"] = found.data["s6"]
    table["stage"] = pd.cut(found.target, [0, 100, 200, 400], labels=["low", "middle", "high"]).astype(str)
    return table


@pytest.fixture(scope="module")
def made(patients):
    section = AnonymizeSection(
        columns={"patient": "pseudonym", "visit": "shift", "glucose": "noise", "stage": "sensitive", "bp": "drop"},
        noise={"glucose": 8.0},
        k=4,
        l=2,
        limit=0.05,
        victims=442,
        weeks=True,
        key_service=("file:models.kek",),
    )
    return publish(patients, section, KEY)


def test_every_role_is_played(made, patients):
    table = made.release.table
    assert list(table.columns) == ["patient", "age", "sex", "bmi", "visit", "glucose", "stage"]
    assert table["patient"].str.fullmatch("[a-z2-7]{26}").all()
    true = patients.iloc[made.release.kept].reset_index(drop=True)
    days = (pd.to_datetime(table["visit"]) - pd.to_datetime(true["visit"])).dt.days
    assert (days % 7 == 0).all()
    assert days.nunique() > 30
    assert 6 < (table["glucose"] - true["glucose"]).std() < 10
    assert table.groupby(["age", "sex", "bmi"]).size().min() >= 4
    assert table.groupby(["age", "sex", "bmi"])["stage"].nunique().min() >= 2
    assert made.lookups["patient"][table["patient"][0]] == true["patient"][0]


def test_linkage_before_and_after_and_what_is_promised(made):
    linked = [each for each in made.attacks.comparisons if each.judged]
    assert len(linked) == 4
    assert all(each.before.rate > 0.7 for each in linked)
    assert all(each.after.upper <= 1 / 4 + 0.02 for each in linked)
    assert made.verdict[0] == "PASS"
    assert "tolerated 27.0%" in made.verdict[1]
    kinds = {each.after.attack for each in made.attacks.comparisons}
    assert kinds == {"linkage", "singling out", "attribute disclosure"}
    guessed = next(each for each in made.attacks.comparisons if each.after.attack == "attribute disclosure")
    assert guessed.leak(guessed.before).low > guessed.leak(guessed.after).value


def test_records_say_what_was_measured(made):
    pairs = [each.pair("patients", 7) for each in made.attacks.comparisons]
    assert all(each.adaptive and each.after.kind == "attack/linkage" for each in pairs)
    first = pairs[0]
    assert first.after.metric == "reidentification"
    assert first.low <= first.difference <= first.high < 0
    assert first.after.low <= first.after.estimate <= first.after.high
    tolerance = Tolerance(name="reid", kind="attack/linkage", metric="reidentification", at_most=0.3)
    assert [decide(each, tolerance).verdict for each in (first.before, first.after)] == [Verdict.FAIL, Verdict.PASS]


def test_columns_are_reported_before_and_after(made):
    told = {each.column.name: each for each in made.columns}
    assert told["bp"].after is None
    assert told["bmi"].before.alone > 0.1 > told["bmi"].after.alone
    assert told["bmi"].after.bits < told["bmi"].before.bits
    assert told["stage"].disclosed[0] > 0.5
    assert told["stage"].disclosed[1] == 0.0


def test_words_claim_no_more_than_holds(made):
    said = " ".join([*made.release.holds, *made.limits, *made.made, repr(made.attacks), made.attacks._repr_html_()])
    assert not re.search(r"(?<!k-)\banonym", said, re.IGNORECASE)
    assert "may still find that person's row" in said
    assert "no guarantee by itself" in said
    assert "for a person to judge" in said


def test_rows_left_in_their_order_fail(patients):
    columns = {"patient": "drop", "visit": "drop", "glucose": "drop", "bp": "drop", "stage": "sensitive"}
    found = publish(patients, AnonymizeSection(columns=columns, keep_order=True, limit=0.05, victims=442))
    assert found.verdict[0] == "FAIL"
    assert "at most 100.0%" in found.verdict[1]
    assert "old order" in " ".join(found.limits)


def test_why_nothing_finer_was_released_is_tried_where_it_can_be():
    table = pd.DataFrame({"job": list("xxyyyy"), "ill": ["HIV", "HIV", "a", "b", "c", "d"]})
    asked = AnonymizeSection(columns={"job": "quasi", "ill": "sensitive"}, k=2, l=2, limit=0.0)
    tried = [each.after.setting for each in publish(table, asked).attacks.comparisons]
    assert any("why nothing finer was released" in each for each in tried)
    left_out = publish(table, AnonymizeSection(**{**asked_for(asked), "limit": 0.4})).attacks.left_out
    assert any("minimality" in each for each in left_out)


def asked_for(section: AnonymizeSection) -> dict:
    return {name: getattr(section, name) for name in section.__struct_fields__}


def test_many_ways_to_generalize_go_to_mondrian(patients):
    section = AnonymizeSection(columns={"patient": "drop", "visit": "drop", "stage": "sensitive"}, attack=False)
    wide = pd.concat(
        [patients, load_diabetes(as_frame=True, scaled=False).data[["s1", "s2", "s3", "s4", "s5"]]], axis=1
    )
    found = publish(wide, section)
    assert "Mondrian" in repr(found.release)
    assert found.release.table.groupby(["age", "sex", "bmi", "bp"]).size().min() >= 5
    assert found.verdict[0] == "NOT_EVIDENCED"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"columns": {"patient": "pseudonym"}}, "need a key"),
        ({"l": 2.0}, "about sensitive columns"),
        ({"k": 1}, "nothing is asked for"),
        ({"noise": {"bmi": 1.0}}, "noise without a scale, or a scale without noise"),
        ({"hierarchies": {"patient": "flat"}}, "is no quasi-identifier"),
        ({"columns": {"height": "quasi"}}, "no column 'height'"),
        ({"l": 1.5, "columns": {"stage": "sensitive"}}, "no number of values"),
    ],
)
def test_what_does_not_fit_is_refused(patients, asked, told):
    with pytest.raises(UsageError, match=told):
        publish(patients, AnonymizeSection(attack=False, **asked))


def test_shifts_need_somebody_and_names_alone_are_no_table(patients):
    with pytest.raises(UsageError, match="whose dates are shifted"):
        publish(patients, AnonymizeSection(attack=False, columns={"visit": "shift"}), KEY)
    with pytest.raises(UsageError, match="no quasi-identifier"):
        publish(patients[["patient"]], AnonymizeSection(attack=False))
    with pytest.raises(DataError, match="more than the 442 rows"):
        publish(patients, AnonymizeSection(attack=False, k=1000))


def test_options_come_from_options_variables_and_file(tmp_path):
    path = tmp_path / "casemate.toml"
    path.write_text('[anonymize]\nk = 3\nkey = "p.json"\n[anonymize.columns]\nage = "quasi"\nzip = "drop"\n'
                    '[anonymize.hierarchies]\nage = "age.csv"\nsex = "flat"\n', "utf-8")  # fmt: skip
    found = read_options(path, {"columns": {"zip": "quasi"}, "l": None}, {"CASEMATE_K": "7", "CASEMATE_WEEKS": "true"})
    assert (found.k, found.weeks, found.l) == (7, True, 1.0)
    assert found.columns == {"age": "quasi", "zip": "quasi"}
    assert found.hierarchies == {"age": str(tmp_path / "age.csv"), "sex": "flat"}
    assert found.key == str(tmp_path / "p.json")
    path.write_text("[anonymize]\nlimits = 3\n", "utf-8")
    with pytest.raises(UsageError, match="did you mean 'limit'"):
        read_options(path, {}, {})
    with pytest.raises(UsageError, match="separator"):
        read_options(None, {"separator": "ab"}, {})
