"""Poisoning: flips are found, an untouched set is left alone, the strong adversary hurts, and cleansing is graded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from casemate.core.errors import DataError, UsageError
from casemate.core.policy import Policy
from casemate.data.dataset import Dataset
from casemate.data.schema import Column, Schema
from casemate.threats.poisoning.assess import LabelFlip
from casemate.threats.poisoning.cleanse import Cleanse, CleansedRecipe, halves
from casemate.threats.poisoning.flips import harm, random_flips, worst_flips
from casemate.threats.poisoning.ranking import Ranking, linear_view, out_of_fold
from casemate.training.engagement import Conclusion, Engagement
from casemate.training.linear import solve
from casemate.training.recipe import SklearnRecipe

RECIPE = SklearnRecipe(make_pipeline(StandardScaler(), LogisticRegression()))


def table(n: int, seed: int, noise: float = 0.4) -> Dataset:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    labels = (x @ np.array([2.0, -1.0, 0.5, 0.0, 0.0, 0.0]) + noise * rng.logistic(size=n) > 0).astype(np.int64)
    columns = tuple(Column(name=f"c{j}", type="number") for j in range(6))
    return Dataset("toy", pd.DataFrame(x, columns=[c.name for c in columns]), labels, ("0", "1"), Schema(columns))


def flip(data: Dataset, flipped: np.ndarray) -> Dataset:
    return data.relabel(np.where(flipped, 1 - data.labels, data.labels))


def test_flips_rank_above_untouched_labels() -> None:
    data, trusted = table(1500, 1), table(2000, 2)
    flipped = random_flips(1500, 0.05, np.random.default_rng(3))
    ranked = Ranking()(RECIPE, flip(data, flipped), 1, trusted)
    assert roc_auc_score(flipped, ranked.suspicion) > 0.97
    assert ranked.null == "trusted"
    assert ranked.flagged[flipped].mean() > 0.25
    assert ranked.flagged[~flipped].mean() < 0.01


def test_the_blend_beats_its_noisier_part() -> None:
    gains = []
    for seed in range(6):
        data = table(800, seed)
        flipped = random_flips(800, 0.1, np.random.default_rng(seed))
        poisoned = flip(data, flipped)
        outside, _ = out_of_fold(RECIPE, poisoned, None, 5, seed)
        rng = np.random.default_rng(seed)
        blurred = np.clip(outside + rng.normal(scale=0.2, size=800), 0.01, 0.99)
        own = np.where(poisoned.labels == 1, 1 - blurred, blurred)
        ranked = Ranking().rank(poisoned, blurred)
        gains.append(roc_auc_score(flipped, ranked.suspicion) - roc_auc_score(flipped, own))
    assert min(gains) > 0


def test_an_untouched_set_is_left_alone_over_many_draws() -> None:
    shares, nulls = [], set()
    for seed in range(20):
        data, trusted = table(1000, 100 + seed, noise=1.0), table(700, 200 + seed, noise=1.0)
        ranked = Ranking(folds=3)(RECIPE, data, seed, trusted)
        shares.append(ranked.flagged.mean())
        nulls.add(ranked.null)
    assert nulls == {"trusted"}
    assert np.mean(np.array(shares) > 0.01) <= 0.1
    assert np.mean(shares) < 0.01


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), rate=st.sampled_from([0.0, 0.05, 0.2]))
def test_without_trusted_rows_few_are_flagged_whatever_the_poison(seed: int, rate: float) -> None:
    data = table(600, seed % 50)
    flipped = np.random.default_rng(seed).random(600) < rate
    outside = np.clip(1 / (1 + np.exp(-data.features.to_numpy() @ np.array([2.0, -1, 0.5, 0, 0, 0]) / 0.4)), 0.01, 0.99)
    ranked = Ranking().rank(flip(data, flipped), outside)
    assert ranked.null == "redrawn"
    assert ranked.flagged[~flipped].mean() <= 0.02


def test_limit_keeps_its_promise_by_simulation() -> None:
    rng = np.random.default_rng(0)
    broken = 0
    for _ in range(400):
        draws = rng.normal(size=3500)
        limit, null = Ranking().limit(draws[:1500], 1500, np.abs(draws[1500:]))
        assert null == "trusted"
        broken += (draws[1500:] > limit).mean() > 0.01
    assert broken <= 12  # 1 % of 400 and four standard errors


def test_closed_form_is_used_out_of_sample() -> None:
    data = table(300, 4)
    fit, other = linear_view(data, table(50, 5))
    assert other is not None
    assert other.shape == (50,)
    assert fit.logits.shape == (300,)


def test_harm_predicts_what_a_flip_does() -> None:
    data = table(400, 6)
    fit, _ = linear_view(data)
    expected = harm(fit)
    problem = fit.objective

    def error(labels: np.ndarray) -> float:
        again = solve(replace(problem, labels=labels), fit.coefficients)
        side = 2 * data.labels - 1
        return float((1 / (1 + np.exp(side * again.logits / 0.5))).sum())

    base = error(data.labels)
    rows = np.r_[np.argsort(expected)[:5], np.argsort(expected)[-5:]]
    found = []
    for row in rows:
        labels = data.labels.copy()
        labels[row] = 1 - labels[row]
        found.append(error(labels) - base)
    assert np.corrcoef(found, expected[rows])[0, 1] > 0.95


def test_worst_flips_hurt_more_than_random_ones() -> None:
    data, unseen = table(1000, 7), table(2000, 8)
    fit, _ = linear_view(data)
    worst = worst_flips(fit, 0.1, None)
    random = random_flips(1000, 0.1, np.random.default_rng(1))
    assert worst.sum() == random.sum() == 100
    accuracy = {
        name: (RECIPE.fit(flip(data, flips), 0).labels(unseen.features) == unseen.labels).mean()
        for name, flips in {"worst": worst, "random": random}.items()
    }
    assert accuracy["worst"] < accuracy["random"] - 0.05


def test_an_adversary_that_knows_the_limit_is_flagged_less() -> None:
    data, trusted = table(1000, 9), table(700, 10)
    ranking = Ranking(folds=3)
    limit = ranking(RECIPE, data, 1, trusted).limit
    fit, _ = linear_view(data)
    caught = {}
    for name, known in {"blind": None, "knowing": limit}.items():
        flipped = worst_flips(fit, 0.05, known)
        caught[name] = ranking(RECIPE, flip(data, flipped), 1, trusted).flagged[flipped].mean()
    assert caught["knowing"] <= caught["blind"]


def test_ranking_refuses_what_it_cannot_rank() -> None:
    data = table(50, 1)
    with pytest.raises(DataError, match="cannot be ranked"):
        Ranking()(RECIPE, data.relabel(np.r_[np.ones(2), np.zeros(48)].astype(np.int64)), 1)


@pytest.fixture(scope="module")
def engagement() -> Engagement:
    members, strangers = table(900, 30), table(5000, 31)
    options = {"poisoning.label_flip": {"random": [0.05], "worst": [0.1], "folds": 3}}
    target = RECIPE.fit(members, 0)
    return Engagement("toy", target, members, strangers, recipe=RECIPE, seed=5, options=options)


def run(engagement: Engagement) -> Conclusion:
    mechanism = LabelFlip()
    assert mechanism.applies(engagement) == ""
    results = {task.id: mechanism.work(engagement, task) for task in mechanism.tasks(engagement)}
    assert all(array.dtype != object for result in results.values() for array in result.values())
    return mechanism.conclude(engagement, results)


def find(conclusion: Conclusion, metric: str, **at):
    return next(m for m in conclusion.measurements if m.metric == metric and m.at == at)


def test_assessment_finds_harm_and_flips(engagement: Engagement) -> None:
    found = run(engagement)
    assert find(found, "accuracy_drop", attacker="worst", rate=0.1).low > 0
    assert find(found, "auroc", attacker="random", rate=0.05).low > 0.9
    assert find(found, "tpr", attacker="random", rate=0.05, fpr=0.01).estimate > 0.3
    clean = find(found, "flagged_clean")
    assert clean.k == int(found.outcomes[len(found.measurements) - 1].sum())
    assert clean.estimate <= 0.01
    assert found.records["label_suspicion"].shape == (900,)
    assert {m.kind for m in found.measurements} == set(LabelFlip.spec.kinds)
    assert {m.metric for m in found.measurements} == {m.name for m in LabelFlip.spec.metrics}


def test_the_same_seed_gives_the_same_figures(engagement: Engagement) -> None:
    assert run(engagement).measurements == run(engagement).measurements


def test_trusted_and_judged_rows_share_nothing(engagement: Engagement) -> None:
    trusted, judged = halves(engagement)
    assert not set(trusted) & set(judged)
    assert len(trusted) + len(judged) == 5000


def test_cleansing_is_part_of_the_recipe_and_is_attacked_knowingly(engagement: Engagement) -> None:
    proposal = Cleanse(action="drop").propose(engagement, Policy())
    defended = proposal.engagement
    assert defended.defense == "poisoning.cleanse"
    assert isinstance(defended.recipe, CleansedRecipe)
    assert defended.recipe.digest != RECIPE.digest
    assert proposal.settings["rows"] == 900 - len(defended.members) <= 9
    found = run(defended)
    assert find(found, "flagged_clean").estimate <= 0.01
    worst = find(found, "accuracy_drop", attacker="worst", rate=0.1)
    assert any("poisoning.cleanse" in each for each in worst.threat_model.knowledge)


def test_cleansing_removes_random_flips(engagement: Engagement) -> None:
    recipe = Cleanse().propose(engagement, Policy()).engagement.recipe
    flipped = random_flips(900, 0.1, np.random.default_rng(1))
    kept = recipe.cleanse(flip(engagement.members, flipped), 1)
    assert len(kept) < 900 - 0.25 * flipped.sum()
    relabeled = Cleanse(action="relabel").propose(engagement, Policy()).engagement.recipe
    mended = relabeled.cleanse(flip(engagement.members, flipped), 1)
    wrong = (mended.labels != engagement.members.labels).mean()
    assert wrong < 0.8 * flipped.mean()


def test_bad_options_are_refused(engagement: Engagement) -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        Cleanse({"mode": "drop"})
    with pytest.raises(UsageError, match="cannot be used"):
        LabelFlip().tasks(engagement.changed(options={"poisoning.label_flip": {"random": [0.7]}}))


def test_without_a_recipe_nothing_applies(engagement: Engagement) -> None:
    assert "recipe" in LabelFlip().applies(engagement.changed(recipe=None))
    assert "recipe" in Cleanse().applies(engagement.changed(recipe=None))
