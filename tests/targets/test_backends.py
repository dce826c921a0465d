"""Targets of every kind: access, counting, caching, and models that misbehave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from casemate.core.errors import AccessError, CasemateError, TargetError
from casemate.core.threat import Access
from casemate.targets.answers import TOP_ONE
from casemate.targets.cache import cached
from casemate.targets.callable import function
from casemate.targets.checks import check_determinism
from casemate.targets.sklearn import classifier
from casemate.targets.target import Target

ROWS = pd.DataFrame({"a": [0.0, 1.0, 2.0, 1.0], "b": ["x", "y", "x", "y"]})


def scores_of(rows: pd.DataFrame) -> Any:
    p = 1 / (1 + np.exp(-rows["a"].to_numpy(dtype=float) + (rows["b"] == "x").to_numpy()))
    return np.column_stack([1 - p, p])


@pytest.fixture
def asked() -> list[int]:
    return []


@pytest.fixture
def target(asked: list[int]) -> Target:
    def scores(rows: pd.DataFrame) -> Any:
        asked.append(len(rows))
        return scores_of(rows)

    return function(["no", "yes"], scores=scores, batch=3)


def test_functions_are_asked_in_batches(target: Target, asked: list[int]) -> None:
    np.testing.assert_array_equal(target.scores(ROWS), scores_of(ROWS))
    assert asked == [3, 1]
    assert target.meter.used == 4


def test_labels_by_name_or_code() -> None:
    by_name = function(["no", "yes"], labels=lambda rows: np.where(rows["a"] > 1, "yes", "no"))
    by_code = function(["no", "yes"], labels=lambda rows: (rows["a"] > 1).astype(int))
    assert by_name.labels(ROWS).tolist() == by_code.labels(ROWS).tolist() == [0, 0, 1, 0]
    assert not by_name.gives_scores
    with pytest.raises(AccessError, match="SCORES"):
        by_name.scores(ROWS)


def test_a_label_nobody_knows_is_the_models_fault() -> None:
    with pytest.raises(TargetError, match="KeyError"):
        function(["no", "yes"], labels=lambda rows: np.full(len(rows), "maybe")).labels(ROWS)


def test_nothing_to_ask() -> None:
    with pytest.raises(TargetError, match="function"):
        function(["no", "yes"])


def test_views_are_counted_by_what_they_came_from(target: Target) -> None:
    view = target.answering(TOP_ONE).restrict(Access.SCORES, budget=5)
    view.labels(ROWS)
    assert (view.meter.used, target.meter.used) == (4, 4)
    with pytest.raises(AccessError, match="budget of 5"):
        view.labels(ROWS)
    assert (view.meter.used, target.meter.used) == (4, 4)
    with pytest.raises(AccessError):
        view.scores(ROWS)


def test_an_outer_budget_binds_inner_views(target: Target) -> None:
    inner = target.restrict(Access.SCORES, budget=4).restrict(Access.SCORES, budget=100)
    inner.scores(ROWS)
    with pytest.raises(AccessError, match="budget of 4"):
        inner.scores(ROWS[:1])
    assert inner.meter.used == 4


def test_a_cache_never_hides_a_query(target: Target, asked: list[int]) -> None:
    quick = cached(target)
    first = quick.scores(ROWS)
    again = quick.scores(ROWS[::-1])
    np.testing.assert_array_equal(first, scores_of(ROWS))
    np.testing.assert_array_equal(again, scores_of(ROWS)[::-1])
    assert sum(asked) == 3  # four rows, two of them alike; nothing the second time
    assert quick.meter.used == 8
    assert quick.labels(ROWS).tolist() == first.argmax(axis=1).tolist()


def test_a_cache_tells_apart_what_differs_in_type_or_column(asked: list[int]) -> None:
    quick = cached(
        function(["no", "yes"], scores=lambda rows: (asked.append(len(rows)), np.full((len(rows), 2), 0.5))[1])
    )
    for cell in (1, 1.0, True, "1", None):
        quick.scores(pd.DataFrame({"a": [cell]}))
    quick.scores(pd.DataFrame({"b": [1]}))
    assert sum(asked) == 6


def test_a_full_cache_still_answers(target: Target) -> None:
    quick = cached(target, most=1)
    for _ in range(2):
        np.testing.assert_array_equal(quick.scores(ROWS), scores_of(ROWS))


def test_a_cache_passes_broken_answers_on() -> None:
    broken = cached(function(["no", "yes"], scores=lambda rows: np.full((1, 2), 0.5)))
    with pytest.raises(TargetError, match=r"\(1, 2\) scores for 4 rows"):
        broken.scores(ROWS)


def raises(rows: pd.DataFrame) -> Any:
    raise MemoryError("patient 17 is too large")


BAD = {
    "raises": (raises, "MemoryError"),
    "gives NaN": (lambda rows: np.full((len(rows), 2), np.nan), "NaN or infinite"),
    "gives infinity": (lambda rows: np.full((len(rows), 2), np.inf), "NaN or infinite"),
    "forgets a class": (lambda rows: np.ones((len(rows), 1)), r"\(4, 1\) scores"),
    "forgets a row": (lambda rows: np.full((len(rows) - 1, 2), 0.5), r"\(3, 2\) scores"),
    "gives text": (lambda rows: np.full((len(rows), 2), "a lot"), "ValueError"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_model_that_misbehaves_is_one_clear_error(kind: str) -> None:
    scores, words = BAD[kind]
    with pytest.raises(TargetError, match=words) as caught:
        function(["no", "yes"], scores=scores, name="risk").scores(ROWS)
    assert caught.value.exit_code == 3
    assert caught.value.next_step
    assert "risk" in caught.value.message
    assert "patient 17" not in str(caught.value)


def test_a_model_that_changes_its_answer() -> None:
    rng = np.random.default_rng(0)
    moody = function(["no", "yes"], scores=lambda rows: rng.dirichlet((1, 1), len(rows)), name="moody")
    with pytest.raises(TargetError, match="changes its answer when asked again") as caught:
        check_determinism(moody, ROWS)
    assert caught.value.exit_code == 3


def test_a_model_that_looks_at_its_neighbors() -> None:
    place = function(["no", "yes"], scores=lambda rows: np.column_stack([np.linspace(0, 1, len(rows))] * 2))
    with pytest.raises(TargetError, match="another order"):
        check_determinism(place, ROWS)


def test_a_steady_model_passes_and_is_counted(target: Target) -> None:
    check_determinism(target, ROWS)
    assert target.meter.used == 3 * len(ROWS)


def test_float32_rounding_is_no_change_of_answer() -> None:
    tick = iter(np.tile([0.0, 1e-7], 10))
    check_determinism(function(["a", "b"], scores=lambda rows: scores_of(rows) + next(tick)), ROWS)


def test_without_predict_proba_there_are_labels_only() -> None:
    features = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
    target = classifier(LinearSVC().fit(features, ["n", "n", "y", "y"]))
    assert target.classes == ("n", "y")
    assert not target.gives_scores
    assert target.labels(features).tolist() == [0, 0, 1, 1]
    with pytest.raises(AccessError, match="labels only"):
        target.scores(features)
    check_determinism(target, features)


def test_what_is_not_fitted_is_no_target() -> None:
    with pytest.raises(TargetError, match="not a fitted classifier"):
        classifier(LogisticRegression())


@pytest.mark.parametrize("error", [TargetError, AccessError])
def test_errors_are_casemates(error: type[CasemateError]) -> None:
    assert issubclass(error, CasemateError)
