"""The assessments and defenses as the audit room uses them, and the extraction half of acceptance row 21."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.svm import LinearSVC

from casemate.core.errors import UsageError
from casemate.core.measurement import Measurement
from casemate.core.policy import Policy
from casemate.stats import newcombe_paired
from casemate.stats.proportions import clopper_pearson
from casemate.targets.sklearn import classifier
from casemate.threats.extraction.declarations import ASSESSMENTS, DEFENSES
from casemate.threats.extraction.defenses import Rounding, TopOne
from casemate.threats.extraction.grading import sides
from casemate.training.engagement import Conclusion, Engagement
from tests.threats.extraction.scene import boosted, linear

EQUATIONS, SURROGATE = (spec.load() for spec in ASSESSMENTS)
BUDGETS = {"extraction.equations": {"budgets": [39, 78]}, "extraction.surrogate": {"budgets": [100, 200]}}


def run(kind: type, engagement: Engagement) -> Conclusion:
    assessment = kind()
    assert assessment.applies(engagement) == ""
    results = {}
    for task in assessment.tasks(engagement):
        before = engagement.target.meter.used
        results[task.id] = assessment.work(engagement, task)
        assert engagement.target.meter.used - before <= task.queries
    return assessment.conclude(engagement, results)


def at(conclusion: Conclusion, metric: str, queries: int, answers: str) -> Measurement:
    [found] = [
        one
        for one in conclusion.measurements
        if one.metric == metric and one.at == {"queries": queries, "answers": answers}
    ]
    return found


@pytest.fixture(scope="module")
def stolen() -> Conclusion:
    return run(EQUATIONS, linear().engagement(options=BUDGETS))


def test_equations_under_every_policy(stolen: Conclusion) -> None:
    assert at(stolen, "fidelity", 39, "scores").estimate == 1.0
    assert at(stolen, "coefficient_error", 39, "scores").estimate < 1e-9
    assert at(stolen, "fidelity", 78, "rounded-2").estimate >= 0.95
    assert "rounding is no defense" in at(stolen, "fidelity", 78, "rounded-2").note
    assert at(stolen, "fidelity", 78, "top-1").estimate < 1.0
    assert all(
        one.direction == ("higher" if one.metric == "coefficient_error" else "lower") for one in stolen.measurements
    )


def test_figures_are_exact_intervals_of_their_outcomes(stolen: Conclusion) -> None:
    for place, outcome in stolen.outcomes.items():
        figure = stolen.measurements[place]
        interval = clopper_pearson(int(outcome.sum()), len(outcome))
        assert (figure.k, figure.n, figure.low, figure.high) == (
            int(outcome.sum()), len(outcome), interval.low, interval.high,
        )  # fmt: skip
        assert figure.threat_model.queries == figure.at["queries"]
        assert figure.queries <= figure.at["queries"]


@pytest.fixture(scope="module")
def imitated() -> Conclusion:
    return run(SURROGATE, boosted().engagement(options=BUDGETS))


def test_surrogate_curve_starts_without_asking(imitated: Conclusion) -> None:
    found = imitated
    unasked = at(found, "fidelity", 0, "none")
    assert unasked.queries == 0
    assert at(found, "fidelity", 200, "scores").estimate > unasked.estimate
    assert [one.at["answers"] for one in found.measurements if one.metric == "fidelity"] == (
        ["none"] + ["scores"] * 2 + ["rounded-2"] * 2 + ["top-1"] * 2
    )


def test_boosted_trees_are_not_solved() -> None:
    assert "not affine" in EQUATIONS().applies(boosted().engagement())


def test_what_does_not_apply_says_why() -> None:
    scene = linear()
    few = scene.engagement(nonmembers=scene.nonmembers.take(np.arange(50)))
    assert "50" in EQUATIONS().applies(few)
    assert "50" in SURROGATE().applies(few)
    words = [name for name in scene.members.schema.names if name[0] == "n" and scene.members.schema[name].missing]
    silent = LinearSVC().fit(scene.members.features[["n1", "n2"]], scene.members.labels)
    assert words
    assert "no scores" in EQUATIONS().applies(scene.engagement(target=classifier(silent)))


def test_no_row_is_on_both_sides_and_subjects_stay_together() -> None:
    scene = linear()
    people = np.array([f"p{k % 300}" for k in range(len(scene.nonmembers))], dtype=object)
    rows = scene.nonmembers.take(np.arange(len(people)))
    halves = sides(scene.engagement(nonmembers=type(rows)(**{**rows.__dict__, "subjects": people})))
    assert halves.own.subjects is not None
    assert halves.held.subjects is not None
    assert not set(halves.own.subjects) & set(halves.held.subjects)
    assert len(set(halves.held.subjects)) == len(halves.held) == 150


def test_a_constant_model_is_copied_at_once() -> None:
    scene = boosted()
    dull = DummyClassifier().fit(scene.members.features, scene.members.labels)
    found = run(SURROGATE, scene.engagement(target=classifier(dull), options={SURROGATE.spec.id: {"budgets": [50]}}))
    assert all(
        one.estimate == 1.0 for one in found.measurements if one.metric == "fidelity" and one.at["queries"] == 50
    )


def test_budgets_are_checked() -> None:
    with pytest.raises(UsageError, match="positive whole numbers"):
        SURROGATE().tasks(linear().engagement(options={SURROGATE.spec.id: {"budgets": [0]}}))


@pytest.mark.parametrize("kind", [EQUATIONS, SURROGATE])
def test_rounding_defends_nothing(kind: type, stolen: Conclusion, imitated: Conclusion) -> None:
    """Row 21: the attack that knows the rounding is as good as before it, so no tolerance it failed is met now."""
    queries = BUDGETS[kind.spec.id]["budgets"][1]
    before = stolen if kind is EQUATIONS else imitated
    engagement = (linear() if kind is EQUATIONS else boosted()).engagement(options=BUDGETS)
    rounded = Rounding().propose(engagement, Policy()).engagement
    assert [task.id for task in kind().tasks(rounded)] == ["rounded-2"]
    after = run(kind, rounded)
    was, now = at(before, "fidelity", queries, "scores"), at(after, "fidelity", queries, "rounded-2")
    first = before.outcomes[list(before.measurements).index(was)]
    second = after.outcomes[list(after.measurements).index(now)]
    change = newcombe_paired(
        both=int((second & first).sum()),
        first=int((first & ~second).sum()),
        second=int((second & ~first).sum()),
        neither=int((~second & ~first).sum()),
    )
    assert change.interval.high >= -0.03  # that it takes away more than 3 points is not shown
    assert now.estimate >= 0.85 if kind is SURROGATE else now.estimate >= 0.95
    assert "no defense" in Rounding.spec.known_false


def test_labels_only_takes_the_coefficients_away() -> None:
    engagement = linear().engagement(options=BUDGETS)
    proposal = TopOne().propose(engagement, Policy())
    assert proposal.engagement.defense == "extraction.top_one"
    after = run(EQUATIONS, proposal.engagement)
    assert at(after, "fidelity", 78, "top-1").estimate < 0.99
    assert at(after, "coefficient_error", 78, "top-1").estimate > 0.05
    assert TopOne().applies(proposal.engagement)
    assert Rounding().applies(proposal.engagement)


def test_rounding_refuses_nonsense() -> None:
    with pytest.raises(UsageError):
        Rounding(digits=0)
    rounded = Rounding(digits=3).propose(linear().engagement(), Policy()).engagement
    assert "3 digits" in Rounding(digits=5).applies(rounded)
    assert Rounding(digits=1).applies(rounded) == ""


def test_declarations_import_nothing_heavy() -> None:
    code = (
        "import sys, casemate.threats.extraction.declarations; "
        "print([m for m in ('numpy', 'pandas', 'sklearn', 'scipy', 'torch') if m in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == "[]"


def test_every_defense_is_judged_by_attacks_that_exist() -> None:
    ids = {spec.id for spec in ASSESSMENTS}
    assert all(set(spec.judged_by) <= ids and spec.judged_by for spec in DEFENSES)
