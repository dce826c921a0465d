"""One row under attack: what it costs to reach every leaf, and the nearest row in a box of cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from casemate.threats.evasion.trees.constraints import Constraints, Feature
from casemate.threats.evasion.trees.cuts import Bounds, Cuts
from casemate.threats.evasion.trees.form import Flags, Floats


@dataclass(frozen=True)
class Start:
    """Costs seen from one row.

    Attributes:
        row: (d,) the row.
        right: (cuts + 1,) what it costs to be right of each cut, infinite where the constraints forbid it; last 0.
        left: (cuts + 1,) what it costs to be left of each cut; last 0.
        reach: (leaves,) largest of these costs over the conditions of each leaf.
        farthest: largest finite reach.
    """

    row: Floats
    right: Floats
    left: Floats
    reach: Floats
    farthest: float


class Stand:
    """Makes starts for one set of cuts and constraints.

    Args:
        cuts: the cuts.
        rules: (d,) the constraints of every column.
        constraints: where the rules come from, for one-hot groups.
    """

    def __init__(self, cuts: Cuts, rules: Sequence[Feature], constraints: Constraints) -> None:
        at = cuts.feature
        self.cuts, self.groups = cuts, [list(group) for group in constraints.one_hot]
        self.cost = np.array([rule.cost for rule in rules])
        self.flat: Flags = np.array([rule.flat for rule in rules], dtype=bool)
        low, high = np.array([rule.low for rule in rules]), np.array([rule.high for rule in rules])
        up = np.array([not rule.immutable and rule.direction != "decrease" for rule in rules], dtype=bool)
        down = np.array([not rule.immutable and rule.direction != "increase" for rule in rules], dtype=bool)
        self.may_rise: Flags = up[at] & (cuts.value <= high[at])
        self.may_fall: Flags = down[at] & (cuts.before >= low[at])
        self.unit = self.cost[at]
        # the cut at 1 of every member of a group
        self.ones = {
            column: int(np.flatnonzero((at == column) & (cuts.value == 1.0))[0])
            for group in self.groups
            for column in group
        }

    def __call__(self, row: Floats) -> Start:
        """Everything that depends on the row and not on the classes."""
        cuts, here = self.cuts, row[self.cuts.feature]
        ahead = cuts.value > here
        right, left = np.zeros(len(here) + 1), np.zeros(len(here) + 1)
        same = self.flat[cuts.feature]
        up, down = np.where(same, 1.0, cuts.value - here), np.where(same, 1.0, here - cuts.before)
        right[:-1] = np.where(ahead, np.where(self.may_rise, self.unit * up, np.inf), 0.0)
        left[:-1] = np.where(ahead, 0.0, np.where(self.may_fall, self.unit * down, np.inf))
        for group in self.groups:
            self._swap(row, group, right, left)
        needs = np.maximum(right[cuts.low], left[cuts.high])
        needs[cuts.impossible] = np.inf
        missing = np.isnan(row)
        if missing.any():
            gone = missing[cuts.column]
            needs[gone] = np.where(cuts.nan[gone], 0.0, np.inf)
        reach = np.maximum.reduceat(needs, cuts.starts)
        return Start(row, right, left, reach, float(reach[np.isfinite(reach)].max(initial=0.0)))

    def _swap(self, row: Floats, group: list[int], right: Floats, left: Floats) -> None:
        """Whoever turns one column of a group to 1 turns another to 0, and pays for the dearer of the two."""
        now = next(column for column in group if row[column] == 1)
        leave = self.cuts.feature == now
        others = np.isin(self.cuts.feature, [column for column in group if column != now])
        off = left[:-1][leave & (self.cuts.value == 1.0)][0]
        dearer = np.maximum(right[:-1], off)
        right[:-1] = np.where(others & (right[:-1] > 0), dearer, right[:-1])
        least = right[:-1][others & (self.cuts.value == 1.0)].min()
        left[:-1] = np.where(leave & (left[:-1] > 0), np.maximum(left[:-1], least), left[:-1])

    def nearest(self, start: Start, low: Bounds, high: Bounds) -> Floats | None:
        """(d,) the row in a box of cuts that is nearest to the start, or None where constraints leave none.

        Args:
            start: the row under attack.
            low: (d,) cut of which it lies right, -1 where of none.
            high: (d,) cut of which it lies left, ``cuts`` where of none.
        """
        cuts, moved = self.cuts, start.row.copy()
        columns = np.flatnonzero(low >= 0)
        columns = columns[start.row[columns] < cuts.value[low[columns]]]
        moved[columns] = cuts.value[low[columns]]
        columns = np.flatnonzero(high < len(cuts.value))
        columns = columns[start.row[columns] >= cuts.value[high[columns]]]
        moved[columns] = cuts.before[high[columns]]
        for group in self.groups:
            chosen = self._choose(start, group, low, high)
            if chosen is None:
                return None
            moved[group] = 0.0
            moved[chosen] = 1.0
        return moved

    def propagate(self, start: Start, low: Bounds, high: Bounds, near: float) -> tuple[Bounds, Bounds, float] | None:
        """What one-hot groups make of a box: a smaller one, and what it costs to get there; None where it is empty."""
        low, high = low.copy(), high.copy()
        for group in self.groups:
            ones = [self.ones[column] for column in group]
            on = [at for at, column in enumerate(group) if low[column] >= ones[at]]
            may = [at for at, column in enumerate(group) if high[column] > ones[at]]
            if len(on) > 1 or not may or (on and on[0] not in may):
                return None
            if len(may) == 1 and not on:
                on = may
                low[group[on[0]]] = max(low[group[on[0]]], ones[on[0]])
            for at, column in enumerate(group):
                if on and at != on[0]:
                    high[column] = min(high[column], ones[at])
                if low[column] >= ones[at]:
                    near = max(near, start.right[ones[at]])
                if high[column] <= ones[at]:
                    near = max(near, start.left[ones[at]])
        return low, high, float(near)

    def _choose(self, start: Start, group: list[int], low: Bounds, high: Bounds) -> int | None:
        """The cheapest member of a group that may be 1 in a box, with all others 0."""
        ones = {column: self.ones[column] for column in group}
        forced = [column for column in group if low[column] >= ones[column]]
        open_ = forced or [column for column in group if high[column] > ones[column]]
        costs = {column: start.right[ones[column]] for column in open_}
        best = min(costs, key=lambda column: (costs[column], column), default=None)
        return None if best is None or len(forced) > 1 or not np.isfinite(costs[best]) else best
