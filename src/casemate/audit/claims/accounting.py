"""What a private model's certificate claims, as evidence, where it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from casemate.audit.claims.said import said
from casemate.core.errors import UsageError
from casemate.core.measurement import Direction, Measurement
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.dp import declarations
from casemate.training.engagement import Claim, Conclusion, Engagement, Result, Task

FORGER: Final = ThreatModel(
    goal="have a model believed to be private that is not",
    knowledge=("the model's folder, and everything that lies in it",),
    access=Access.LABELS,
    queries=0,
)


class Accounting:
    """The assessment ``privacy.certificate``: nothing is asked and nothing is trained."""

    spec = declarations.CERTIFICATE

    def applies(self, engagement: Engagement) -> str:
        """Wherever a certificate lies."""
        del engagement
        return ""

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """None."""
        del engagement
        return ()

    def work(self, engagement: Engagement, task: Task) -> Result:
        """Never asked for."""
        raise UsageError(f"{self.spec.id} has no task {task.id!r}", next_step="ask `tasks` first")

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """Whether it counts; epsilon, delta and the curve where it does."""
        del results
        claim = engagement.claim
        if claim is None:
            raise UsageError("no certificate lies beside the model", next_step="ask the plan first")
        holds = not claim.objections
        why = "; ".join(claim.objections) or f"signed by {claim.signer}, about this model and its training data"
        told = [_figure(engagement, "certificate_holds", float(holds), {}, "; ".join((why, *claim.remarks)))]
        if claim.predicate:
            told += _told(engagement, claim, holds)
        return Conclusion(told)


def _told(engagement: Engagement, claim: Claim, holds: bool) -> list[Measurement]:
    made = said(claim).certificate
    note = f"{made.relation}; {made.mechanism}; {made.sampler}; noise: {made.entropy}"
    told = [_figure(engagement, "trusted_noise", float(made.trusted), {}, made.entropy)]
    if not holds:
        return told  # a claim that does not count is no evidence of any epsilon
    remarks = "; ".join((note, *claim.remarks))
    curve = [(epsilon, delta) for epsilon, delta in made.curve if epsilon != made.epsilon]
    records = said(claim).records
    return [
        *told,
        _figure(engagement, "epsilon", made.epsilon, {"delta": made.delta}, remarks, records=records),
        *(
            _figure(engagement, "delta", delta, {"epsilon": epsilon}, note, records=records)
            for epsilon, delta in sorted([*curve, (made.epsilon, made.delta)])
        ),
    ]


def _figure(
    engagement: Engagement,
    metric: str,
    value: float,
    at: dict[str, float | str],
    note: str,
    *,
    records: int = 0,
) -> Measurement:
    spec = next(each for each in declarations.CERTIFICATE.metrics if each.name == metric)
    direction: Direction = spec.direction
    return Measurement(
        assessment=declarations.CERTIFICATE.id,
        kind=declarations.ACCOUNTING,
        metric=metric,
        at=at,
        subject=engagement.name,
        estimate=value,
        low=None,
        high=None,
        n=records or 1,
        k=None if records else int(value),
        unit=spec.unit,
        direction=direction,
        method="claimed, signed" if records else "counted",
        threat_model=FORGER,
        seed=engagement.seed,
        note=note,
    )
