"""Honest models load and predict as before, however they were saved; nothing is refused."""

from __future__ import annotations

import importlib
import importlib.util
import io
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils import all_estimators

from casemate.core.errors import UnreadableError, UnsafeArtifactError, UsageError
from casemate.custody import inspect_model, open_model
from casemate.threats.supply_chain.pickles.allowlist import extended, reviewed
from casemate.threats.supply_chain.pickles.facts import Role
from casemate.threats.supply_chain.pickles.scan import scan
from casemate.threats.supply_chain.rules import rules
from tests.custody.models import fitted

MODELS: dict[str, tuple[Any, Any]] = {}
COMPRESSIONS = [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 1), ("xz", 1)]


@pytest.fixture(scope="module", autouse=True)
def _models() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MODELS.update(fitted())
    yield
    MODELS.clear()


class Mine(ClassifierMixin, BaseEstimator):
    """A class of the user's own."""

    def fit(self, x: Any, y: Any) -> Mine:
        self.classes_ = np.unique(y)
        return self

    def predict(self, x: Any) -> Any:
        return np.full(len(x), self.classes_[0])


def test_every_honest_model_loads_and_predicts_the_same(tmp_path: Path) -> None:
    assert len(MODELS) >= 30
    for at, (label, (model, rows)) in enumerate(MODELS.items()):
        path = tmp_path / "model.joblib"
        joblib.dump(model, path, compress=COMPRESSIONS[at % len(COMPRESSIONS)])
        loaded = open_model(path)
        assert loaded.findings == (), label
        np.testing.assert_array_equal(loaded.model.predict(rows), model.predict(rows), err_msg=label)


@pytest.mark.parametrize("compress", COMPRESSIONS)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_no_honest_file_is_refused(compress: int | tuple[str, int], protocol: int) -> None:
    for label, (model, _) in MODELS.items():
        if protocol < 3 and label == "columns by an index":
            continue  # Arrow's buffers as latin-1 text: not understood, see docs
        written = io.BytesIO()
        joblib.dump(model, written, compress=compress, protocol=protocol)
        found = scan(written.getvalue(), reviewed(), most=1 << 26)
        assert (found.verdict, found.findings) == ("clean", ()), label


@pytest.mark.parametrize("dump", [pickle.dumps, cloudpickle.dumps])
def test_plain_and_cloud_pickles_of_allowed_classes_are_clean(dump: Any) -> None:
    for label, (model, _) in MODELS.items():
        if dump is cloudpickle.dumps and label == "histogram boosting, stopped by a score":
            continue  # it keeps a bound method, for which cloudpickle builds a function
        assert scan(dump(model), reviewed(), most=1 << 26).verdict == "clean", label


def test_a_cloud_pickled_function_is_refused() -> None:
    found = scan(cloudpickle.dumps(lambda x: x + len(COMPRESSIONS)), reviewed(), most=1 << 20)
    assert found.verdict == "malicious"
    assert "cloudpickle" in found.findings[0].message


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("code", ["f8", "f4", ">i4", "?", "U3", "S2", "c16", "M8[ns]", "i4,f8", "O"])
def test_arrays_of_every_kind_are_crossed_exactly(code: str, order: Any) -> None:
    array = np.zeros((2, 3), dtype=code, order=order)
    written = io.BytesIO()
    joblib.dump([array, array[:0], np.zeros((), code), array.T, "behind"], written)

    assert scan(written.getvalue(), reviewed(), most=1 << 20).verdict == "clean"


def test_ones_own_class_needs_to_be_allowed_and_is_evidence(tmp_path: Path) -> None:
    path = tmp_path / "mine.joblib"
    joblib.dump(Mine().fit([[0], [1]], [0, 1]), path)
    entry = f"{Mine.__module__}:Mine"

    with pytest.raises(UnsafeArtifactError, match=entry) as caught:
        open_model(path)
    assert "[load] allow" in rules()[0].fix
    assert caught.value.exit_code == 1

    loaded = open_model(path, allow=[entry])
    assert loaded.model.predict([[5]]).tolist() == [0]
    assert loaded.evidence() == {
        "path": "mine.joblib",
        "sha256": loaded.digest.hex,
        "verdict": "clean",
        "allowed": [entry],
        "findings": [],
    }
    assert entry in loaded.imported


@pytest.mark.parametrize("entry", ["Class", "a.b", "a:b c", "a.*:B", "os:system", "builtins:eval", "joblib.x:Y", ""])
def test_what_cannot_be_allowed_is_an_error(entry: str) -> None:
    with pytest.raises(UsageError):
        extended([entry])


def test_a_model_of_another_version_is_loaded_with_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "old.joblib"
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    written = pickle.dumps(model)
    version = sklearn.__version__.encode()
    path.write_bytes(written.replace(version, b"9" * len(version)))

    loaded = open_model(path)

    assert [finding.rule for finding in loaded.findings] == ["CM-SUP-012"]
    assert loaded.model.predict([[1.0]]).tolist() == [1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"not a pickle", "is no opcode"),
        (b"PK\x03\x04" + b"\0" * 40, "not a model"),
        (b"\x80\x04]", "ends before it stops"),
        (b"\x80\x07N.", "protocol 7 does not exist"),
        (b"\x78\x9c\x00", "compressed data is cut short"),
        (b"\x1f\x8b" + b"x" * 40, "compressed data is damaged"),
    ],
)
def test_what_cannot_be_understood_is_unreadable_never_clean(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=said) as caught:
        open_model(path)
    assert caught.value.exit_code == 3
    assert caught.value.next_step


def test_missing_large_and_special_files_are_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    with pytest.raises(UnreadableError, match="cannot be opened"):
        open_model(path)
    with pytest.raises(UnreadableError, match="not a regular file"):
        open_model(Path("/dev/null"))
    with pytest.raises(UnreadableError, match="not a regular file"):
        open_model(tmp_path)
    joblib.dump(np.zeros(1000), path)
    with pytest.raises(UnreadableError, match="larger than 100 bytes"):
        open_model(path, most=100)
    joblib.dump(np.zeros(1000), path, compress=3)
    with pytest.raises(UnsafeArtifactError, match="larger than 1000 bytes"):
        open_model(path, most=1000)


def test_what_a_library_refuses_to_load_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(b"\x80\x04csklearn.tree._tree\nTree\n(K\x01tR.")
    assert inspect_model(path).verdict == "clean"
    with pytest.raises(UnreadableError, match="TypeError"):
        open_model(path)


def test_every_listed_name_exists_and_every_estimator_is_listed() -> None:
    missing = []
    for module, name in reviewed():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # numpy.core, where numpy 1 had its names
                getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            missing.append(f"{module}:{name}")
    here = {entry.partition(":")[0] for entry in missing}
    installed = {module for module in here if importlib.util.find_spec(module.partition(".")[0]) is not None}
    other_versions = {"pyarrow.lib", "pandas.arrays", "pathlib._local", "numpy.random", "joblib.numpy_pickle"}
    assert installed <= other_versions, sorted(installed)

    for _, kind in all_estimators():
        if kind.__module__.startswith("sklearn."):
            assert Role.CONSTRUCT in reviewed()[kind.__module__, kind.__name__], kind
