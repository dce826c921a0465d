"""The same assessment before and after a defense, on the same inputs: the difference, its interval, and the cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from casemate.core.digests import canonical_json
from casemate.core.measurement import Measurement, Pair, Quality
from casemate.stats.differences import mover
from casemate.stats.paired import mcnemar, paired_difference
from casemate.training.engagement import Array, Conclusion

PLAIN = "clopper-pearson"
"""How plain proportions say that their interval was made."""

QUALITY_KINDS = ("model/accuracy", "model/calibration", "model/fairness")


def pair_key(measurement: Measurement) -> str:
    """What must agree for two measurements to be a pair: all but the answer policy, which a defense may change."""
    at = {name: value for name, value in measurement.at.items() if name != "answers"}
    return canonical_json([measurement.assessment, measurement.kind, measurement.metric, at]).decode()


def pairs(
    defense: str,
    before: Conclusion,
    after: Conclusion,
    *,
    adaptive: bool,
    quality: tuple[Quality, ...] = (),
    predicted: Mapping[str, float] | None = None,
    conclusion: str = "",
) -> Iterator[Pair]:
    """Every figure with an interval that was measured both before and after, in the order of the figures after."""
    earlier = {pair_key(measurement): at for at, measurement in reversed(list(enumerate(before.measurements)))}
    for position, measurement in enumerate(after.measurements):
        found = earlier.get(pair_key(measurement))
        if found is None or measurement.direction == "none":
            continue
        was = before.measurements[found]
        change = _difference(was, measurement, before.outcomes.get(found), after.outcomes.get(position))
        if change is None:
            continue
        difference, low, high, p, method = change
        yield Pair(
            defense=defense,
            adaptive=adaptive,
            before=was,
            after=measurement,
            difference=difference,
            low=low,
            high=high,
            p=p,
            method=method,
            quality=quality,
            predicted=(predicted or {}).get(pair_key(measurement)),
            conclusion=conclusion,
        )


def costs(before: Conclusion, after: Conclusion) -> tuple[Quality, ...]:
    """What a defense cost, from the quality assessments before and after it."""
    return tuple(
        Quality(
            metric=pair.after.metric,
            before=pair.before.estimate,
            after=pair.after.estimate,
            difference=pair.difference,
            low=pair.low,
            high=pair.high,
            p=pair.p,
            method=pair.method,
        )
        for pair in pairs("", before, after, adaptive=False)
        if pair.after.kind in QUALITY_KINDS and not pair.after.at
    )


def _trials(measurement: Measurement, outcomes: Array | None) -> Array | None:
    """The outcomes, if the figure is their plain share of successes.

    A share at a threshold that was itself estimated (TPR at FPR) is none: its interval is wider than its trials tell.
    """
    if outcomes is None or outcomes.dtype != np.bool_ or not len(outcomes) or measurement.method != PLAIN:
        return None
    return outcomes if abs(float(outcomes.mean()) - measurement.estimate) < 1e-9 else None


def _difference(
    before: Measurement, after: Measurement, was: Array | None, now: Array | None
) -> tuple[float, float, float, float | None, str] | None:
    was, now = _trials(before, was), _trials(after, now)
    if was is not None and now is not None and len(was) == len(now):
        only_now, only_was = int((now & ~was).sum()), int((was & ~now).sum())
        change = paired_difference(only_was, only_now, len(now))
        return change.value, change.low, change.high, mcnemar(only_was, only_now), change.method
    if before.low is None or before.high is None or after.low is None or after.high is None:
        return None
    low, high = mover((before.estimate, before.low, before.high), (after.estimate, after.low, after.high))
    return after.estimate - before.estimate, float(low), float(high), None, "mover"
