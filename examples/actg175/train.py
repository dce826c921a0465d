"""Train a model of disease progression on ACTG175 and save it with joblib: a small trial with sensitive attributes.

ACTG175: 2,139 people with HIV in a randomized trial of four treatments (Hammer et al., New England Journal of Medicine
335:1081-1090, 1996). The table holds sexual orientation and drug use, which make it the natural case for attribute
inference.

Usage: python examples/actg175/train.py [ACTG175_CSV] [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import joblib
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

TARGET = "cens"
SUBJECT = "pidnum"

# Known only after the outcome, or the same for everyone.
LEAKS = ["days", "cd420", "cd496", "r", "cd820", "offtrt", "zprior", "arms"]


def main() -> None:
    """Write data/{train,holdout}.csv and model/{logistic,boosted}.joblib below the folder given."""
    here = Path(__file__).parent
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else here.parents[1] / ".data" / "actg175.csv"
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else here
    table = pd.read_csv(source, index_col=0).drop(columns=LEAKS)
    train, holdout = train_test_split(table, test_size=0.5, random_state=7, stratify=table[TARGET])
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "model").mkdir(parents=True, exist_ok=True)
    train.to_csv(folder / "data" / "train.csv", index=False)
    holdout.to_csv(folder / "data" / "holdout.csv", index=False)
    features, unseen = (part.drop(columns=[TARGET, SUBJECT]) for part in (train, holdout))
    models: dict[str, Pipeline | HistGradientBoostingClassifier] = {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        "boosted": HistGradientBoostingClassifier(random_state=0),
    }
    for name, model in models.items():
        model.fit(features, train[TARGET])
        joblib.dump(model, folder / "model" / f"{name}.joblib")
        print(
            f"{name}: accuracy {model.score(features, train[TARGET]):.3f} on the {len(train):,} people it saw, "
            f"{model.score(unseen, holdout[TARGET]):.3f} on {len(holdout):,} it did not"
        )


if __name__ == "__main__":
    main()
