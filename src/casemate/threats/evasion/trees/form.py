"""A fitted tree ensemble as arrays: what each kind of model compares, adds up and decides, with nothing left implicit.

Trees are kept in the order in which the model adds them, and sums are taken in the model's own number type and order,
so that scores of this form are those of the model, not merely close to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

LEAF = -1
Number = Literal["float32", "float64"]
"""A floating-point type of IEEE 754."""


@dataclass(frozen=True)
class Rule:
    """How a model goes down its trees, and how it adds up what it finds there.

    Attributes:
        strict: left is ``x < threshold`` (XGBoost), else ``x <= threshold``.
        inputs: inputs are rounded to this type before they are compared.
        sums: leaf values are added in this type.
        divide: the sum is divided by this (forests average).
        even: with one score, which class a score of exactly 0 means; with several, the first of the largest wins.
        missing: whether NaN has a direction at every node; without, rows that hold NaN are refused.
        soft: classes are decided on probabilities made from the scores, which may tie where scores do not.
    """

    strict: bool
    inputs: Number
    sums: Number
    divide: float = 1.0
    even: int = 0
    missing: bool = False
    soft: bool = False


@dataclass(frozen=True)
class Tree:
    """One tree; node 0 is the root.

    Attributes:
        feature: (nodes,) column compared, ``LEAF`` at leaves.
        threshold: (nodes,) float64.
        left, right: (nodes,) children.
        nan_left: (nodes,) whether NaN goes left.
        value: (nodes, outputs) what a leaf adds to each output.
    """

    feature: Whole
    threshold: Floats
    left: Whole
    right: Whole
    nan_left: Flags
    value: Floats


@dataclass(frozen=True)
class Ensemble:
    """A tree ensemble that answers with classes.

    Attributes:
        trees: in the order in which the model adds them.
        base: (outputs,) what the sums start from. One output: class 1 where it is positive. Else: the largest wins.
        rule: comparison and arithmetic.
        features: number of columns.
        classes: the model's labels.
        kind: the kind of model it was read from.
    """

    trees: tuple[Tree, ...]
    base: Floats
    rule: Rule
    features: int
    classes: npt.NDArray[np.generic]
    kind: str

    @property
    def outputs(self) -> int:
        """Number of scores."""
        return len(self.base)

    def raw(self, x: npt.NDArray[np.floating]) -> Floats:
        """(n, outputs) sums, added in the model's order and type.

        Raises:
            DataError: columns are missing, or rows hold NaN where the model has no direction for it.
        """
        rows = as_rows(x, self)
        total = np.repeat(self.base[None].astype(self.rule.sums), len(rows), axis=0)
        for tree in self.trees:
            total += tree.value[_descend(tree, rows, self.rule)].astype(self.rule.sums)
        return np.asarray(total / self.rule.divide if self.rule.divide != 1.0 else total, dtype=np.float64)

    def decide(self, raw: Floats) -> Whole:
        """(n,) codes of the classes that raw scores mean."""
        if self.outputs > 1:
            return np.asarray(raw.argmax(axis=1), dtype=np.int64)
        score = raw[:, 0]
        return np.asarray(score >= 0 if self.rule.even else score > 0, dtype=np.int64)

    def codes(self, x: npt.NDArray[np.floating]) -> Whole:
        """(n,) codes of the predicted classes."""
        return self.decide(self.raw(x))

    def predict(self, x: npt.NDArray[np.floating]) -> npt.NDArray[np.generic]:
        """(n,) predicted labels."""
        return self.classes[self.codes(x)]

    @cached_property
    def rounding(self) -> Floats:
        """(outputs,) largest error of each sum, whatever the leaves."""
        leaves = [tree.value[tree.feature == LEAF] for tree in self.trees]
        low, high = (np.stack([part(each, axis=0) for each in leaves], axis=1) for part in (np.min, np.max))
        return rounding(low, high, self.base, self.rule)


def rounding(low: Floats, high: Floats, base: Floats, rule: Rule) -> Floats:
    """(outputs,) bound of the error of sums whose terms are only known to lie between two numbers.

    Adding numbers one by one is wrong by at most the unit roundoff times the sum of the sizes of the partial sums
    (Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 4.2). Sums in which every number is a
    multiple of one power of two, and which fit the type's digits, are not wrong at all; the search knows those.

    Args:
        low: (outputs, trees) least that each tree adds.
        high: (outputs, trees) most that each tree adds.
        base: (outputs,) what sums start from.
        rule: type of the sums, and what is done with them.
    """
    unit = float(np.finfo(rule.sums).eps) / 2
    start = base[:, None]
    sizes = np.maximum(np.abs(start + np.cumsum(low, axis=1)), np.abs(start + np.cumsum(high, axis=1)))
    adds = (low != 0) | (high != 0)  # adding zero is exact
    if rule.divide != 1.0:  # forests may be added in any order: each partial sum is as large as any
        sizes = np.broadcast_to(sizes.max(axis=1, keepdims=True), sizes.shape)
    # the last terms: a start known to a neighbor only, division, and probabilities that tie where scores do not
    errors: Floats = (np.where(adds, sizes, 0.0).sum(axis=1) + 4 * sizes.max(axis=1) + 4 * np.abs(base)) * 1.01 * unit
    return errors + 8 * unit if rule.soft else errors


def as_rows(x: npt.ArrayLike, ensemble: Ensemble) -> Floats:
    """(n, d) float64 rows that the ensemble can be asked about.

    Raises:
        DataError: not a table of this many columns, infinite values, or NaN where the model has no direction for it.
    """
    rows = np.asarray(x, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != ensemble.features:
        raise DataError(
            f"rows of shape {rows.shape} do not fit the model",
            cause=f"it takes (n, {ensemble.features})",
            next_step="give the encoded matrix that the model was fitted on",
        )
    if np.isinf(rows).any() or (np.isnan(rows).any() and not ensemble.rule.missing):
        raise DataError(
            "rows hold values that the model cannot compare",
            cause="infinite, or missing where the trees have no direction for missing values",
            next_step="impute or clip them first",
        )
    return rows


def _descend(tree: Tree, rows: Floats, rule: Rule) -> Whole:
    """(n,) leaf of each row. Every step goes to a child, and readers admit only children behind their parents."""
    at = np.zeros(len(rows), dtype=np.int64)
    seen = rows.astype(rule.inputs)
    every = np.arange(len(rows))
    while True:
        feature = tree.feature[at]
        inner = feature != LEAF
        if not inner.any():
            return at
        value = seen[every, np.where(inner, feature, 0)].astype(np.float64)
        left = value < tree.threshold[at] if rule.strict else value <= tree.threshold[at]
        left = np.where(np.isnan(value), tree.nan_left[at], left)
        at = np.where(inner, np.where(left, tree.left[at], tree.right[at]), at)
