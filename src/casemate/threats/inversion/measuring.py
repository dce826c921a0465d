"""From the scores of members and nonmembers to measurements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy.typing as npt

from casemate.core.declarations import AssessmentSpec
from casemate.core.measurement import Measurement
from casemate.core.threat import ThreatModel
from casemate.threats.inversion import declarations, estimates
from casemate.threats.inversion.estimates import Figure
from casemate.threats.inversion.signals import Floats

Sides = tuple[Floats, Floats]
LEVELS = ((0.01, 0), (0.001, 3_000))
"""False-positive rates, and the fewest negatives from which each is claimed."""


@dataclass(frozen=True)
class Evidence:
    """Scores of members and nonmembers: from the attack, from the blind baseline, and for a model that saw neither.

    Attributes:
        spec: the assessment.
        kind: the evidence kind of its figures; the controls have their own.
        attack, blind, control: each a pair of arrays, members first.
        how: how the attack worked, for the reader.
        excluded: rows on both sides, which are not counted.
    """

    spec: AssessmentSpec
    kind: str
    attack: Sides
    blind: Sides
    control: Sides
    how: str
    excluded: int


def measure(
    evidence: Evidence, subject: str, seed: int, threat_model: ThreatModel
) -> tuple[list[Measurement], dict[int, npt.NDArray[Any]]]:
    """All figures of a membership attack, and the outcomes of those that can be paired, by position."""
    members, nonmembers = evidence.attack
    blind, control = estimates.auc(*evidence.blind), estimates.auc(*evidence.control)
    note = f"{evidence.how}; {len(nonmembers)} nonmembers"
    if evidence.excluded:
        note += f"; {evidence.excluded} rows on both sides of the split not counted"
    if not blind.estimate.low <= 0.5 <= blind.estimate.high:
        note += "; a classifier that never sees the model tells members apart, so this figure cannot be trusted"
    levels = [level for level, least in LEVELS if len(nonmembers) >= least]
    rows: list[tuple[str, str, dict[str, float | str], Figure, str]] = [
        (evidence.kind, "tpr", {"fpr": level}, estimates.tpr_at_fpr(members, nonmembers, level), note)
        for level in levels
    ]
    rows += [
        (evidence.kind, "auc", {}, estimates.auc(members, nonmembers), note),
        (evidence.kind, "advantage", {}, estimates.advantage(members, nonmembers), note),
    ]
    outcomes = {position: row[3].outcomes for position, row in enumerate(rows)}
    rows += [
        (declarations.BLIND, "auc", {}, blind, "never sees the model: must not differ from 0.5"),
        (declarations.CONTROL, "auc", {}, control, "a model that saw none of these records: must not differ from 0.5"),
    ]
    specs = {spec.name: spec for spec in evidence.spec.metrics}
    measurements = [
        Measurement(
            assessment=evidence.spec.id,
            kind=kind,
            metric=metric,
            at=at,
            subject=subject,
            estimate=figure.estimate.value,
            low=figure.estimate.low,
            high=figure.estimate.high,
            n=len(figure.outcomes),
            k=figure.k,
            method=figure.estimate.method,
            threat_model=threat_model,
            seed=seed,
            unit=specs[metric].unit,
            direction=specs[metric].direction if kind == evidence.kind else "none",
            queries=threat_model.queries or 0,
            note=text,
        )
        for kind, metric, at, figure, text in rows
    ]
    found = {(row.metric, row.at.get("fpr")): row for row in measurements}
    measurements += [_power(found["tpr", level], level) for level in levels]
    return measurements, outcomes


def _power(tpr: Measurement, level: float) -> Measurement:
    """What the same records could have seen at least, beside what they saw."""
    return msgspec.structs.replace(
        tpr,
        metric="detectable-tpr",
        direction="none",
        estimate=estimates.detectable(tpr.n or 0, level),
        low=None,
        high=None,
        k=None,
        method="exact power 0.8",
        note="a weaker leak than this would have looked like none",
    )
