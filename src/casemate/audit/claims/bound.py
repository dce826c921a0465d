"""Does an attack get more out of a private model than its certificate allows?

Two attacks, each at half of the doubt: the membership attack's curve against the bound that the claim sets to every
test (`casemate.privacy.dp.audit.points`), and guesses about canaries in one training more
(`casemate.audit.claims.canaries`). The membership attack is the likelihood-ratio attack of ``inversion.membership``,
whose trials this assessment rests on, and beside it the plain one: what the model is surest of was trained on. Either
may show the larger epsilon; limits hold for both together.
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
from casemate.threats.inversion.membership import Membership, threat_model
from casemate.threats.inversion.pool import pool
from casemate.threats.inversion.signals import log_odds
from casemate.training.engagement import Conclusion, Engagement, Result, Task

CONFIDENCE: Final = 0.99
"""That an honest claim is not refuted, by all that is tried here together."""
FEWEST: Final = 50
"""Members, and strangers."""
ANSWERS, CANARIES = "answers", "canaries"
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
        """One more training with canaries; answers about every row where the membership attack has not asked."""
        tasks = []
        if not _attacked(engagement):
            tasks.append(Task(ANSWERS, queries=len(engagement.members) + len(engagement.nonmembers)))
        if not canaries.refusal(engagement, _said(engagement)):
            tasks.append(Task(CANARIES, queries=canaries.count(engagement), seconds=10.0))
        return tasks

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Ask, or train; see the module's description."""
        if task.id == ANSWERS:
            return {"scores": answers(engagement.target, pool(engagement).rows.features)}
        return canaries.scored(engagement, _said(engagement), derive(engagement.seed, self.spec.id, task.id))

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
        examined = f"{sum(map(len, curves.values()))} points of {' and '.join(curves)}; relation {made.relation}"
        where = max(curve, key=lambda each: each.epsilon(delta))
        refused = canaries.refusal(engagement, told)
        figures = [
            _figure(
                engagement,
                "epsilon_lower_bound",
                best[name],
                {**at, "attack": "membership"},
                asked,
                n=len(sides[0]) + len(sides[1]),
                method="clopper-pearson, bonferroni",
                note="; ".join(
                    (name, examined, *((_placed(where),) if best[name] else ()), *((refused,) if refused else ()))
                ),
            )
        ]
        if not refused:
            found = results[CANARIES]
            guesses, epsilon = canaries.shown(
                np.asarray(found["scores"]), np.asarray(found["there"]), told, 1 - (1 - CONFIDENCE) / 2
            )
            figures.append(
                _figure(
                    engagement,
                    "epsilon_lower_bound",
                    epsilon,
                    {**at, "attack": "one run"},
                    TOSSED,
                    n=guesses.canaries,
                    method="one run (Steinke et al. 2023)",
                    note=f"{guesses.right} of {guesses.made} guesses about {guesses.canaries} coins right; "
                    f"relation {made.relation}",
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
    n: int,
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
