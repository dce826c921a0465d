"""Three real tables and the pipelines that the membership benchmarks attack."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from casemate.data.dataset import Dataset
from casemate.data.schema import Column, Schema

FOLDER = Path(os.environ.get("CASEMATE_BENCH_DATA", Path(__file__).parents[1] / ".data"))

# file, label column, columns known only after the outcome or that number the rows
SOURCES = {
    "SUPPORT2": (
        "support2.csv",
        "hospdead",
        [
            "sno",
            "death",
            "slos",
            "d.time",
            "charges",
            "totcst",
            "totmcst",
            "avtisst",
            "surv2m",
            "surv6m",
            "prg2m",
            "prg6m",
            "dnr",
            "dnrday",
            "sfdm2",
        ],
    ),
    "ACTG175": (
        "actg175.csv",
        "cens",
        ["Unnamed: 0", *["pidnum", "days", "cd420", "cd496", "r", "cd820", "offtrt", "zprior", "arms"]],
    ),
    "Adult": ("adult.csv.gz", "income", ["Unnamed: 0"]),
}


def missing() -> str:
    """Which files are not there, or ""."""
    absent = [file for file, _, _ in SOURCES.values() if not (FOLDER / file).exists()]
    return f"{', '.join(absent)} not in {FOLDER.name}/: run `make data`" if absent else ""


def table(name: str) -> Dataset:
    """One of the tables, without leaking columns and without repeated rows."""
    file, label, drop = SOURCES[name]
    frame = pd.read_csv(FOLDER / file).drop(columns=drop).drop_duplicates(ignore_index=True)
    words = [column for column in frame.columns if not pd.api.types.is_numeric_dtype(frame[column])]
    frame[words] = frame[words].apply(lambda column: column.str.strip()).fillna("unknown").astype(object)
    codes, classes = pd.factorize(frame.pop(label), sort=True)
    schema = Schema(
        tuple(Column(name=column, type="category" if column in words else "number") for column in frame.columns)
    )
    return Dataset(name, frame, codes.astype(np.int64), tuple(str(value) for value in classes), schema)


def logistic(rows: Dataset, c: float = 1.0) -> Pipeline:
    """Impute, scale, one-hot encode, regress: the scikit-learn documentation's own recipe."""
    words = [column.name for column in rows.schema.columns if column.type == "category"]
    numbers = [column.name for column in rows.schema.columns if column.type == "number"]
    prepare = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("words", OneHotEncoder(handle_unknown="ignore"), words),
        ]
    )
    return make_pipeline(prepare, LogisticRegression(C=c, max_iter=5000))
