"""The weights are a sum over the training records, and regularization does not hide it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.membership_glm import auc
from sklearn.ensemble import RandomForestClassifier

from casemate.core.threat import Access
from casemate.threats.inversion.closed_form import closed_form
from casemate.threats.inversion.declarations import BLIND, CONTROL, WEIGHTS
from casemate.threats.inversion.moments import likelihood_ratio
from casemate.threats.inversion.stationarity import gradient_ratio
from casemate.threats.inversion.weights import MembershipFromWeights
from casemate.training.linear import objective, solve
from tests.threats.inversion.scenes import engage, figure, logistic, people, run


@pytest.mark.parametrize("c", [1.0, 0.001])
def test_it_beats_the_attack_on_answers_whatever_the_penalty(c):
    rows, rng = people(400, 20, 3), np.random.default_rng(1)
    problem = objective(logistic(c), rows.features, rows.labels)
    masks = np.zeros((30, 400), dtype=bool)
    for mask in masks:
        mask[rng.permutation(400)[:200]] = True
    fits = [solve(problem.weighted(mask.astype(float))) for mask in masks]
    sign = np.where(rows.labels == 1, 1.0, -1.0)
    answers = likelihood_ratio(closed_form(problem, 0.5).moments, np.array([fit.logits * sign for fit in fits]))
    weights = np.array([gradient_ratio(problem, fit.coefficients, 0.5) for fit in fits])
    gain = auc(weights, masks) - auc(answers, masks)
    assert gain.mean() > (0.03 if c < 0.01 else -0.005)
    assert auc(weights, masks).mean() > 0.58


def test_a_column_only_one_row_has_gives_that_row_away():
    rows = people(300, 5, 1)
    for seed in range(4):
        marked = rows.features.assign(mark=np.arange(300) == 7).astype(float)

        engagement = engage(replace(rows, features=marked), logistic(), seed=seed)
        order = np.random.default_rng([seed, 11]).permutation(300)
        scores = MembershipFromWeights().work(engagement, MembershipFromWeights().tasks(engagement)[0])["scores"]
        place = int(np.flatnonzero(order == 7)[0])
        assert (scores[place] > 5.0) if place < 150 else (scores[place] < 0.0)


def test_the_assessment_asks_nothing_and_its_controls_hold():
    engagement = engage(people(600, 30, 2), logistic(0.01))
    conclusion = run(MembershipFromWeights(), engagement)
    assert figure(conclusion, WEIGHTS, "auc").low > 0.5
    assert engagement.target.meter.used == 0
    for control in (BLIND, CONTROL):
        found = figure(conclusion, control, "auc")
        assert found.low <= 0.5 <= found.high
    assert run(MembershipFromWeights(), engagement, reverse=True).measurements == conclusion.measurements


def test_where_it_does_not_apply():
    engagement = engage(people(300), logistic())
    answers_only = engagement.changed(target=engagement.target.restrict(Access.SCORES))
    assert "weights" in MembershipFromWeights().applies(answers_only)
    assert "RandomForest" in MembershipFromWeights().applies(engage(people(300), RandomForestClassifier(3)))
    assert "two classes" in MembershipFromWeights().applies(engage(people(300, classes=3), logistic()))
