"""The bracket holds: certified and attacked never contradict each other, whatever the budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.core.errors import DataError, UsageError
from casemate.stats.proportions import clopper_pearson
from casemate.threats.evasion.trees import Constraints, Feature, TreeAttack, TreeRobustness
from tests.threats.evasion.trees.models import KINDS, SKLEARN, data, fitted


@pytest.mark.parametrize("kind", KINDS)
def test_with_enough_time_the_bracket_has_no_width(kind: str) -> None:
    model, (x, y) = fitted(kind, "cancer"), data("cancer")
    found = TreeRobustness(eps=(0.0, 0.02, 0.05, 0.1)).evaluate(model, x[-60:], y[-60:])
    clean = int((model.predict(x[-60:]) == y[-60:]).sum())
    assert [each.n for each in found.brackets] == [60] * 4
    full = TreeAttack()(model, x[-60:][found.correct]).upper
    at_once, *wider = found.brackets
    # a row one rounding away from a threshold stands, but whoever writes its value down again may land beyond it
    assert at_once.attacked == clean == int(found.correct.sum())
    assert at_once.certified == int((full > 1e-12).sum()) >= clean - 1
    counts = [each.certified for each in wider]
    assert counts == [each.attacked for each in wider] == sorted(counts, reverse=True)
    assert counts[-1] < clean
    for each in wider:
        assert each.certified == int((full > each.eps).sum())
    for each in found.brackets:
        assert each.low == clopper_pearson(each.certified, 60)
        assert each.high == clopper_pearson(each.attacked, 60)


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(SKLEARN),
    eps=st.floats(0, 0.4),
    boxes=st.integers(1, 60),
    first=st.integers(0, 500),
    seed=st.integers(0, 99),
)
def test_certified_and_attacked_never_contradict(kind: str, eps: float, boxes: int, first: int, seed: int) -> None:
    model, (x, y) = fitted(kind, "cancer"), data("cancer")
    rows, labels = x[first : first + 6], y[first : first + 6]
    short = TreeRobustness(eps, TreeAttack(boxes=boxes)).evaluate(model, rows, labels)
    (bracket,) = short.brackets
    assert bracket.certified <= bracket.attacked <= int(short.correct.sum())
    assert (short.lower <= short.upper).all()
    whole = TreeRobustness(eps).evaluate(model, rows, labels).brackets[0]
    assert bracket.certified <= whole.certified == whole.attacked <= bracket.attacked
    # nobody who moves certified rows by eps, in whatever way, gets another answer
    rng = np.random.default_rng(seed)
    certified = short.correct & (short.lower > eps + 1e-12)
    for _ in range(10):
        moved = rows + eps * rng.choice([-1.0, 1.0, 0.0, 0.5], size=rows.shape)
        assert (model.predict(moved)[certified] == labels[certified]).all()


def test_constraints_only_raise_robust_accuracy() -> None:
    model, (x, y) = fitted("forest", "cancer"), data("cancer")
    free = TreeRobustness(0.1).evaluate(model, x[-40:], y[-40:]).brackets[0]
    rules = Constraints({at: Feature(immutable=True) for at in range(0, 30, 2)}, default=Feature(low=0, high=1))
    tied = TreeRobustness(0.1, TreeAttack(rules)).evaluate(model, x[-40:], y[-40:]).brackets[0]
    assert tied.certified > free.certified


def test_cost_scales_eps() -> None:
    model, (x, y) = fitted("boosting", "cancer"), data("cancer")
    plain = TreeRobustness(0.05).evaluate(model, x[-40:], y[-40:]).brackets[0]
    dear = TreeRobustness(0.5, TreeAttack(Constraints(default=Feature(cost=10.0)))).evaluate(model, x[-40:], y[-40:])
    assert dear.brackets[0].certified == plain.certified


def test_measurements_name_both_ends() -> None:
    model, (x, y) = fitted("tree", "cancer"), data("cancer")
    found = TreeRobustness((0.01, 0.1)).evaluate(model, x[-30:], y[-30:])
    made = found.measurements("toy", seed=3)
    assert [(each.metric, each.at["eps"]) for each in made] == [
        ("certified_accuracy", 0.01),
        ("robust_accuracy", 0.01),
        ("certified_accuracy", 0.1),
        ("robust_accuracy", 0.1),
    ]
    assert all(each.low <= each.estimate <= each.high and each.n == 30 and each.seed == 3 for each in made)
    assert str(found.brackets[0]).startswith("eps 0.01: robust accuracy in [")


def test_what_cannot_be_evaluated_is_refused() -> None:
    model, (x, y) = fitted("tree", "cancer"), data("cancer")
    for eps in (-0.1, np.inf, np.nan, ()):
        with pytest.raises(UsageError, match="eps"):
            TreeRobustness(eps).evaluate(model, x[:5], y[:5])
    for rows, labels in ((x[:5], y[:4]), (x[:0], y[:0])):
        with pytest.raises(DataError, match="labels"):
            TreeRobustness(0.1).evaluate(model, rows, labels)


def test_rows_answered_wrongly_are_not_robust() -> None:
    model, (x, _) = fitted("tree", "cancer"), data("cancer")
    found = TreeRobustness(0.01).evaluate(model, x[:5], 1 - model.predict(x[:5]))
    assert found.brackets[0].certified == found.brackets[0].attacked == 0
    assert (found.upper == 0).all()
