"""The scan of a model's file as an assessment: clean models pass, and what the load guard refuses never does."""

from __future__ import annotations

import pickle
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from casemate.core.digests import Digest
from casemate.core.errors import UnreadableError
from casemate.core.measurement import Measurement
from casemate.custody import RefusedArtifactError, open_model
from casemate.data import infer_schema, to_dataset
from casemate.targets.sklearn import classifier
from casemate.threats.supply_chain.assess import ModelFile
from casemate.training.engagement import Artifact, Engagement


class Runs:
    """What a pickle that runs a command is made of; it is written and scanned, and never loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return __import__("os").system, ("true",)


class Own:
    """A class that nobody has reviewed."""


def engagement(path: Path, *, sha256: str = "", allow: tuple[str, ...] = ()) -> Engagement:
    frame = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "y": [0, 1, 0, 1]})
    data = to_dataset(frame, name="rows", target="y", schema=infer_schema(frame[["a"]]))
    model = LogisticRegression().fit(frame[["a"]], frame["y"])
    digest = sha256 or Digest.of(path.read_bytes()).hex
    return Engagement("m", classifier(model, "m"), data, data, artifact=Artifact(path, digest, allow))


def measured(given: Engagement) -> dict[str, Measurement]:
    mechanism = ModelFile()
    assert mechanism.applies(given) == ""
    results = {task.id: mechanism.work(given, task) for task in mechanism.tasks(given)}
    return {each.metric: each for each in mechanism.conclude(given, results).measurements}


def test_a_fitted_model_is_clean_to_the_last_byte(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(LogisticRegression().fit(np.arange(8.0).reshape(4, 2), [0, 1, 0, 1]), path)
    found = measured(engagement(path))
    assert (found["unsafe_loads"].estimate, found["unsafe_loads"].k, found["unsafe_loads"].n) == (0.0, 0, 1)
    assert found["bytes_understood"].estimate == 1.0
    assert found["bytes_understood"].n == path.stat().st_size
    assert found["scan_findings"].estimate == 0.0
    assert all(each.kind == "supply/model-scan" and each.low is None for each in found.values())
    open_model(path)


@pytest.mark.parametrize("dump", [joblib.dump, lambda value, path: path.write_bytes(pickle.dumps(value))])
@pytest.mark.parametrize("value", [Runs(), Own(), {"step": Own()}], ids=["command", "unknown class", "inside"])
def test_scan_and_load_guard_refuse_the_same_files(dump: object, value: object, tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    dump(value, path)  # type: ignore[operator]
    found = measured(engagement(path))
    assert found["unsafe_loads"].estimate == 1.0
    assert found["scan_findings"].estimate >= 1.0
    with pytest.raises(RefusedArtifactError) as refused:
        open_model(path)
    assert {finding.rule for finding in refused.value.findings if finding.severity.rank <= 2}.issuperset(
        found["unsafe_loads"].note.partition("(")[2].rstrip(")").split(", ")
    )


def test_a_class_that_the_owner_allows_is_known(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(Own(), path)
    name = f"{__name__}:Own"
    assert measured(engagement(path))["unsafe_loads"].estimate == 1.0
    assert measured(engagement(path, allow=(name,)))["unsafe_loads"].estimate == 0.0
    assert isinstance(open_model(path, [name]).model, Own)


def test_a_file_that_is_not_understood_to_its_end_is_unsafe(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(b"\x00 neither a model nor anything else \xff" * 40)
    found = measured(engagement(path))
    assert found["unsafe_loads"].estimate == 1.0
    assert found["bytes_understood"].estimate < 1.0
    with pytest.raises(UnreadableError):
        open_model(path)


def test_other_bytes_than_those_that_were_loaded_are_no_evidence(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump({"a": 1}, path)
    given = engagement(path)
    joblib.dump({"a": 2}, path)
    with pytest.raises(UnreadableError, match="not the file that was loaded"):
        measured(given)
    path.unlink()
    with pytest.raises(UnreadableError, match="not the file that was loaded"):
        measured(given)


def test_without_a_file_there_is_nothing_to_scan(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump({"a": 1}, path)
    assert "no file" in ModelFile().applies(engagement(path).changed(artifact=None))
