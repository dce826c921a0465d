"""``casemate anonymize --synthetic``: rows of nobody, a signed certificate, attacks and use with intervals."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import jsonschema
import msgspec
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_diabetes

from casemate.audit import synthesize as synthesis
from casemate.audit.synthesize import Synthesized
from casemate.audit.synthetic_document import synthetic_schema
from casemate.cli.app import run
from casemate.core.digests import Digest
from casemate.privacy.dp.certificate import Certificate

CLAIMED = Certificate(
    mechanism="MST", relation="add_remove", epsilon=1.0, delta=0.0, curve=(), sensitivity=1, noise=1, releases=1,
    grid=1.0, sampler="all", entropy="system", trusted=True, distance=0.0,
)  # fmt: skip
SCHEMA = json.loads(synthetic_schema())
DOMAINS = ["--domain", "age=18..90", "--domain", "bmi=15..45", "--domain", "sex=1|2"]


@pytest.fixture
def patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASEMATE_HOME", str(tmp_path / "home"))
    found = load_diabetes(as_frame=True, scaled=False)
    table = found.data[["age", "sex", "bmi"]].astype({"age": int, "sex": int})
    table.insert(0, "patient", [f"p{at:03}" for at in range(len(table))])
    table["diagnosis"] = pd.cut(found.target, [0, 100, 200, 400], labels=["low", "middle", "high"]).astype(str)
    table.to_csv(tmp_path / "patients.csv", index=False)
    return tmp_path / "patients.csv"


def test_rows_of_nobody_with_a_certificate_of_these_bytes(patients, capsys) -> None:
    words = ["anonymize", str(patients), "--synthetic", "--epsilon", "2", "--delta", "1e-6", *DOMAINS]
    assert run([*words, "--domain", "diagnosis=low|middle|high", "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(said)
    made = patients.with_name("patients.synthetic.csv")
    drawn = pd.read_csv(made)
    assert list(drawn.columns) == ["age", "sex", "bmi", "diagnosis"]
    assert 300 < len(drawn) == said["rows"] < 600
    assert set(drawn["sex"]) <= {1, 2}
    assert drawn["age"].between(18, 90).all()
    kept = json.loads(made.with_name("patients.synthetic.certificate.json").read_bytes())
    statement = json.loads(base64.b64decode(kept["payload"]))
    assert kept["signatures"]
    assert statement["predicateType"] == "urn:casemate:privacy/dp-synthetic:1"
    assert statement["subject"][0]["digest"]["sha256"] == Digest.of(made.read_bytes()).hex
    certificate = statement["predicate"]["certificate"]
    assert (certificate["epsilon"], certificate["assumed"], certificate["trusted"]) == (2.0, [], True)
    figures = {(each["metric"], each["at"].get("rows", "")): each for each in said["figures"]}
    assert figures["singled_out", ""]["low"] <= 0 < figures["singled_out", ""]["n"]
    assert all(each["low"] <= each["estimate"] <= each["high"] for each in said["figures"])
    areas = [each for each in said["figures"] if each["metric"] == "auc"]
    assert len(areas) == 3
    assert all(each["low"] < 0.65 for each in areas)
    assert figures["accuracy", "real"]["estimate"] > 0.4
    assert 0 < figures["total_variation", ""]["estimate"] < 0.6


def test_what_is_assumed_public_is_said_and_pure_epsilon_has_a_hint(patients, capsys) -> None:
    assert run(["anonymize", str(patients), "--synthetic", "--no-attack", "--domain", "age=18..90"]) == 0
    said = capsys.readouterr().out
    assert "assumed to be public: categories of" not in said.split("Guarantee")[0]
    for part in ("epsilon 1, pure", "bounds of bmi", "without --delta", "NOT_EVIDENCED  no attack was run", "wrote"):
        assert part in said
    assert "bounds of age" not in said


def test_bad_words_spend_nothing_and_write_nothing(patients, tmp_path, capsys) -> None:
    for words, told in [
        (["--epsilon", "0"], "epsilon"),
        (["--delta", "0.5"], "delta"),
        (["--domain", "nobody=1..2"], "has a domain and is no column"),
        (["--domain", "sex=1|2|x"], "lists what is no number"),
        (["--domain", "diagnosis=low|high"], "not among its categories"),
        (["--domain", "age=now..then"], "the first or the last day is none"),
        (["--target", "nobody"], "there is no column 'nobody'"),
        (["--evidence", str(tmp_path / "e")], "its certificate is its evidence"),
    ]:
        assert run(["anonymize", str(patients), "--synthetic", *words]) == 3, words
        assert told in capsys.readouterr().err
    assert not patients.with_name("patients.synthetic.csv").exists()


class Copies(BaseEstimator):
    """A synthesizer that hands out the rows it was given, and claims epsilon 1."""

    def __init__(self, epsilon: float = 1.0, *, delta: float | None = None, domains: object = None) -> None:
        self.epsilon, self.delta, self.domains = epsilon, delta, domains

    def fit(self, frame: pd.DataFrame) -> Copies:
        self.frame_, self.certificate_ = frame, CLAIMED
        return self

    def sample(self, n: int | None = None, *, random_state: int | None = None) -> pd.DataFrame:
        return self.frame_


def test_a_guarantee_that_attacks_refute_is_not_signed(patients, capsys, monkeypatch) -> None:
    monkeypatch.setattr(synthesis, "SyntheticTable", Copies)
    assert run(["anonymize", str(patients), "--synthetic"]) == 1
    said = capsys.readouterr().out
    assert "FAIL  attacks refute the guarantee: distance to the closest record: right guesses show" in said
    assert "nothing was written" in said
    assert sorted(each.name for each in patients.parent.glob("*.*")) == ["patients.csv"]


def test_noise_that_can_be_repeated_fails() -> None:
    certificate = msgspec.structs.replace(CLAIMED, trusted=False)
    made = Synthesized(pd.DataFrame({"a": [1]}), (), certificate, None, None, (), ())
    assert made.verdict == ("FAIL", "its noise can be repeated: nothing is private")
