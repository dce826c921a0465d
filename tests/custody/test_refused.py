"""Hostile bytes, written by hand and only ever scanned: all are refused, with exit code 1 and a finding."""

from __future__ import annotations

import io
import pickle
import zlib
from pathlib import Path
from typing import Any
from unittest import mock

import joblib
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.tree import DecisionTreeClassifier

from casemate.core.errors import UnsafeArtifactError
from casemate.custody import inspect_model, open_model
from casemate.custody.guard import models, sealed
from casemate.threats.supply_chain.containers import streams
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.pickles.scan import scan
from tests.threats.supply_chain.pickles.assemble import PAYLOAD, stream
from tests.threats.supply_chain.pickles.hostile import HOSTILE, WORSE


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_bytes_are_refused(case: str, tmp_path: Path) -> None:
    rule, data = HOSTILE[case]
    path = tmp_path / "model.joblib"
    path.write_bytes(data)

    with (
        mock.patch.object(models, "unpickle", side_effect=AssertionError("loaded")),
        pytest.raises(UnsafeArtifactError) as caught,
    ):
        open_model(path)

    assert caught.value.exit_code == 1
    assert "model.joblib was refused" in caught.value.message
    assert {rule, WORSE.get(rule)} & {finding.rule for finding in inspect_model(path).findings}


@pytest.mark.parametrize("compress", [("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)])
def test_a_compressed_payload_is_refused(compress: tuple[str, int], tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump({"benign": 1}, path, compress=compress)
    path.write_bytes(path.read_bytes() + b"\0" * 7)
    assert [finding.rule for finding in inspect_model(path).findings] == ["CM-SUP-006"]

    with mock.patch.object(
        joblib.numpy_pickle.NumpyPickler, "dump", lambda self, _: self.file_handle.write(stream(PAYLOAD))
    ):
        joblib.dump(None, path, compress=compress)
    with pytest.raises(UnsafeArtifactError, match="os:system"):
        open_model(path)


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FREE", 1 << 16)
    path = tmp_path / "model.joblib"
    path.write_bytes(zlib.compress(b"\0" * (4 << 20), 9))

    with pytest.raises(UnsafeArtifactError, match="CM-SUP-008"):
        open_model(path)


def test_a_file_swapped_after_it_was_read_is_not_what_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump("honest", path)
    opened = []

    def swapping(data: bytes, *rest: Any, **more: Any) -> Any:
        path.write_bytes(stream(PAYLOAD))
        return scan(data, *rest, **more)

    def counting(*rest: Any, **more: Any) -> int:
        opened.append(rest)
        return os_open(*rest, **more)

    os_open = sealed.os.open
    monkeypatch.setattr(models, "scan", swapping)
    monkeypatch.setattr(sealed.os, "open", counting)

    assert open_model(path).model == "honest"
    assert len(opened) == 1
    monkeypatch.undo()
    with pytest.raises(UnsafeArtifactError):
        open_model(path)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("kind", [DecisionTreeClassifier, HistGradientBoostingClassifier])
@pytest.mark.parametrize("dump", [joblib.dump, pickle.dump])
def test_a_tree_whose_links_lead_astray_is_refused(kind: type, dump: Any, protocol: int) -> None:
    x, y = np.arange(60.0)[:, None], np.arange(60) // 7 % 2
    model = kind().fit(x, y)
    nodes = model.tree_.__getstate__()["nodes"] if kind is DecisionTreeClassifier else model._predictors[0][0].nodes
    written = io.BytesIO()
    dump(model, written, protocol=protocol)
    assert scan(written.getvalue(), reviewed(), most=1 << 22).verdict == "clean"

    for field, value in (("left_child", 0), ("right_child", 1 << 40), ("feature", 5)) if "tree_" in vars(model) else (
        ("left", 0), ("right", 1 << 30)
    ):  # fmt: skip
        bad = nodes.copy()
        bad[field][0] = value
        hostile = io.BytesIO()
        if kind is DecisionTreeClassifier:
            state = model.tree_.__getstate__() | {"nodes": bad}
            dump(_Reduced(type(model.tree_), (1, np.array([2]), 1), state), hostile, protocol=protocol)
        else:
            model._predictors[0][0].nodes = bad
            dump(model, hostile, protocol=protocol)
        found = scan(hostile.getvalue(), reviewed(), most=1 << 22)
        assert [finding.rule for finding in found.findings] == ["CM-SUP-003"], field


class _Reduced:
    """Pickles as a call with a state."""

    def __init__(self, *parts: object) -> None:
        self.parts = parts

    def __reduce__(self) -> Any:
        return self.parts


def test_the_error_crosses_a_process_boundary(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(stream(PAYLOAD))
    with pytest.raises(UnsafeArtifactError) as caught:
        open_model(path)

    again = pickle.loads(pickle.dumps(caught.value))  # noqa: TID251 - our own error, not a model

    assert str(again) == str(caught.value)
    assert again.findings == caught.value.findings
    assert again.record["verdict"] == "malicious"
    assert again.record["sha256"] == inspect_model(path).digest.hex
