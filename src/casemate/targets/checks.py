"""Is the target one function? Attacks and statistics assume that asking twice gives one answer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from casemate.core.errors import TargetError
from casemate.targets.answers import Scores
from casemate.targets.target import Target

TOLERANCE = 1e-6
"""Above float32 rounding, which moves probabilities by 1e-7 when a batch is composed differently."""


def check_determinism(target: Target, rows: pd.DataFrame, *, tolerance: float = TOLERANCE) -> None:
    """Ask the same rows three times: whole, again, and in reverse order.

    Args:
        target: what to ask; three times ``len(rows)`` queries are counted.
        rows: (n, d) features.
        tolerance: largest difference of scores that still counts as the same answer.

    Raises:
        TargetError: an answer changed.
    """
    first, again, reverse = (_ask(target, each) for each in (rows, rows, rows.iloc[::-1]))
    for other, how in ((again, "when asked again"), (reverse[::-1], "when the rows came in another order")):
        changed = int((np.abs(first - other).max(axis=1) > tolerance).sum())
        if changed:
            raise TargetError(
                f"target {target.name!r} changes its answer {how}",
                cause=f"{changed} of {len(rows)} rows",
                next_step="fix the model's seed or preprocessing; a model that answers at random cannot be audited yet",
            )


def _ask(target: Target, rows: pd.DataFrame) -> Scores:
    if target.gives_scores:
        return target.scores(rows)
    return target.labels(rows)[:, None].astype(np.float64)
