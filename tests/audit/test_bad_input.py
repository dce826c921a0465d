"""Bad input: a clear error with a next step, the right exit code, and a ledger that still verifies.

Each case is caused for real and run through the program, as a user would meet it.
"""

from __future__ import annotations

import resource
import signal
import subprocess
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from casemate.audit.notebook import Notebook
from casemate.ledger.view import verify_folder
from tests.audit.scene import Scene, fit

FAST = ("audit", "--only", "quality.model")


def refused(scene: Scene, code: int, *words: str, command: tuple[str, ...] = FAST) -> None:
    done = scene.casemate(*command)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "next:" in done.stderr
    for word in words:
        assert word in done.stderr
    if (scene.audit / "ledger").exists():
        verify_folder(scene.audit / "ledger")


def test_no_configuration(tmp_path: Path, scene: Scene) -> None:
    scene.config.unlink()
    refused(scene, 3, "casemate.toml", "casemate init")


def test_a_typo_names_the_nearest_key(scene: Scene) -> None:
    scene.edit("at_most = 0.2", "at_mots = 0.2")
    refused(scene, 3, "at_mots", "did you mean", "at_most")


def test_an_unknown_assessment_names_the_nearest(scene: Scene) -> None:
    refused(scene, 3, "inversion.membership", command=("audit", "--only", "inversion.membershp"))


def test_not_toml(scene: Scene) -> None:
    scene.config.write_text("system = [")
    refused(scene, 3, "not TOML")


def test_a_table_needs_a_target(scene: Scene) -> None:
    scene.edit('target = "malignant"\n', "")
    refused(scene, 3, "[data] names no target")


def test_missing_column(scene: Scene) -> None:
    for name in ("train", "holdout"):
        scene.write(name, scene.table(name).drop(columns=["mean_area"]))
    refused(scene, 3, "mean_area", "missing")


def test_extra_column(scene: Scene) -> None:
    for name in ("train", "holdout"):
        scene.write(name, scene.table(name).assign(shoe_size=1.5))
    refused(scene, 3, "shoe_size", "extra")


def test_infinite_values(scene: Scene) -> None:
    table = scene.table("holdout")
    table.loc[3, "mean_area"] = np.inf
    scene.write("holdout", table)
    refused(scene, 3, "mean_area")


def test_nan_where_the_training_data_have_none(scene: Scene) -> None:
    table = scene.table("holdout")
    table.loc[3, "mean_area"] = np.nan
    scene.write("holdout", table)
    refused(scene, 3, "mean_area")


def test_text_where_numbers_belong(scene: Scene) -> None:
    table = scene.table("holdout").astype({"mean_area": object})
    table.loc[3, "mean_area"] = "large"
    scene.write("holdout", table)
    refused(scene, 3, "mean_area")


def test_an_unseen_category(scene: Scene) -> None:
    table = scene.table("holdout")
    table.loc[3, "large"] = "perhaps"
    scene.write("holdout", table)
    refused(scene, 3, "large")


def test_one_class(scene: Scene) -> None:
    scene.write("train", scene.table("train").assign(malignant=1))
    refused(scene, 3, "one class")


def test_one_row(scene: Scene) -> None:
    scene.write("train", scene.table("train").iloc[:1])
    refused(scene, 3, "one class")


def test_empty_file(scene: Scene) -> None:
    (scene.folder / "train.csv").write_bytes(b"")
    refused(scene, 3, "train.csv")


def test_labels_as_words(scene: Scene) -> None:
    for name in ("train", "holdout"):
        table = scene.table(name)
        scene.write(name, table.assign(malignant=table["malignant"].map({0: "benign", 1: "malignant"})))
    fit(scene)
    done = scene.casemate(*FAST)
    assert done.returncode in {0, 2}, done.stderr


def test_patients_on_both_sides_leave_the_strangers(scene: Scene) -> None:
    train, holdout = scene.table("train"), scene.table("holdout")
    holdout.loc[:4, "patient"] = train.loc[:4, "patient"].to_numpy()
    scene.write("holdout", holdout)
    done = scene.casemate(*FAST)
    assert "5 held-out rows" in done.stderr
    assert done.returncode in {0, 2}


class Raising(LogisticRegression):
    def predict_proba(self, rows: object) -> object:
        raise RuntimeError("broken")

    predict = predict_proba


class Undecided(LogisticRegression):
    def predict_proba(self, rows: object) -> object:
        return np.full((len(rows), 2), np.nan)  # type: ignore[arg-type]


class Moody(LogisticRegression):
    def predict_proba(self, rows: object) -> object:
        return np.random.default_rng().dirichlet([1.0, 1.0], len(rows))  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "word"), [(Raising, "raised"), (Undecided, "NaN"), (Moody, "chang")])
def test_a_model_that_misbehaves(scene: Scene, kind: type[LogisticRegression], word: str) -> None:
    train = scene.table("train").drop(columns=["patient", "large"])
    for name in ("train", "holdout"):
        scene.write(name, scene.table(name).drop(columns=["large"]))
    scene.edit('sensitive = ["large"]\n', "")
    model = kind(max_iter=5000).fit(train.drop(columns="malignant"), train["malignant"])
    joblib.dump(model, scene.folder / "linear.joblib")
    scene.config.write_text(scene.config.read_text() + f'\n[load]\nallow = ["{__name__}:{kind.__name__}"]\n')
    done = scene.casemate(*FAST)
    assert done.returncode == 3, done.stderr
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_without_scores_is_assessed_by_what_needs_labels(scene: Scene) -> None:
    train = scene.table("train").drop(columns=["patient", "large"])
    for name in ("train", "holdout"):
        scene.write(name, scene.table(name).drop(columns=["large"]))
    scene.edit('sensitive = ["large"]\n', "")
    joblib.dump(
        RidgeClassifier().fit(train.drop(columns="malignant"), train["malignant"]), scene.folder / "linear.joblib"
    )
    done = scene.casemate("audit", "--only", "quality.model", "--only", "inversion.membership")
    assert done.returncode in {0, 2}, done.stderr
    assert "do not apply" in done.stdout


def test_a_model_of_other_classes(scene: Scene) -> None:
    train = scene.table("train").drop(columns=["patient"])
    model = DummyClassifier().fit(train.drop(columns="malignant"), np.resize(["cat", "dog"], len(train)))
    joblib.dump(model, scene.folder / "linear.joblib")
    refused(scene, 3, "cat, dog")


def test_a_pickle_that_imports_what_it_must_not(scene: Scene) -> None:
    """Built from opcodes by hand, and never loaded: the guard refuses it before anything runs."""
    mark = scene.folder / "owned"
    (scene.folder / "linear.joblib").write_bytes(
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c"
        + bytes([len(str(mark)) + 6])
        + f"touch {mark}".encode()
        + b"\x85R."
    )
    refused(scene, 1, "posix", "explain CM-SUP")
    assert not mark.exists()
    log = verify_folder(scene.audit / "ledger")
    assert log.of_kind("load")[0].predicate["verdict"] == "malicious"


def test_a_disk_that_fills(scene: Scene) -> None:
    """A limit on file sizes is met by the kernel while the ledger writes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    command = scene.command(*FAST)
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=scene.folder,
        env=scene.environment(),
        preexec_fn=limit,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "disk is full" in done.stderr or "durable" in done.stderr or "written" in done.stderr
    assert "Traceback" not in done.stderr
    again = scene.casemate(*FAST)
    assert again.returncode in {0, 2}, again.stderr
    verify_folder(scene.audit)


def test_ctrl_c_in_the_middle(scene: Scene) -> None:
    command = scene.command("audit", "--only", "inversion.membership")
    running = subprocess.Popen(
        command, cwd=scene.folder, env=scene.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    entries = scene.audit / "ledger" / "blobs"
    while running.poll() is None and not entries.exists():
        pass
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=120)
    assert running.returncode in {130, 0, 1, 2}
    assert "Traceback" not in errors
    assert scene.casemate("audit", "--only", "inversion.membership").returncode in {0, 1, 2}
    verify_folder(scene.audit)


def test_two_runs_on_one_ledger(scene: Scene) -> None:
    assert scene.casemate(*FAST).returncode in {0, 2}
    with Notebook(scene.audit, scene.home):
        refused_while_open = scene.casemate(*FAST)
    assert refused_while_open.returncode == 3
    assert "another process" in refused_while_open.stderr
    verify_folder(scene.audit)
