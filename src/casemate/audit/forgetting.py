"""What is still seen of removed subjects: membership attacks on a sharded model, before the removal and after it.

Scores are of subjects, not of rows: the mean over a subject's rows, so that trials are independent. Two adversaries try
before and after the removal:

    answers   asks the model, and looks at the log-odds of the own label
    shards    has the key and all shards, and compares the subject's own shard with those that never saw it

and one only after it, who kept the model from before: the change of an answer shows whose rows made it. Nothing done to
a model helps against that one; the old model has to be destroyed as well (Chen et al. 2021, "When Machine Unlearning
Jeopardizes Privacy", CCS, arXiv 2005.02205). Strangers are the subjects of held-out rows. A model that was trained
again exactly never saw the removed rows, so what the first two find after the removal is how removed subjects differ
from strangers in the population, and chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.core.measurement import Measurement
from casemate.core.threat import Access, ThreatModel
from casemate.data.dataset import Dataset
from casemate.privacy.erasure import Removal, ShardedClassifier
from casemate.stats import Estimate, auc, paired_difference
from casemate.threats.inversion.signals import log_odds

Floats = npt.NDArray[np.float64]

ASSESSMENT: Final = "privacy.erasure"
UNLEARNING: Final = "privacy/unlearning"
DELETION: Final = "data/deletion"
FEWEST: Final = 2
"""Subjects on each side of an area under a curve."""
ADVERSARIES: Final = {
    "answers": ThreatModel(
        goal="tell whether a subject's rows were in the training data",
        knowledge=("the rows and their labels",),
        access=Access.SCORES,
    ),
    "shards": ThreatModel(
        goal="tell whether a subject's rows were in the training data",
        knowledge=("the rows and their labels", "the subject key, and so every subject's shard", "all shards"),
        access=Access.WEIGHTS,
    ),
    "kept model": ThreatModel(
        goal="tell which subjects were removed",
        knowledge=("the rows and their labels", "the model from before the removal"),
        access=Access.SCORES,
    ),
}
OWNER: Final = ThreatModel(
    goal="none: the owner checks a removal", knowledge=("data, key and model",), access=Access.WEIGHTS
)


@dataclass(frozen=True)
class Forgetting:
    """A sharded model's signals on removed subjects and on strangers, at one time.

    Attributes:
        signals: by adversary, those of removed subjects and of strangers.
        right: (n,) which held-out rows are answered with their own label.
    """

    signals: dict[str, tuple[Floats, Floats]]
    right: npt.NDArray[np.bool_]


def look(model: ShardedClassifier, removed: Dataset, held_out: Dataset) -> Forgetting:
    """What the adversaries see of a model now.

    Args:
        model: with its key.
        removed: rows of the subjects that are, or will be, removed.
        held_out: rows of strangers.
    """
    right = np.asarray(np.searchsorted(model.classes_, model.predict(held_out.features)) == held_out.labels)
    if not hasattr(model, "predict_proba"):
        return Forgetting({}, right)
    both = (removed, held_out)
    signals = {
        "answers": tuple(_by_subject(each, log_odds(_scores(model, each), each.labels)) for each in both),
        "shards": tuple(_by_subject(each, _against_others(model, each)) for each in both),
    }
    return Forgetting({name: (pair[0], pair[1]) for name, pair in signals.items()}, right)


def measured(
    removal: Removal, before: Forgetting, after: Forgetting, subject: str, wrong: Sequence[str]
) -> list[Measurement]:
    """All figures of a removal.

    Args:
        removal: its evidence.
        before: what was seen before it.
        after: what was seen after it.
        subject: name of the model.
        wrong: what verification found.
    """
    made = partial(_measurement, subject)
    n = len(after.right)
    lost = paired_difference(int((after.right & ~before.right).sum()), int((before.right & ~after.right).sum()), n)
    found = [
        made(DELETION, "deletion_verified", float(removal.verified and not wrong), None, OWNER, "flag", "higher", n=1),
        made(UNLEARNING, "retain_accuracy_loss", lost.value, lost, OWNER, note="accuracy on held-out rows, by pairs"),
    ]
    areas, at = dict[tuple[str, str], Estimate](), dict[str, float | str]()
    for when, seen in (("before", before), ("after", after)):
        for name, (gone, strangers) in seen.signals.items():
            if min(len(gone), len(strangers)) >= FEWEST:
                areas[name, when] = auc(gone, strangers)
    for (name, when), area in areas.items():
        at = {"adversary": name, "when": when}
        direction = "lower" if when == "after" else "none"
        found.append(
            made(UNLEARNING, "forget_set_membership_auc", area.value, area, ADVERSARIES[name], "auc", direction, at)
        )
    for name in ("answers", "shards"):
        if (name, "after") in areas:
            edge = advantage(areas[name, "after"])
            at = {"adversary": name}
            found.append(made(UNLEARNING, "forget_membership_advantage", edge[0], edge, ADVERSARIES[name], at=at))
            found.append(made(DELETION, "residual_membership", edge[0], edge, ADVERSARIES[name], at=at))
    if areas:
        (gone_old, old), (gone_new, new) = before.signals["answers"], after.signals["answers"]
        kept = auc(gone_old - gone_new, old - new)
        note = "whoever kept the model from before; destroy it"
        at = {"adversary": "kept model"}
        found.append(
            made(UNLEARNING, "removal_auc", kept.value, kept, ADVERSARIES["kept model"], "auc", at=at, note=note)
        )
    return found


def advantage(area: Estimate) -> tuple[float, float, float]:
    """|2 AUC - 1| with bounds: an attack that is worse than guessing is turned round.

    Example:
        >>> from casemate.stats import auc
        >>> [round(each, 2) for each in advantage(auc([0.1, 0.3], [0.2, 0.4]))]
        [0.5, 0.0, 0.99]
    """
    low, high = 2 * area.low - 1, 2 * area.high - 1
    return abs(2 * area.value - 1), max(0.0, low, -high), max(high, -low)


def _measurement(
    subject: str,
    kind: str,
    metric: str,
    value: float,
    bounds: Estimate | tuple[float, float, float] | None,
    threat_model: ThreatModel,
    unit: str = "proportion",
    direction: Any = "lower",
    at: dict[str, float | str] | None = None,
    note: str = "",
    n: int | None = None,
) -> Measurement:
    estimate = bounds if isinstance(bounds, Estimate) else None
    low, high = (estimate.low, estimate.high) if estimate else bounds[1:] if isinstance(bounds, tuple) else (None, None)
    return Measurement(
        assessment=ASSESSMENT,
        kind=kind,
        metric=metric,
        subject=subject,
        estimate=value,
        low=low,
        high=high,
        n=estimate.n if estimate else n,
        k=None,
        method=estimate.method if estimate else "delong-wilson" if bounds else "",
        threat_model=threat_model,
        seed=0,
        at=at or {},
        unit=unit,
        direction=direction,
        note=note,
    )


def _scores(model: ShardedClassifier, rows: Dataset) -> Floats:
    return np.asarray(model.predict_proba(rows.features), dtype=np.float64)


def _against_others(model: ShardedClassifier, rows: Dataset) -> Floats:
    """(n,) log-odds by the own shard, less the mean of those by the others: how hard a row is cancels out.

    Reference:
        Watson et al. 2022, "On the Importance of Difficulty Calibration in Membership Inference Attacks", ICLR,
        arXiv 2111.08440.
    """
    each = np.stack([log_odds(scores, rows.labels) for scores in model.shard_scores(rows.features)])
    own = model.shard_of(_subjects(rows))
    mine = each[own, np.arange(len(rows))]
    return np.asarray(mine - (each.sum(axis=0) - mine) / max(len(each) - 1, 1))


def _by_subject(rows: Dataset, values: Floats) -> Floats:
    return np.asarray(pd.Series(values).groupby(_subjects(rows), sort=True).mean().to_numpy(), dtype=np.float64)


def _subjects(rows: Dataset) -> npt.NDArray[np.object_]:
    return np.arange(len(rows)).astype(object) if rows.subjects is None else rows.subjects
