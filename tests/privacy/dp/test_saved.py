"""Private models, saved as users save models, pass the load guard and are the same afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris

from casemate.custody import open_model
from casemate.privacy import dp

X, Y = load_iris(return_X_y=True)
BOUNDS = (np.zeros(4), np.array([8.0, 5.0, 7.0, 3.0]))


@pytest.mark.parametrize(
    "model",
    [
        dp.LogisticRegression(5.0, classes=(0, 1, 2)),
        dp.LogisticRegression(5.0, delta=1e-5, classes=(0, 1, 2)),
        dp.GaussianNB(5.0, bounds=BOUNDS, classes=(0, 1, 2)),
        dp.Ridge(5.0, bounds=BOUNDS, target_bounds=(0, 2)),
        dp.KMeans(3, epsilon=5.0, bounds=BOUNDS),
        dp.PCA(2, epsilon=5.0, bounds=BOUNDS),
        dp.ExplainableBoostingClassifier(5.0, bounds=BOUNDS, classes=(0, 1, 2)),
        dp.PoissonRegressor(5.0, data_norm=20.0, target_bound=3.0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_is_loaded_is_what_was_saved(model: Any, tmp_path: Path) -> None:
    model.fit(X, Y)
    joblib.dump(model, tmp_path / "model.joblib")
    found = open_model(tmp_path / "model.joblib").model
    assert found.certificate_ == model.certificate_
    ask = "predict" if hasattr(model, "predict") else "transform"
    assert (getattr(found, ask)(X) == getattr(model, ask)(X)).all()
