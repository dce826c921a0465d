"""Recipes: what they are is told apart, in every process alike, and the same rows and seed give the same model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from casemate.core.digests import canonical_json
from casemate.data import infer_schema, to_dataset
from casemate.training.recipe import SklearnRecipe, describe

MAKE = """
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
model = make_pipeline(
    make_column_transformer((StandardScaler(), make_column_selector(dtype_include="number"))), LogisticRegression(C={c})
)
"""


def made(c: float) -> Any:
    scope: dict[str, Any] = {}
    exec(MAKE.replace("{c}", str(c)), scope)
    return scope["model"]


def test_the_digest_is_the_same_in_another_process() -> None:
    code = MAKE.replace("{c}", "2.0") + (
        "from casemate.training.recipe import SklearnRecipe\nprint(SklearnRecipe(model).digest.hex)"
    )
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": source}, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == SklearnRecipe(made(2.0)).digest.hex, done.stderr


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (made(1.0), made(2.0)),
        (LogisticRegression(class_weight={0: 1.0}), LogisticRegression(class_weight={0: 2.0})),
        (make_column_selector(pattern="a"), make_column_selector(pattern="b")),
        (FunctionTransformer(np.log1p), FunctionTransformer(np.expm1)),
        (LogisticRegression(), RandomForestClassifier()),
        (np.array([1.0, 2.0]), np.array([1.0, 3.0])),
        (float("nan"), float("inf")),
    ],
)
def test_different_parameters_are_told_apart(one: Any, other: Any) -> None:
    assert canonical_json(describe(one)) != canonical_json(describe(other))


def test_cycles_end() -> None:
    class Knot:
        pass

    knot = Knot()
    knot.itself = knot  # type: ignore[attr-defined]
    canonical_json(describe(knot))


def test_the_same_rows_and_seed_give_the_same_model(table: Any) -> None:
    recipe = SklearnRecipe(HistGradientBoostingClassifier(max_iter=5, max_features=0.5))
    first, again, other = (recipe.fit(table, seed).scores(table.features) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_changed_recipe_leaves_the_first_alone() -> None:
    recipe = SklearnRecipe(make_pipeline(make_column_transformer((StandardScaler(), ["x"])), LogisticRegression(C=1.0)))
    changed = recipe.change(logisticregression__C=9.0)
    assert changed.digest != recipe.digest
    assert recipe.estimator.get_params()["logisticregression__C"] == 1.0


@pytest.fixture(scope="module")
def table() -> Any:
    random = np.random.default_rng(4)
    frame = pd.DataFrame(random.normal(size=(300, 4)), columns=list("abcd"))
    frame["y"] = (frame["a"] + random.normal(size=300) > 0).astype(int)
    return to_dataset(frame, name="toy", target="y", schema=infer_schema(frame.drop(columns="y")))
