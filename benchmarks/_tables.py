"""The real tables that benchmarks share, each as two halves with one schema, and models as practitioners train them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from casemate.data.dataset import Dataset
from casemate.data.schema import Column, ColumnType, Schema

ROOT = Path(__file__).parents[1]
SUPPORT2_LEAKS = [
    "death", "slos", "d.time", "charges", "totcst", "totmcst", "avtisst", "surv2m", "surv6m", "prg2m", "prg6m",
    "dnr", "dnrday", "sfdm2", "sno",
]  # fmt: skip
ACTG175_LEAKS = ["days", "cd420", "cd496", "r", "cd820", "offtrt", "zprior", "arms", "pidnum"]
IMMUTABLE = {"age", "sex", "race", "gender"}


def folder() -> Path:
    """Where the data lie: CASEMATE_BENCH_DATA, or ``.data`` as ``make data`` leaves it."""
    return Path(os.environ.get("CASEMATE_BENCH_DATA", ROOT / ".data"))


def support2() -> tuple[pd.DataFrame, str]:
    """9,105 seriously ill patients; in-hospital death."""
    table = pd.read_csv(folder() / "support2.csv").drop(columns=SUPPORT2_LEAKS)
    return _words(table), "hospdead"


def actg175() -> tuple[pd.DataFrame, str]:
    """2,139 people with HIV in a trial; progression of the disease."""
    return pd.read_csv(folder() / "actg175.csv", index_col=0).drop(columns=ACTG175_LEAKS), "cens"


def adult() -> tuple[pd.DataFrame, str]:
    """32,561 people of the US census of 1994 without their repeats; income over 50,000 dollars."""
    table = pd.read_csv(folder() / "adult.csv.gz")
    table = table.drop(columns=[name for name in table.columns if name.startswith("Unnamed")]).drop_duplicates()
    return _words(table.reset_index(drop=True)), "income"


TABLES: dict[str, Callable[[], tuple[pd.DataFrame, str]]] = {"SUPPORT2": support2, "Adult": adult, "ACTG175": actg175}


def halves(name: str, seed: int, most: int | None = None) -> tuple[Dataset, Dataset]:
    """Two random halves of a table (of ``most`` rows each): members and people the model never saw."""
    table, target = TABLES[name]()
    order = np.random.default_rng(seed).permutation(len(table))
    half = min(len(table) // 2, most or len(table))
    classes, codes = np.unique(table[target].astype(str), return_inverse=True)
    features = table.drop(columns=[target])
    schema = describe(features)
    whole = Dataset(name, features, codes.astype(np.int64), tuple(classes), schema)
    return whole.take(order[:half], f"{name}-train"), whole.take(order[half : 2 * half], f"{name}-holdout")


def describe(features: pd.DataFrame) -> Schema:
    """A schema by looking: integers, numbers and categories with the bounds that occur."""
    return Schema(tuple(_column(str(name), features[name]) for name in features.columns))


def _column(name: str, values: pd.Series) -> Column:
    immutable, missing = name in IMMUTABLE, bool(values.isna().any())
    if not pd.api.types.is_numeric_dtype(values):
        seen = tuple(sorted(set(values.dropna().astype(str))))
        return Column(name=name, type="category", categories=seen, missing=missing, immutable=immutable)
    known = values.dropna()
    whole = bool((known == known.round()).all())
    kind: ColumnType = "boolean" if set(known.unique()) <= {0, 1} else "integer" if whole else "number"
    return Column(
        name=name, type=kind, low=float(known.min()), high=float(known.max()), missing=missing, immutable=immutable
    )


def models() -> dict[str, Pipeline]:
    """A logistic regression and a boosted ensemble, as in examples/clinical."""
    words = make_column_selector(dtype_include=["object", "str"])
    numbers = make_column_selector(dtype_include="number")
    linear = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("words", OneHotEncoder(handle_unknown="ignore"), words),
        ]
    )
    boosted = ColumnTransformer(
        [
            ("numbers", "passthrough", numbers),
            ("words", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), words),
        ]
    )
    return {
        "logistic": Pipeline([("prepare", linear), ("model", LogisticRegression(max_iter=2000))]),
        "boosted": Pipeline([("prepare", boosted), ("model", HistGradientBoostingClassifier(random_state=0))]),
    }


def peer(name: str) -> Path | None:
    """The interpreter of a peer's environment (.peers/NAME, or CASEMATE_PEERS/NAME), or None when it is not made."""
    python = Path(os.environ.get("CASEMATE_PEERS", ROOT / ".peers")) / name / "bin" / "python"
    return python if python.exists() else None


def ask_peer(python: Path, program: str, **arrays: Any) -> dict[str, np.ndarray]:
    """Run a program of the peer's on named arrays and return the arrays it saves.

    The program finds its input as ``given`` and leaves its answer in the dictionary ``answer``.
    """
    with tempfile.TemporaryDirectory() as scratch:
        np.savez(Path(scratch) / "given.npz", **arrays)
        frame = (
            "import sys, warnings; warnings.filterwarnings('ignore'); import numpy as np\n"
            "given = dict(np.load(sys.argv[1])); answer = {}\n"
            f"{program}\nnp.savez(sys.argv[2], **answer)\n"
        )
        paths = [str(Path(scratch) / "given.npz"), str(Path(scratch) / "answer.npz")]
        subprocess.run([python, "-W", "ignore", "-c", frame, *paths], check=True, stdout=subprocess.DEVNULL)
        return dict(np.load(paths[1]))


def _words(table: pd.DataFrame) -> pd.DataFrame:
    words = table.select_dtypes(include=["object", "str"]).columns
    table[words] = table[words].apply(lambda column: column.str.strip()).fillna("unknown")
    return table
