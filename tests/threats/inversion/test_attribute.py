"""Attributes leak from models that remember them, not from the population, and never from models without the column."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from casemate.data.schema import Column, Schema
from casemate.targets.answers import TOP_ONE
from casemate.threats.inversion.attribute import Attribute
from casemate.threats.inversion.candidates import candidates
from casemate.threats.inversion.declarations import ATTRIBUTE_KIND as KIND
from tests.threats.inversion.scenes import engage, figure, logistic, people, run


def patients(n=1600, seed=0):
    """Drug use: predictable a little from the other columns, and it matters for the label."""
    rows = people(n, 6, seed)
    rng = np.random.default_rng([seed, 5])
    drugs = (rows.features["x0"] + rng.logistic(size=n) > 1).to_numpy().astype(np.int64)
    labels = (rows.features["x1"] + 2.0 * drugs * rows.features["x2"] + rng.logistic(size=n) > 0).to_numpy()
    schema = Schema((*rows.schema.columns, Column(name="drugs", type="boolean", sensitive=True)))
    return replace(rows, features=rows.features.assign(drugs=drugs), labels=labels.astype(np.int64), schema=schema)


def test_a_model_that_remembers_the_attribute_gives_it_away():
    conclusion = run(Attribute(), engage(patients(3200), RandomForestClassifier(30, max_features=None)))
    members = figure(conclusion, KIND, "advantage", column="drugs", on="members")
    assert members.low > 0.0
    assert members.direction == "lower"
    assert figure(conclusion, KIND, "excess", column="drugs").low > 0.02
    assert figure(conclusion, KIND, "advantage", column="drugs", on="nonmembers").low <= 0.0


def test_a_model_without_the_attribute_gives_nothing_away():
    others = [f"x{i}" for i in range(6)]
    blind = make_pipeline(ColumnTransformer([("keep", "passthrough", others)]), RandomForestClassifier(50))
    conclusion = run(Attribute(), engage(patients(), blind))
    for on in ("members", "nonmembers"):
        found = figure(conclusion, KIND, "advantage", column="drugs", on=on)
        assert found.estimate == 0.0
        assert found.low <= 0.0 <= found.high
    excess = figure(conclusion, KIND, "excess", column="drugs")
    assert excess.low <= 0.0 <= excess.high


def test_what_the_population_tells_is_no_leak():
    """A well-behaved model uses the attribute; asking it tells no more about members than about others."""
    conclusion = run(Attribute(), engage(patients(), logistic(0.1)))
    excess = figure(conclusion, KIND, "excess", column="drugs")
    assert excess.low <= 0.0 <= excess.high


def test_order_labels_only_and_text_columns():
    rows = patients(600)
    words = np.where(rows.features["drugs"] == 1, "yes", "no").astype(object)
    columns = tuple(
        msgspec.structs.replace(c, type="category") if c.name == "drugs" else c for c in rows.schema.columns
    )
    rows = replace(rows, features=rows.features.assign(drugs=words), schema=Schema(columns))
    forest = make_pipeline(
        ColumnTransformer([("n", "passthrough", [f"x{i}" for i in range(6)]), ("w", OneHotEncoder(), ["drugs"])]),
        RandomForestClassifier(20),
    )
    engagement = engage(rows, forest, effort="quick")
    engagement = engagement.changed(target=engagement.target.answering(TOP_ONE))
    first, second = run(Attribute(), engagement), run(Attribute(), engagement, reverse=True)
    assert first.measurements == second.measurements
    assert figure(first, KIND, "advantage", on="members").n == 150


def test_continuous_attributes_are_binned_and_rare_values_left_out():
    rows = people(300, 3)
    income = candidates(rows, "x0")
    assert income.count == 3
    codes = income.codes(rows.features["x0"])
    assert np.bincount(codes).min() > 90
    assert income.codes(rows.features["x0"].where(rows.features["x0"] > 0))[rows.features["x0"] <= 0].max() == -1
    many = replace(rows, features=rows.features.assign(x1=[f"w{i % 12 if i < 200 else 0}" for i in range(300)]))
    words = candidates(many, "x1")
    assert words.count == 8
    assert (words.codes(many.features["x1"]) == -1).any()
    assert set(words.put(many, 0)["x1"]) == {"w0"}


@pytest.mark.parametrize("change", ["nothing sensitive", "no recipe", "few"])
def test_what_does_not_apply_says_why(change):
    engagement = engage(patients(300), logistic())
    if change == "no recipe":
        assert "recipe" in Attribute().applies(engagement.changed(recipe=None))
    elif change == "few":
        assert "fewer" in Attribute().applies(engagement.changed(nonmembers=engagement.nonmembers.take(np.arange(120))))
    else:
        assert "no column" in Attribute().applies(engage(people(300), logistic()))
