"""How well the scores rank, and whether they mean what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import norm

from casemate.core.declarations import AssessmentSpec
from casemate.core.measurement import Interval, Measurement
from casemate.core.seeds import derive
from casemate.core.threat import Access, ThreatModel
from casemate.quality.calibration import brier, expected_calibration_error, reliability
from casemate.quality.declarations import SCORES
from casemate.stats.curves import auc
from casemate.stats.proportions import clopper_pearson
from casemate.training.engagement import Array, Conclusion, Engagement, Result, Task

OWNER = ThreatModel(
    goal="none: the owner measures its own model", knowledge=("labels of unseen rows",), access=Access.SCORES
)


class ScoreQuality:
    """Area under the ROC curve, expected calibration error, Brier's score and the reliability curve."""

    spec: AssessmentSpec = SCORES

    def applies(self, engagement: Engagement) -> str:
        """Held-out rows are needed, and a target that answers with scores."""
        if not len(engagement.nonmembers):
            return "there are no held-out rows"
        return "" if engagement.target.gives_scores else "the model answers with labels only"

    def tasks(self, engagement: Engagement) -> Sequence[Task]:
        """One: ask about every held-out row."""
        return (Task("answers", queries=len(engagement.nonmembers), seconds=0.2),)

    def work(self, engagement: Engagement, task: Task) -> Result:
        """(n, classes) scores."""
        return {"scores": engagement.target.scores(engagement.nonmembers.features)}

    def conclude(self, engagement: Engagement, results: Mapping[str, Result]) -> Conclusion:
        """The figures, and each row's squared error and correctness for pairing."""
        scores, labels = results["answers"]["scores"], engagement.nonmembers.labels
        right = scores.argmax(axis=1) == labels
        confidence = scores.max(axis=1)
        rng = np.random.default_rng(derive(engagement.seed, SCORES.id, "bootstrap"))
        error, spread = expected_calibration_error(confidence, right, rng)
        squares = brier(scores, labels)
        half = float(norm.ppf(0.975) * squares.std(ddof=1) / np.sqrt(len(squares))) if len(squares) > 1 else 0.5
        mean = float(squares.mean())
        around = Interval(max(0.0, mean - half), min(1.0, mean + half), 0.95, "normal")
        measurements = [
            _row(engagement, "ece", error, spread),
            _row(engagement, "brier", mean, around),
        ]
        outcomes: dict[int, Array] = {1: squares}
        if scores.shape[1] == 2 and 0 < (labels == 1).sum() < len(labels):
            area = auc(scores[labels == 1, 1], scores[labels == 0, 1])
            measurements.append(
                _row(
                    engagement, "auc", area.value, area.interval, kind="model/accuracy", unit="auc", direction="higher"
                )
            )
        return Conclusion([*measurements, *_curve(engagement, confidence, right)], outcomes)


def _row(engagement: Engagement, metric: str, estimate: float, interval: Interval, **changes: object) -> Measurement:
    fields: dict[str, object] = {
        "assessment": SCORES.id,
        "kind": "model/calibration",
        "metric": metric,
        "subject": engagement.name,
        "estimate": estimate,
        "low": interval.low,
        "high": interval.high,
        "n": len(engagement.nonmembers),
        "k": None,
        "method": interval.method,
        "threat_model": OWNER,
        "seed": engagement.seed,
        "unit": "probability",
        "direction": "lower",
        "queries": len(engagement.nonmembers),
    }
    return Measurement(**{**fields, **changes})  # type: ignore[arg-type]


def _curve(engagement: Engagement, confidence: Array, right: Array) -> list[Measurement]:
    curve = reliability(confidence, right)
    rows = []
    for mean, k, n in zip(curve.confidence, curve.right, curve.rows, strict=True):
        interval = clopper_pearson(int(k), int(n))
        at = {"confidence": round(float(mean), 4)}
        point = {"at": at, "unit": "proportion", "direction": "none", "n": int(n), "k": int(k), "queries": 0}
        rows.append(_row(engagement, "reliability", int(k) / int(n), interval, **point))
    return rows
