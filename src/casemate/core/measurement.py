"""What was measured: an interval, a measurement, and a pair of them around a defense."""

from __future__ import annotations

from typing import Literal

import msgspec

from casemate.core.threat import ThreatModel

Direction = Literal["lower", "higher", "none"]
"""Which way is better for the owner of the model; ``none`` for figures that are neither."""


class Interval(msgspec.Struct, frozen=True):
    """A confidence interval.

    Attributes:
        low, high: the bounds, low <= high.
        confidence: the nominal coverage, for example 0.95.
        method: how it was made, in the field's words ("clopper-pearson", "newcombe", ...).
    """

    low: float
    high: float
    confidence: float
    method: str


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One figure, with everything needed to judge it and to make it again.

    Attributes:
        assessment: id of the assessment that made it, for example "inversion.membership".
        kind: evidence kind, for example "attack/membership/lira"; the control map asks for these.
        metric: name of the figure, for example "tpr".
        at: the point of a curve, for example {"fpr": 0.01}; a curve is many rows that differ here.
        unit: "proportion", "auc", "rows", "seconds", ...
        direction: which way is better for the model's owner.
        subject: name of the model or data set measured.
        estimate, low, high: the figure and its interval; low and high are None where no interval exists.
        confidence: nominal coverage of the interval.
        n, k: trials and successes for proportions; n alone for means; None where neither applies.
        errors, refused: trials that could not be scored, and trials the target refused. They count in n.
        clusters: number of independent groups among the trials, or None when trials are independent.
        method: how the interval was made.
        threat_model: the adversary.
        seed: the seed that makes this figure again.
        seconds: CPU time spent.
        queries: rows the target was asked about.
        note: one sentence for the reader where the figure needs it.
    """

    assessment: str
    kind: str
    metric: str
    subject: str
    estimate: float
    low: float | None
    high: float | None
    n: int | None
    k: int | None
    method: str
    threat_model: ThreatModel
    seed: int
    at: dict[str, float | str] = {}
    unit: str = "proportion"
    direction: Direction = "lower"
    confidence: float = 0.95
    errors: int = 0
    refused: int = 0
    clusters: int | None = None
    seconds: float = 0.0
    queries: int = 0
    note: str = ""

    @property
    def key(self) -> tuple[str, str, str, tuple[tuple[str, float | str], ...]]:
        """What makes two measurements comparable: assessment, kind, metric and point."""
        return self.assessment, self.kind, self.metric, tuple(sorted(self.at.items()))

    @property
    def worst(self) -> float:
        """The bound a verdict must be decided on: the unfavorable end of the interval."""
        bound = self.high if self.direction != "higher" else self.low
        return self.estimate if bound is None else bound


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What a defense cost: a quality figure before and after, and the paired difference (after - before)."""

    metric: str
    before: float
    after: float
    difference: float
    low: float
    high: float
    p: float | None
    method: str


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """The same assessment before and after a defense, on the same inputs.

    Attributes:
        defense: id of the defense.
        adaptive: whether the re-test was an attack that knows the defense; without it a pair cannot pass.
        before, after: the two measurements.
        difference, low, high: after - before with its paired interval.
        p: McNemar's exact p for proportions, else None.
        method: how the interval of the difference was made.
        quality: what the defense cost.
        predicted: what the defense promised for ``after.estimate``, or None when it promised nothing.
        conclusion: one sentence for people.
    """

    defense: str
    adaptive: bool
    before: Measurement
    after: Measurement
    difference: float
    low: float
    high: float
    p: float | None
    method: str
    quality: tuple[Quality, ...] = ()
    predicted: float | None = None
    conclusion: str = ""
