"""XGBoost classifiers, through the model's own JSON (``Booster.save_raw("json")``, the documented model schema)."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from casemate.threats.evasion.trees.form import LEAF, Ensemble, Rule
from casemate.threats.evasion.trees.readers.build import tree, unsupported

BINARY = ("binary:logistic", "binary:logitraw")
MULTICLASS = ("multi:softprob", "multi:softmax")


def read(model: Any) -> Ensemble | None:
    """A fitted ``XGBClassifier`` as an ensemble, or None where it is something else.

    Inputs are rounded to float32, left is ``x < threshold``, and sums are float32. After early stopping only the trees
    up to the best iteration count, as in ``predict``.

    Raises:
        TargetError: another booster, objective or kind of tree than one with one number a leaf and numeric splits.
    """
    if type(model).__module__.partition(".")[0] != "xgboost" or not hasattr(model, "get_booster"):
        return None
    learner = msgspec.json.decode(model.get_booster().save_raw("json"))["learner"]
    booster, objective = learner["gradient_booster"], learner["objective"]["name"]
    if booster["name"] != "gbtree":
        raise unsupported(model, f"its booster is {booster['name']!r}")
    if objective not in BINARY + MULTICLASS:
        raise unsupported(model, f"its objective is {objective!r}")
    parameters = learner["learner_model_param"]
    features = int(parameters["num_feature"])
    outputs = int(parameters["num_class"]) if objective in MULTICLASS else 1
    forest = booster["model"]
    steps = forest.get("iteration_indptr")
    wanted = len(forest["trees"])
    best = learner["attributes"].get("best_iteration")
    if best is not None and steps is not None:
        wanted = int(steps[int(best) + 1])
    trees = []
    for nodes, output in list(zip(forest["trees"], forest["tree_info"], strict=True))[:wanted]:
        if any(nodes["split_type"]) or int(nodes["tree_param"]["size_leaf_vector"]) > 1:
            raise unsupported(model, "it splits on categories, or its leaves hold several numbers")
        left = np.asarray(nodes["left_children"])
        leaf = left == -1
        number = np.asarray(nodes["split_conditions"], dtype=np.float32).astype(np.float64)
        value = np.zeros((len(leaf), outputs))
        value[leaf, output] = number[leaf]
        feature = np.where(leaf, LEAF, np.asarray(nodes["split_indices"]))
        trees.append(tree(feature, number, left, nodes["right_children"], nodes["default_left"], value, features))
    base: Any = np.asarray(msgspec.json.decode(_listed(parameters["base_score"])), dtype=np.float32)
    if objective == "binary:logistic":
        # as the library does it: float32, but for a logarithm good to the last digit
        base = -np.log((np.float32(1) / base - np.float32(1)).astype(np.float64)).astype(np.float32)
    base = np.broadcast_to(base, (outputs,)).astype(np.float64)
    classes = np.asarray(model.classes_)
    rule = Rule(True, "float32", "float32", missing=True, soft=True)
    return Ensemble(tuple(trees), base, rule, features, classes, type(model).__name__)


def _listed(text: str) -> str:
    """Scores as a list: one number before version 3.1, a list since."""
    return text if text.startswith("[") else f"[{text}]"
