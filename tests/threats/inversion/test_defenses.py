"""What the defenses promise is what the attack finds afterwards (row 21)."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from casemate.core.errors import UsageError
from casemate.core.policy import Policy, Tolerance
from casemate.threats.inversion.closed_form import closed_form
from casemate.threats.inversion.declarations import DEFENSES, LIRA
from casemate.threats.inversion.estimates import tpr_at_fpr
from casemate.threats.inversion.leaf_size import LeafSize
from casemate.threats.inversion.membership import Membership
from casemate.threats.inversion.moments import likelihood_ratio
from casemate.threats.inversion.pool import pool
from casemate.threats.inversion.promise import AT, accepted, promise
from casemate.threats.inversion.regularize import Regularize
from casemate.threats.inversion.signals import log_odds
from casemate.training.linear import objective
from tests.threats.inversion.scenes import engage, figure, logistic, people, run, settings


def policy(at_most, kind="attack/membership/*"):
    return Policy(tolerances=(Tolerance(name="membership", kind=kind, metric="tpr", at=AT, at_most=at_most),))


@pytest.mark.parametrize("seed", [0, 1])
def test_predicted_tpr_lies_in_the_remeasured_interval(seed):
    engagement = engage(people(1000, 40, seed), logistic(10.0), seed=seed)
    proposal = Regularize(factors=(1.0, 10.0, 100.0, 1000.0)).propose(engagement, policy(0.06))
    after = figure(run(Membership(), proposal.engagement), LIRA, "tpr", fpr=0.01)
    predicted = proposal.predicted[promise(LIRA, "tpr", AT)]
    assert after.low <= predicted <= after.high
    assert proposal.settings["logisticregression__C"] < 10.0
    assert proposal.engagement.defense == "inversion.regularize"
    assert proposal.settings["logisticregression__C"] == proposal.engagement.target.model[-1].C
    assert proposal.engagement.name == engagement.name


def test_prediction_is_unbiased_over_many_models():
    rows = people(600, 30, 4)
    engagement = engage(rows, logistic(1.0))
    promised = Regularize(factors=(1.0,)).choices(engagement)[0].tpr
    everyone = pool(engagement).rows
    form = closed_form(objective(logistic(1.0), everyone.features, everyone.labels), 0.5)
    found = []
    for seed in range(40):
        member = np.isin(np.arange(600), np.random.default_rng(seed).permutation(600)[:300])
        answers = engagement.recipe.fit(everyone.take(member), 0).scores(everyone.features)
        scores = likelihood_ratio(form.moments, log_odds(answers, everyone.labels))
        found.append(tpr_at_fpr(scores[member], scores[~member], 0.01).estimate.value)
    assert promised == pytest.approx(np.mean(found), abs=3 * np.std(found) / np.sqrt(40) + 0.003)


def test_stronger_is_safer_and_the_least_loss_among_those_that_meet_it_wins():
    engagement = engage(people(500, 50, 1), logistic(10.0))
    defense = Regularize(factors=(1.0, 10.0, 100.0, 1000.0))
    choices = defense.choices(engagement)
    tprs = [choice.tpr for choice in choices]
    assert tprs[-1] < 0.75 * tprs[0]
    tolerance = np.median([choice.high for choice in choices])
    settings = defense.propose(engagement, policy(tolerance)).settings
    meeting = [choice for choice in choices if choice.high <= tolerance]
    assert settings["penalty_factor"] == min(meeting, key=lambda choice: choice.loss).factor
    impossible = defense.propose(engagement, policy(0.001))
    assert "no strength considered meets it" in impossible.note
    free = defense.propose(engagement, Policy())
    assert free.settings["leave_one_out_loss"] <= free.settings["leave_one_out_loss_before"]


def test_leaf_limits_lower_what_the_attack_finds():
    trees = make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=30))
    engagement = engage(people(1000, 10, 2), trees, options=settings(shadows=12))
    before = figure(run(Membership(), engagement), LIRA, "auc")
    proposal = LeafSize(shadows=6).propose(engagement, policy(0.08))
    after = figure(run(Membership(), proposal.engagement), LIRA, "auc")
    assert after.estimate < before.low
    assert proposal.predicted == {}
    assert proposal.settings["histgradientboostingclassifier__max_leaf_nodes"] < 31


def test_where_they_do_not_apply():
    forest = engage(people(200), RandomForestClassifier(5))
    assert "RandomForestClassifier" in Regularize().applies(forest)
    assert "RandomForestClassifier" in LeafSize().applies(forest)
    assert "recipe" in Regularize().applies(forest.changed(recipe=None))
    assert "recipe" in LeafSize().applies(forest.changed(recipe=None))
    with pytest.raises(UsageError):
        LeafSize(shadows=5)


def test_the_strictest_tolerance_that_speaks_of_it_counts():
    assert accepted(Policy()) is None
    assert accepted(policy(0.03)) == 0.03
    assert accepted(policy(0.03, "attack/extraction/*")) is None
    both = Policy(tolerances=(*policy(0.03).tolerances, *policy(0.02, LIRA).tolerances))
    assert accepted(both) == 0.02


def test_declarations_load():
    for spec in DEFENSES:
        assert spec.load()().spec is spec
