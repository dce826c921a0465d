"""Best-first search for the nearest row that one rival class wins.

A node is a box of cuts. Its key is the least radius at which the best leaves of all trees, each chosen on its own
among those that the box and the radius leave, add up to a win of the rival: a lower bound of every win in the box.
If those leaves have a row in common, the bound is met, and since the node with the least key is always next, the row is
a nearest one. Else two trees want different sides of a cut, and the node is split there: at the cut on both sides of
which most is lost. Several nodes are opened at a time, for numpy's sake.

Kantchelian, Tygar & Joseph 2016 (arXiv:1509.07892) state the problem; Chen et al. 2019 (arXiv:1906.03849) bound it at
one radius; Devos, Meert & Davis 2021 (arXiv:2011.07553) search for the largest output at one radius. Here the radius is
searched for: nothing proven at one radius is proven again at another.

Every opening replaces a box by two smaller ones, and there are finitely many boxes: the search ends.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from casemate.threats.evasion.trees.cuts import Bounds, Cuts
from casemate.threats.evasion.trees.form import Flags, Floats, Whole
from casemate.threats.evasion.trees.start import Stand, Start
from casemate.threats.evasion.trees.window import Contest, Window

FEW, MANY = 8, 48
"""Nodes opened at a time, at first and once a search proves hard."""

ADMITTED = 96
"""Boxes put off that are judged again at a time."""

HARD = 400
"""A search is hard that has judged this many boxes."""

GROWTH = 1.3
"""A window that was searched through grows by this factor."""

OPEN = 100_000
"""A search holds at most this many boxes; with more it stops, and its bounds stay apart."""

Judge = Callable[[Floats, Flags], list[bool | None]]
"""Told rows, and which of them lead beyond all rounding: whether each is an example, or None where a check refuses."""


NOTHING = np.empty(0, dtype=np.uint8)
NO_LEAF = np.empty(0, dtype=np.int64)


@dataclass(slots=True)
class Box:
    """A node: cuts that rows lie right of and left of, what it costs to get there, and how it was judged.

    ``alive`` and ``best`` are of the window in which it was judged; ``best`` is kept where leaves share a row only.
    """

    low: Bounds
    high: Bounds
    near: float
    depth: int
    alive: npt.NDArray[np.uint8] = field(default_factory=lambda: NOTHING)
    best: Whole = field(default_factory=lambda: NO_LEAF)
    split: int = -1


class Search:
    """The search for one rival from one row. ``step`` until ``lower`` reaches ``upper``, or as long as one cares to.

    Args:
        start: the row under attack.
        stand: makes rows from boxes.
        cuts: the cuts.
        contest: the rival.
        judge: asked about examples that the trees alone cannot vouch for.
        radius: the first window.

    Attributes:
        upper: distance of the nearest example known, whoever found it; callers lower it.
        found: that example, if it was found here.
        doubted: least distance at which a check refused an example; nothing is claimed beyond.
        judged: boxes judged so far.
    """

    def __init__(
        self,
        start: Start,
        stand: Stand,
        cuts: Cuts,
        contest: Contest,
        judge: Judge,
        radius: float,
        upper: float,
    ) -> None:
        self.start, self.stand, self.cuts, self.contest, self.judge = start, stand, cuts, contest, judge
        self.upper, self.doubted, self.judged = upper, np.inf, 0
        self.found: Floats | None = None
        self._heap: list[tuple[float, int, int, Box]] = []
        self._later: list[Box] = []  # put off until the window grows
        self._waiting: list[Box] = []  # put off before it grew last, from the radius searched through
        self._searched = 0.0
        self._count = 0
        self.window = Window(start, cuts, contest, radius)
        low, high = self._everything()
        self._push([Box(low, high, 0.0, 0)], np.ones((1, len(self.window.reach)), dtype=bool))

    @property
    def lower(self) -> float:
        """No example lies nearer than this, except where ``upper`` says so."""
        least = self._heap[0][0] if self._heap else np.inf
        if self._later:  # nothing within the window; the next leaf may be just behind it
            least = min(least, self.window.radius)
        if self._waiting:
            least = min(least, self._searched)
        return float(min(least, self.doubted))

    @property
    def open(self) -> int:
        """Boxes held."""
        return len(self._heap) + len(self._later) + len(self._waiting)

    def step(self) -> None:
        """Open some boxes; or, where none is left in the window, enlarge it."""
        if self._waiting:
            self._admit()
            return
        if not self._heap or self._heap[0][0] >= self.upper:
            self._heap.clear()
            self._enlarge()
            return
        batch: list[Box] = []
        agreed: list[tuple[float, Box]] = []
        most = FEW if self.judged < HARD else MANY
        while self._heap and len(batch) + len(agreed) < most and self._heap[0][0] < self.upper:
            key, _, _, box = heapq.heappop(self._heap)
            if box.split >= 0:
                batch.append(box)
            else:
                agreed.append((key, box))
        batch += self._settle(agreed)
        if batch:
            self._split(batch)

    def dive(self, radius: float) -> None:
        """Look for any example within a radius, greedily; each step halves a box, so that it ends."""
        window = Window(self.start, self.cuts, self.contest, radius)
        low, high = self._everything()
        alive, near = np.ones((1, len(window.reach)), dtype=bool), np.zeros(1)
        while True:
            judged = window.judge(alive, near, whole=True)
            self.judged += 1
            if not judged.wins[0]:
                return
            split = int(judged.split[0])
            if split < 0:
                self._offer(window, [Box(low, high, 0.0, 0, best=judged.best[0])])
                return
            column, cut = window.column[split], np.int32(window.cut[split])
            if judged.side[0]:
                alive, low[column] = alive & ~window.lefts[split], max(low[column], cut)
                near = np.maximum(near, window.right_costs[split])
            else:
                alive, high[column] = alive & ~window.rights[split], min(high[column], cut)
                near = np.maximum(near, window.left_costs[split])

    def _everything(self) -> tuple[Bounds, Bounds]:
        columns = len(self.start.row)
        return np.full(columns, -1, dtype=np.int32), np.full(columns, len(self.cuts.value), dtype=np.int32)

    def _offer(self, window: Window, boxes: list[Box]) -> list[tuple[float, Bounds, Bounds]]:
        """Take the nearest row that all best leaves of a box share as an example, if it is one.

        Returns:
            for each box the distance at which those leaves are done with: of the example, or infinite where there is
            none; and the box that they share.
        """
        done: list[tuple[float, Bounds, Bounds]] = []
        asked: list[tuple[int, float, Floats, bool]] = []
        for box in boxes:
            low, high, best = box.low, box.high, box.best
            if len(best):
                low = np.maximum(low, window.low[best].max(axis=0))
                high = np.minimum(high, window.high[best].min(axis=0))
            done.append((np.inf, low, high))
            row = self.stand.nearest(self.start, low, high)
            if row is not None:
                lead = window.lead + float(self.contest.exact[window.leaf[best]].sum())
                asked.append((len(done) - 1, self._distance(row), row, lead > window.slack))
        asked = [each for each in asked if each[1] < self.upper]
        if asked:
            said = self.judge(np.stack([row for _, _, row, _ in asked]), np.array([sure for *_, sure in asked]))
            for (at, distance, row, _), answer in zip(asked, said, strict=True):
                if answer is None:
                    self.doubted = min(self.doubted, distance)
                elif answer:
                    done[at] = (distance, *done[at][1:])
                    if distance < self.upper:
                        self.upper, self.found = distance, row
        return done

    def _distance(self, row: Floats) -> float:
        moved = np.where(np.isnan(row), 0.0, np.abs(row - self.start.row))
        moved = np.where(self.stand.flat, np.sign(moved), moved)
        return float((moved * self.stand.cost).max(initial=0.0))

    def _settle(self, agreed: list[tuple[float, Box]]) -> list[Box]:
        """Deal with boxes in which all trees agree; those that must be split, because what they share is not all."""
        rest = []
        done = self._offer(self.window, [box for _, box in agreed]) if agreed else []
        for (key, box), (distance, low, high) in zip(agreed, done, strict=True):
            if distance <= key:
                continue
            # the shared part is done with; the rest of the box lies behind one of its bounds
            bounds = np.concatenate([low[low > box.low], high[high < box.high]])
            inside = bounds[np.isin(bounds, self.window.cut)]
            if len(inside):
                box.split = int(np.searchsorted(self.window.cut, inside[0]))
                rest.append(box)
            elif self.window.radius < self.start.farthest:  # more of it may be told apart by farther leaves
                self._later.append(box)
        return rest

    def _split(self, batch: list[Box]) -> None:
        window, splits = self.window, np.array([box.split for box in batch])
        leaves = len(window.reach)
        alive = np.unpackbits(np.stack([box.alive for box in batch]), axis=1, count=leaves).astype(bool)
        near = np.array([box.near for box in batch])
        left = np.maximum(near, window.left_costs[splits])
        right = np.maximum(near, window.right_costs[splits])
        halves = np.concatenate([alive & ~window.rights[splits], alive & ~window.lefts[splits]])
        boxes, kept = [], []
        for at, box in enumerate(batch):
            column, cut = int(window.column[splits[at]]), int(window.cut[splits[at]])
            if left[at] < self.upper:
                high = box.high.copy()
                high[column] = min(high[column], cut)
                boxes.append(Box(box.low, high, float(left[at]), box.depth + 1))
                kept.append(at)
            if right[at] < self.upper:
                low = box.low.copy()
                low[column] = max(low[column], cut)
                boxes.append(Box(low, box.high, float(right[at]), box.depth + 1))
                kept.append(at + len(batch))
        if boxes:
            self._push(boxes, halves[kept])

    def _push(self, boxes: list[Box], alive: Flags) -> None:
        """Judge boxes and put them where they belong."""
        if self.stand.groups:
            held = [self.stand.propagate(self.start, box.low, box.high, box.near) for box in boxes]
            boxes = [
                replace(box, low=new[0], high=new[1], near=new[2]) for box, new in zip(boxes, held, strict=True) if new
            ]
            alive = alive[[new is not None for new in held]]
            if not boxes:
                return
            low, high = np.stack([box.low for box in boxes]), np.stack([box.high for box in boxes])
            alive &= self.window.alive(low, high, len(self.cuts.value))
        near = np.array([box.near for box in boxes])
        judged = self.window.judge(alive, near)
        packed = np.packbits(alive, axis=1)
        self.judged += len(boxes)
        beyond = self.window.radius < min(self.upper, self.start.farthest)
        for at, box in enumerate(boxes):
            if not judged.wins[at]:
                if beyond:
                    self._later.append(box)
                continue
            key = float(judged.key[at])
            if key < self.upper:
                box.split, box.alive = int(judged.split[at]), packed[at].copy()
                box.best = judged.best[at].copy() if box.split < 0 else NO_LEAF
                # of equal keys the deepest first, which is the nearest to an answer
                heapq.heappush(self._heap, (key, -box.depth, self._count, box))
                self._count += 1

    def _enlarge(self) -> None:
        """Let more leaves in, and judge again what was put off; at least one leaf more each time, or all there are."""
        most = min(self.upper, self.start.farthest)
        if not self._later or self.window.radius >= most:
            self._later.clear()
            return
        reach = self.start.reach
        following = float(reach[reach > self.window.radius].min(initial=np.inf))
        radius = min(max(self.window.radius * GROWTH, following), most)
        self._searched = self.window.radius
        self.window = Window(self.start, self.cuts, self.contest, radius)
        self._waiting, self._later = self._later, []

    def _admit(self) -> None:
        """Judge some of the boxes that were put off in the window that is open now."""
        part, self._waiting = self._waiting[-ADMITTED:], self._waiting[:-ADMITTED]
        part = [box for box in part if box.near < self.upper]
        if part:
            low, high = np.stack([box.low for box in part]), np.stack([box.high for box in part])
            self._push(part, self.window.alive(low, high, len(self.cuts.value)))
