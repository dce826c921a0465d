"""Honest models, fitted as users fit them, small enough to be made in a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import loguniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

N = 40
RNG = np.random.default_rng(7)
X = np.abs(RNG.normal(size=(N, 4)))
Y = (X[:, 0] > X[:, 1]).astype(int)
FRAME = pd.DataFrame(X, columns=["age", "weight", "dose", "score"]).assign(
    sex=["f", "m"] * (N // 2), ward=pd.Categorical(["x", "y", "z", "x"] * (N // 4)), smoker=Y.astype(bool)
)
FRAME.loc[3, "age"] = np.nan
NUMBERS, WORDS = ["age", "weight", "dose", "score"], ["sex", "ward"]


def columns() -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
            ("words", OneHotEncoder(handle_unknown="ignore"), WORDS),
            ("order", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["ward"]),
            ("mean", TargetEncoder(cv=2), ["sex"]),
        ],
        remainder="passthrough",
    )


ARRAYS: dict[str, Callable[[], Any]] = {
    "logistic regression": LogisticRegression,
    "logistic regression with a numpy parameter": lambda: LogisticRegression(C=np.float64(0.5)),
    "stochastic gradient": SGDClassifier,
    "tree": DecisionTreeClassifier,
    "forest": lambda: RandomForestClassifier(3, random_state=np.random.RandomState(0)),
    "extra trees": lambda: ExtraTreesClassifier(3),
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=3),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=3),
    "histogram boosting, stopped by a score": lambda: HistGradientBoostingClassifier(
        max_iter=3, early_stopping=True, scoring="roc_auc"
    ),
    "boosting": lambda: AdaBoostClassifier(n_estimators=3),
    "bagging": lambda: BaggingClassifier(n_estimators=3),
    "support vectors": lambda: SVC(kernel="rbf"),
    "neighbors": KNeighborsClassifier,
    "neighbors in balls": lambda: KNeighborsClassifier(algorithm="ball_tree", metric="manhattan"),
    "network": lambda: MLPClassifier((4,), solver="lbfgs", max_iter=200),
    "naive Bayes": GaussianNB,
    "Gaussian process": lambda: GaussianProcessClassifier(1.0 * RBF() + WhiteKernel(), optimizer=None),
    "isolation forest": lambda: IsolationForest(n_estimators=3),
    "calibrated": lambda: CalibratedClassifierCV(LinearSVC(), method="isotonic", cv=2),
    "stacked": lambda: StackingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], cv=2),
    "voting": lambda: VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], voting="soft"),
    "searched": lambda: GridSearchCV(
        LogisticRegression(), {"C": [0.1, 1]}, cv=StratifiedKFold(2), scoring=make_scorer(fbeta_score, beta=2)
    ),
    "clusters": lambda: KMeans(2, n_init=1),
    "principal components": lambda: make_pipeline(StandardScaler(), PCA(2), LogisticRegression()),
    "logarithm": lambda: make_pipeline(FunctionTransformer(np.log1p), SplineTransformer(), LogisticRegression()),
    "transformed target": lambda: TransformedTargetRegressor(
        LinearRegression(), transformer=QuantileTransformer(n_quantiles=10)
    ),
    "regression by boosting": lambda: HistGradientBoostingRegressor(max_iter=3, loss="quantile", quantile=0.5),
}
FRAMES: dict[str, Callable[[], Any]] = {
    "columns": lambda: make_pipeline(columns(), LogisticRegression(max_iter=500)),
    "columns by type": lambda: make_pipeline(
        ColumnTransformer([("n", SimpleImputer(), make_column_selector(dtype_include="float64"))]), GaussianNB()
    ),
    "columns by an index": lambda: make_pipeline(
        ColumnTransformer([("n", SimpleImputer(), FRAME[NUMBERS].columns)]), RandomForestClassifier(3)
    ),
    "columns by an index of objects": lambda: make_pipeline(
        ColumnTransformer([("n", SimpleImputer(), FRAME[NUMBERS].columns.astype(object))]), RandomForestClassifier(3)
    ),
    "histogram boosting with categories": lambda: HistGradientBoostingClassifier(
        max_iter=3, categorical_features=["ward", "sex"]
    ),
    "searched columns": lambda: RandomizedSearchCV(
        make_pipeline(columns(), LogisticRegression(max_iter=500)),
        {"logisticregression__C": loguniform(0.1, 10)},
        n_iter=2,
        cv=2,
    ),
}


def fitted() -> dict[str, tuple[Any, Any]]:
    """Every model, fitted, with rows to ask it."""
    made: dict[str, tuple[Any, Any]] = {}
    for label, make in ARRAYS.items():
        made[label] = (make().fit(X, Y), X)
    for label, make in FRAMES.items():
        made[label] = (make().fit(FRAME, np.array(["no", "yes"])[Y]), FRAME)
    made["words"] = (
        make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["aa bb", "cc dd"], [0, 1]),
        ["aa", "dd"],
    )
    made["isotonic"] = (IsotonicRegression().fit(X[:, 0], X[:, 1]), X[:, 0])
    return made
