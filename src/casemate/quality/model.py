"""How often the model is right, overall and for each group of people, with exact intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from casemate.core.declarations import AssessmentSpec
from casemate.core.measurement import Measurement
from casemate.core.threat import Access, ThreatModel
from casemate.quality.declarations import MODEL
from casemate.quality.groups import grouped
from casemate.stats.differences import difference_bounds
from casemate.stats.proportions import clopper_pearson
from casemate.training.engagement import Array, Conclusion, Engagement, Result, Task

LEAST_ROWS = 30
OWNER = ThreatModel(
    goal="none: the owner measures its own model", knowledge=("labels of unseen rows",), access=Access.LABELS
)


class ModelQuality:
    """Accuracy on rows the model never saw: all of them, and each group of each column that groups people."""

    spec: AssessmentSpec = MODEL

    def applies(self, engagement: Engagement) -> str:
        """Rows that the model never saw are needed."""
        return "" if len(engagement.nonmembers) else "there are no held-out rows"

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """One: ask about every held-out row."""
        return (Task("answers", queries=len(engagement.nonmembers), seconds=0.2),)

    def work(self, engagement: Engagement, task: Task) -> Result:
        """(n,) codes of the classes that the model answers."""
        return {"labels": engagement.target.labels(engagement.nonmembers.features)}

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """Accuracy, accuracy by group, and the largest difference between groups of each column."""
        data = engagement.nonmembers
        right = results["answers"]["labels"] == data.labels
        measurements = [_accuracy(engagement, right, {}, kind="model/accuracy")]
        outcomes: dict[int, Array] = {0: right}
        for column, names in grouped(data):
            groups = [(name, names == name) for name in sorted(set(names.tolist()))]
            for name, mask in groups:
                outcomes[len(measurements)] = right[mask]
                at = {"column": column, "group": name}
                measurements.append(_accuracy(engagement, right[mask], at, kind="model/fairness"))
            measurements += _disparity(engagement, right, column, groups)
        return Conclusion(measurements, outcomes)


def _accuracy(
    engagement: Engagement, right: npt.NDArray[np.bool_], at: dict[str, float | str], kind: str
) -> Measurement:
    k, n = int(right.sum()), len(right)
    interval = clopper_pearson(k, n)
    return Measurement(
        assessment=MODEL.id,
        kind=kind,
        metric="accuracy",
        subject=engagement.name,
        estimate=k / n,
        low=interval.low,
        high=interval.high,
        n=n,
        k=k,
        method=interval.method,
        threat_model=OWNER,
        seed=engagement.seed,
        at=at,
        direction="higher",
        queries=0 if at else n,
    )


def _disparity(
    engagement: Engagement,
    right: npt.NDArray[np.bool_],
    column: str,
    groups: Sequence[tuple[str, npt.NDArray[np.bool_]]],
) -> list[Measurement]:
    """The largest difference of accuracy between two groups, with bounds that hold for all pairs together.

    The largest of several noisy differences is larger than the largest true one, so no interval of a single pair will
    do: each pair gets Newcombe's interval at Bonferroni's level, and the largest true difference lies between the
    largest lower and the largest upper bound. Groups under ``LEAST_ROWS`` rows are measured but not compared.
    """
    large = [(name, mask) for name, mask in groups if mask.sum() >= LEAST_ROWS]
    small = [f"{name} (n={int(mask.sum())})" for name, mask in groups if mask.sum() < LEAST_ROWS]
    pairs = list(combinations(range(len(large)), 2))
    if not pairs:
        return []
    k = np.array([int(right[mask].sum()) for _, mask in large])
    n = np.array([int(mask.sum()) for _, mask in large])
    first, second = np.array(pairs).T
    low, high = difference_bounds(k[first], n[first], k[second], n[second], 1 - 0.05 / len(pairs))
    rates = k / n
    return [
        Measurement(
            assessment=MODEL.id,
            kind="model/fairness",
            metric="disparity",
            subject=engagement.name,
            estimate=float(rates.max() - rates.min()),
            low=float(np.maximum(low, -high).max().clip(0)),
            high=float(np.maximum(high, -low).max()),
            n=int(n.sum()),
            k=None,
            method="mover-clopper-pearson, bonferroni",
            threat_model=OWNER,
            seed=engagement.seed,
            at={"column": column},
            direction="lower",
            note=f"too small to compare: {', '.join(small)}" if small else "",
        )
    ]
