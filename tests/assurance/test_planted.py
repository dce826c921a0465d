"""The assessor's own error rates: verdicts on 100 planted situations whose truth is known, from 20 seeds each.

Forty situations are safe and sixty are not. In eighty of them the truth lies at a planted distance from the
tolerance, measured in half-widths of the interval that such a measurement has; in twenty the figures look fine, but the
claim is false for another reason that the verdict has to see (the model changed, the attack does not know the defense,
one of two attacks succeeds, the defense is known to be none, too few trials).
"""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from itertools import product

import msgspec
import numpy as np

from casemate.assurance import LedgerView, judge, judge_controls, load_catalog
from casemate.core.measurement import Measurement, Pair
from casemate.core.policy import Policy, Tolerance, Verdict
from casemate.core.seeds import derive
from casemate.stats import clopper_pearson, newcombe_paired, t_interval
from tests.assurance.builder import ASSESSMENTS, DEFENSES, EVADE, MEMBER, THIEF, rate, value
from tests.assurance.test_catalog import one
from tests.assurance.test_controls import book, view

DISTANCES = (0.1, 0.3, 0.6, 1.0, 1.5, 2.1, 2.5, 3.0, 4.0, 6.0)
SHAPES = (("at_most", 0.05, 1500), ("at_most", 0.30, 300), ("at_least", 0.60, 400), ("mean", 0.60, 64))
TRICKS = ("changed model", "naive attack", "second attack", "false defense")
CONTROLS = {
    "tpr": load_catalog(ASSESSMENTS, DEFENSES, one("attack/membership/* | tpr <= policy | every")),
    "robust_accuracy": load_catalog(ASSESSMENTS, DEFENSES, one("attack/evasion/* | robust_accuracy >= policy | every")),
    "auc": load_catalog(ASSESSMENTS, DEFENSES, one("attack/membership/* | auc <= policy | every")),
    "fidelity": load_catalog(ASSESSMENTS, DEFENSES, one("attack/extraction/* | fidelity <= policy | pair")),
}


@dataclasses.dataclass(frozen=True)
class Situation:
    """A planted truth."""

    name: str
    shape: str
    limit: float
    n: int
    distance: float
    safe: bool
    trick: str = ""

    @property
    def truth(self) -> float:
        """The true figure."""
        if self.shape == "mean":
            half = 2.0 * 0.12 / np.sqrt(self.n)
        else:
            exact = clopper_pearson(round(self.limit * self.n), self.n)
            half = (exact.high - exact.low) / 2
        below = self.safe == (self.shape != "at_least")
        return float(np.clip(self.limit + (-1 if below else 1) * self.distance * half, 0.0, 1.0))


def situations() -> list[Situation]:
    planted = [
        Situation(f"{shape} {limit} {distance} {safe}", shape, limit, n, distance, safe)
        for (shape, limit, n), distance, safe in product(SHAPES, DISTANCES, (True, False))
    ]
    tricks = [
        Situation(f"{trick} {distance}", "at_most", 0.10, 800, distance, safe=False, trick=trick)
        for trick, distance in product(TRICKS, (2.5, 3.0, 4.0, 5.0, 6.0))
    ]
    return planted + tricks


def drawn(situation: Situation, rng: np.random.Generator) -> Measurement:
    """One measurement of a planted truth."""
    if situation.shape == "mean":
        figures = rng.normal(situation.truth, 0.12, situation.n)
        bounds = t_interval(figures).interval
        m = value(*MEMBER, "auc", float(figures.mean()), 0.0, situation.n, unit="auc", subject="m")
        return msgspec.structs.replace(m, low=bounds.low, high=bounds.high, method=bounds.method)
    k = int(rng.binomial(situation.n, situation.truth))
    if situation.shape == "at_least":
        return rate(*EVADE, "robust_accuracy", k, situation.n, subject="m", direction="higher")
    return rate(*MEMBER, "tpr", k, situation.n, subject="m")


def policy(situation: Situation) -> Policy:
    metric = {"mean": "auc", "at_least": "robust_accuracy"}.get(situation.shape, "tpr")
    if situation.trick in ("naive attack", "false defense"):
        metric = "fidelity"
    bound = {"at_least": situation.limit} if situation.shape == "at_least" else {"at_most": situation.limit}
    return Policy(tolerances=(Tolerance(name="limit", kind="attack/*", metric=metric, **bound),))


def planted_view(situation: Situation, rng: np.random.Generator) -> LedgerView:
    """The ledger that this truth leaves behind."""
    ledger = book()
    if not situation.trick:
        ledger.measure(drawn(situation, rng))
        return view(ledger)
    looks_safe = replace(situation, safe=True, trick="")
    if situation.trick == "changed model":
        ledger.measure(drawn(looks_safe, rng))
        return view(ledger, current=ledger.current | {"m": "0" * 64})
    if situation.trick == "second attack":
        ledger.measure(drawn(looks_safe, rng))
        other = drawn(replace(situation, trick=""), rng)
        ledger.measure(msgspec.structs.replace(other, kind="attack/membership/population"))
        return view(ledger)
    ledger.pair(_pair(situation, rng))
    return view(ledger)


def _pair(situation: Situation, rng: np.random.Generator) -> Pair:
    """A defense that a naive attack cannot see through, or rounding, which changes next to nothing."""
    n = situation.n
    rounding = situation.trick == "false defense"
    was = rng.random(n) < 0.5
    now = was & (rng.random(n) < 0.995) if rounding else rng.random(n) < replace(situation, safe=True).truth
    cells = (was & now, was & ~now, ~was & now, ~was & ~now)
    bounds = newcombe_paired(*(int(cell.sum()) for cell in cells)).interval
    before = rate(*THIEF, "fidelity", int(was.sum()), n, subject="m")
    after = rate(*THIEF, "fidelity", int(now.sum()), n, subject="m+d")
    return Pair(
        defense="extraction.round" if rounding else "extraction.label_only",
        adaptive=rounding,
        before=before,
        after=after,
        difference=after.estimate - before.estimate,
        low=bounds.low,
        high=bounds.high,
        p=None,
        method="newcombe",
    )


def verdicts(situation: Situation, seed: int) -> tuple[Verdict, Verdict]:
    """The verdict on the figure (the worst, where there are several) and the verdict on a control that asks for it."""
    rng = np.random.default_rng(derive(seed, "planted", situation.name))
    rules = policy(situation)
    seen = planted_view(situation, rng)
    found = {j.verdict for j in judge(seen, rules, ASSESSMENTS, DEFENSES) if j.record is not None}
    figure = next(v for v in (Verdict.FAIL, Verdict.STALE, Verdict.INCONCLUSIVE, Verdict.PASS) if v in found)
    (control,) = judge_controls(seen, CONTROLS[rules.tolerances[0].metric], rules)
    return figure, control.verdict


@dataclasses.dataclass
class Tally:
    """How often verdicts were wrong."""

    safe: int = 0
    unsafe: int = 0
    false_pass: int = 0
    false_fail: int = 0
    far: int = 0
    undecided: int = 0


def tally(seeds: range) -> dict[str, Tally]:
    """Verdicts on figures and on controls, counted over every situation and seed."""
    counts = {"figures": Tally(), "controls": Tally()}
    for situation, seed in product(situations(), seeds):
        for count, verdict in zip(counts.values(), verdicts(situation, seed), strict=True):
            count.safe += situation.safe
            count.unsafe += not situation.safe
            count.false_pass += not situation.safe and verdict is Verdict.PASS
            count.false_fail += situation.safe and verdict is Verdict.FAIL
            if situation.distance > 2 and not situation.trick:
                count.far += 1
                count.undecided += verdict is Verdict.INCONCLUSIVE
    return counts


def check(counts: Tally, false_pass: float, false_fail: float) -> None:
    assert clopper_pearson(counts.false_pass, counts.unsafe).high <= false_pass, counts
    assert clopper_pearson(counts.false_fail, counts.safe).high <= false_fail, counts
    assert counts.undecided <= 0.20 * counts.far, counts


def test_there_are_a_hundred_situations() -> None:
    planted = situations()
    assert len(planted) == 100
    assert len({s.name for s in planted}) == 100
    assert sum(s.safe for s in planted) == 40
    for s in planted:
        inside = s.truth >= s.limit if s.shape == "at_least" else s.truth <= s.limit
        assert inside is s.safe


def test_false_verdicts_are_rare() -> None:
    """Twenty seeds, two thousand verdicts: the promised bounds."""
    for counts in tally(range(20)).values():
        check(counts, 0.01, 0.05)


def test_too_few_trials_never_pass_or_fail() -> None:
    for seed in range(10):
        tiny = Situation(f"tiny {seed}", "at_most", 0.5, 25, 1.5, safe=True)
        assert verdicts(tiny, seed) == (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE)
