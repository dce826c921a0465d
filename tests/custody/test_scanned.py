"""The scan attestation of a folder knows what its files say of each other, and has the shape of ``casemate scan``."""

from __future__ import annotations

from pathlib import Path

import joblib
import msgspec
import numpy as np
import pytest

from casemate.core.errors import UnreadableError
from casemate.custody.provenance.scanned import scan_files
from casemate.custody.signing.place import place_of
from casemate.custody.signing.tree import list_files
from casemate.threats.supply_chain.artifact import Artifact
from casemate.threats.supply_chain.files import scan_paths
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.report import Settings

TIME = "2026-11-25T12:00:00+00:00"


def onnx_folder(folder: Path) -> Path:
    """A model with its weights in a second file, below a folder with another file."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    weights = onnx.numpy_helper.from_array(np.arange(4096, dtype="f4").reshape(64, 64), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 64])],
        [weights],
    )
    (folder / "encoder").mkdir(parents=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save_model(
        model, folder / "encoder" / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    joblib.dump([1], folder / "labels.joblib")
    return folder


def test_external_data_is_accounted_for_by_the_model_beside_it(tmp_path: Path) -> None:
    root = onnx_folder(tmp_path / "model")
    names = list_files(root)
    said = scan_files(root, names, TIME)
    assert [each["path"] for each in said["artifacts"]] == names
    assert {each["path"]: each["verdict"] for each in said["artifacts"]} == dict.fromkeys(names, "clean")
    assert said["verdict"] == "clean"
    (root / "encoder" / "model.onnx").unlink()
    left = scan_files(root, [name for name in names if not name.endswith(".onnx")], TIME)
    assert left["verdict"] == "unreadable"  # nobody says what the weights are


def test_external_data_that_is_missing_or_outside_is_told(tmp_path: Path) -> None:
    root = onnx_folder(tmp_path / "model")
    (root / "encoder" / "weights.bin").unlink()
    said = scan_files(root, list_files(root), TIME)
    (model,) = [each for each in said["artifacts"] if each["path"].endswith(".onnx")]
    assert model["verdict"] != "clean"
    assert any("weights.bin" in finding["message"] for finding in model["findings"])


def test_it_says_what_casemate_scan_says(tmp_path: Path) -> None:
    root = onnx_folder(tmp_path / "model")
    said = msgspec.convert(scan_files(root, list_files(root), TIME)["artifacts"], list[Artifact])
    expected = {each.path: each for each in scan_paths([root], Settings(allow=reviewed()))}
    assert {f"{root}/{each.path}": each.sha256 for each in said} == {name: x.sha256 for name, x in expected.items()}
    assert all(
        msgspec.structs.replace(each, path="") == msgspec.structs.replace(expected[f"{root}/{each.path}"], path="")
        for each in said
    )


def test_only_the_named_files_are_scanned_also_those_that_a_walk_passes_over(tmp_path: Path) -> None:
    root = tmp_path / "model"
    (root / "sub" / ".git").mkdir(parents=True)
    for name in ("a.joblib", "b.joblib", "sub/.git/c.joblib"):
        joblib.dump(name, root / name)
    names = ["b.joblib", "sub/.git/c.joblib"]
    assert [each["path"] for each in scan_files(root, names, TIME)["artifacts"]] == names
    path = root / "a.joblib"
    (one,) = scan_files(path, list_files(path, place_of(path).own), TIME)["artifacts"]
    assert (one["path"], one["verdict"]) == ("a.joblib", "clean")


def test_a_link_or_a_missing_file_ends_the_scan(tmp_path: Path) -> None:
    (tmp_path / "link.joblib").symlink_to("/etc/hostname")
    for name in ("link.joblib", "missing.joblib"):
        with pytest.raises(UnreadableError, match=name):
            scan_files(tmp_path, [name], TIME)
