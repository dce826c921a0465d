"""Equation solving: acceptance row 6 of issue 2, the naive reference, and what it costs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from casemate.core.errors import AccessError, UsageError
from casemate.core.threat import Access
from casemate.data.schema import Column, Schema
from casemate.targets.answers import TOP_ONE, AnswerPolicy
from casemate.targets.sklearn import classifier
from casemate.threats.extraction.assess_equations import true_map
from casemate.threats.extraction.equations import EquationSolving
from casemate.threats.extraction.space import InputSpace
from tests.threats.extraction.scene import linear


@pytest.fixture(scope="module")
def tumors() -> tuple[object, pd.DataFrame]:
    features, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features[::2], labels[::2])
    return model, features[1::2].reset_index(drop=True)


def numbers(frame: pd.DataFrame, *, bounds: bool = True) -> Schema:
    return Schema(
        tuple(
            Column(
                name=name,
                type="number",
                low=float(frame[name].min()) if bounds else None,
                high=float(frame[name].max()) if bounds else None,
            )
            for name in frame
        )
    )


@pytest.mark.parametrize("own", [True, False], ids=["own rows", "schema only"])
def test_numbers_to_nine_digits_with_d_plus_one_queries(tumors: tuple[object, pd.DataFrame], own: bool) -> None:
    model, rows = tumors
    space = InputSpace.of(numbers(rows), rows if own else None)
    target = classifier(model).restrict(Access.SCORES, budget=space.width + 1)
    copy = EquationSolving()(target, space)
    assert target.meter.used == space.width + 1 == rows.shape[1] + 1
    # The truth, straight from the fitted pipeline: coefficients per unit of the raw column.
    truth = model[-1].coef_[0] / model[0].scale_  # type: ignore[index]
    stolen = copy.map.weights[1, 1:] / [field.scale for field in space.fields]
    np.testing.assert_allclose(stolen, truth, rtol=1e-9, atol=0)


@pytest.mark.parametrize("classes", [2, 4])
def test_mixed_columns_to_nine_digits_with_d_plus_one_queries(classes: int) -> None:
    scene = linear(classes)
    space = InputSpace.of(scene.nonmembers.schema, scene.nonmembers.features)
    target = classifier(scene.model)
    encoded = scene.model[0].transform(scene.members.features).shape[1]
    copy = EquationSolving()(target, space)
    assert target.meter.used == space.width + 1 <= encoded + 1 + sum(field.missing for field in space.fields)
    truth = true_map(classifier(scene.model), space).weights
    np.testing.assert_allclose(copy.map.weights, truth, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        copy.scores(scene.nonmembers.features), scene.model.predict_proba(scene.nonmembers.features), atol=1e-12
    )


def test_true_map_is_the_models_own() -> None:
    scene = linear()
    space = InputSpace.of(scene.nonmembers.schema, scene.nonmembers.features)
    rows = scene.nonmembers.features
    logits = true_map(classifier(scene.model), space).logits(space.encode(space.read(rows)))[:, 1]
    np.testing.assert_allclose(logits, scene.model.decision_function(rows), atol=1e-12)


@pytest.mark.parametrize("classes", [2, 4])
def test_rounding_to_two_digits_leaves_95_percent_fidelity_at_2d_queries(classes: int) -> None:
    scene = linear(classes)
    rows = scene.nonmembers.features
    space = InputSpace.of(scene.nonmembers.schema, rows[:500])
    target = classifier(scene.model).answering(AnswerPolicy(digits=2))
    copy = EquationSolving(queries=2 * space.width)(target, space)
    assert target.meter.used == 2 * space.width
    agreement = (copy.labels(rows[500:]) == scene.model.predict(rows[500:])).mean()
    assert agreement >= 0.95


def test_at_least_as_good_as_naive_equation_solving_under_rounding() -> None:
    """Tramer et al.'s reference: random rows, one-hot encoded, least squares on the logits."""
    scene = linear()
    rows = scene.nonmembers.features
    space = InputSpace.of(scene.nonmembers.schema, rows[:500])
    rng = np.random.default_rng(0)
    values = space.sample(2 * space.width, rng)
    told = np.clip(scene.model.predict_proba(space.frame(values)).round(2), 0.005, 0.995)
    design = np.column_stack([np.ones(len(values)), space.encode(values)])
    naive = np.linalg.lstsq(design, np.log(told[:, 1] / told[:, 0]), rcond=None)[0]
    guess = np.column_stack([np.ones(500), space.encode(space.read(rows[500:]))]) @ naive > 0
    truth = scene.model.predict(rows[500:])
    copy = EquationSolving(queries=2 * space.width)(classifier(scene.model).answering(AnswerPolicy(digits=2)), space)
    assert (copy.labels(rows[500:]) == truth).mean() >= (guess == truth).mean()


def test_labels_alone_yield_the_boundary_with_more_queries() -> None:
    scene = linear()
    rows = scene.nonmembers.features
    space = InputSpace.of(scene.nonmembers.schema, rows[:500])
    target = classifier(scene.model).answering(TOP_ONE)
    few, many = EquationSolving().curve(target, space, (space.width, 15 * space.width))
    truth = scene.model.predict(rows[500:])
    assert (many.labels(rows[500:]) == truth).mean() >= 0.98
    assert (few.labels(rows[500:]) == truth).mean() < (many.labels(rows[500:]) == truth).mean()


def test_own_labels_help_while_answers_are_few() -> None:
    scene = linear()
    rows = scene.nonmembers.features
    space = InputSpace.of(scene.nonmembers.schema, rows[:500])
    target = classifier(scene.model).answering(TOP_ONE)
    truth = scene.model.predict(rows[500:])
    alone = EquationSolving(queries=20)(target, space)
    helped = EquationSolving(queries=20)(target, space, own_labels=scene.nonmembers.labels[:500])
    assert (helped.labels(rows[500:]) == truth).mean() > (alone.labels(rows[500:]) == truth).mean()


def test_the_budget_is_the_targets_not_the_attackers() -> None:
    scene = linear()
    space = InputSpace.of(scene.nonmembers.schema, scene.nonmembers.features)
    target = classifier(scene.model).restrict(Access.SCORES, budget=10)
    with pytest.raises(AccessError, match="budget of 10"):
        EquationSolving()(target, space)
    assert target.meter.used <= 10


def test_same_seed_same_copy() -> None:
    scene = linear()
    space = InputSpace.of(scene.nonmembers.schema, scene.nonmembers.features)
    target = classifier(scene.model).answering(AnswerPolicy(digits=1))
    one, two = (EquationSolving(queries=50)(target, space, seed=4).map.weights for _ in range(2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, EquationSolving(queries=50)(target, space, seed=5).map.weights)


@pytest.mark.parametrize("budgets", [(), (0,), (20, 10)])
def test_budgets_ascend(budgets: tuple[int, ...]) -> None:
    scene = linear()
    space = InputSpace.of(scene.nonmembers.schema)
    with pytest.raises(UsageError, match="ascending"):
        EquationSolving().curve(classifier(scene.model), space, budgets)
