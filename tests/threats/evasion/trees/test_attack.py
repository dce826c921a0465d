"""The radius is the true one: against every cell of small models, against another solver, and against chance."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from benchmarks import _kantchelian
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from casemate.core.errors import AccessError, DataError, TargetError, UsageError
from casemate.core.threat import Access
from casemate.targets.sklearn import classifier
from casemate.threats.evasion.trees import Constraints, Feature, TreeAttack, attack, read
from casemate.threats.evasion.trees.cuts import make as make_cuts
from tests.threats.evasion.trees.models import KINDS, SKLEARN, data, fitted, make


def every_cell(model, row: np.ndarray, constraints: Constraints, grid: str = "float64") -> float:
    """The radius by asking the model about the nearest allowed row of every cell there is."""
    ensemble = read(model)
    rules = constraints.table(ensemble.features)
    values = []
    for column in range(len(rules)):
        cuts = make_cuts(ensemble, rules, grid)
        own = cuts.feature == column
        some = np.concatenate([[row[column]], cuts.value[own], cuts.before[own]])
        if any(column in group for group in constraints.one_hot):
            some = np.array([0.0, 1.0])
        values.append(np.unique(some[np.isfinite(some)]))
    rows = np.array(list(itertools.product(*values)))
    rows = rows[~constraints.broken(np.repeat(row[None], len(rows), axis=0), rows)]
    wins = model.predict(rows.astype(grid)) != model.predict(row[None].astype(grid))[0]
    return float(constraints.distance(np.repeat(row[None], len(rows), axis=0), rows)[wins].min(initial=np.inf))


def small(kind: str, seed: int, classes: int, columns: int = 3, whole: bool = False):
    """A model of few cells, and rows to attack."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, size=(60, columns)).astype(float) if whole else rng.uniform(size=(60, columns)).round(2)
    y = rng.integers(0, classes, size=60)
    y[:classes] = np.arange(classes)
    if kind == "histogram":
        model = make(kind, 2, seed, min_samples_leaf=5)
    else:
        model = make(kind, 3, seed) if kind != "tree" else make(kind, 1, seed)
    return model.fit(x, y), x


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(SKLEARN), seed=st.integers(0, 10_000), classes=st.integers(2, 4))
def test_radius_is_that_of_the_nearest_cell(kind: str, seed: int, classes: int) -> None:
    model, x = small(kind, seed, classes)
    found = TreeAttack()(model, x[:2])
    assert found.exact.all()
    for row, radius in zip(x[:2], found.upper, strict=True):
        assert radius == every_cell(model, row, Constraints())


@settings(max_examples=30, deadline=None)
@example(seed=9551, rules=[Feature()] * 3)  # a tie before anything was moved
@given(
    seed=st.integers(0, 10_000),
    rules=st.lists(
        st.builds(
            Feature,
            low=st.sampled_from([-np.inf, 0.0, -1.0]),
            high=st.sampled_from([np.inf, 3.0]),
            immutable=st.sampled_from([False, False, True]),
            direction=st.sampled_from(["any", "increase", "decrease"]),
            integer=st.booleans(),
            cost=st.sampled_from([1.0, 0.5, 3.0]),
            flat=st.sampled_from([False, False, True]),
        ),
        min_size=3,
        max_size=3,
    ),
)
def test_constraints_are_kept_and_the_radius_is_still_exact(seed: int, rules: list[Feature]) -> None:
    model, x = small("forest", seed, 2, whole=True)
    constraints = Constraints(dict(enumerate(rules)))
    found = TreeAttack(constraints)(model, x[:3])
    free = TreeAttack()(model, x[:3])
    assert found.exact.all()
    assert not constraints.broken(x[:3], found.examples).any()
    if not any(rule.flat for rule in rules):
        assert (found.lower >= free.lower * min(rule.cost for rule in rules)).all()
    for row, radius in zip(x[:3], found.upper, strict=True):
        assert radius == every_cell(model, row, constraints)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(["forest", "boosting"]),
    costs=st.lists(st.sampled_from([1.0, 0.25, 2.0]), min_size=5, max_size=5),
    fixed=st.sampled_from([None, None, 0, 2, 4]),
)
def test_one_hot_groups_stay_one_hot_and_the_radius_is_still_exact(
    seed: int, kind: str, costs: list[float], fixed: int | None
) -> None:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.uniform(0, 2, size=80).round(2), np.eye(4)[rng.integers(0, 4, size=80)]])
    y = (rng.random(80) + 0.3 * x[:, 2] - 0.3 * x[:, 4] + 0.2 * x[:, 0] > 0.7).astype(int)
    model = make(kind, 4, seed).fit(x, y)
    rules = {at: Feature(cost=cost, immutable=at == fixed) for at, cost in enumerate(costs)}
    constraints = Constraints(rules, one_hot=[[1, 2, 3, 4]])
    found = TreeAttack(constraints)(model, x[:4])
    assert found.exact.all()
    assert not constraints.broken(x[:4], found.examples).any()
    for row, radius in zip(x[:4], found.upper, strict=True):
        assert radius == every_cell(model, row, constraints)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_rows_get_float32_examples_at_the_exact_radius(kind: str) -> None:
    if kind in SKLEARN:
        model, x = small(kind, 5, 3)
        x = x.astype(np.float32)
        found = TreeAttack()(model, x[:4])
        for row, radius in zip(x[:4].astype(np.float64), found.upper, strict=True):
            assert radius == every_cell(model, row, Constraints(), "float32")
    else:
        model, x = fitted(kind, "cancer"), data("cancer")[0].astype(np.float32)
        found = TreeAttack()(model, x[:4])
    assert found.examples.dtype == np.float32
    assert (model.predict(found.examples) != model.predict(x[:4])).all()


@pytest.mark.parametrize(("name", "rows"), [("cancer", 6), ("digits", 2)])
@pytest.mark.parametrize("kind", KINDS)
def test_radius_is_that_of_an_integer_program(kind: str, name: str, rows: int) -> None:
    model, (x, _) = fitted(kind, name), data(name)
    found = TreeAttack()(model, x[-rows:])
    assert found.exact.all()
    ensemble = read(model)
    for row, code, radius in zip(x[-rows:], found.codes, found.upper, strict=True):
        oracle = _kantchelian.radius(ensemble, row, int(code), most=radius * 1.2 + 1e-3)
        assert oracle == pytest.approx(radius, abs=1e-6)


@pytest.mark.parametrize("name", ["cancer", "digits"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_example_turns_the_original_and_chance_finds_none_nearer(kind: str, name: str) -> None:
    model, (x, _) = fitted(kind, name), data(name)
    rows, rng = x[-20:], np.random.default_rng(3)
    found = TreeAttack()(model, rows)
    before = model.predict(rows)
    assert (model.predict(found.examples) != before).all()
    assert (np.abs(found.examples - rows).max(axis=1) == found.upper).all()
    for _ in range(100):
        step = rng.choice([-1, 0, 1, 1.0001, -1.0001, rng.random()], size=rows.shape) * found.upper[:, None]
        tried = rows + step
        nearer = np.abs(tried - rows).max(axis=1) < found.lower
        assert (model.predict(tried)[nearer] == before[nearer]).all()


def test_results_are_the_same_alone_and_together_and_again() -> None:
    model, x = fitted("forest", "digits"), data("digits")[0][-6:]
    whole = TreeAttack()(model, x)
    alone = [TreeAttack()(model, row[None]) for row in x]
    assert (whole.examples == np.concatenate([each.examples for each in alone])).all()
    assert (whole.boxes == np.concatenate([each.boxes for each in alone])).all()


def test_stopping_early_leaves_true_bounds() -> None:
    model, x = RandomForestClassifier(60, random_state=0).fit(*data("digits")), data("digits")[0][:6]
    exact = TreeAttack()(model, x)
    assert exact.exact.all()
    seen = set()
    for boxes in (1, 5, 20, 80):
        found = TreeAttack(boxes=boxes)(model, x)
        assert (found.lower <= exact.upper).all()
        assert (found.upper >= exact.upper).all()
        assert (found.lower > 0).all()
        assert (found.exact == (found.lower == found.upper)).all()
        seen |= set(found.exact.tolist())
    assert seen == {True, False}


def test_a_greedy_dive_finds_an_example_where_the_search_has_none_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = RandomForestClassifier(60, random_state=0).fit(*data("digits")), data("digits")[0][:12]
    without = TreeAttack(boxes=60)(model, x)
    monkeypatch.setattr(attack, "DIVE", 1)
    found = TreeAttack(boxes=60)(model, x)
    assert np.isfinite(found.upper).sum() > np.isfinite(without.upper).sum()
    assert (model.predict(found.examples)[np.isfinite(found.upper)] != model.predict(x)[np.isfinite(found.upper)]).all()


def test_within_says_beyond_and_no_more() -> None:
    model, x = fitted("boosting", "cancer"), data("cancer")[0][-20:]
    exact = TreeAttack()(model, x).upper
    eps = float(np.median(exact))
    found = TreeAttack(within=eps)(model, x)
    assert ((found.upper <= eps) == (exact <= eps)).all()
    assert (found.upper[exact <= eps] == exact[exact <= eps]).all()
    assert (found.lower[exact > eps] > eps).all()
    assert np.isinf(found.upper[exact > eps]).all()


def test_ties_are_won_by_whom_the_model_lets_win() -> None:
    """Two trees that disagree tie; scikit-learn's forests then answer with the first class."""
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 5)
    forest = RandomForestClassifier(2, bootstrap=False, max_features=None, random_state=0).fit(x, x[:, 0])
    other = DecisionTreeClassifier().fit(x, x[:, 1])
    forest.estimators_[1] = other
    found = TreeAttack()(forest, np.array([[0.0, 0.2], [1.0, 0.8]]))
    assert found.codes.tolist() == [0, 1]
    assert found.upper.round(6).tolist() == [0.5, 0.3]  # both must move; one is enough
    assert found.exact.all()


def test_near_ties_of_float32_sums_are_asked_of_the_model() -> None:
    pytest.importorskip("xgboost")
    model, x = fitted("xgboost", "digits"), data("digits")[0][-30:]
    found = TreeAttack()(model, x)
    assert found.exact.all()
    assert (model.predict(found.examples) != model.predict(x)).all()


def test_a_model_that_never_changes_its_answer_has_no_example() -> None:
    x, _ = data("cancer")
    rare = (x[:, 0] > 0.5) & (np.arange(len(x)) % 5 == 0)
    stump = DecisionTreeClassifier(max_depth=1).fit(x, rare)
    assert not stump.predict(x).any()
    found = TreeAttack()(stump, x[:3])
    assert np.isinf(found.lower).all()
    assert np.isinf(found.upper).all()
    assert found.exact.all()
    assert (found.examples == x[:3]).all()
    everything_fixed = Constraints(default=Feature(immutable=True))
    found = TreeAttack(everything_fixed)(fitted("forest", "cancer"), x[:3])
    assert np.isinf(found.lower).all()
    assert found.exact.all()


def test_missing_values_stay_missing() -> None:
    x, y = data("cancer")
    holes = np.where(np.random.default_rng(1).random(x.shape) < 0.2, np.nan, x)
    model = make("histogram").fit(holes[:300], y[:300])
    found = TreeAttack()(model, holes[-10:])
    assert found.exact.all()
    assert (np.isnan(found.examples) == np.isnan(holes[-10:])).all()
    assert (model.predict(found.examples) != model.predict(holes[-10:])).all()
    assert not Constraints().broken(holes[-10:], found.examples).any()


def test_a_check_takes_examples_away_and_nothing_is_claimed_beyond_them() -> None:
    model, x = fitted("boosting", "cancer"), data("cancer")[0][-8:]
    free = TreeAttack()(model, x)
    moved = int(np.bincount(np.abs(free.examples - x).argmax(axis=1)).argmax())

    def stays(before: np.ndarray, after: np.ndarray) -> bool:
        return bool(before[moved] == after[moved])

    constraints = Constraints(check=stays)
    found = TreeAttack(constraints, boxes=300)(model, x)
    refused = free.examples[:, moved] != x[:, moved]
    assert refused.any()
    assert not constraints.broken(x, found.examples).any()
    assert (found.lower == free.lower)[refused].all()
    assert (found.upper > free.upper)[refused].all()
    assert not found.exact[refused].any()
    assert np.isfinite(found.upper).any()


def test_frames_names_and_targets_are_taken() -> None:
    x, y = data("cancer")
    frame = pd.DataFrame(x, columns=[f"c{at}" for at in range(x.shape[1])])
    model = RandomForestClassifier(5, random_state=0).fit(frame[:300], y[:300])
    one, two, three = (
        TreeAttack()(each, rows)
        for each, rows in ((model, x[-3:]), (model, frame[-3:]), (classifier(model), frame[-3:]))
    )
    assert (one.upper == two.upper).all()
    assert (two.upper == three.upper).all()
    with pytest.raises(AccessError):
        TreeAttack()(classifier(model).restrict(Access.LABELS), x[-3:])


def test_no_rows_and_one_row() -> None:
    model, x = fitted("tree", "cancer"), data("cancer")[0]
    assert TreeAttack()(model, x[:0]).upper.shape == (0,)
    assert TreeAttack()(model, x[:0]).examples.shape == (0, x.shape[1])
    assert TreeAttack()(model, np.asfortranarray(x)[:1]).exact.all()
    assert TreeAttack()(model, (x[:2] * 255).astype(np.uint8)).examples.dtype == np.float64


@pytest.mark.parametrize("rows", [np.zeros((2, 3)), np.zeros(30), np.full((1, 30), np.inf), [["a"] * 30]])
def test_rows_that_do_not_fit_are_refused(rows) -> None:
    with pytest.raises(DataError):
        TreeAttack()(fitted("boosting", "cancer"), rows)


def test_limits_that_find_nothing_are_refused() -> None:
    for limits in ({"within": -1.0}, {"within": np.nan}, {"seconds": 0.0}, {"boxes": 0}):
        with pytest.raises(UsageError, match="limits"):
            TreeAttack(**limits)


def test_an_example_that_does_not_turn_the_model_is_never_returned() -> None:
    """If trees and model part after reading, there is an error and no example."""
    x, y = data("cancer")
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(x, y)
    fixed = model.predict(x[:2])
    TreeAttack()(model, x[:2])
    calls = iter([True, True])  # reading, and the rows themselves; then it answers the same for everything

    class Drifting(DecisionTreeClassifier):
        def predict(self, rows, check_input=True):
            if next(calls, False):
                return super().predict(rows, check_input)
            return fixed[: len(rows)]

    model.__class__ = Drifting
    with pytest.raises(TargetError, match="otherwise than its trees"):
        TreeAttack()(model, x[:2])
