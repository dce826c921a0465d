"""Pairs: exact on plain proportions of the same inputs, square-and-add elsewhere, nothing where nothing can be said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from casemate.audit.pair import costs, pairs
from casemate.core.measurement import Measurement
from casemate.core.threat import Access, ThreatModel
from casemate.stats.paired import mcnemar, paired_difference
from casemate.training.engagement import Conclusion

THREAT = ThreatModel(goal="test", knowledge=(), access=Access.LABELS)


def measured(estimate: float, **changes: Any) -> Measurement:
    return Measurement(
        **{
            "assessment": "a.b",
            "kind": "model/accuracy",
            "metric": "accuracy",
            "subject": "m",
            "estimate": estimate,
            "low": estimate - 0.1,
            "high": estimate + 0.1,
            "n": 10,
            "k": round(estimate * 10),
            "method": "clopper-pearson",
            "threat_model": THREAT,
            "seed": 1,
            **changes,
        }
    )


def flags(text: str) -> np.ndarray:
    return np.array([letter == "1" for letter in text])


def test_the_same_inputs_are_compared_input_by_input() -> None:
    before, after = flags("1111100000"), flags("1110000001")
    (pair,) = pairs(
        "d",
        Conclusion([measured(0.5)], {0: before}),
        Conclusion([measured(0.4)], {0: after}),
        adaptive=True,
    )
    wanted = paired_difference(2, 1, 10)
    assert (pair.difference, pair.low, pair.high) == (pytest.approx(-0.1), wanted.low, wanted.high)
    assert pair.p == mcnemar(2, 1)


@pytest.mark.parametrize(
    ("change", "outcomes"),
    [
        ({"method": "order-statistic-mover"}, flags("1110000001")),  # a threshold was estimated
        ({}, None),  # nothing to pair
        ({}, flags("111000000")),  # other inputs
        ({}, flags("1111111111")),  # not the figure's trials
    ],
)
def test_otherwise_the_two_intervals_are_added(change: dict[str, Any], outcomes: np.ndarray | None) -> None:
    (pair,) = pairs(
        "d",
        Conclusion([measured(0.5, **change)], {0: flags("1111100000")}),
        Conclusion([measured(0.4, **change)], {} if outcomes is None else {0: outcomes}),
        adaptive=True,
    )
    assert pair.p is None
    assert (pair.low, pair.high) == (pytest.approx(-0.1 - 0.02**0.5), pytest.approx(-0.1 + 0.02**0.5))


def test_the_answer_policy_may_differ_but_nothing_else() -> None:
    before = Conclusion([measured(0.9, at={"queries": 100, "answers": "scores"}), measured(0.8, at={"queries": 10})])
    after = Conclusion([measured(0.7, at={"queries": 100, "answers": "top-1"}), measured(0.6, at={"queries": 11})])
    (pair,) = pairs("d", before, after, adaptive=False)
    assert pair.before.estimate == 0.9
    assert not pair.adaptive


def test_figures_without_interval_or_direction_make_no_pair() -> None:
    bare = Conclusion([measured(0.5, low=None, high=None), measured(0.5, metric="n", direction="none")])
    assert list(pairs("d", bare, bare, adaptive=True)) == []


def test_costs_are_the_overall_figures_of_quality() -> None:
    before = Conclusion([measured(0.8), measured(0.7, at={"group": "x"}), measured(0.9, kind="attack/x")])
    after = Conclusion([measured(0.7), measured(0.6, at={"group": "x"}), measured(0.5, kind="attack/x")])
    (cost,) = costs(before, after)
    assert (cost.before, cost.after, cost.difference) == (0.8, 0.7, pytest.approx(-0.1))
