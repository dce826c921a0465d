"""Does an attack get more out of a private model than its certificate allows?

Two attacks, each at half of the doubt: the membership attack's curve against the bound that the claim sets to every
test (`casemate.privacy.dp.audit.points`), and guesses about canaries in a few trainings more
(`casemate.audit.claims.canaries`). The membership attack is the likelihood-ratio attack of ``inversion.membership``,
whose trials this assessment rests on, and beside it the plain one: what the model is surest of was trained on. Either
may show the larger epsilon; limits hold for both together.

Members and strangers can differ for reasons that have nothing to do with the model: dates, sources, order. A classifier
that never sees the model looks for such reasons; where it finds any, the curve refutes nothing, and only what was drawn
by lot, the canaries, can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from casemate.audit.claims import canaries
from casemate.audit.claims.said import Said, said
from casemate.core.errors import UsageError
from casemate.core.measurement import Measurement
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.dp import declarations
from casemate.privacy.dp.audit.points import Floats, Point, points
from casemate.threats.inversion.answers import answers
from casemate.threats.inversion.blind import membership_guesses
from casemate.threats.inversion.estimates import auc
from casemate.threats.inversion.membership import Membership, threat_model
from casemate.threats.inversion.pool import pool
from casemate.threats.inversion.signals import log_odds
from casemate.training.engagement import Conclusion, Engagement, Result, Task

CONFIDENCE: Final = 0.99
"""That an honest claim is not refuted, by all that is tried here together."""
FEWEST: Final = 50
"""Members, and strangers."""
ANSWERS, BLIND, CANARIES = "answers", "blind", "canaries"
LOOKED_AT: Final = 6000
"""Rows that the classifier looks at, at most, which never sees the model."""
APART: Final = "a classifier that never sees the model tells members from strangers, so this refutes nothing"
RATIO, SUREST = "likelihood ratio", "surest answers"
TOSSED: Final = ThreatModel(
    goal="tell which of the canaries were trained on",
    knowledge=("all other training records", "every canary and its label", "how the model was trained"),
    access=Access.SCORES,
)


class Bound:
    """The assessment ``privacy.bound``."""

    spec = declarations.BOUND

    def applies(self, engagement: Engagement) -> str:
        """Why a claim cannot be attacked here, or ""."""
        claim = engagement.claim
        if claim is None or claim.objections:
            return f"the certificate does not count: {claim.objections[0] if claim else 'there is none'}"
        if min(len(engagement.members), len(engagement.nonmembers)) < FEWEST:
            return f"fewer than {FEWEST} members or strangers are known"
        return ""

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """Trainings with canaries; answers about every row where the membership attack has not asked."""
        tasks = []
        if not _attacked(engagement):
            tasks.append(Task(ANSWERS, queries=len(engagement.members) + len(engagement.nonmembers)))
            tasks.append(Task(BLIND, seconds=5.0))
        if not canaries.refusal(engagement, _said(engagement)):
            tasks += [
                Task(f"{CANARIES}-{run:02d}", {"run": run}, queries=canaries.count(engagement))
                for run in canaries.runs(engagement)
            ]
        return tasks

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Ask, or train; see the module's description."""
        if task.id == ANSWERS:
            return {"scores": answers(engagement.target, pool(engagement).rows.features)}
        if task.id == BLIND:
            return _blind(engagement)
        return canaries.scored(engagement, _said(engagement), int(task.parameters["run"]))

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """The epsilon that each attack shows, and the points of the stronger membership attack."""
        told, made = _said(engagement), _said(engagement).certificate
        delta = made.delta or made.distance
        attacks = _sides(engagement, results)
        confidence = 1 - (1 - CONFIDENCE) / (2 * len(attacks))
        curves = {name: points(*sides, confidence) for name, sides in attacks.items()}
        best = {name: max(each.epsilon(delta) for each in curve) for name, curve in curves.items()}
        name = max(best, key=lambda each: best[each])
        curve, sides = curves[name], attacks[name]
        asked = threat_model(len(engagement.members) + len(engagement.nonmembers))
        at: dict[str, float | str] = {"claimed": made.epsilon, "delta": delta}
        where = max(curve, key=lambda each: each.epsilon(delta))
        refused, apart = canaries.refusal(engagement, told), _told_apart(engagement, results)
        remarks = (
            name,
            f"{sum(map(len, curves.values()))} points of {' and '.join(curves)}",
            f"relation {made.relation}",
            *((_placed(where),) if best[name] else ()),
            *((APART,) if apart else ()),
            *((refused,) if refused else ()),
        )
        figures = [
            _figure(
                engagement,
                "epsilon_lower_bound",
                best[name],
                {**at, "attack": "membership"},
                asked,
                n=None if apart else len(sides[0]) + len(sides[1]),
                bounds=(0.0, best[name]) if apart else (None, None),
                method="clopper-pearson, bonferroni",
                note="; ".join(remarks),
            )
        ]
        if not refused:
            trained = [results[f"{CANARIES}-{run:02d}"] for run in canaries.runs(engagement)]
            own = canaries.RUNS[engagement.effort][0]
            guesses, epsilon = canaries.shown(*canaries.guessed(trained, own), told, 1 - (1 - CONFIDENCE) / 2)
            figures.append(
                _figure(
                    engagement,
                    "epsilon_lower_bound",
                    epsilon,
                    {**at, "attack": CANARIES},
                    TOSSED,
                    n=guesses.canaries,
                    method="one run (Steinke et al. 2023)",
                    note=f"{guesses.right:,} of {guesses.made:,} guesses about {guesses.canaries:,} coins right, in "
                    f"{len(trained) - own} trainings with canaries; relation {made.relation}",
                )
            )
        figures += [figure for each in curve for figure in _drawn(engagement, each, asked, confidence)]
        return Conclusion(figures)


def _said(engagement: Engagement) -> Said:
    if engagement.claim is None:
        raise UsageError("no certificate lies beside the model", next_step="ask `applies` first")
    return said(engagement.claim)


def _attacked(engagement: Engagement) -> bool:
    """Whether the likelihood-ratio attack is run on this model."""
    return engagement.recipe is not None and not Membership().applies(engagement)


def _sides(engagement: Engagement, results: Mapping[str, Result]) -> dict[str, tuple[Floats, Floats]]:
    """Scores of members and strangers, by attack."""
    everyone = pool(engagement)
    borrowed = {
        name.removeprefix(f"{Membership.spec.id}/"): each
        for name, each in results.items()
        if name.startswith(f"{Membership.spec.id}/")
    }
    scores = np.asarray((borrowed or results)[ANSWERS]["scores"])
    plain = {SUREST: everyone.sides(log_odds(scores, everyone.rows.labels))}
    return {RATIO: Membership().sides(engagement, borrowed), **plain} if borrowed else plain


def _blind(engagement: Engagement) -> Result:
    """Out-of-fold guesses of who is a member, from the rows alone."""
    everyone = pool(engagement)
    seed = derive(engagement.seed, declarations.BOUND.id, BLIND)
    rows = np.sort(np.random.default_rng(seed).permutation(len(everyone.rows))[:LOOKED_AT])
    return {"rows": rows, "guesses": membership_guesses(everyone.rows.take(rows), rows < everyone.members, seed)}


def _told_apart(engagement: Engagement, results: Mapping[str, Result]) -> bool:
    """Whether members and strangers differ without any model."""
    everyone = pool(engagement)
    found = results.get(f"{Membership.spec.id}/{BLIND}") or results[BLIND]
    rows = np.asarray(found.get("rows", np.arange(len(everyone.rows))))
    guesses, among = np.zeros(len(everyone.rows)), np.zeros(len(everyone.rows), dtype=np.bool_)
    guesses[rows], among[rows] = np.asarray(found["guesses"]), True
    area = auc(*everyone.sides(guesses, among & everyone.counted)).estimate
    return not area.low <= 0.5 <= area.high


def _drawn(engagement: Engagement, point: Point, asked: ThreatModel, confidence: float) -> list[Measurement]:
    """A point as two figures: what is recognized, and what is wrongly accused."""
    right, wrong = ("tnr", "fnr") if point.strangers else ("tpr", "fpr")
    return [
        _figure(
            engagement,
            metric,
            k / n,
            {wrong: point.at},
            asked,
            n=n,
            k=k,
            bounds=(interval.low, interval.high),
            confidence=confidence,
            method="clopper-pearson, bonferroni",
        )
        for metric, k, n, interval in (
            (right, point.found, point.of, point.right),
            (wrong, point.wrongly, point.against, point.wrong),
        )
    ]


def _figure(
    engagement: Engagement,
    metric: str,
    value: float,
    at: dict[str, float | str],
    adversary: ThreatModel,
    *,
    n: int | None,
    method: str,
    k: int | None = None,
    bounds: tuple[float | None, float | None] = (None, None),
    confidence: float = CONFIDENCE,
    note: str = "",
) -> Measurement:
    spec = next(each for each in declarations.BOUND.metrics if each.name == metric)
    return Measurement(
        assessment=declarations.BOUND.id,
        kind=declarations.AUDIT,
        metric=metric,
        at=at,
        subject=engagement.name,
        estimate=value,
        low=bounds[0],
        high=bounds[1],
        n=n,
        k=k,
        unit=spec.unit,
        direction=spec.direction,
        confidence=confidence,
        method=method,
        threat_model=adversary,
        seed=engagement.seed,
        note=note,
    )


def _placed(point: Point) -> str:
    whom, others = ("strangers", "members") if point.strangers else ("members", "strangers")
    most = f"{100 * point.wrong.high:.2f} %"
    return f"by {point.found:,} of {point.of:,} {whom} recognized where at most {most} of {others} are"
