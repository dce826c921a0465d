"""The whole assessment: figures, controls, records; any order of tasks, any kind of answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from casemate.core.errors import TargetError
from casemate.data.dataset import concatenate
from casemate.data.schema import Column, Schema
from casemate.targets.answers import TOP_ONE, AnswerPolicy
from casemate.threats.inversion.declarations import BLIND, CONTROL, LIRA
from casemate.threats.inversion.membership import Membership
from casemate.threats.inversion.pool import pool
from casemate.threats.inversion.records import exposed
from tests.threats.inversion.scenes import engage, figure, logistic, people, run, settings

FOREST = RandomForestClassifier(20)


@pytest.fixture(scope="module")
def leaking():
    """A forest that remembers its rows, attacked with few shadows."""
    engagement = engage(people(600, seed=1), FOREST, options=settings(shadows=16))
    return engagement, run(Membership(), engagement)


def test_a_forest_remembers_and_controls_hold(leaking):
    _, conclusion = leaking
    assert figure(conclusion, LIRA, "auc").low > 0.8
    assert figure(conclusion, LIRA, "tpr", fpr=0.01).estimate > 0.1
    assert figure(conclusion, LIRA, "advantage").low > 0.3
    for control in (BLIND, CONTROL):
        found = figure(conclusion, control, "auc")
        assert found.low <= 0.5 <= found.high
        assert found.direction == "none"


def test_figures_are_kept_with_what_they_need(leaking):
    engagement, conclusion = leaking
    tpr = figure(conclusion, LIRA, "tpr", fpr=0.01)
    position = list(conclusion.measurements).index(tpr)
    assert conclusion.outcomes[position].dtype == np.bool_
    assert conclusion.outcomes[position].sum() == tpr.k
    assert tpr.n == len(engagement.members) == len(conclusion.records["score"])
    assert tpr.queries == 600
    assert "16 shadow models" in tpr.note
    area = figure(conclusion, LIRA, "auc")
    assert conclusion.outcomes[list(conclusion.measurements).index(area)].mean() == pytest.approx(area.estimate)


def test_a_rate_of_a_thousandth_needs_three_thousand_negatives(leaking):
    _, conclusion = leaking
    assert not [m for m in conclusion.measurements if m.at.get("fpr") == 0.001]
    smallest = figure(conclusion, LIRA, "detectable-tpr", fpr=0.01)
    assert 0.01 < smallest.estimate < 0.06


@pytest.mark.parametrize("estimator", [logistic(), FOREST], ids=["closed form", "shadows"])
def test_order_of_tasks_does_not_matter(estimator):
    engagement = engage(people(300, seed=2), estimator, options=settings(shadows=6))
    first, second = run(Membership(), engagement), run(Membership(), engagement, reverse=True)
    assert first.measurements == second.measurements
    assert all((first.records[name] == second.records[name]).all() for name in first.records)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_model_that_never_saw_the_rows_gives_no_one_away(seed):
    """Row 20: strangers' model, every figure at chance."""
    rows = people(900, seed=3)
    engagement = engage(rows.take(np.arange(600)), logistic(0.5), seed=seed)
    stranger = engagement.recipe.fit(rows.take(np.arange(600, 900)), 0)
    conclusion = run(Membership(), engagement.changed(target=stranger))
    for metric, chance in (("auc", 0.5), ("advantage", 0.0), ("tpr", 0.01)):
        found = figure(conclusion, LIRA, metric)
        assert found.low <= chance + 1e-9
    assert figure(conclusion, LIRA, "auc").high >= 0.5


def test_a_split_by_date_is_noticed():
    rows = people(600, seed=4)
    dated = rows.features.assign(year=np.where(np.arange(600) < 300, 2019, 2024))
    rows = replace(rows, features=dated)
    engagement = engage(rows, FOREST, options=settings(shadows=4))
    engagement = engagement.changed(
        members=rows.take(np.arange(300)), nonmembers=rows.take(np.arange(300, 600))
    )  # fmt: skip
    conclusion = run(Membership(), engagement)
    assert figure(conclusion, BLIND, "auc").low > 0.9
    assert "cannot be trusted" in figure(conclusion, LIRA, "auc").note


def test_rows_on_both_sides_are_scored_but_not_counted():
    engagement = engage(people(400, seed=5), logistic())
    twice = concatenate(engagement.nonmembers, engagement.members.take(np.arange(20)), "others")
    engagement = engagement.changed(nonmembers=twice)
    everyone = pool(engagement)
    assert everyone.excluded == 40
    conclusion = run(Membership(), engagement)
    assert figure(conclusion, LIRA, "tpr").n == 180
    assert "40 rows on both sides" in figure(conclusion, LIRA, "tpr").note
    assert len(conclusion.records["score"]) == 200


def test_one_person_in_two_rows_is_not_counted():
    rows = people(200, seed=5)
    rows = replace(rows, subjects=np.array([f"p{i // 2}" for i in range(200)], dtype=object))
    engagement = engage(rows, logistic())
    everyone = pool(engagement)
    inside = set(engagement.members.subjects)
    shared = [s in inside for s in engagement.nonmembers.subjects]
    assert (~everyone.counted[everyone.members :] == shared).all()


@pytest.mark.parametrize(
    ("answers", "share"), [(AnswerPolicy(digits=3), 0.9), (AnswerPolicy(digits=1), 0.3), (TOP_ONE, 0.2)],
    ids=["3 digits", "1 digit", "labels"],
)  # fmt: skip
def test_less_is_said_and_the_attack_knows(answers, share):
    engagement = engage(people(500, 30, seed=6), logistic(10.0), seed=1)
    full = figure(run(Membership(), engagement), LIRA, "auc").estimate - 0.5
    less = engagement.changed(target=engagement.target.answering(answers))
    left = figure(run(Membership(), less), LIRA, "auc").estimate - 0.5
    assert left > share * full > 0.0


def test_shadows_and_closed_form_agree():
    engagement = engage(people(500, seed=7), logistic())
    closed = run(Membership(), engagement)
    shadows = run(Membership(), engagement.changed(options=settings(method="shadows", shadows=64)))
    assert np.corrcoef(closed.records["score"], shadows.records["score"])[0, 1] > 0.7
    assert "leverage" in closed.records
    assert "leverage" not in shadows.records


@pytest.mark.parametrize(
    "estimator", [DecisionTreeClassifier(min_samples_leaf=3), logistic(), HistGradientBoostingClassifier(max_iter=10)],
    ids=["tree", "regression", "boosted"],
)  # fmt: skip
def test_three_classes_go_through_shadows(estimator):
    engagement = engage(people(300, seed=8, classes=3), estimator, options=settings(shadows=8))
    assert [task.id for task in Membership().tasks(engagement)][1].startswith("shadows")
    conclusion = run(Membership(), engagement)
    assert all(np.isfinite(m.estimate) for m in conclusion.measurements)


def test_a_class_missing_from_a_shadow_is_no_error():
    rows = people(300, seed=9)
    labels = np.zeros(300, dtype=np.int64)
    labels[:4] = 1
    conclusion = run(Membership(), engage(rows.relabel(labels), FOREST, seed=2, options=settings(shadows=8)))
    assert np.isfinite(conclusion.records["score"]).all()


def test_uneven_split_is_attacked_at_its_own_share():
    engagement = engage(people(600, seed=10), logistic(), share=0.8)
    conclusion = run(Membership(), engagement)
    assert figure(conclusion, LIRA, "auc").estimate > 0.5
    assert figure(conclusion, LIRA, "tpr").n == 480


def test_what_does_not_apply_says_why():
    engagement = engage(people(300, seed=1), logistic())
    assert "recipe" in Membership().applies(engagement.changed(recipe=None))
    assert "fewer than 50" in Membership().applies(
        engagement.changed(nonmembers=engagement.nonmembers.take(np.arange(9)))
    )
    l1 = LogisticRegression(l1_ratio=1.0, solver="saga", max_iter=5000, tol=0.1)
    sparse = engage(people(300, seed=1), l1)
    assert Membership().applies(sparse) == ""
    assert "L1" in Membership().applies(sparse.changed(options=settings(method="closed-form")))


def test_exposed_records_come_with_reasons():
    rows = people(400, seed=12)
    odd = rows.features.copy()
    odd.iloc[::80] *= 4.0
    rows = replace(rows, features=odd, labels=np.where(np.arange(400) % 80 == 0, 1 - rows.labels, rows.labels))
    engagement = engage(rows, logistic())
    order = np.random.default_rng([0, 11]).permutation(400)[:200]
    outliers = np.flatnonzero(order % 80 == 0)
    assert len(outliers)
    found = exposed(run(Membership(), engagement).records, rows.schema.names, top=10)
    assert len(found) == 10
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    seen = {each.row: " ".join(each.reasons) for each in found}
    hit = set(outliers) & set(seen)
    assert len(hit) >= len(outliers) - 1
    assert all(seen[row] for row in hit)
    assert any("mislabeled" in seen[row] for row in hit)
    assert any("unusual" in seen[row] for row in hit)


def test_a_recipe_that_fails_on_part_of_the_rows_says_so():
    rows = people(300, seed=1)
    ward = np.array(["a"] * 299 + ["b"], dtype=object)
    schema = Schema((*rows.schema.columns, Column(name="ward", type="category")))
    rows = replace(rows, features=rows.features.assign(ward=ward), schema=schema)
    strict = make_pipeline(ColumnTransformer([("w", OneHotEncoder(), ["ward"])]), FOREST)
    engagement = engage(rows, strict, options=settings(shadows=8))
    with pytest.raises(TargetError, match="handle_unknown"):
        run(Membership(), engagement.changed(target=engagement.recipe.fit(rows, 0)))
