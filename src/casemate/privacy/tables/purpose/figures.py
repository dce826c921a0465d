"""Figures of both assessments, and accuracy by pairs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.declarations import AssessmentSpec
from casemate.core.measurement import Measurement
from casemate.core.threat import Access, ThreatModel
from casemate.privacy.tables.minimization.search import lost
from casemate.privacy.tables.purpose.declared import KIND
from casemate.stats import Estimate
from casemate.targets.target import Target
from casemate.training.engagement import Engagement

Right = npt.NDArray[np.bool_]
OWNER = ThreatModel(
    goal="none: the owner asks which data the model uses",
    knowledge=("held-out rows with their labels",),
    access=Access.SCORES,
)


def figure(
    engagement: Engagement,
    spec: AssessmentSpec,
    metric: str,
    found: Estimate | float,
    *,
    column: str = "",
    note: str = "",
    k: int | None = None,
    n: int | None = None,
) -> Measurement:
    """One figure; a column's when it is named."""
    known = next(each for each in spec.metrics if each.name == metric)
    estimate = found if isinstance(found, Estimate) else None
    return Measurement(
        assessment=spec.id,
        kind=KIND,
        metric=metric,
        subject=engagement.name,
        estimate=estimate.value if estimate else float(found),  # type: ignore[arg-type]  # a float where no estimate is
        low=estimate.low if estimate else None,
        high=estimate.high if estimate else None,
        n=n or (estimate.n if estimate else None),
        k=k,
        method=estimate.method if estimate else "",
        threat_model=OWNER,
        seed=engagement.seed,
        at={"column": column} if column else {},
        unit=known.unit,
        direction=known.direction,
        note=note,
    )


def by_pairs(before: Right, after: Right) -> Estimate:
    """Accuracy lost, with its 95 % interval."""
    return lost(before, after, 0.95)


def answers_of(target: Target, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    """(n, classes) scores, or ones at the labels where there are none."""
    if target.gives_scores:
        return np.asarray(target.scores(rows), dtype=np.float64)
    return np.asarray(target.labels(rows)[:, None] == np.arange(len(target.classes)), dtype=np.float64)
