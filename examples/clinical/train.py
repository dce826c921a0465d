"""Train two models of in-hospital death on SUPPORT2, the way a practitioner would, and save them with joblib.

SUPPORT2: 9,105 seriously ill patients in five US hospitals, 1989-1994 (Knaus et al., Annals of Internal Medicine
122:191-203, 1995). Half of the patients train the models; the other half are kept as people the models never saw.

Usage: python examples/clinical/train.py [SUPPORT2_CSV] [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

TARGET = "hospdead"
SUBJECT = "sno"

# Known only after the stay, or another model's prediction of the outcome: each would leak the target.
LEAKS = [
    "death", "slos", "d.time", "charges", "totcst", "totmcst", "avtisst", "surv2m", "surv6m",
    "prg2m", "prg6m", "dnr", "dnrday", "sfdm2",
]  # fmt: skip


def read(path: Path) -> pd.DataFrame:
    """SUPPORT2 without the columns that leak the target; missing categories become their own category."""
    table = pd.read_csv(path).drop(columns=LEAKS)
    words = table.select_dtypes(include=["object", "str"]).columns
    table[words] = table[words].apply(lambda column: column.str.strip()).fillna("unknown")
    return table


def models() -> dict[str, Pipeline]:
    """A logistic regression and a boosted ensemble, with the defaults most people leave in place."""
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


def main() -> None:
    """Write data/{train,holdout}.csv and model/{logistic,boosted}.joblib below the folder given."""
    here = Path(__file__).parent
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else here.parents[1] / ".data" / "support2.csv"
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else here
    table = read(source)
    train, holdout = train_test_split(table, test_size=0.5, random_state=7, stratify=table[TARGET])
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "model").mkdir(parents=True, exist_ok=True)
    train.to_csv(folder / "data" / "train.csv", index=False)
    holdout.to_csv(folder / "data" / "holdout.csv", index=False)
    features = train.drop(columns=[TARGET, SUBJECT])
    unseen = holdout.drop(columns=[TARGET, SUBJECT])
    for name, model in models().items():
        model.fit(features, train[TARGET])
        joblib.dump(model, folder / "model" / f"{name}.joblib")
        print(
            f"{name}: accuracy {model.score(features, train[TARGET]):.3f} on the {len(train):,} patients it saw, "
            f"{model.score(unseen, holdout[TARGET]):.3f} on {len(holdout):,} it did not"
        )


if __name__ == "__main__":
    main()
