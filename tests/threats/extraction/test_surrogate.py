"""Learned surrogates: they beat a model of the attacker's own labels, and random asking at the same budget."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from casemate.core.errors import UsageError
from casemate.core.threat import Access
from casemate.targets.answers import TOP_ONE, AnswerPolicy
from casemate.targets.sklearn import classifier
from casemate.threats.extraction.space import InputSpace
from casemate.threats.extraction.surrogate import LearnedSurrogate
from tests.threats.extraction.scene import boosted, linear

POLICIES = [AnswerPolicy(), AnswerPolicy(digits=2), TOP_ONE]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_answers_add_to_what_own_labels_give(policy: AnswerPolicy) -> None:
    scene = boosted()
    rows, labels = scene.nonmembers.features, scene.nonmembers.labels
    space = InputSpace.of(scene.nonmembers.schema, rows[:500])
    target = classifier(scene.model).answering(policy).restrict(Access.SCORES, budget=400)
    unasked, copy = LearnedSurrogate().curve(target, space, (0, 400), own_labels=labels[:500])
    truth = scene.model.predict(rows[500:])
    assert target.meter.used == 400 == copy.queries
    assert unasked.queries == 0
    assert (copy.labels(rows[500:]) == truth).mean() > (unasked.labels(rows[500:]) == truth).mean() + 0.02
    np.testing.assert_allclose(copy.scores(rows[500:]).sum(axis=1), 1.0)


def test_at_least_as_good_as_random_asking() -> None:
    """Knockoff Nets without a policy: random own rows, one model of the answers."""
    scene = boosted()
    rows = scene.nonmembers.features
    space = InputSpace.of(scene.nonmembers.schema, rows[:500])
    truth = scene.model.predict(rows[500:])
    picks = np.random.default_rng(0).permutation(500)[:200]
    values, unseen = space.read(rows[:500])[picks], space.read(rows[500:])
    knockoff = HistGradientBoostingClassifier(early_stopping=False, random_state=0)
    knockoff.fit(values, scene.model.predict(space.frame(values)))
    copy = LearnedSurrogate(queries=200)(classifier(scene.model), space, own_labels=scene.nonmembers.labels[:500])
    assert (copy.labels(rows[500:]) == truth).mean() >= (knockoff.predict(unseen) == truth).mean()


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_several_classes_and_no_rows_of_its_own(policy: AnswerPolicy) -> None:
    scene = linear(4)
    rows = scene.nonmembers.features
    target = classifier(scene.model).answering(policy)
    first, copy = LearnedSurrogate().curve(target, InputSpace.of(scene.nonmembers.schema), (0, 150))
    truth = scene.model.predict(rows)
    chance = np.bincount(truth).max() / len(truth)
    assert (copy.labels(rows) == truth).mean() > chance
    assert first.scores(rows).shape == (len(rows), 4)


def test_same_seed_same_copy() -> None:
    scene = boosted()
    rows = scene.nonmembers.features
    space = InputSpace.of(scene.nonmembers.schema, rows[:300])
    one, two = (LearnedSurrogate(queries=90)(classifier(scene.model), space, seed=3).scores(rows) for _ in range(2))
    assert np.array_equal(one, two)


def test_budgets_ascend() -> None:
    with pytest.raises(UsageError, match="ascending"):
        LearnedSurrogate().curve(classifier(boosted().model), InputSpace.of(boosted().nonmembers.schema), (20, 10))
