"""What a target says, in one shape: a table with one column a class of the data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from casemate.targets.target import Target
from casemate.threats.inversion.signals import Floats


def answers(target: Target, rows: pd.DataFrame) -> Floats:
    """(n, classes) what a target says: its scores, or 1 for its label where it says no more."""
    if target.gives_scores:
        return target.scores(rows)
    return np.eye(len(target.classes))[target.labels(rows)]


def by_class(scores: Floats, classes: Sequence[str], total: int) -> Floats:
    """Floats of a model trained on class codes, with a zero column for every class its rows happened to lack."""
    if len(classes) == total:
        return scores
    table = np.zeros((len(scores), total))
    table[:, [int(code) for code in classes]] = scores
    return table
