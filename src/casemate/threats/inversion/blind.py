"""The blind baseline: a classifier that never sees the model tries to tell members from nonmembers.

If it can, the two groups differ for reasons that have nothing to do with the model (dates, order, duplicates), and no
membership claim on them means anything.

Reference: Das, Zhang & Tramer 2024, "Blind baselines beat membership inference attacks", arXiv 2406.16201.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold

from casemate.data.dataset import Dataset
from casemate.threats.inversion.signals import Floats
from casemate.threats.inversion.tables import encode


def membership_guesses(rows: Dataset, member: npt.NDArray[np.bool_], seed: int, folds: int = 5) -> Floats:
    """Out-of-fold probability that each row is a member, guessed from its features and label alone.

    Args:
        rows: n rows of both kinds.
        member: (n,) the truth, hidden in each fold.
        seed: of folds and trees.
        folds: how many.

    Returns:
        (n,) probabilities; without any difference between the groups their AUC is 0.5 up to chance.
    """
    table = np.column_stack([encode(rows.features), rows.labels])
    guesses = np.empty(len(rows))
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32)
    for train, test in splitter.split(table, member):
        trees = HistGradientBoostingClassifier(
            max_iter=25, max_leaf_nodes=15, learning_rate=0.15, early_stopping=False, random_state=seed % 2**32
        )
        guesses[test] = trees.fit(table[train], member[train]).predict_proba(table[test])[:, 1]
    return guesses
