"""LightGBM classifiers, through ``Booster.dump_model``."""

from __future__ import annotations

from typing import Any

import numpy as np

from casemate.threats.evasion.trees.form import LEAF, Ensemble, Rule, Tree
from casemate.threats.evasion.trees.readers.build import tree, unsupported


def read(model: Any) -> Ensemble | None:
    """A fitted ``LGBMClassifier`` as an ensemble, or None where it is something else.

    Left is ``x <= threshold`` in float64, and sums are float64. After early stopping only the trees up to the best
    iteration count, as in ``predict``.

    Raises:
        TargetError: another objective than binary or multiclass, averaged outputs, linear trees, categories, or zero
            treated as missing.
    """
    if type(model).__module__.partition(".")[0] != "lightgbm" or not hasattr(model, "booster_"):
        return None
    dump = model.booster_.dump_model()
    objective = str(dump.get("objective", "")).split(" ")[0]
    outputs, features = int(dump["num_tree_per_iteration"]), int(dump["max_feature_idx"]) + 1
    if objective not in ("binary", "multiclass") or dump.get("average_output"):
        raise unsupported(model, f"its objective is {objective!r}, or its outputs are averaged")
    trees = tuple(
        _tree(model, info["tree_structure"], at % outputs, outputs, features)
        for at, info in enumerate(dump["tree_info"])
    )
    rule = Rule(False, "float64", "float64", missing=True, soft=True)
    return Ensemble(trees, np.zeros(outputs), rule, features, np.asarray(model.classes_), type(model).__name__)


def _tree(model: Any, root: dict[str, Any], output: int, outputs: int, features: int) -> Tree:
    """Nodes in the order in which a queue meets them, so that children lie behind their parents."""
    queue, rows = [root], []
    for node in queue:  # ends: every node is met once, and the dump is finite
        if "split_feature" not in node:
            if "leaf_coeff" in node:
                raise unsupported(model, "its leaves are linear models")
            rows.append((LEAF, 0.0, -1, -1, False, float(node["leaf_value"])))
            continue
        if node["decision_type"] != "<=" or node["missing_type"] not in ("None", "NaN"):
            raise unsupported(model, "it splits on categories, or treats zero as missing")
        threshold = float(node["threshold"])
        # without a direction for missing values, NaN is read as 0
        nan_left = bool(node["default_left"]) if node["missing_type"] == "NaN" else threshold >= 0.0
        at = len(queue)
        rows.append((int(node["split_feature"]), threshold, at, at + 1, nan_left, 0.0))
        queue += [node["left_child"], node["right_child"]]
    feature, threshold_, left, right, nan, value = (np.array(column) for column in zip(*rows, strict=True))
    column = np.zeros((len(rows), outputs))
    column[:, output] = value
    return tree(feature, threshold_, left, right, nan, column, features)
