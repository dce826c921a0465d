"""Control verdicts from a ledger view."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from casemate.assurance import LedgerView, judge, judge_controls, load_catalog
from casemate.assurance.controls import ControlVerdict
from casemate.assurance.view import MEASUREMENT, PAIR, PLAN, Record
from casemate.core.declarations import AssessmentSpec
from casemate.core.errors import UnreadableError
from casemate.core.measurement import Measurement, Pair, Quality
from casemate.core.policy import Policy, Tolerance, Verdict
from tests.assurance.builder import ASSESSMENTS, DEFENSES, MEMBER, START, THIEF, Ledger, clinical_view, rate, sha
from tests.assurance.test_catalog import one

LIMIT = Policy(
    tolerances=(
        Tolerance(name="member", kind="attack/membership/*", metric="tpr", at={"fpr": 0.01}, at_most=0.05),
        Tolerance(name="thief", kind="attack/extraction/*", metric="fidelity", at_most=0.9),
    ),
    values={"budget": 0.02, "many": 500},
)
MEMBERSHIP = "attack/membership/* | tpr@fpr1%.hi95 <= policy |"
TIGHT, LOOSE = (900, 1000), (10, 1000)


def member(k: int, n: int = 1000, fpr: float = 0.01, **more: object) -> Measurement:
    return rate(*MEMBER, "tpr", k, n, **({"subject": "m", "at": {"fpr": fpr}} | more))


def book() -> Ledger:
    ledger = Ledger({"m": sha("m"), "m+d": sha("m+d")})
    ledger.write(PLAN, {"policy": msgspec.to_builtins(LIMIT), "environment": {"python": "3"}}, ["m"])
    return ledger


def view(ledger: Ledger, **more: object) -> LedgerView:
    return replace(
        LedgerView(records=tuple(ledger.records), current=ledger.current, now=START + timedelta(days=1), verified=True),
        **more,
    )


def control(
    query: str,
    ledger: Ledger,
    policy: Policy = LIMIT,
    assessments: tuple[AssessmentSpec, ...] = ASSESSMENTS,
    **more: object,
) -> ControlVerdict:
    (verdict,) = judge_controls(view(ledger, **more), load_catalog(assessments, DEFENSES, one(query)), policy)
    return verdict


def measured(*figures: Measurement) -> Ledger:
    ledger = book()
    for figure in figures:
        ledger.measure(figure)
    return ledger


def defended(before: Measurement, after: Measurement, *, defense: str = "inversion.regularize", **more: object) -> Pair:
    fields: dict[str, object] = {
        "adaptive": True,
        "difference": after.estimate - before.estimate,
        "low": after.estimate - before.estimate - 0.01,
        "high": after.estimate - before.estimate + 0.01,
        "p": None,
        "method": "paired newcombe",
    }
    return Pair(defense=defense, before=before, after=after, **(fields | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(("k", "verdict"), [(10, Verdict.PASS), (50, Verdict.INCONCLUSIVE), (200, Verdict.FAIL)])
def test_the_bound_decides(k: int, verdict: Verdict) -> None:
    assert control(MEMBERSHIP, measured(member(k))).verdict is verdict


def test_the_worst_attack_decides() -> None:
    other = msgspec.structs.replace(member(200), kind="attack/membership/population")
    found = control(MEMBERSHIP, measured(member(10), other))
    assert found.verdict is Verdict.FAIL
    assert found.evidence == (1, 2)


def test_a_later_record_supersedes_an_earlier_one_but_not_under_every() -> None:
    ledger = measured(member(200), member(10))
    assert control(MEMBERSHIP, ledger).verdict is Verdict.PASS
    assert control(MEMBERSHIP + " every", ledger).verdict is Verdict.FAIL


def test_another_point_of_the_curve_does_not_count() -> None:
    assert control(MEMBERSHIP, measured(member(10, fpr=0.001))).verdict is Verdict.NOT_EVIDENCED


def test_points_match_as_numbers() -> None:
    query = "attack/membership/* | tpr@fpr0.1%.hi95 <= 0.05 |"
    assert control(query, measured(member(10, fpr=0.1 / 100))).verdict is Verdict.PASS


def test_every_listed_kind_needs_evidence() -> None:
    query = "attack/membership/* , attack/extraction/* | tpr@fpr1%.hi95 <= policy |"
    found = control(query, measured(member(10)))
    assert found.verdict is Verdict.NOT_EVIDENCED
    assert "attack/extraction/*" in found.reason


def test_a_kind_that_no_room_registers_is_not_evidenced() -> None:
    assert control("attack/unheard | x <= 1 |", measured(member(10))).verdict is Verdict.NOT_EVIDENCED


def test_prose_is_for_a_person() -> None:
    assert control("attack/membership/* | all is well |", measured(member(10))).verdict is Verdict.HUMAN


def test_a_tolerance_that_the_policy_does_not_set_is_for_a_person() -> None:
    auc = rate(*MEMBER, "auc", 50, 100, subject="m")
    assert control("attack/membership/* | auc.hi95 <= policy |", measured(auc)).verdict is Verdict.HUMAN
    assert control("attack/membership/* | tpr@fpr1% <= policy:unset |", measured(member(1))).verdict is Verdict.HUMAN
    assert control(MEMBERSHIP + " n>=policy:unset", measured(member(1))).verdict is Verdict.HUMAN


def test_the_policy_gives_numbers_by_name() -> None:
    query = "attack/membership/* | tpr@fpr1%.hi95 <= policy:budget |"
    assert control(query, measured(member(5))).verdict is Verdict.PASS
    assert control(query, measured(member(40))).verdict is Verdict.FAIL
    assert control(MEMBERSHIP + " n>=policy:many", measured(member(1, 400))).verdict is Verdict.INCONCLUSIVE


def test_too_few_trials_are_inconclusive() -> None:
    assert control(MEMBERSHIP + " n>=3000", measured(member(10))).verdict is Verdict.INCONCLUSIVE


def test_a_changed_digest_makes_evidence_stale() -> None:
    changed = {"m": sha("another"), "m+d": sha("m+d")}
    found = control(MEMBERSHIP, measured(member(10)), current=changed)
    assert found.verdict is Verdict.STALE
    assert control(MEMBERSHIP, measured(member(10)), current={}).verdict is Verdict.STALE
    judged = judge(view(measured(member(10)), current=changed), LIMIT, ASSESSMENTS)
    assert [j.verdict for j in judged if j.record is not None] == [Verdict.STALE]


def test_current_evidence_makes_outdated_evidence_irrelevant() -> None:
    ledger = measured(member(200))
    ledger.current["m"] = sha("m, trained again")
    ledger.measure(member(10))
    assert control(MEMBERSHIP + " every", ledger).verdict is Verdict.PASS


def test_old_and_undated_evidence_is_stale() -> None:
    ledger = measured(member(10))
    assert control(MEMBERSHIP + " age<=2d", ledger).verdict is Verdict.PASS
    assert control(MEMBERSHIP + " age<=30d", ledger, now=START + timedelta(days=31)).verdict is Verdict.STALE
    ledger.records[-1] = msgspec.structs.replace(ledger.records[-1], time=None)
    assert control(MEMBERSHIP + " age<=30d", ledger).verdict is Verdict.STALE


def test_live_evidence_comes_from_the_gateway() -> None:
    assert control(MEMBERSHIP + " live", measured(member(10))).verdict is Verdict.NOT_EVIDENCED
    live = msgspec.structs.replace(member(10), assessment="gateway.membership")
    assert control(MEMBERSHIP + " live", measured(live)).verdict is Verdict.PASS


def test_a_bound_needs_an_interval_of_that_confidence() -> None:
    bare = msgspec.structs.replace(member(10), low=None, high=None)
    assert control(MEMBERSHIP, measured(bare)).verdict is Verdict.INCONCLUSIVE
    narrow = msgspec.structs.replace(member(10), confidence=0.8)
    assert control(MEMBERSHIP, measured(narrow)).verdict is Verdict.INCONCLUSIVE
    estimate = "attack/membership/* | tpr@fpr1%.est <= 0.01 |"
    assert control(estimate, measured(bare)).verdict is Verdict.PASS


PAIRED = MEMBERSHIP + " pair"


def with_pairs(*pairs: Pair) -> Ledger:
    ledger = measured(member(200))
    for pair in pairs:
        ledger.pair(pair)
    return ledger


AFTER = {"subject": "m+d"}


def test_a_pair_with_an_adaptive_attack_passes() -> None:
    found = control(PAIRED, with_pairs(defended(member(200), member(10, **AFTER))))
    assert found.verdict is Verdict.PASS
    assert "inversion.regularize" in found.reason


def test_a_pair_without_an_adaptive_attack_cannot_pass() -> None:
    naive = defended(member(200), member(10, **AFTER), adaptive=False)
    assert control(PAIRED, with_pairs(naive)).verdict is Verdict.INCONCLUSIVE


def test_without_a_pair_an_open_attack_fails_and_a_held_one_is_not_evidenced() -> None:
    assert control(PAIRED, measured(member(200))).verdict is Verdict.FAIL
    assert control(PAIRED, measured(member(10))).verdict is Verdict.NOT_EVIDENCED


def test_one_good_defense_is_enough_unless_every_one_is_asked_for() -> None:
    good = defended(member(200), member(10, **AFTER))
    bad = defended(member(200), member(190, **AFTER), defense="inversion.other")
    assert control(PAIRED, with_pairs(good, bad)).verdict is Verdict.PASS
    assert control(PAIRED, with_pairs(bad)).verdict is Verdict.FAIL
    assert control(PAIRED + " every", with_pairs(good, bad)).verdict is Verdict.FAIL


def test_a_known_false_defense_fails_a_control() -> None:
    fidelity = rate(*THIEF, "fidelity", 950, 1000, subject="m")
    after = msgspec.structs.replace(fidelity, subject="m+d")
    pair = defended(fidelity, after, defense="extraction.round")
    found = control("attack/extraction/* | fidelity.hi95 <= policy:allowed | pair", with_pairs(pair),
                    Policy(values={"allowed": 0.99}))  # fmt: skip
    assert found.verdict is Verdict.FAIL
    assert "no defense" in found.reason


def test_gain_and_cost_have_to_come_from_the_same_defense() -> None:
    def cost(loss: float) -> tuple[Quality, ...]:
        return (
            Quality(metric="accuracy", before=0.8, after=0.8 - loss, difference=-loss, low=-loss - 0.005,
                    high=-loss + 0.005, p=None, method="paired newcombe"),
        )  # fmt: skip

    strong = defended(member(200), member(10, **AFTER), quality=cost(0.10))
    cheap = defended(member(200), member(199, **AFTER), defense="inversion.cheap", quality=cost(0.0))
    both = defended(member(200), member(10, **AFTER), defense="inversion.both", quality=cost(0.0))
    query = "defense/* | improvement.lo95 > 0 and accuracy_loss.hi95 <= policy:budget | pair"
    assert control(query, with_pairs(strong, cheap)).verdict is not Verdict.PASS
    assert control(query, with_pairs(strong, cheap, both)).verdict is Verdict.PASS


def test_a_loss_that_is_measured_by_itself_needs_no_pair() -> None:
    metric = msgspec.structs.replace(ASSESSMENTS[0].metrics[0], name="utility_loss")
    spec = msgspec.structs.replace(ASSESSMENTS[0], id="tables.needs", kinds=("data/minimization",), metrics=(metric,))
    found = rate("tables.needs", "data/minimization", "utility_loss", 5, 1000, subject="m")
    query = "data/minimization | utility_loss.hi95 <= policy:budget | every"
    assert control(query, measured(found), assessments=(spec,)).verdict is Verdict.PASS


def test_delta_is_the_paired_difference() -> None:
    query = "attack/membership/* | tpr@fpr1%.delta.hi95 < 0 | pair"
    assert control(query, with_pairs(defended(member(200), member(10, **AFTER)))).verdict is Verdict.PASS
    same = defended(member(200), member(200, **AFTER))
    assert control(query, with_pairs(same)).verdict is Verdict.INCONCLUSIVE


def test_the_owners_reason_excludes_a_control() -> None:
    found = control(MEMBERSHIP, measured(member(200)), excluded={"F:1/C1": "the data are public"})
    assert found.verdict is Verdict.NOT_APPLICABLE
    assert "the data are public" in found.reason


def test_what_the_ledger_shows_by_itself() -> None:
    order = "plan/order | plan_precedes_trials == 1 and tolerances_in_plan == 1 | every"
    assert control(order, measured(member(10))).verdict is Verdict.PASS
    assert control(order, measured(member(10)), policy=Policy()).verdict is Verdict.FAIL
    late = measured(member(10))
    late.records = [msgspec.structs.replace(r, index=1 - r.index) for r in reversed(late.records)]
    assert control(order, late).verdict is Verdict.FAIL
    chain = "ledger/chain | chain_verified == 1 and signed == 1 and dated == 1 | every"
    assert control(chain, measured(member(10))).verdict is Verdict.PASS
    assert control(chain, measured(member(10)), verified=False).verdict is Verdict.FAIL


def test_tolerances_met_is_undecided_while_verdicts_are() -> None:
    query = "policy/tolerances | tolerances_met >= 1 | every"
    policy = Policy(tolerances=LIMIT.tolerances[:1])
    for k, verdict in ((10, Verdict.PASS), (50, Verdict.INCONCLUSIVE), (200, Verdict.FAIL)):
        assert control(query, measured(member(k)), policy).verdict is verdict
    cured = with_pairs(defended(member(200), member(10, **AFTER)))
    assert control(query, cured, policy).verdict is Verdict.FAIL
    assert control("policy/tolerances | tolerances_met_defended >= 1 |", cured, policy).verdict is Verdict.PASS


def test_what_is_missing_is_said() -> None:
    judged = judge(view(book(), skipped={"privacy.dp": "no claim"}), LIMIT)
    assert [j.verdict for j in judged] == [Verdict.NOT_EVIDENCED, Verdict.NOT_EVIDENCED, Verdict.NOT_APPLICABLE]


@pytest.mark.parametrize("kind", [MEASUREMENT, PAIR, PLAN])
def test_a_record_that_is_not_what_it_says_is_unreadable(kind: str) -> None:
    broken = Record(index=7, predicate_type=kind, predicate={"policy": 3}, subjects=(), sha256=sha("x"))
    seen = LedgerView(records=(broken,), current={}, now=START)
    with pytest.raises(UnreadableError, match="record 7"):
        _ = seen.measured, seen.paired, seen.plan


def test_every_control_of_the_clinical_audit_has_a_reason() -> None:
    seen = clinical_view()
    catalog = load_catalog(ASSESSMENTS, DEFENSES)
    plan = seen.plan
    assert plan is not None
    verdicts = judge_controls(seen, catalog, plan.policy)
    assert len(verdicts) == len(catalog.controls)
    assert all(v.reason.endswith(".") or v.verdict is Verdict.NOT_APPLICABLE for v in verdicts)
    assert {v.verdict for v in verdicts} >= {Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.HUMAN}
