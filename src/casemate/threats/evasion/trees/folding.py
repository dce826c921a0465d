"""Thresholds carried back through fitted transformers, to the last number of the table that they send to the left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.threats.evasion.trees.form import LEAF, Floats, Rule, Tree, Whole
from casemate.threats.evasion.trees.layout import Coordinate

FARTHEST = 1e100
"""No larger numbers are asked about: scalers must not overflow on the way."""
NOWHERE = -1.0
"""Threshold of an indicator, or a position, that never goes left."""


class Folded:
    """Carries thresholds back through fitted transformers.

    Args:
        before: the transformers; never decreasing in any number, nor in the position of a category in its order.
        template: (1, ...) a row of the table, whose cells are taken where another column is asked about.
        layout: what the columns of the matrix are made from.
        rule: how the trees compare.

    Attributes:
        holes: columns of numbers that may be missing.
    """

    def __init__(self, before: Any, template: pd.DataFrame, layout: list[Coordinate], rule: Rule) -> None:
        self.before, self.template, self.layout, self.rule = before, template, layout, rule
        self.known: dict[str, list[Any]] = {}
        for each in layout:
            if each.category is not None and each.category not in self.known.setdefault(each.column, []):
                self.known[each.column].append(each.category)
        self.numbers = sorted({each.column for each in layout if each.numeric})
        try:
            self.gone: Floats | None = self._seen({name: np.array([np.nan]) for name in self.numbers})[0]
        except ValueError:
            self.gone = None  # the transformers refuse missing values
        whole = np.zeros(len(layout), dtype=bool) if self.gone is None else np.isfinite(self.gone) | rule.missing
        taken = {each.column for each, finite in zip(layout, whole, strict=True) if finite}
        refused = {each.column for each, finite in zip(layout, whole, strict=True) if not finite}
        self.holes = frozenset(taken - refused) & set(self.numbers)

    def trees(self, trees: tuple[Tree, ...], place: Whole) -> tuple[Tree, ...]:
        """Trees over coordinates. ``place`` says which one each column of the matrix is made from."""
        feature, threshold = (
            np.concatenate([getattr(each, name) for each in trees]) for name in ("feature", "threshold")
        )
        inner = feature != LEAF
        carried, number = threshold.copy(), np.array([each.numeric for each in self.layout])
        numbers = np.flatnonzero(inner & number[feature])
        carried[numbers] = self._back(feature[numbers], threshold[numbers])
        seen = {column: self._categories(column) for column in set(feature[inner & ~number[feature]].tolist())}
        for at in np.flatnonzero(inner & ~number[feature]):
            values = seen[feature[at]]
            left = int(self._left(values, np.full(len(values), threshold[at])).sum())  # the first ones, in order
            carried[at] = np.inf if left == len(values) else left - 0.5 if left else NOWHERE
        made, begin = [], 0
        for tree in trees:
            here, nan_left = tree.feature != LEAF, tree.nan_left
            if self.gone is not None:
                value = self.gone[np.where(here, tree.feature, 0)]
                nan_left = np.where(np.isnan(value), nan_left, self._left(value, tree.threshold))
            moved = np.where(here, place[np.where(here, tree.feature, 0)], LEAF)
            mine = carried[begin : begin + len(here)]
            made.append(replace(tree, feature=moved, threshold=mine, nan_left=nan_left))
            begin += len(here)
        return tuple(made)

    def _back(self, columns: Whole, thresholds: Floats) -> Floats:
        """(k,) the largest coordinate that goes left of each threshold of the matrix' columns."""
        most = _order(FARTHEST)
        start, reach = _orders(self._guess(columns, thresholds)), 16
        low, high = start, start
        sure_low, sure_high = np.zeros(len(columns), dtype=bool), np.zeros(len(columns), dtype=bool)
        while not (sure_low & sure_high).all():  # ends: what has come to either end is sure
            low, high = np.maximum(start, reach - most) - reach, np.minimum(start, most - reach) + reach
            sure_low |= self._left(self._at(columns, _numbers(low)), thresholds) | (low == -most)
            sure_high |= ~self._left(self._at(columns, _numbers(high)), thresholds) | (high == most)
            reach = min(reach * 256, most)
        while (low < high).any():  # ends: halves
            middle = (low | high) - ((low ^ high) >> 1)  # their mean, rounded up, without overflow
            left = self._left(self._at(columns, _numbers(middle)), thresholds)
            low, high = np.where(left, middle, low), np.maximum(np.where(left, high, middle - 1), low)
        return np.where(low == most, np.inf, _numbers(low))

    def _guess(self, columns: Whole, thresholds: Floats) -> Floats:
        """(k,) about where the thresholds lie: transformers are nearly straight lines."""
        zero, one = (self._at(columns, np.full(len(columns), each)) for each in (0.0, 1.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (thresholds - zero) / (one - zero)
        return np.where(np.abs(found) <= FARTHEST, found, 0.0)

    def _left(self, value: Floats, threshold: Floats) -> npt.NDArray[np.bool_]:
        with np.errstate(over="ignore"):  # beyond float32 lies infinity, which is compared like any number
            seen = value.astype(self.rule.inputs).astype(np.float64)
        return np.asarray(seen < threshold if self.rule.strict else seen <= threshold)

    def _at(self, columns: Whole, values: Floats) -> Floats:
        """(k,) what the matrix' columns hold where the coordinates they are made from hold (k,) values."""
        given: dict[str, Floats] = {}
        for name in self.numbers:
            mine = np.array([self.layout[column].column == name for column in columns], dtype=bool)
            given[name] = np.where(mine, values, 0.0)
        if not given:
            return np.zeros(len(columns))
        seen: Floats = self._seen(given)[np.arange(len(columns)), columns]
        return seen

    def _categories(self, column: int) -> Floats:
        """What a column of the matrix holds where a category is not there, and where it is; or for each in order."""
        each = self.layout[column]
        cells = list(each.order)
        if not cells:
            known = self.known[each.column]
            cells = [next((one for one in known if one != each.category), each.category), each.category]
        made = self.template.iloc[np.zeros(len(cells), dtype=np.intp)].reset_index(drop=True)
        made[each.column] = pd.Series(cells, dtype=self.template[each.column].dtype)
        seen: Floats = np.asarray(_dense(self.before.transform(made)), dtype=np.float64)[:, column]
        return seen

    def _seen(self, numbers: dict[str, Floats]) -> Floats:
        """(k, m) the matrix for rows with these numbers, and the template's categories."""
        count = len(next(iter(numbers.values()))) if numbers else 1
        made = self.template.iloc[np.zeros(count, dtype=np.intp)].reset_index(drop=True)
        for name, values in numbers.items():
            made[name] = values
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(_dense(self.before.transform(made)), dtype=np.float64)


def _dense(matrix: Any) -> Any:
    return matrix.toarray() if hasattr(matrix, "toarray") else matrix


def _order(value: float) -> int:
    """Position of a number among all of float64, in their order."""
    return int(_orders(np.array([value]))[0])


def _orders(values: Floats) -> Whole:
    bits = values.astype(np.float64).view(np.int64)
    return np.where(bits >= 0, bits, -(bits & 0x7FFF_FFFF_FFFF_FFFF))


def _numbers(positions: Whole) -> Floats:
    sizes = np.abs(positions).view(np.float64)
    return np.asarray(np.where(positions < 0, -sizes, sizes), dtype=np.float64)
