"""Rules are judged on rows alone, and rules that cannot be meant are refused."""

from __future__ import annotations

import numpy as np
import pytest

from casemate.core.errors import DataError, UsageError
from casemate.data.schema import Column, Schema
from casemate.threats.evasion.trees import Constraints, Feature, TreeAttack
from tests.threats.evasion.trees.models import data, fitted


@pytest.mark.parametrize(
    ("rule", "after", "broken"),
    [
        (Feature(low=0, high=2), 2.0, False),
        (Feature(low=0, high=2), 2.5, True),
        (Feature(low=0, high=2), -0.1, True),
        (Feature(immutable=True), 1.1, True),
        (Feature(immutable=True), 1.0, False),
        (Feature(direction="increase"), 0.9, True),
        (Feature(direction="increase"), 1.1, False),
        (Feature(direction="decrease"), 1.1, True),
        (Feature(direction="decrease"), 0.9, False),
        (Feature(integer=True), 1.5, True),
        (Feature(integer=True), 2.0, False),
        (Feature(), np.nan, True),
    ],
)
def test_broken_rules_are_seen(rule: Feature, after: float, broken: bool) -> None:
    constraints = Constraints({0: rule})
    assert constraints.broken([[1.0, 5.0]], [[after, 5.0]]).tolist() == [broken]
    assert constraints.broken([[1.0, 5.0]], [[1.0, 6.0]]).tolist() == [False]


def test_groups_and_checks_are_seen() -> None:
    constraints = Constraints(one_hot=[[0, 1, 2]], check=lambda before, after: after[3] == 2 * after[4])
    before = np.array([[1.0, 0, 0, 2, 1]] * 5)
    after = np.array([[0, 1, 0, 2, 1], [0, 0, 0, 2, 1], [1, 1, 0, 2, 1], [0.5, 0.5, 0, 2, 1], [1, 0, 0, 2, 2]])
    assert constraints.broken(before, after).tolist() == [False, True, True, True, True]


def test_distance_is_in_units_of_cost() -> None:
    constraints = Constraints({1: Feature(cost=3.0)})
    assert constraints.distance([[0.0, 0.0, np.nan]], [[0.5, 0.2, np.nan]]).tolist() == [pytest.approx(0.6)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"features": {0: Feature(low=2, high=1)}},
        {"features": {0: Feature(cost=0.0)}},
        {"features": {0: Feature(cost=np.inf)}},
        {"default": Feature(low=np.nan)},
        {"one_hot": [[1]]},
        {"one_hot": [[1, 2], [2, 3]]},
    ],
)
def test_rules_that_cannot_be_meant_are_refused(wrong: dict) -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        Constraints(**wrong)


def test_rules_for_columns_that_are_not_there_are_refused() -> None:
    with pytest.raises(UsageError, match="does not have"):
        TreeAttack(Constraints({30: Feature(immutable=True)}))(fitted("tree", "cancer"), data("cancer")[0][:1])


@pytest.mark.parametrize(
    ("constraints", "rows"),
    [
        (Constraints(default=Feature(low=0, high=1)), [[0.5, 1.5]]),
        (Constraints({1: Feature(integer=True)}), [[0.5, 1.5]]),
        (Constraints(one_hot=[[0, 1]]), [[1.0, 1.0]]),
        (Constraints(one_hot=[[0, 1]]), [[0.0, 0.0]]),
        (Constraints(one_hot=[[0, 1]]), [[np.nan, 1.0]]),
    ],
)
def test_rows_that_break_rules_before_anything_changed_are_refused(constraints: Constraints, rows: list) -> None:
    with pytest.raises(DataError):
        constraints.admit(np.array(rows))


def test_a_schema_becomes_rules() -> None:
    schema = Schema(
        (
            Column(name="age", type="integer", low=18, high=99, immutable=True),
            Column(name="dose", type="number", low=0, high=60),
            Column(name="count", type="integer"),
            Column(name="bmi", type="number", depends_on=("weight",)),
            Column(name="weight", type="number"),
            Column(name="flag", type="boolean"),
        )
    )
    made = Constraints.from_schema(schema)
    assert made.feature(0) == Feature(18, 99, immutable=True, integer=True)
    assert made.feature(1) == Feature(0, 60)
    assert made.feature(2) == Feature(integer=True)
    assert made.feature(3).immutable
    assert made.feature(4).immutable
    assert made.feature(5).integer
