"""A small real audit: tumor data that scikit-learn ships, two models, one configuration."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import joblib
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from casemate.cli.app import run

COLUMNS = 6

CONFIG = """\
system = "tumors"

[audit]
out = "audit"
seed = 11
effort = "quick"
workers = 1

[data]
name = "tumors"
train = "train.csv"
holdout = "holdout.csv"
target = "malignant"
subject = "patient"
sensitive = ["large"]

[[model]]
name = "linear"
path = "linear.joblib"

[[policy.tolerances]]
name = "accuracy"
kind = "model/accuracy"
metric = "accuracy"
at_least = 0.8

[[policy.tolerances]]
name = "membership"
kind = "attack/membership/lira"
metric = "tpr"
at = { fpr = 0.01 }
at_most = 0.2

[[policy.tolerances]]
name = "extraction"
kind = "attack/extraction/*"
metric = "fidelity"
at = { queries = 100 }
at_most = 0.9

[[defense]]
use = "inversion.regularize"

[[defense]]
use = "extraction.rounding"
"""

BOOSTED = """
[[model]]
name = "boosted"
path = "boosted.joblib"
"""


class Done(NamedTuple):
    """What a run of the program left."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Scene:
    """A folder with data, models and configuration, and a key home outside it."""

    folder: Path
    home: Path

    @property
    def config(self) -> Path:
        return self.folder / "casemate.toml"

    @property
    def audit(self) -> Path:
        return self.folder / "audit"

    def edit(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / f"{name}.csv")

    def write(self, name: str, table: pd.DataFrame) -> None:
        table.to_csv(self.folder / f"{name}.csv", index=False)

    def casemate(self, *words: str) -> Done:
        """Run the program as a user would, in this process: its answer, and what it wrote."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        before, home = Path.cwd(), os.environ.get("CASEMATE_HOME")
        os.chdir(self.folder)
        os.environ["CASEMATE_HOME"] = str(self.home)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run(words)
                out.flush()
        finally:
            os.chdir(before)
            os.environ.pop("CASEMATE_HOME")
            if home is not None:
                os.environ["CASEMATE_HOME"] = home
        return Done(code, out.buffer.getvalue().decode(), err.getvalue())

    def command(self, *words: str) -> list[str]:
        """The same as a command for a process of its own."""
        return [sys.executable, "-c", "from casemate.cli import main; main()", *words]

    def environment(self, **more: str) -> dict[str, str]:
        source = str(Path(__file__).parents[2] / "src")
        return {
            **os.environ,  # what chooses BLAS kernels has to be the same in every process
            "PYTHONPATH": source,
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "CASEMATE_HOME": str(self.home),
            **more,
        }


def build(folder: Path, *, boosted: bool = False) -> Scene:
    """Write data, models and configuration into a folder."""
    data = load_breast_cancer(as_frame=True)
    table = data.data.iloc[:, :COLUMNS].copy()
    table.columns = [name.replace(" ", "_") for name in table.columns]
    table["large"] = (table["mean_area"] > table["mean_area"].median()).map({True: "yes", False: "no"})
    table["malignant"] = 1 - data.target
    table["patient"] = [f"patient{at:04d}" for at in range(len(table))]
    table = table.sample(frac=1.0, random_state=3).reset_index(drop=True)
    place = folder / "scene"
    place.mkdir()
    home = folder / "home"
    home.mkdir(mode=0o700)
    scene = Scene(place, home)
    half = len(table) // 2
    scene.write("train", table.iloc[:half])
    scene.write("holdout", table.iloc[half:])
    fit(scene, boosted=boosted)
    scene.config.write_text(CONFIG + (BOOSTED if boosted else ""))
    return scene


def fit(scene: Scene, *, boosted: bool = False) -> None:
    """Train the models on the training file, as a practitioner would."""
    train = scene.table("train")
    inputs = train.drop(columns=["malignant", "patient"])
    numbers = make_column_selector(dtype_include="number")
    encode = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(), ["large"]))
    joblib.dump(
        make_pipeline(encode, LogisticRegression(max_iter=2000)).fit(inputs, train["malignant"]),
        scene.folder / "linear.joblib",
    )
    if boosted:
        passing = make_column_transformer(("passthrough", numbers), (OneHotEncoder(sparse_output=False), ["large"]))
        model = make_pipeline(passing, HistGradientBoostingClassifier(max_iter=20, random_state=0))
        joblib.dump(model.fit(inputs, train["malignant"]), scene.folder / "boosted.joblib")
