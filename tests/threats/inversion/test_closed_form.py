"""The closed form says what hundreds of retrained models say."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.membership_glm import auc, lira, tpr
from scipy.stats import norm

from casemate.threats.inversion.closed_form import closed_form
from casemate.threats.inversion.moments import likelihood_ratio
from casemate.training.linear import objective, solve
from tests.threats.inversion.scenes import logistic, people

N, SHADOWS, TARGETS = 400, 300, 40


def retrained(problem, share, models, seed):
    """Memberships and own-label log-odds of models really trained on random subsets."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((models, len(problem.labels)), dtype=bool)
    for mask in masks:
        mask[rng.permutation(len(mask))[: round(share * len(mask))]] = True
    sign = np.where(problem.labels == 1, 1.0, -1.0)
    return masks, np.array([solve(problem.weighted(mask.astype(float))).logits * sign for mask in masks])


@pytest.fixture(scope="module", params=[(1.0, 0.5), (0.02, 0.5), (1.0, 0.8)], ids=["C=1", "C=.02", "q=.8"])
def world(request):
    c, share = request.param
    rows = people(N, 15, seed=2)
    problem = objective(logistic(c), rows.features, rows.labels)
    shadows = retrained(problem, share, SHADOWS, 1)
    targets = retrained(problem, share, TARGETS, 2)
    return closed_form(problem, share), shadows, targets


def test_moments_are_those_of_retrained_models(world):
    form, (masks, signals), _ = world
    truth, mine = lira(signals, masks), form.moments
    few = min(masks.sum(axis=0).min(), (~masks).sum(axis=0).min())
    for mean, true, sd in ((mine.mean_in, truth.mean_in, truth.sd_in), (mine.mean_out, truth.mean_out, truth.sd_out)):
        error = (mean - true) / sd
        assert abs(error.mean()) < 0.1
        assert np.sqrt((error**2).mean()) < 0.1 + 1.5 / np.sqrt(few)
    assert 0.85 < np.median(mine.sd_out / truth.sd_out) < 1.05
    assert 0.85 < np.median(mine.sd_in / truth.sd_in) < 1.05
    strong = truth.shift > np.quantile(truth.shift, 0.9)
    assert np.median(mine.shift[strong] / truth.shift[strong]) == pytest.approx(1.0, abs=0.1)


def test_as_strong_as_lira_and_agreeing_with_it(world):
    form, (masks, signals), (truth, answers) = world
    mine = likelihood_ratio(form.moments, answers)
    theirs = likelihood_ratio(lira(signals, masks), answers)
    difference = auc(mine, truth) - auc(theirs, truth)
    assert difference.mean() > -1.96 * difference.std() / np.sqrt(TARGETS)
    assert np.mean(tpr(mine, truth) - tpr(theirs, truth)) > -0.01
    assert auc(mine, truth).mean() > 0.53
    assert np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(mine, theirs, strict=True)]) > 0.6


def test_lira_of_the_benchmark_is_the_papers_formula(world):
    _, (masks, signals), (_, answers) = world
    row = 5
    inside, outside = signals[masks[:, row], row], signals[~masks[:, row], row]
    paper = norm.logpdf(answers[:, row], inside.mean(), inside.std() + 1e-30) - norm.logpdf(
        answers[:, row], outside.mean(), outside.std() + 1e-30
    )
    assert np.allclose(likelihood_ratio(lira(signals, masks), answers)[:, row], paper)


def test_simulated_models_answer_like_retrained_ones(world):
    form, _, (truth, answers) = world
    masks, simulated = form.simulate(64, seed=5)
    assert (masks.sum(axis=1) == truth.sum(axis=1)[0]).all()
    real, made = (likelihood_ratio(form.moments, z) for z in (answers, simulated))
    spread = auc(real, truth).std() / np.sqrt(TARGETS) + auc(made, masks).std() / 8.0
    assert auc(made, masks).mean() == pytest.approx(auc(real, truth).mean(), abs=0.005 + 2 * spread)
    assert tpr(made, masks).mean() == pytest.approx(tpr(real, truth).mean(), abs=0.015)
