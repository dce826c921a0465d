"""The leaves within a radius, laid out so that a whole batch of boxes is judged by a dozen numpy calls.

All gains are multiples of one power of two, rounded up, and small enough for float64 to add them without error: what a
box is judged to allow is never less than what the model could be made to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from casemate.threats.evasion.trees.cuts import Bounds, Cuts
from casemate.threats.evasion.trees.form import Ensemble, Flags, Floats, Rule, Whole, rounding
from casemate.threats.evasion.trees.start import Start

FAINT = np.float32(1e-30)


@dataclass(frozen=True)
class Contest:
    """One rival class against the class that the model answers with.

    Attributes:
        rival: code of the rival.
        parts: (1 or 2, leaves) what each leaf adds to the sums that the lead is made of, with the lead's sign.
        starts: (1 or 2,) where those sums start.
        rule: the model's arithmetic.
        exact: (leaves,) what each leaf adds to the lead.
        start: where the lead starts.
        doubt: (leaves,) whether adding it may round.
        doubtful: whether the start may.
        step: gains are multiples of it.
        least: the rival may win where the sum of gains exceeds this; between two multiples of the step.
        level: distance between the levels on which trees are laid; a power of two above twice the largest gain.
    """

    rival: int
    parts: Floats
    starts: Floats
    rule: Rule
    exact: Floats
    start: float
    doubt: Flags
    doubtful: bool
    step: float
    least: float
    level: float

    def gains(self, leaves: Whole, first: Whole) -> tuple[Floats, float, float]:
        """Leads with an allowance for all that the model may round, as long as only some leaves are in play.

        Args:
            leaves: (m,) leaves in play, by tree; every tree has one.
            first: (trees,) place of the first of each tree.

        Returns:
            (m,) what leaves add, where the lead starts, and a lead that is a win whatever is rounded.
        """
        known = self.parts[:, leaves]
        low, high = np.minimum.reduceat(known, first, axis=1), np.maximum.reduceat(known, first, axis=1)
        slack = float(rounding(low, high, self.starts, self.rule).sum())
        exact = self.exact[leaves]
        gain = np.where(self.doubt[leaves], np.ceil((exact + slack) / self.step + 1) * self.step, exact)
        base = float(np.ceil((self.start + slack) / self.step + 1) * self.step) if self.doubtful else self.start
        return gain, base, slack + 2.0**-40 * self.level * len(first)


def contest(ensemble: Ensemble, cuts: Cuts, code: int, rival: int) -> Contest:
    """The rival's lead over the class ``code``, leaf by leaf."""
    value, base, rule = cuts.leaf_value, ensemble.base, ensemble.rule
    if ensemble.outputs == 1:
        sign = 1.0 if rival == 1 else -1.0
        parts, starts, tie_wins = sign * value[:, :1].T, sign * base, rule.even == rival
    else:
        parts = np.stack([value[:, rival], -value[:, code]])
        starts, tie_wins = np.array([base[rival], -base[code]]), rival < code
    exact, start = parts.sum(axis=0), float(starts.sum())
    slack = float(ensemble.rounding.sum())
    most = float(np.abs(parts).sum(axis=0).max(initial=0.0)) + slack + 2.0**-900
    level = 2.0 ** np.ceil(np.log2(4 * most))
    step = 2.0 ** (np.ceil(np.log2((len(ensemble.trees) + 1) * level + abs(start) + slack)) - 50)
    # numbers that are multiples of the step are added without error by the model too, if it adds in float64
    rounds = rule.soft or rule.sums != "float64"
    doubt = np.full(len(exact), rounds) | (parts % step != 0).any(axis=0)
    doubtful = rounds or bool((starts % step != 0).any())
    least = float(-step / 2 if tie_wins else step / 2)
    return Contest(rival, parts, starts, rule, exact, start, doubt, doubtful, float(step), least, float(level))


@dataclass(frozen=True)
class Judged:
    """What a batch of n boxes allows.

    Attributes:
        wins: (n,) whether the rival could win within the window at all.
        key: (n,) least radius at which it could.
        best: (n, trees) the leaf that each tree would give at that radius.
        split: (n,) the split that trees quarrel about most, -1 where their leaves have a row in common.
        side: (n,) whether more speaks for the right side.
    """

    wins: Flags
    key: Floats
    best: Whole
    split: Whole
    side: Flags


class Window:
    """The leaves within a radius of a start, for one contest; trees that say one thing only are added to the base.

    Args:
        start: the row under attack.
        cuts: the cuts.
        contest: the rival.
        radius: leaves farther away are left out.
    """

    def __init__(self, start: Start, cuts: Cuts, contest: Contest, radius: float) -> None:
        self.radius = radius
        near = np.flatnonzero(start.reach <= radius)
        first = _firsts(cuts.tree[near])
        gain, base, self.slack = contest.gains(near, first)
        highest, lowest = np.maximum.reduceat(gain, first), np.minimum.reduceat(gain, first)
        alike = [
            np.maximum.reduceat(each, first) == np.minimum.reduceat(each, first) for each in contest.parts[:, near]
        ]
        constant = np.logical_and.reduce(alike)
        self.base = base + float(highest[constant].sum())
        self.lead = contest.start + float(contest.exact[near[first[constant]]].sum())
        varied = np.repeat(~constant, np.diff(first, append=len(near)))
        near, gain = near[varied], gain[varied]
        order = np.lexsort((start.reach[near], cuts.tree[near]))
        near, gain = near[order], gain[order]
        self.leaf, self.reach = near, start.reach[near]
        tree = cuts.tree[near]
        self.starts = _firsts(tree)
        self.span: Floats = (highest - lowest)[~constant]
        place = np.repeat(np.arange(len(self.starts)), np.diff(self.starts, append=len(near)))
        # each tree on a level of its own, so that one running maximum serves all; dead leaves lie between levels
        self.lifted: Floats = gain + place * contest.level
        self.floor = np.asarray((place - 0.5) * contest.level, dtype=np.float64)
        self.needed = contest.least - (self.base - 0.5 * contest.level * len(self.starts))
        self.order: Whole = np.argsort(self.reach, kind="stable")
        self.ranked = self.reach[self.order]
        self.rank = np.empty(len(near), dtype=np.int64)
        self.rank[self.order] = np.arange(len(near))
        self.low, self.high = cuts.below[near], cuts.above[near]
        self.cut: Whole = np.flatnonzero(np.maximum(start.right, start.left)[:-1] <= radius)
        self.column = cuts.feature[self.cut]
        self.right_costs, self.left_costs = start.right[self.cut], start.left[self.cut]
        rights, lefts = self.low[:, self.column] >= self.cut, self.high[:, self.column] <= self.cut
        self.weights: npt.NDArray[np.float32] = np.concatenate([lefts, rights], axis=1).astype(np.float32)
        self.lefts, self.rights = np.ascontiguousarray(lefts.T), np.ascontiguousarray(rights.T)
        self.place = np.arange(len(near))

    def alive(self, low: Bounds, high: Bounds, cuts: int) -> Flags:
        """(n, leaves) which leaves have a row in common with each of n boxes, given as (n, d) cuts."""
        right = (self.low[None] < high[:, None]) | (high[:, None] == cuts)
        left = (low[:, None] < self.high[None]) | (self.high[None] == cuts)
        both: Flags = (right & left).all(axis=2)
        return both

    def judge(self, alive: Flags, near: Floats, *, whole: bool = False) -> Judged:
        """Bound what the rival can get in n boxes.

        Args:
            alive: (n, leaves) leaves that the boxes leave.
            near: (n,) what it costs to reach the boxes.
            whole: take every tree's best leaf of the whole window, whatever the rival needs.
        """
        n, leaves = alive.shape
        if not leaves:
            wins = np.full(n, self.needed < 0)
            empty = np.empty((n, 0), dtype=np.int64)
            return Judged(wins, near, empty, np.full(n, -1), np.zeros(n, dtype=bool))
        best_so_far = np.maximum.accumulate(np.where(alive, self.lifted, self.floor), axis=1)
        rise = np.empty_like(best_so_far)
        np.subtract(best_so_far[:, 1:], best_so_far[:, :-1], out=rise[:, 1:])
        rise[:, self.starts] = best_so_far[:, self.starts] - self.floor[self.starts]
        enough = np.cumsum(rise[:, self.order], axis=1) > self.needed
        wins = enough[:, -1]
        key = np.maximum(self.ranked[enough.argmax(axis=1)], near)
        within = leaves if whole else np.searchsorted(self.ranked, key, side="right")[:, None]
        counted = (rise > 0) & (self.rank < within)
        best = np.maximum.reduceat(np.where(counted, self.place, -1), self.starts, axis=1)
        wins &= (best >= 0).all(axis=1)
        rows = np.arange(n)
        weight = np.zeros((n, leaves), dtype=np.float32)
        weight[rows[:, None], best] = np.maximum(np.minimum(rise[rows[:, None], best], self.span), FAINT)
        splits = len(self.cut)
        if not splits:
            return Judged(wins, key, best, np.full(n, -1), np.zeros(n, dtype=bool))
        for_left, for_right = np.split(weight @ self.weights, [splits], axis=1)
        quarrel = np.minimum(for_left, for_right)
        split = quarrel.argmax(axis=1)
        side = for_right[rows, split] > for_left[rows, split]
        return Judged(wins, key, best, np.where(quarrel[rows, split] > 0, split, -1), side)


def root_radii(start: Start, cuts: Cuts, contests: Sequence[Contest]) -> Floats:
    """(contests,) least radius at which each rival could win if every tree were on its own, infinite where never.

    The key of the box of everything, for all rivals at once.
    """
    near = np.flatnonzero(np.isfinite(start.reach))
    near = near[np.lexsort((start.reach[near], cuts.tree[near]))]
    tree, reach = cuts.tree[near], start.reach[near]
    first = _firsts(tree)
    place = np.repeat(np.arange(len(first)), np.diff(first, append=len(near)))
    level = np.array([each.level for each in contests])[:, None]
    gains = [each.gains(near, first) for each in contests]
    gain = np.stack([each for each, _, _ in gains])
    best_so_far = np.maximum.accumulate(gain + place * level, axis=1)
    rise = np.diff(best_so_far, axis=1, prepend=0.0)
    rise[:, first] = gain[:, first] + 0.5 * level
    order = np.argsort(reach, kind="stable")
    enough = np.cumsum(rise[:, order], axis=1)
    enough += np.array([base - each.least for each, (_, base, _) in zip(contests, gains, strict=True)])[
        :, None
    ] - 0.5 * level * len(first)
    wins = enough > 0
    return np.where(wins[:, -1], reach[order][wins.argmax(axis=1)], np.inf)


def _firsts(tree: Whole) -> Whole:
    """First place of each run of equal numbers."""
    return np.flatnonzero(np.diff(tree, prepend=-1))
