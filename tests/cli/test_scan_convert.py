"""``casemate scan --convert``: only what is clean becomes another file, whole or not at all."""

from __future__ import annotations

import datetime
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from casemate.cli import scan as command
from casemate.cli.app import run
from casemate.core.errors import UnreadableError, UnsafeArtifactError
from casemate.custody import convert as room
from casemate.custody import load
from tests.threats.supply_chain.pickles.assemble import PAYLOAD, stream


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "today", lambda: datetime.date(2026, 11, 25))


def files() -> set[str]:
    return {path.name for path in Path().iterdir()}


def test_a_state_dict_becomes_safetensors(capsys: pytest.CaptureFixture[str]) -> None:
    module = torch.nn.Linear(3, 2)
    torch.save({**module.state_dict(), "epoch": 3}, "weights.pt")
    assert run(["scan", "weights.pt", "--convert", "weights.safetensors", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith('{"schema":"casemate.scan/1"')
    assert err == "converted weights.safetensors: 2 tensors; the metadata holds epoch\n"
    found = load_file("weights.safetensors")
    assert all(torch.equal(found[name], tensor) for name, tensor in module.state_dict().items())
    assert files() == {"weights.pt", "weights.safetensors"}


def test_a_model_becomes_skops_that_the_guard_loads(capsys: pytest.CaptureFixture[str]) -> None:
    rows, labels = np.arange(12.0).reshape(6, 2), [0, 1, 0, 1, 1, 0]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels)
    joblib.dump(model, "model.joblib", compress=3)
    assert run(["scan", "model.joblib", "--convert", "model.skops"]) == 0
    assert "a Pipeline" in capsys.readouterr().err
    loaded = load("model.skops")
    assert loaded.kind == "skops"
    np.testing.assert_array_equal(loaded.model.predict_proba(rows), model.predict_proba(rows))


@pytest.mark.parametrize("goal", ["out.safetensors", "out.skops"])
def test_what_is_not_clean_is_not_converted(
    goal: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was converted")

    monkeypatch.setattr(room, "convert", never)
    Path("evil.pkl").write_bytes(stream(PAYLOAD))
    assert run(["scan", "evil.pkl", "--convert", goal]) == 1
    assert "not converted" in capsys.readouterr().err
    Path("what").write_bytes(b"\1\2\3")
    assert run(["scan", "what", "--convert", goal]) == 3
    assert files() == {"evil.pkl", "what"}


def test_what_is_ignored_is_not_converted_either(capsys: pytest.CaptureFixture[str]) -> None:
    Path("what").write_bytes(b"\1\2\3")
    accepted = '[[ignore]]\npath = "what"\nrule = "CM-SUP-141"\nreason = "ours"\nexpires = 2027-03-01\n'
    Path("accepted.toml").write_text(accepted)
    assert run(["scan", "what", "--convert", "out.skops", "--ignore", "accepted.toml"]) == 0
    assert "not converted" in capsys.readouterr().err
    assert not Path("out.skops").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["m.joblib", "--convert", "m.onnx"], "nothing is converted to"),
        (["m.joblib", "--convert", "there.skops"], "there already"),
        (["m.joblib", "--convert", "m.skops", "--no-hash"], "digest"),
        (["m.joblib", "m.joblib", "--convert", "m.skops"], "one file"),
        ([".", "--convert", "m.skops"], "one file"),
        (["--diff", "m.joblib", "m.joblib", "--convert", "m.skops"], "one file"),
    ],
)
def test_usage_errors(words: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    joblib.dump([1], "m.joblib")
    Path("there.skops").write_bytes(b"old")
    assert run(["scan", *words]) == 3
    assert why in " ".join(capsys.readouterr().err.split())
    assert Path("there.skops").read_bytes() == b"old"
    assert files() == {"m.joblib", "there.skops"}


def test_a_clean_file_that_is_no_state_dict_is_refused_and_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"a": torch.device("cpu")}, "m.pt")
    joblib.dump([1], "m.joblib")
    assert run(["scan", "m.joblib", "--convert", "m.safetensors"]) == 3
    assert run(["scan", "m.pt", "--convert", "m.safetensors"]) == 1
    assert "state dict" in capsys.readouterr().err
    assert files() == {"m.pt", "m.joblib"}


@pytest.mark.parametrize("goal", ["m.safetensors", "m.skops"])
def test_another_file_than_the_scanned_one_is_not_converted(goal: str) -> None:
    name = "m.pt" if goal.endswith("tensors") else "m.joblib"
    if name == "m.pt":
        torch.save({"a": torch.ones(1)}, name)
    else:
        joblib.dump([1], name)
    with pytest.raises(UnreadableError, match="changed after"):
        room.convert(Path(name), Path(goal), sha256="0" * 64)
    assert files() == {name}


def test_a_result_that_would_not_be_clean_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lying:
        def dumps(self, _: object) -> bytes:
            return stream(PAYLOAD)

    joblib.dump([1], "m.joblib")
    monkeypatch.setattr(room, "require", lambda *_, **__: Lying())
    with pytest.raises(UnsafeArtifactError, match="clean skops"):
        room.convert(Path("m.joblib"), Path("m.skops"))
    assert files() == {"m.joblib"}
