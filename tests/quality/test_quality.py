"""Quality: figures that can be checked by hand, intervals that cover, groups that nobody had to name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from casemate.core.threat import Access
from casemate.data.dataset import Dataset
from casemate.data.schema import Column, Schema
from casemate.quality.calibration import brier, expected_calibration_error, reliability
from casemate.quality.declarations import MODEL, SCORES
from casemate.quality.groups import grouped
from casemate.targets.answers import TOP_ONE
from casemate.targets.sklearn import classifier
from casemate.training.engagement import Conclusion, Engagement


def people(n: int, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    sex = rng.choice(["f", "m"], size=n)
    age = np.where(rng.random(n) < 0.1, np.nan, np.round(rng.uniform(20, 80, size=n)))
    flag = rng.integers(0, 2, size=n)
    noise = np.where(sex == "m", 1.5, 0.2)
    labels = (x + noise * rng.normal(size=n) > 0).astype(np.int64)
    schema = Schema(
        (
            Column(name="x", type="number"),
            Column(name="sex", type="category", categories=("f", "m"), sensitive=True),
            Column(name="age", type="integer", missing=True, sensitive=True),
            Column(name="flag", type="boolean"),
        )
    )
    frame = pd.DataFrame({"x": x, "sex": sex, "age": age, "flag": flag})
    return Dataset("people", frame, labels, ("0", "1"), schema)


class OnX:
    """A model that looks at one column only."""

    def __init__(self, data: Dataset) -> None:
        self.inner = LogisticRegression().fit(data.features[["x"]], data.labels)
        self.classes_ = self.inner.classes_

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return self.inner.predict(rows[["x"]])

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        return self.inner.predict_proba(rows[["x"]])


@pytest.fixture(scope="module")
def engagement() -> Engagement:
    members, strangers = people(500, 1), people(2000, 2)
    return Engagement("toy", classifier(OnX(members)), members, strangers, seed=3)


def run(engagement: Engagement, spec=MODEL) -> Conclusion:
    mechanism = spec.load()()
    assert mechanism.applies(engagement) == ""
    view = engagement.changed(target=engagement.target.restrict(spec.access))
    results = {task.id: mechanism.work(view, task) for task in mechanism.tasks(engagement)}
    return mechanism.conclude(engagement, results)


def find(conclusion: Conclusion, metric: str, **at):
    return next(each for each in conclusion.measurements if each.metric == metric and each.at == at)


def test_accuracy_is_counted_and_paired(engagement: Engagement) -> None:
    found = run(engagement)
    overall = found.measurements[0]
    answers = engagement.target.labels(engagement.nonmembers.features)
    assert overall.k == int((answers == engagement.nonmembers.labels).sum())
    assert overall.n == 2000
    assert found.outcomes[0].dtype == bool
    assert found.outcomes[0].sum() == overall.k


def test_groups_add_up_to_everybody(engagement: Engagement) -> None:
    found = run(engagement)
    for column in ("sex", "age", "flag"):
        rows = [each for each in found.measurements if each.at.get("column") == column and each.metric == "accuracy"]
        assert sum(each.n for each in rows) == 2000
        assert sum(each.k for each in rows) == found.measurements[0].k
    assert "missing" in {each.at.get("group") for each in found.measurements if each.at.get("column") == "age"}


def test_a_planted_disparity_is_found_and_an_absent_one_is_not(engagement: Engagement) -> None:
    found = run(engagement)
    assert find(found, "disparity", column="sex").low > 0.1
    assert find(found, "disparity", column="flag").low == 0.0


def test_small_groups_are_measured_but_not_compared() -> None:
    data = people(200, 5)
    data.features.loc[:4, "sex"] = "x"
    engagement = Engagement("toy", classifier(OnX(data)), data, data)
    found = run(engagement)
    assert find(found, "accuracy", column="sex", group="x").n == 5
    assert "x (n=5)" in find(found, "disparity", column="sex").note


def test_scores_need_scores_and_labels_are_enough_for_accuracy(engagement: Engagement) -> None:
    silent = engagement.changed(target=engagement.target.answering(TOP_ONE))
    assert "labels only" in SCORES.load()().applies(silent)
    assert run(silent).measurements[0].k == run(engagement).measurements[0].k
    assert MODEL.access is Access.LABELS


def test_auc_and_brier_by_hand(engagement: Engagement) -> None:
    found = run(engagement, SCORES)
    p = engagement.target.scores(engagement.nonmembers.features)[:, 1]
    y = engagement.nonmembers.labels
    assert find(found, "brier").estimate == pytest.approx(((p - y) ** 2).mean())
    pairs = p[y == 1][:, None] - p[y == 0][None, :]
    assert find(found, "auc").estimate == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)
    assert sum(each.n for each in found.measurements if each.metric == "reliability") == 2000


def test_the_same_seed_gives_the_same_figures(engagement: Engagement) -> None:
    assert run(engagement, SCORES).measurements == run(engagement, SCORES).measurements


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_calibration_interval_covers_the_truth(shift: float) -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(200):
        truth = rng.uniform(0.6, 0.9, size=1000)
        right = rng.random(1000) < truth
        estimate, interval = expected_calibration_error(truth + shift, right, rng, resamples=300)
        assert interval.low <= estimate <= interval.high
        covered += interval.low <= shift <= interval.high
    assert covered >= 186


def test_reliability_keeps_ties_together() -> None:
    confidence = np.array([0.5] * 50 + [0.9] * 50)
    curve = reliability(confidence, np.array([True] * 25 + [False] * 25 + [True] * 50))
    assert curve.rows.tolist() == [50, 50]
    assert curve.right.tolist() == [25, 50]


def test_brier_is_zero_for_the_truth_and_one_for_its_opposite() -> None:
    assert brier(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1])).tolist() == [0.0, 1.0]


def test_numbers_and_long_lists_group_nobody() -> None:
    data = people(40, 1)
    schema = Schema((*data.schema.columns, Column(name="town", type="category")))
    frame = data.features.assign(town=[f"t{i}" for i in range(40)])
    names = [name for name, _ in grouped(Dataset("d", frame, data.labels, data.classes, schema))]
    assert names == ["sex", "age", "flag"]
