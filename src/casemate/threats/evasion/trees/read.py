"""A fitted model of any library as an ``Ensemble``, checked against the model itself."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from casemate.core.errors import TargetError
from casemate.threats.evasion.trees.ask import answers, column_names
from casemate.threats.evasion.trees.form import Ensemble, Floats
from casemate.threats.evasion.trees.readers import lightgbm, sklearn, xgboost
from casemate.threats.evasion.trees.readers.build import unsupported

PROBES = 64


def read(model: Any) -> Ensemble:
    """A fitted tree classifier as an ensemble.

    Args:
        model: scikit-learn's DecisionTree, ExtraTree, RandomForest, ExtraTrees, GradientBoosting or
            HistGradientBoosting classifier, an XGBClassifier or an LGBMClassifier; fitted. Or whatever holds an
            ``ensemble`` that was read before, and predicts.

    Raises:
        TargetError: it is another model, or holds something that is not read, or answers otherwise than what was read
            from it.

    Example:
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> read(DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1])).predict([[0.4], [0.6]]).tolist()
        [0, 1]
    """
    if isinstance(known := getattr(model, "ensemble", None), Ensemble):
        return known
    for reader in (sklearn.read, xgboost.read, lightgbm.read):
        try:
            ensemble = reader(model)
        except (AttributeError, LookupError, TypeError, ValueError, msgspec.MsgspecError) as error:
            raise unsupported(model, f"it is not fitted, or holds what this reader does not know ({error})") from error
        if ensemble is not None:
            if len(ensemble.classes) < 2:
                raise unsupported(model, "it knows one class only, and nothing turns it")
            compare(model, ensemble, probes(ensemble))
            return ensemble
    raise TargetError(
        f"{type(model).__name__} is not a tree classifier that can be read",
        next_step="give a fitted classifier of scikit-learn, XGBoost or LightGBM, and a pipeline as `TableTrees`",
    )


def probes(ensemble: Ensemble) -> Floats:
    """(PROBES, d) rows on both sides of thresholds."""
    rng = np.random.default_rng(0)
    rows = np.zeros((PROBES, ensemble.features))
    for column in range(ensemble.features):
        cuts = [tree.threshold[tree.feature == column] for tree in ensemble.trees]
        known = np.concatenate([*cuts, [0.0]])
        known = known[np.isfinite(known)]
        rows[:, column] = rng.choice(known, PROBES) + rng.choice([-1e-3, 0.0, 1e-3], PROBES)
    return rows


def compare(model: Any, ensemble: Ensemble, rows: Floats) -> None:
    """Ask both about (n, d) rows; only ties of rounding may differ.

    Raises:
        TargetError: the model answers otherwise than what was read from it.
    """
    raw = ensemble.raw(rows)
    if ensemble.outputs > 1:
        ordered = np.sort(raw, axis=1)
        margin = ordered[:, -1] - ordered[:, -2]
    else:
        margin = np.abs(raw[:, 0])
    clear = margin > 2 * ensemble.rounding.max() + 1e-6
    if (answers(model, rows, column_names(model))[clear] != ensemble.classes[ensemble.decide(raw)][clear]).any():
        raise TargetError(
            f"{type(model).__name__} answers otherwise than its trees say",
            cause="its library's version computes something that this reader does not know",
            next_step="report it with the library's version; until then use evasion.decision",
        )
