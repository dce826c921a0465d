"""One ``load`` for every format: what is loaded is what was saved, and what is not clean is not loaded."""

from __future__ import annotations

import hashlib
import importlib
import io
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from casemate.core.digests import Digest
from casemate.core.errors import CasemateError, MissingPartError, TamperedError, UnreadableError
from casemate.custody import OnnxModel, Pinned, Policy, RefusedArtifactError, Subject, Verified, load
from casemate.custody.guard import kinds
from casemate.custody.guard.forests import unsound
from casemate.custody.guard.sealed import opened, seal
from casemate.threats.supply_chain.engine import scan_view
from tests.threats.supply_chain.pickles.assemble import PAYLOAD, stream

WEIGHTS = {"w": np.arange(12, dtype="f4").reshape(3, 4), "b": np.zeros(0, "f8"), "n": np.array(3)}
MODULE = "casemate.custody.guard.load"


def saved(kind: str, folder: Path) -> Path:
    """A benign file of one kind."""
    path = folder / f"model.{kind}"
    if kind == "pickle":
        joblib.dump(WEIGHTS, path)
    elif kind == "compressed":
        joblib.dump(WEIGHTS, path, compress=3)
    elif kind == "npy":
        np.save(path.with_suffix(".npy"), WEIGHTS["w"])
    elif kind == "npz":
        np.savez(path.with_suffix(".npz"), **WEIGHTS)
    elif kind == "safetensors":
        pytest.importorskip("safetensors.numpy").save_file(WEIGHTS, path)
    else:
        torch = pytest.importorskip("torch")
        tensors = {name: torch.from_numpy(array.copy()) for name, array in WEIGHTS.items()}
        torch.save(tensors, path, _use_new_zipfile_serialization=kind == "torch")
    return path


@pytest.mark.parametrize("kind", ["pickle", "compressed", "npz", "safetensors", "torch", "torch-legacy"])
def test_every_kind_comes_back_as_it_was_saved(kind: str, tmp_path: Path) -> None:
    path = saved(kind, tmp_path)
    before = path.read_bytes()
    loaded = load(path)

    assert loaded.kind == {"compressed": "pickle", "torch-legacy": "torch"}.get(kind, kind)
    assert loaded.digest == Digest.of(path.read_bytes())
    assert loaded.path == path.name
    assert {name: np.asarray(array).tolist() for name, array in loaded.model.items()} == {
        name: array.tolist() for name, array in WEIGHTS.items()
    }
    assert {name: str(np.asarray(array).dtype) for name, array in loaded.model.items()} == {
        name: str(array.dtype) for name, array in WEIGHTS.items()
    }
    loaded.model["w"][0] = 5  # weights may be trained on
    assert float(loaded.model["w"][0][0]) == 5
    assert path.read_bytes() == before


def test_a_numpy_file_comes_back(tmp_path: Path) -> None:
    np.testing.assert_array_equal(load(saved("npy", tmp_path)).model, WEIGHTS["w"])


def test_an_estimator_predicts_and_its_record_says_what_was_done(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), path)
    loaded = load(str(path))

    assert loaded.model.predict([[1.0]]).tolist() == [1]
    assert "sklearn.linear_model._logistic:LogisticRegression" in loaded.imported
    assert loaded.evidence() == {
        "path": "model.joblib", "sha256": loaded.digest.hex, "verdict": "clean", "allowed": [], "findings": [],
    }  # fmt: skip


def test_safetensors_become_torch_tensors_of_every_type(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    tensors = {
        str(dtype): torch.arange(6).reshape(2, 3).to(dtype)
        for dtype in (torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float8_e4m3fn)
    }
    save_file(tensors, tmp_path / "m.safetensors")

    found = load(tmp_path / "m.safetensors", framework="torch").model

    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name].float(), tensor.float()), name
    with pytest.raises(UnreadableError, match="numpy has no type") as caught:
        load(tmp_path / "m.safetensors")
    assert "framework" in caught.value.next_step


def test_nothing_of_a_malicious_file_is_loaded_and_the_error_carries_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(f"{MODULE}._load", never)
    path = tmp_path / "model.joblib"
    path.write_bytes(stream(PAYLOAD))
    with pytest.raises(RefusedArtifactError, match="os:system") as caught:
        load(path)
    assert caught.value.exit_code == 1
    assert caught.value.record["sha256"] == hashlib.sha256(stream(PAYLOAD)).hexdigest()
    assert caught.value.record["verdict"] == "malicious"


@pytest.mark.parametrize("content", [b"", b"\x80\x04]", b"neither this nor that", b"\x80\x04N.rest", b"x\x9c\0"])
def test_what_is_not_understood_to_the_last_byte_is_not_loaded(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(content)
    with pytest.raises(CasemateError) as caught:
        load(path)
    assert caught.value.exit_code in (1, 3)
    assert caught.value.next_step


def test_missing_files_folders_and_pipes_are_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path, tmp_path / "no" / "folder", Path("/dev/null"), Path(), Path("/")):
        with pytest.raises(UnreadableError) as caught:
            load(path)
        assert caught.value.exit_code == 3


def test_a_library_that_refuses_is_unreadable(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([None], dtype=object), allow_pickle=True)
    with pytest.raises(CasemateError) as caught:
        load(tmp_path / "objects.npy")
    assert caught.value.exit_code in (1, 3)


def test_a_torch_file_with_a_class_of_its_own_is_not_loaded(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(torch.nn.Linear(2, 2), tmp_path / "whole.pt")
    with pytest.raises(CasemateError):
        load(tmp_path / "whole.pt")


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved("torch", tmp_path)

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingPartError, match="torch") as caught:
        kinds.torch_weights(load_sealed(path))
    assert "casemate[torch]" in caught.value.next_step


def load_sealed(path: Path) -> Any:
    with opened(path) as source, ThreadPoolExecutor(1) as hasher:
        return seal(source, path.name, 1 << 20, hasher)


# what a policy asks for


def test_a_pinned_digest_holds_and_another_is_tampering(tmp_path: Path) -> None:
    path = saved("pickle", tmp_path)
    digest = Digest.of(path.read_bytes())
    loaded = load(path, Policy(verifiers=(Pinned([digest.hex]),)))
    assert loaded.verified == (Verified(method="pinned digest"),)
    assert loaded.evidence()["verified"] == [{"method": "pinned digest", "by": "", "statement": None}]

    path.write_bytes(path.read_bytes().replace(b"w", b"v", 1))
    with pytest.raises(TamperedError, match="is not the file that was pinned") as caught:
        load(path, Policy(verifiers=(Pinned([digest.hex]),)))
    assert caught.value.exit_code == 4


def test_tampering_is_said_before_what_the_scan_found(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(stream(PAYLOAD))
    with pytest.raises(TamperedError):
        load(path, Policy(verifiers=(Pinned([Digest.of(b"").hex]),)))


def test_every_verifier_is_asked_about_the_bytes_in_memory_and_all_must_agree(tmp_path: Path) -> None:
    path = saved("pickle", tmp_path)
    asked: list[Subject] = []
    digest = Digest.of(path.read_bytes())

    class Asked:
        def verify(self, subject: Subject) -> Verified:
            asked.append(subject)
            path.write_bytes(b"swapped while a signature is checked")
            return Verified(method="signature", by="someone")

    loaded = load(path, Policy(verifiers=(Asked(), Pinned([digest.hex]))))
    assert [each.method for each in loaded.verified] == ["signature", "pinned digest"]
    assert [(each.path, each.files) for each in asked] == [(path, {path.name: digest})]
    np.testing.assert_array_equal(loaded.model["w"], WEIGHTS["w"])


def test_a_kind_that_the_policy_does_not_take_is_refused(tmp_path: Path) -> None:
    policy = Policy(kinds=frozenset({"safetensors", "npy"}))
    assert load(saved("npy", tmp_path), policy).kind == "npy"
    with pytest.raises(RefusedArtifactError, match="of the kind pickle") as caught:
        load(saved("pickle", tmp_path), policy)
    assert caught.value.findings[0].rule == "CM-SUP-291"
    assert caught.value.record["verdict"] == "suspicious"


def test_the_size_that_a_policy_sets_is_kept(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="larger than 10 bytes"):
        load(saved("npy", tmp_path), Policy(most=10))


def test_a_name_that_the_scan_did_not_tell_is_a_critical_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(LogisticRegression(), path)

    def forgetful(*rest: Any) -> Any:
        found = scan_view(*rest)
        told = tuple(each for each in found.imported if "Logistic" not in each)
        return found.__class__(**{**vars(found), "imported": told})

    monkeypatch.setattr(f"{MODULE}.scan_view", forgetful)
    with pytest.raises(RefusedArtifactError, match="LogisticRegression") as caught:
        load(path)
    assert caught.value.findings[0].rule == "CM-SUP-290"
    assert caught.value.record["verdict"] == "malicious"


def test_a_file_that_its_loader_reads_as_something_else_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(*rest: Any) -> Any:
        found = scan_view(*rest)
        return found.__class__(**{**vars(found), "formats": ("gguf",)})

    monkeypatch.setattr(f"{MODULE}.scan_view", other)
    for kind in ("npy", "torch", "safetensors", "compressed"):
        with pytest.raises(UnreadableError, match="two things at once"):
            load(saved(kind, tmp_path))
    with pytest.raises(UnreadableError, match="no loader"):
        load(saved("pickle", tmp_path))


# ONNX and its external data


def graph(folder: Path, location: str = "weights.bin") -> Path:
    """A model y = x * w, with w outside."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto
    weights = onnx.numpy_helper.from_array(np.arange(4, dtype="f4"), "w")
    weights.ClearField("raw_data")
    weights.data_location = kind.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        weights.external_data.add(key=key, value=value)
    values = [helper.make_tensor_value_info(name, kind.FLOAT, [4]) for name in "xy"]
    node = helper.make_node("Mul", ["x", "w"], ["y"])
    model = helper.make_model(helper.make_graph([node], "g", values[:1], values[1:], [weights]), ir_version=10)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    (folder / "weights.bin").write_bytes(np.arange(4, dtype="f4").tobytes())
    return folder / "model.onnx"


def test_a_graph_is_loaded_with_its_weights_from_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = graph(tmp_path)
    monkeypatch.setattr("casemate.custody.guard.graphs.OnnxModel.session", absent)
    loaded = load(path)
    for file in tmp_path.iterdir():
        file.unlink()

    assert isinstance(loaded.model, OnnxModel)
    assert loaded.external == {"weights.bin": Digest.of(np.arange(4, dtype="f4").tobytes())}
    assert loaded.evidence()["external"] == {"weights.bin": loaded.external["weights.bin"].hex}
    onnx = pytest.importorskip("onnx")
    proto = loaded.model.proto()
    onnx.checker.check_model(proto)
    evaluator = importlib.import_module("onnx.reference").ReferenceEvaluator(proto)
    assert evaluator.run(None, {"x": np.full(4, 2, "f4")})[0].tolist() == [0, 2, 4, 6]


def absent(self: OnnxModel, **_: object) -> None:
    raise MissingPartError("this needs the package 'onnxruntime'")


def test_onnxruntime_gets_the_weights_from_memory(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    session = load(graph(tmp_path)).model
    assert session.run(None, {"x": np.full(4, 2, "f4")})[0].tolist() == [0, 2, 4, 6]


def test_external_data_counts_for_verifiers(tmp_path: Path) -> None:
    path = graph(tmp_path)
    pinned = Policy(verifiers=(Pinned([Digest.of(path.read_bytes()).hex]),))
    with pytest.raises(TamperedError, match=r"weights\.bin"):
        load(path, pinned)


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "link", "missing"])
def test_external_data_that_is_not_beneath_the_model_is_not_opened(location: str, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "weights.bin").write_bytes(bytes(16))
    (tmp_path / "inner" / "link").symlink_to("../weights.bin")
    with pytest.raises(CasemateError) as caught:
        load(graph(tmp_path / "inner", location))
    assert caught.value.exit_code in (1, 3)


def test_external_data_that_is_too_short_is_unreadable(tmp_path: Path) -> None:
    path = graph(tmp_path)
    (tmp_path / "weights.bin").write_bytes(bytes(12))
    with pytest.raises(UnreadableError, match="behind the end"):
        load(path)


def test_a_graph_whose_tensor_lies_outside_is_no_proto() -> None:
    onnx = pytest.importorskip("onnx")
    tensor = onnx.TensorProto(name="w", data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="w")
    tensor.external_data.add(key="offset", value="20")
    model = onnx.ModelProto(graph=onnx.GraphProto(initializer=[tensor]))
    with pytest.raises(ValueError, match="outside"):
        OnnxModel(model.SerializeToString(), {"w": b"short"}).proto()


# skops


def test_a_skops_file_is_loaded_with_the_types_of_its_scan_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skops = pytest.importorskip("skops.io")
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    skops.dump({"model": model, "own": Own(3)}, tmp_path / "model.skops")

    def seen(*names: str) -> Any:
        def scan(*rest: Any) -> Any:
            found = scan_view(*rest)
            clean = {"findings": (), "unreadable": "", "formats": ("skops",), "imported": names}
            return found.__class__(**{**vars(found), **clean})

        return scan

    monkeypatch.setattr(f"{MODULE}.scan_view", seen(f"{Own.__module__}:Own"))
    loaded = load(tmp_path / "model.skops")
    assert loaded.kind == "skops"
    assert loaded.model["model"].predict([[1.0]]).tolist() == [1]
    assert loaded.model["own"].value == 3

    monkeypatch.setattr(f"{MODULE}.scan_view", seen())
    with pytest.raises(UnreadableError, match="Own"):
        load(tmp_path / "model.skops")


def test_skops_is_told_what_the_schema_names(tmp_path: Path) -> None:
    skops = pytest.importorskip("skops.io")
    rows, labels = [[0.0], [1.0]], [0, 1]
    near = KNeighborsClassifier(1, algorithm="kd_tree").fit(rows, labels)
    skops.dump(near, tmp_path / "near.skops")
    loaded = load(tmp_path / "near.skops")  # skops alone refuses its tree and metric
    assert {"sklearn.neighbors._kd_tree:KDTree", "sklearn.neighbors._classification:KNeighborsClassifier"} <= set(
        loaded.imported
    )
    assert loaded.model.predict(rows).tolist() == labels


FORESTS = [
    DecisionTreeClassifier(),
    RandomForestClassifier(3, random_state=0),
    HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=1),
]


def sown(model: Any, path: Path) -> Any:
    """Fit a forest, and save it with skops."""
    rows = np.array([[at % 4, at / 40] for at in range(40)], dtype=np.float64)
    pytest.importorskip("skops.io").dump(model.fit(rows, rows[:, 0] > 1), path)
    return rows


@pytest.mark.parametrize("model", FORESTS)
def test_trees_in_a_skops_file_are_loaded(tmp_path: Path, model: Any) -> None:
    rows = sown(model, tmp_path / "m.skops")
    loaded = load(tmp_path / "m.skops").model  # skops alone refuses them
    np.testing.assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [
        (FORESTS[0], "left_child", 1 << 40),
        (FORESTS[1], "right_child", 0),
        (FORESTS[1], "feature", -5),
        (FORESTS[0], "feature", 2),
        (FORESTS[2], "left", 4_000_000_000),
        (FORESTS[2], "right", 0),
        (FORESTS[2], "feature_idx", -1),
    ],
)
def test_trees_that_lead_outside_of_themselves_are_refused_before_anyone_predicts(
    tmp_path: Path, model: Any, field: str, value: int
) -> None:
    sown(model, tmp_path / "m.skops")
    with zipfile.ZipFile(tmp_path / "m.skops") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    changed = 0
    for name, content in members.items():
        nodes = np.load(io.BytesIO(content)) if name.endswith(".npy") else np.zeros(1)
        if nodes.dtype.names and field in nodes.dtype.names:
            nodes[field][0] = value  # the root
            written = io.BytesIO()
            np.save(written, nodes)
            members[name] = written.getvalue()
            changed += 1
    assert changed
    with zipfile.ZipFile(tmp_path / "bad.skops", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(UnreadableError, match="lead outside of it"):
        load(tmp_path / "bad.skops")


def test_sets_of_categories_must_exist() -> None:
    rows = np.array([[at % 4, at / 40] for at in range(40)], dtype=np.float64)
    model = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=1, categorical_features=[0])
    model.fit(rows, rows[:, 0] % 2)
    assert not unsound({"model": [model]})
    for (predictor,) in model._predictors:
        predictor.nodes["bitset_idx"][predictor.nodes["is_categorical"] != 0] = 77
    assert unsound({"model": [model]}) == "TreePredictor"


class Own:
    """A class that skops does not trust by itself."""

    def __init__(self, value: int) -> None:
        self.value = value


def test_a_torchscript_program_has_no_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    np.savez(written, a=np.zeros(1))
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        for name in ("m/data.pkl", "m/code/__torch__.py", "m/constants.pkl"):
            archive.writestr(name, b"")
    monkeypatch.setattr(
        f"{MODULE}.scan_view",
        lambda *rest: (f := scan_view(*rest)).__class__(
            **{**vars(f), "findings": (), "unreadable": "", "formats": ("zip",)}
        ),
    )
    with pytest.raises(UnreadableError, match="no loader"):
        load(tmp_path / "m.pt")
