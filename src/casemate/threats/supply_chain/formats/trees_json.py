"""Tree models in JSON: XGBoost (also from UBJSON) and CatBoost. Counts, indices and shape of every tree are checked."""

from __future__ import annotations

from casemate.threats.supply_chain.jsons import Json
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Refused

_ROOT = 2**31 - 1
_ARRAYS = ("left_children", "right_children", "parents", "split_indices", "split_conditions", "default_left")


def is_xgboost(value: Json) -> bool:
    """Whether this is a model that XGBoost saved."""
    return isinstance(value, dict) and "version" in value and isinstance(at(value, "learner", "gradient_booster"), dict)


def is_catboost(value: Json) -> bool:
    """Whether this is a model that CatBoost exported."""
    return isinstance(value, dict) and "features_info" in value and ("oblivious_trees" in value or "trees" in value)


def at(value: Json, *keys: str) -> Json:
    """What lies at the end of some keys, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def judge_xgboost(value: Json, report: Report) -> None:
    """Check every tree of a gbtree, gblinear or dart model.

    Raises:
        Refused: a tree is not one ("trees.structure").
    """
    booster = at(value, "learner", "gradient_booster")
    name = at(booster, "name")
    if name == "gblinear":
        report.describe("trees", 0)
        return
    model = at(booster, "gbtree", "model") if name == "dart" else at(booster, "model")
    trees = at(model, "trees")
    if name not in ("gbtree", "dart") or not isinstance(trees, list):
        raise Refused("trees.structure", f"the booster {name!r} is not known", 0)
    features = number(at(value, "learner", "learner_model_param", "num_feature"))
    for index, tree in enumerate(trees):
        _xgboost_tree(tree, features, f"trees[{index}]")
    groups = at(model, "tree_info")
    if not isinstance(groups, list) or len(groups) != len(trees):
        raise Refused("trees.structure", "tree_info does not have a group for each tree", 0)
    report.describe("trees", len(trees))
    report.describe("features", features)


def _xgboost_tree(tree: Json, features: int, where: str) -> None:
    count = number(at(tree, "tree_param", "num_nodes"))
    arrays = {name: at(tree, name) for name in _ARRAYS}
    for name, values in arrays.items():
        if not isinstance(values, list) or len(values) != count:
            raise Refused("trees.structure", f"{where}: {name} does not have {count} entries", 0)
    left, right, splits = (
        integers(arrays[name], where) for name in ("left_children", "right_children", "split_indices")
    )
    if any(not 0 <= split < max(features, 1) for split in splits):
        raise Refused("trees.structure", f"{where}: a split on a feature that is not there", 0)
    check_tree([(a, b) for a, b in zip(left, right, strict=True)], where)


def check_tree(children: list[tuple[int, int]], where: str) -> None:
    """Whether node 0 is the root of a tree: every child in range, and reached once. Visits each node once.

    Args:
        children: left and right child of each node; a negative one is none.
        where: for the message.

    Raises:
        Refused: it is not ("trees.structure").
    """
    seen = bytearray(len(children))
    waiting = [0] if children else []
    while waiting:
        node = waiting.pop()
        if node >= len(children):
            raise Refused("trees.structure", f"{where}: a child that is not there", 0)
        if seen[node]:
            raise Refused("trees.structure", f"{where}: a node is reached twice", 0)
        seen[node] = 1
        waiting.extend(child for child in children[node] if child >= 0)


def judge_catboost(value: Json, report: Report) -> None:
    """Check that every oblivious tree has the leaves that its splits make.

    Raises:
        Refused: it has not ("trees.structure").
    """
    trees = at(value, "oblivious_trees")
    if trees is None:
        judge_asymmetric(at(value, "trees"), report)
        return
    if not isinstance(trees, list):
        raise Refused("trees.structure", "the trees are no list", 0)
    for index, tree in enumerate(trees):
        splits, leaves, weights = at(tree, "splits"), at(tree, "leaf_values"), at(tree, "leaf_weights")
        splits = [] if splits is None else splits
        if not isinstance(splits, list) or len(splits) > 16 or not isinstance(leaves, list) or not leaves:
            raise Refused("trees.structure", f"oblivious_trees[{index}] has no splits or leaves", 0)
        if len(leaves) % 2 ** len(splits) or (
            isinstance(weights, list) and weights and len(weights) != 2 ** len(splits)
        ):
            raise Refused("trees.structure", f"oblivious_trees[{index}] has leaves that no splits make", 0)
    report.describe("trees", len(trees))


def judge_asymmetric(trees: Json, report: Report) -> None:
    """Check trees that are nested objects; JSON cannot write a circle, so only their form is left to check."""
    waiting = list(trees) if isinstance(trees, list) else [None]
    report.describe("trees", len(waiting))
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict) or ("split" in node) != ("left" in node) or ("left" in node) != ("right" in node):
            raise Refused("trees.structure", "a node is neither a split nor a leaf", 0)
        if "left" in node:
            waiting += [node["left"], node["right"]]
        elif "value" not in node:
            raise Refused("trees.structure", "a leaf has no value", 0)


def number(value: Json) -> int:
    """A count, which XGBoost writes as a text; -1 if it is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        return int(value)
    return value if type(value) is int and value >= 0 else -1


def integers(value: Json, where: str) -> list[int]:
    """A list of integers.

    Raises:
        Refused: something else is in it.
    """
    found = [each for each in value if type(each) is int] if isinstance(value, list) else []
    if not isinstance(value, list) or len(found) != len(value):
        raise Refused("trees.structure", f"{where}: an index is no integer", 0)
    return found
