"""Verdicts on measurements and pairs."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.assurance.needed import round_up, settling_n
from casemate.assurance.verdicts import compare, decide, decide_pair
from casemate.core.declarations import DefenseSpec, MetricSpec
from casemate.core.measurement import Measurement, Pair
from casemate.core.policy import Tolerance, Verdict
from casemate.stats import clopper_pearson, settling_power
from tests.assurance.builder import DEFENSES, MEMBER, rate, value


def at_most(limit: float) -> Tolerance:
    return Tolerance(name="t", kind="attack/*", metric="tpr", at_most=limit)


def at_least(limit: float) -> Tolerance:
    return Tolerance(name="t", kind="attack/*", metric="tpr", at_least=limit)


def seen(k: int, n: int, **more: object) -> Measurement:
    return rate(*MEMBER, "tpr", k, n, **more)


def test_zero_of_eighty_does_not_pass_a_tolerance_of_two_percent() -> None:
    decision = decide(seen(0, 80), at_most(0.02))
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert "0 of 80 (at most 4.51 %)" in decision.reason
    assert decision.needed == 190
    assert clopper_pearson(0, 190).high <= 0.02 < clopper_pearson(0, 180).high


@pytest.mark.parametrize(
    ("tolerance", "verdict"),
    [
        (at_most(0.30), Verdict.PASS),
        (at_most(0.20), Verdict.INCONCLUSIVE),
        (at_most(0.10), Verdict.FAIL),
        (at_least(0.10), Verdict.PASS),
        (at_least(0.20), Verdict.INCONCLUSIVE),
        (at_least(0.30), Verdict.FAIL),
    ],
)
def test_the_whole_interval_decides(tolerance: Tolerance, verdict: Verdict) -> None:
    assert decide(seen(200, 1000), tolerance).verdict is verdict


def test_a_bound_that_touches_the_tolerance_passes_and_never_fails() -> None:
    m = seen(10, 100)
    assert m.low is not None
    assert m.high is not None
    assert decide(m, at_most(m.high)).verdict is Verdict.PASS
    assert decide(m, at_most(m.low)).verdict is Verdict.INCONCLUSIVE
    assert decide(m, at_least(m.low)).verdict is Verdict.PASS
    assert decide(m, at_least(m.high)).verdict is Verdict.INCONCLUSIVE


def test_without_an_interval_the_estimate_decides() -> None:
    bare = msgspec.structs.replace(seen(10, 100), low=None, high=None)
    assert decide(bare, at_most(0.10)).verdict is Verdict.PASS
    assert decide(bare, at_most(0.09)).verdict is Verdict.FAIL


def test_too_few_trials_settle_nothing() -> None:
    spec = MetricSpec(name="tpr", unit="proportion", direction="lower", least_n=3000)
    decision = decide(seen(0, 2999), at_most(0.5), spec)
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert decision.needed == 3000
    assert decide(seen(0, 3000), at_most(0.5), spec).verdict is Verdict.PASS


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_figures_that_are_not_finite_settle_nothing(bad: float) -> None:
    for field in ("estimate", "low", "high"):
        m = msgspec.structs.replace(seen(1, 100), **{field: bad})
        assert decide(m, at_most(0.5)).verdict is Verdict.INCONCLUSIVE
        assert decide(m, at_least(0.0)).verdict is Verdict.INCONCLUSIVE


def test_lost_trials_are_told() -> None:
    reason = decide(seen(1, 100, errors=7, refused=2), at_most(0.5)).reason
    assert "7 trials could not be scored and 2 were refused" in reason


@given(st.integers(1, 400), st.data())
def test_verdicts_never_contradict_each_other(n: int, data: st.DataObject) -> None:
    k, limit = data.draw(st.integers(0, n)), data.draw(st.floats(0, 1))
    exact = clopper_pearson(k, n)
    verdict = compare(exact.low, exact.high, at_most(limit))
    mirrored = compare(exact.low, exact.high, at_least(limit))
    assert (verdict is Verdict.PASS) == (exact.high <= limit)
    assert (verdict is Verdict.FAIL) == (exact.low > limit)
    assert not (verdict is Verdict.FAIL and mirrored is Verdict.FAIL)


@given(st.integers(20, 300), st.data())
def test_the_promised_n_would_settle_it(n: int, data: st.DataObject) -> None:
    k, limit = data.draw(st.integers(0, n)), data.draw(st.floats(0.01, 0.99))
    m = seen(k, n)
    if decide(m, at_most(limit)).verdict is not Verdict.INCONCLUSIVE:
        return
    needed = settling_n(m, at_most(limit))
    if needed is not None:
        assert needed > n
        assert settling_power(needed, k / n, limit) >= 0.75


def test_resampled_figures_shrink_with_the_root_of_n() -> None:
    m = value(*MEMBER, "auc", 0.56, 0.02, 1000, unit="auc")
    tolerance = Tolerance(name="t", kind="attack/*", metric="auc", at_most=0.57)
    assert settling_n(m, tolerance) == round_up(4001)
    assert settling_n(m, msgspec.structs.replace(tolerance, at_most=0.56)) is None


def pair(after: Measurement, low: float, high: float, *, adaptive: bool = True, defense: str = "d.d") -> Pair:
    before = seen(300, 1000)
    return Pair(
        defense=defense,
        adaptive=adaptive,
        before=before,
        after=after,
        difference=(low + high) / 2,
        low=low,
        high=high,
        p=None,
        method="paired newcombe",
    )


def test_a_pair_is_judged_by_the_attack_after_the_defense() -> None:
    good = pair(seen(10, 1000), -0.3, -0.2)
    assert decide_pair(good, at_most(0.05)).verdict is Verdict.PASS
    assert decide_pair(good, at_most(0.002)).verdict is Verdict.FAIL
    assert decide_pair(good, at_most(0.01)).verdict is Verdict.INCONCLUSIVE


def test_without_an_adaptive_attack_a_pair_cannot_pass() -> None:
    naive = pair(seen(10, 1000), -0.3, -0.2, adaptive=False)
    assert decide_pair(naive, at_most(0.05)).verdict is Verdict.INCONCLUSIVE
    assert decide_pair(naive, None).verdict is Verdict.INCONCLUSIVE
    assert decide_pair(naive, at_most(0.002)).verdict is Verdict.FAIL


def test_without_a_tolerance_the_difference_decides() -> None:
    assert decide_pair(pair(seen(10, 1000), -0.3, -0.2), None).verdict is Verdict.PASS
    assert decide_pair(pair(seen(300, 1000), -0.02, 0.02), None).verdict is Verdict.INCONCLUSIVE
    assert decide_pair(pair(seen(400, 1000), 0.05, 0.15), None).verdict is Verdict.FAIL
    up = msgspec.structs.replace(seen(400, 1000), direction="higher")
    assert decide_pair(pair(up, 0.05, 0.15), None).verdict is Verdict.PASS


ROUND: DefenseSpec = next(d for d in DEFENSES if d.known_false)


def test_a_known_false_defense_fails_unless_it_changed_the_outcome() -> None:
    unchanged = pair(seen(300, 1000), -0.02, 0.02, defense=ROUND.id)
    assert decide_pair(unchanged, at_most(0.5), None, ROUND).verdict is Verdict.FAIL
    improved_but_outside = pair(seen(250, 1000), -0.08, -0.02, defense=ROUND.id)
    assert decide_pair(improved_but_outside, at_most(0.1), None, ROUND).verdict is Verdict.FAIL
    changed = pair(seen(10, 1000), -0.3, -0.2, defense=ROUND.id)
    assert decide_pair(changed, at_most(0.05), None, ROUND).verdict is Verdict.PASS
    assert "no defense" in decide_pair(unchanged, None, None, ROUND).reason
