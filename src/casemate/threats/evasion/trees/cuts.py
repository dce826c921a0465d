"""The thresholds of an ensemble as *cuts*: for each, the smallest value on its right and the largest on its left.

A cut is a float64 (a float32 where rows are float32, a whole number where the column holds those). Whatever the model
rounds or compares, a row lies right of a cut exactly where its value is not below the cut. Distances between a row and
what lies behind a cut are thereby exact to the last digit, and so is everything that is built on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from casemate.threats.evasion.trees.constraints import Feature
from casemate.threats.evasion.trees.form import LEAF, Ensemble, Flags, Floats, Number, Rule, Whole

Bounds = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Cuts:
    """Cuts of all columns, sorted by column and value; and the leaves of all trees as conditions on them.

    Attributes:
        value: (cuts,) the smallest value on the right.
        before: (cuts,) the largest value on the left.
        feature: (cuts,) column.
        leaf: (conditions,) leaf, in ascending order; every leaf has at least one condition.
        column: (conditions,) column.
        low: (conditions,) the leaf lies right of this cut; ``cuts`` where of none.
        high: (conditions,) the leaf lies left of this cut; ``cuts`` where of none.
        nan: (conditions,) whether a missing value meets it.
        impossible: (conditions,) whether no value meets it, only a missing one.
        tree: (leaves,) tree.
        leaf_value: (leaves, outputs).
        starts: (leaves,) first condition of each leaf.
        below, above: (leaves, d) the same conditions as a table: cuts that a leaf lies right of (-1 where of none), and
            left of (``cuts`` where of none).
    """

    value: Floats
    before: Floats
    feature: Whole
    leaf: Whole
    column: Whole
    low: Whole
    high: Whole
    nan: Flags
    impossible: Flags
    tree: Whole
    leaf_value: Floats
    starts: Whole
    below: Bounds
    above: Bounds


def make(ensemble: Ensemble, rules: Sequence[Feature], grid: Number, grouped: Sequence[int] = ()) -> Cuts:
    """The cuts of an ensemble under constraints.

    Args:
        ensemble: the trees.
        rules: (d,) what may be done to each column; whole columns have whole cuts.
        grid: the type in which rows are given, and examples returned.
        grouped: members of one-hot groups, which have a cut at 1 whether or not a tree has.
    """
    right = [_right_of(tree.threshold, ensemble.rule) for tree in ensemble.trees]
    whole = np.array([rule.integer for rule in rules], dtype=bool)
    for tree, edges in zip(ensemble.trees, right, strict=True):
        edges[:] = _on_grid(edges, np.where(tree.feature == LEAF, False, whole[tree.feature]), grid)
    pairs = np.concatenate(
        [
            np.stack([tree.feature[inner].astype(np.float64), edges[inner]], axis=1)
            for tree, edges in zip(ensemble.trees, right, strict=True)
            for inner in [tree.feature != LEAF]
        ]
        + [np.array([[column, 1.0] for column in grouped]).reshape(-1, 2)]
    )
    unique = np.unique(pairs, axis=0)
    feature, value = unique[:, 0].astype(np.int64), unique[:, 1]
    before = _below(value, whole[feature], grid)
    firsts = np.searchsorted(feature, np.arange(ensemble.features + 1))
    parts: list[tuple[int, int, int, int, bool]] = []
    owners: list[int] = []
    values: list[Floats] = []
    leaves = 0
    for number, (tree, edges) in enumerate(zip(ensemble.trees, right, strict=True)):
        numbers = np.full(len(edges), -1, dtype=np.int64)
        for inner in np.flatnonzero(tree.feature != LEAF):
            column = int(tree.feature[inner])
            lowest, highest = int(firsts[column]), int(firsts[column + 1])
            numbers[inner] = lowest + np.searchsorted(value[lowest:highest], edges[inner])
        none = len(value)
        stack: list[tuple[int, dict[int, tuple[int, int, bool]]]] = [(0, {})]
        while stack:  # ends: readers admit trees only
            node, box = stack.pop()
            column = int(tree.feature[node])
            if column == LEAF:
                parts += [
                    (leaves, at, low, high, nan) for at, (low, high, nan) in (box or {0: (none, none, True)}).items()
                ]
                owners.append(number)
                values.append(tree.value[node])
                leaves += 1
                continue
            low, high, nan = box.get(column, (none, none, True))
            cut, nan_left = int(numbers[node]), bool(tree.nan_left[node])
            left = (low, cut if high == none else min(high, cut), nan and nan_left)
            right_ = (cut if low == none else max(low, cut), high, nan and not nan_left)
            # a child that no value reaches is kept only for what missing values may do there
            if _open(*right_, none):
                stack.append((int(tree.right[node]), {**box, column: right_}))
            if _open(*left, none):
                stack.append((int(tree.left[node]), {**box, column: left}))
    table = np.array(parts, dtype=np.int64).reshape(-1, 5)
    starts = np.searchsorted(table[:, 0], np.arange(leaves))
    return Cuts(
        value,
        before,
        feature,
        table[:, 0],
        table[:, 1],
        table[:, 2],
        table[:, 3],
        table[:, 4].astype(bool),
        (table[:, 2] >= table[:, 3]) & (table[:, 2] < len(value)) & (table[:, 3] < len(value)),
        np.array(owners, dtype=np.int64),
        np.array(values),
        starts,
        *_boxes(table, leaves, ensemble.features, len(value)),
    )


def _boxes(table: Whole, leaves: int, columns: int, none: int) -> tuple[Bounds, Bounds]:
    below, above = np.full((leaves, columns), -1, dtype=np.int32), np.full((leaves, columns), none, dtype=np.int32)
    bound = table[table[:, 2] < none]
    below[bound[:, 0], bound[:, 1]] = bound[:, 2]
    bound = table[table[:, 3] < none]
    above[bound[:, 0], bound[:, 1]] = bound[:, 3]
    return below, above


def _open(low: int, high: int, nan: bool, none: int) -> bool:
    """Whether any value, or a missing one, lies right of ``low`` and left of ``high``."""
    return nan or none in {low, high} or low < high


def _right_of(threshold: Floats, rule: Rule) -> Floats:
    """The smallest float64 that the model sends right of each threshold."""
    if rule.inputs == "float64":
        return threshold.copy() if rule.strict else np.nextafter(threshold, np.inf)
    # the smallest float32 on the right, and the float64 half-way to its neighbor, from which on values round to it
    near = threshold.astype(np.float32)
    up = near.astype(np.float64) < threshold if rule.strict else near.astype(np.float64) <= threshold
    next_up = np.where(up, np.nextafter(near, np.float32(np.inf)), near)
    half = (next_up.astype(np.float64) + np.nextafter(next_up, np.float32(-np.inf)).astype(np.float64)) / 2
    return np.where(half.astype(np.float32) == next_up, half, np.nextafter(half, np.inf))


def _on_grid(value: Floats, whole: Flags, grid: Number) -> Floats:
    """The smallest value of the grid, or whole number, that is not below."""
    if grid == "float32":
        near = value.astype(np.float32)
        value = np.where(near < value, np.nextafter(near, np.float32(np.inf)), near).astype(np.float64)
    return np.where(whole, np.ceil(value), value)


def _below(value: Floats, whole: Flags, grid: Number) -> Floats:
    """The largest value of the grid, or whole number, below values that are on it."""
    if grid == "float32":
        less: npt.NDArray[np.floating] = np.nextafter(value.astype(np.float32), np.float32(-np.inf))
    else:
        less = np.nextafter(value, -np.inf)
    return np.where(whole, value - 1.0, less.astype(np.float64))
