"""Evasion: no example breaks the schema whatever the table, and the attack is as strong as geometry says it can be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from casemate.core.errors import UsageError
from casemate.core.threat import Access
from casemate.data.dataset import Dataset
from casemate.data.schema import Column, Schema
from casemate.targets.sklearn import classifier
from casemate.threats.evasion.assess import DecisionEvasion
from casemate.threats.evasion.decision import DecisionAttack
from casemate.threats.evasion.oracle import _running
from casemate.threats.evasion.space import Space, violations
from casemate.training.engagement import Conclusion, Engagement


class Rule:
    """A model given as a function from a data frame to 0 or 1."""

    classes_ = np.array([0, 1])

    def __init__(self, rule) -> None:
        self.rule = rule
        self.asked = 0

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        self.asked += len(rows)
        return np.asarray(self.rule(rows)).astype(int)


def mixed(n: int, seed: int, *, text: str = "object") -> Dataset:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, size=n),
            "dose": np.round(rng.uniform(0.0, 60.0, size=n), 2),
            "count": rng.integers(0, 6, size=n).astype(np.int32),
            "lab": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            "ward": rng.choice(["a", "b", "c", "d"], size=n),
            "flag": rng.integers(0, 2, size=n).astype(bool),
            "weight": rng.normal(70, 10, size=n),
            "height": rng.normal(170, 10, size=n),
        }
    )
    frame["bmi"] = frame["weight"] / (frame["height"] / 100) ** 2
    frame["ward"] = frame["ward"].astype(text)
    frame.loc[frame.index[::7], "ward"] = None
    schema = Schema(
        (
            Column(name="age", type="integer", low=18, high=100, immutable=True),
            Column(name="dose", type="number", low=0, high=60),
            Column(name="count", type="integer", low=0, high=10),
            Column(name="lab", type="number", missing=True),
            Column(name="ward", type="category", categories=("a", "b", "c"), missing=True),
            Column(name="flag", type="boolean"),
            Column(name="weight", type="number"),
            Column(name="height", type="number"),
            Column(name="bmi", type="number", depends_on=("weight", "height")),
        )
    )
    return Dataset("mixed", frame, np.zeros(n, dtype=np.int64), ("0", "1"), schema)


def risk(rows: pd.DataFrame) -> np.ndarray:
    ward = rows["ward"].astype(object).map({"a": 1.0, "b": -1.0, "c": 0.3, "d": 2.0}).fillna(0.0).to_numpy(float)
    parts = 0.05 * rows["dose"] + 0.4 * rows["count"] + rows["lab"].fillna(0.0) - 0.02 * rows["age"] + rows["flag"]
    return (parts.to_numpy(dtype=float) + ward + 0.05 * (rows["weight"].to_numpy() - 70) > 2.0).astype(int)


def attacked(data: Dataset, attack: DecisionAttack, count: int = 20, seed: int = 3):
    target = classifier(Rule(risk))
    labels = target.labels(data.features)
    data = data.relabel(labels)
    space = Space.build(data.schema, data.features)
    victims = data.features.iloc[:count].reset_index(drop=True)
    pool = data.take(np.arange(count, len(data)))
    found = attack(target.restrict(Access.LABELS), space, victims, labels[:count], pool, seed=seed)
    return space, victims, labels[:count], found


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example takes too long to be shrunk
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 10_000),
    norm=st.sampled_from([1, 2]),
    prior=st.booleans(),
    text=st.sampled_from(["object", "str", "category"]),
)
def test_no_example_breaks_the_schema(seed: int, norm: int, prior: bool, text: str) -> None:
    data = mixed(120, seed, text=text)
    space, victims, labels, found = attacked(data, DecisionAttack(points=(30, 90), norm=norm, prior=prior))
    origin, there = space.encode(victims)
    assert not found.unconfirmed.any()
    assert (found.queries <= 90).all()
    for at in range(2):
        changed = space.decode(victims, np.arange(len(victims)), found.values[:, at], there)
        assert (changed.dtypes == victims.dtypes).all()
        assert not violations(data.schema, victims, changed).any()
        turned = risk(changed) != labels
        assert (turned == np.isfinite(found.cost[:, at])).all()
        costs = space.cost(found.values[:, at], origin, norm)
        np.testing.assert_allclose(costs[turned], found.cost[turned, at])


@pytest.mark.parametrize(
    ("column", "value"),
    [("age", 50), ("dose", 61.0), ("dose", -0.1), ("count", 11), ("ward", "d"), ("bmi", 1.0), ("weight", 1.0)],
)
def test_violations_are_seen(column: str, value: object) -> None:
    data = mixed(30, 1)
    whole = data.features["ward"].isin(["a", "b", "c"]) & (data.features["age"] != 50)
    before = data.features[whole].iloc[:3].reset_index(drop=True)
    after = before.copy()
    after.loc[1, column] = value
    assert violations(data.schema, before, after).tolist() == [False, True, False]
    assert not violations(data.schema, before, before.copy()).any()


def test_appearing_cells_are_violations() -> None:
    data = mixed(60, 1)
    before = data.features.iloc[:8].reset_index(drop=True)
    after = before.copy()
    after["lab"] = after["lab"].fillna(0.0)
    assert (violations(data.schema, before, after) == before["lab"].isna()).all()
    assert before["lab"].isna().any()


def test_values_that_no_palette_knows_survive_the_round_trip() -> None:
    data = mixed(80, 2)
    space = Space.build(data.schema, data.features)
    values, there = space.encode(data.features)
    again = space.decode(data.features, np.arange(80), values, there)
    pd.testing.assert_frame_equal(again, data.features)


def test_linear_model_is_attacked_close_to_the_exact_distance() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(axis=0)) / np.subtract(*np.quantile(x, [0.75, 0.25], axis=0))
    columns = tuple(Column(name=f"c{j}", type="number", low=-50.0, high=50.0) for j in range(x.shape[1]))
    frame = pd.DataFrame(x, columns=[column.name for column in columns])
    data = Dataset("cancer", frame, y.astype(np.int64), ("0", "1"), Schema(columns))
    model = LogisticRegression(max_iter=5000).fit(frame, y)
    target = classifier(model)
    right = np.flatnonzero(target.labels(frame) == y)[:30]
    space = Space.build(data.schema, frame)
    pool = data.take(np.arange(300, 569))
    margin = np.abs(model.decision_function(frame.iloc[right]))
    for norm, dual in ((1, np.abs(model.coef_ * space.scale).max()), (2, np.linalg.norm(model.coef_ * space.scale))):
        attack = DecisionAttack(points=(500,), norm=norm)
        found = attack(target, space, frame.iloc[right].reset_index(drop=True), y[right], pool, seed=1)
        ratio = found.cost[:, -1] * dual / margin
        assert ratio.min() > 0.999
        assert np.median(ratio) < 1.35


def test_one_threshold_is_found_by_sparse_moves() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 8))
    columns = tuple(Column(name=f"c{j}", type="number") for j in range(8))
    frame = pd.DataFrame(x, columns=[column.name for column in columns])
    y = (x[:, 3] > 0.2).astype(np.int64)
    data = Dataset("step", frame, y, ("0", "1"), Schema(columns))
    target = classifier(DecisionTreeClassifier(max_depth=1).fit(frame, y))
    space = Space.build(data.schema, frame)
    found = DecisionAttack(points=(150,), prior=False)(
        target, space, frame.iloc[:20], y[:20], data.take(np.arange(50, 400)), seed=1
    )
    best = np.abs(x[:20, 3] - 0.2) / space.scale[3]
    assert np.median(found.cost[:, -1] / best) < 1.2


def test_a_victim_is_attacked_the_same_whoever_is_beside_it() -> None:
    data = mixed(120, 5)
    target = classifier(Rule(risk))
    labels = target.labels(data.features)
    data = data.relabel(labels)
    space = Space.build(data.schema, data.features)
    pool = data.take(np.arange(40, 120))
    attack = DecisionAttack(points=(40, 80))

    def costs(part: np.ndarray) -> np.ndarray:
        victims = data.features.iloc[part].reset_index(drop=True)
        return attack(target, space, victims, labels[part], pool, seed=1, numbers=part.astype(np.int64)).cost

    apart = np.concatenate([costs(np.arange(5)), costs(np.arange(5, 12))])
    np.testing.assert_allclose(costs(np.arange(12)), apart, rtol=1e-9)


def test_every_query_is_counted_and_none_exceeds_the_budget() -> None:
    data = mixed(100, 7)
    model = Rule(risk)
    target = classifier(model)
    labels = target.labels(data.features)
    space = Space.build(data.schema, data.features)
    view = target.restrict(Access.LABELS)
    model.asked = 0
    found = DecisionAttack(points=(20, 60))(
        view, space, data.features.iloc[:10], labels[:10], data.relabel(labels).take(np.arange(10, 100)), seed=2
    )
    confirmed = int(np.isfinite(found.cost).sum())
    assert view.meter.used == model.asked == int(found.queries.sum()) + confirmed
    assert found.queries.max() <= 60


def test_running_counts_each_victim_apart() -> None:
    assert _running(np.array([1, 0, 1, 1]), np.array([True, True, False, True])).tolist() == [1, 1, 1, 2]
    assert len(_running(np.array([], dtype=int), np.array([], dtype=bool))) == 0


def test_a_constant_model_is_never_evaded() -> None:
    data = mixed(60, 8)
    target = classifier(Rule(lambda rows: np.zeros(len(rows))))
    space = Space.build(data.schema, data.features)
    pool = data.relabel(np.arange(60) % 2)
    found = DecisionAttack(points=(50,))(
        target, space, data.features.iloc[:5], np.zeros(5, dtype=np.int64), pool, seed=1
    )
    assert np.isinf(found.cost).all()


def test_what_the_model_takes_back_when_asked_again_does_not_count() -> None:
    data = mixed(60, 9)
    model = Rule(lambda rows: np.zeros(len(rows)))
    model.rule = lambda rows: np.full(len(rows), model.asked <= 30)  # yes to the first 30 rows, then never again
    space = Space.build(data.schema, data.features)
    found = DecisionAttack(points=(40,))(
        classifier(model), space, data.features.iloc[:1], np.zeros(1, dtype=int), data.relabel(np.ones(60, int)), seed=1
    )
    assert found.unconfirmed.all()
    assert np.isinf(found.cost).all()


def engaged(**changes) -> Engagement:
    members, strangers = mixed(200, 20), mixed(160, 21)
    target = classifier(Rule(risk), "toy")
    members, strangers = (data.relabel(target.labels(data.features)) for data in (members, strangers))
    options = {"evasion.decision": {"rows": 40, "queries": [20, 60], "eps": [0.5, 2.0], "chunk": 15}}
    return Engagement("toy", target, members, strangers, seed=4, options=options).changed(**changes)


def run(engagement: Engagement) -> Conclusion:
    mechanism = DecisionEvasion()
    assert mechanism.applies(engagement) == ""
    view = engagement.changed(target=engagement.target.restrict(mechanism.spec.access))
    results = {task.id: mechanism.work(view, task) for task in mechanism.tasks(engagement)}
    for result in results.values():
        assert all(array.dtype != object for array in result.values())
        assert not result["broken"].any()
    return mechanism.conclude(engagement, results)


def test_assessment_measures_a_curve_with_exact_intervals() -> None:
    found = run(engaged())
    table = {(m.metric, m.at["queries"], m.at["eps"]): m for m in found.measurements}
    assert len(table) == 2 * 2 * 2
    for eps in (0.5, 2.0):
        assert table["attack_success_rate", 20, eps].k <= table["attack_success_rate", 60, eps].k
    assert table["attack_success_rate", 60, 0.5].k <= table["attack_success_rate", 60, 2.0].k
    broken = table["attack_success_rate", 60, 2.0]
    kept = table["robust_accuracy", 60, 2.0]
    assert broken.k + kept.k == broken.n <= kept.n == 40
    assert broken.k > 0
    assert all(found.outcomes[at].sum() == found.measurements[at].k for at in found.outcomes)


def test_chunks_do_not_change_the_figures() -> None:
    whole = engaged()
    options = {"evasion.decision": {**whole.options["evasion.decision"], "chunk": 40}}
    assert run(whole).measurements == run(engaged(options=options)).measurements


def test_unknown_options_are_refused() -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        DecisionEvasion().tasks(engaged(options={"evasion.decision": {"row": 3}}))


def test_nothing_to_change_is_not_applicable() -> None:
    engagement = engaged()
    frozen = Schema(
        tuple(
            Column(name=c.name, type=c.type, categories=c.categories, immutable=True)
            for c in engagement.members.schema.columns
        )
    )
    data = Dataset("d", engagement.members.features, engagement.members.labels, ("0", "1"), frozen)
    assert "nothing" in DecisionEvasion().applies(engagement.changed(members=data, nonmembers=data))
