"""What scripts read of ``casemate anonymize`` has the shape of its JSON Schema, and no field besides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes

from casemate.cli.app import run
from casemate.keys.kek_file import create_kek
from casemate.privacy.tables.document import anonymize_schema

SCHEMA = json.loads(anonymize_schema())
CHECK = jsonschema.Draft202012Validator(SCHEMA)


@pytest.fixture
def patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASEMATE_HOME", str(tmp_path / "home"))
    found = load_diabetes(as_frame=True, scaled=False)
    table = found.data[["age", "sex", "bmi"]].astype({"age": int, "sex": int})
    table.insert(0, "patient", [f"p{at:03}" for at in range(len(table))])
    table["diagnosis"] = pd.cut(found.target, [0, 100, 200, 400], labels=["low", "middle", "high"]).astype(str)
    table.to_csv(tmp_path / "patients.csv", index=False)
    return tmp_path / "patients.csv"


def read(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    run(["anonymize", *words, "--format", "json", "--replace", "--victims", "200"])
    return json.loads(capsys.readouterr().out)


def test_the_schema_is_valid_and_named() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["title"] == "casemate.anonymize/1"


def test_every_kind_of_release_has_the_shape(patients, tmp_path, capsys) -> None:
    create_kek(tmp_path / "models.kek")
    key = ["--pseudonym", "patient", "--key-service", f"file:{tmp_path / 'models.kek'}"]
    passed = read(capsys, str(patients), "--limit", "0.05", "--l", "2", "--evidence", str(tmp_path / "proof"))
    failed = read(capsys, str(patients), "--method", "mondrian", "--at-most", "0.001")
    plain = read(capsys, str(patients), *key, "--no-attack", "--lookup", str(tmp_path / "lookup"))
    kept = json.loads((tmp_path / "proof" / "release.json").read_bytes())
    for found, decided in ((passed, "PASS"), (failed, "FAIL"), (plain, "NOT_EVIDENCED"), (kept, "PASS")):
        CHECK.validate(found)
        assert found["verdict"]["decision"] == decided
        assert set(found) == set(SCHEMA["properties"])
        for part, name in (("columns", "Column"), ("pairs", "Pair")):
            assert all(set(each) == set(SCHEMA["$defs"][name]["properties"]) for each in found[part])
    assert passed["columns"][0]["after"] is None
    assert passed["columns"][-1]["disclosed"]
    assert failed["written"] == {}
    assert set(plain["written"]) == {"table", "lookup"}
    assert plain["pairs"] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found.pop("limits"),
        lambda found: found.update(schema="casemate.anonymize/2"),
        lambda found: found["rows"].update(released=-1),
        lambda found: found["columns"][0].update(role="secret"),
        lambda found: found["columns"][0].pop("after"),
        lambda found: found["columns"][1]["before"].update(alone=1.5),
        lambda found: found["verdict"].update(decision="fine"),
    ],
)
def test_other_shapes_are_refused(spoil: Any, patients, capsys) -> None:
    found = read(capsys, str(patients), "--no-attack", "--method", "mondrian")
    CHECK.validate(found)
    spoil(found)
    with pytest.raises(jsonschema.ValidationError):
        CHECK.validate(found)
