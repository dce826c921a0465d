"""Coarsen what costs least, again and again, as long as accuracy allows.

A move takes one column to its next level, or to the last one, where nothing is told. The move that saves most bits per
right answer lost is made, if afterwards the interval of the accuracy lost stays below what may be lost. What was worked
out for a move is used again until the move comes to the front; then it is worked out anew, for other columns may have
changed since. Levels only rise, so the search ends.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from casemate.privacy.tables.minimization.ladders import Ladder
from casemate.stats import Estimate, paired_difference

Right = npt.NDArray[np.bool_]
Levels = tuple[int, ...]
Judge = Callable[[Levels], Right]
"""From a level for each column to (n,) whether each answer is right."""


@dataclass(frozen=True)
class Step:
    """A move that was made: which column, to which level, and the accuracy lost since the start of the search."""

    column: str
    level: int
    lost: Estimate


def lost(before: Right, after: Right, confidence: float) -> Estimate:
    """Accuracy before less accuracy after, on the same records."""
    return paired_difference(int((after & ~before).sum()), int((before & ~after).sum()), len(before), confidence)


def coarsen(
    ladders: Sequence[Ladder], judge: Judge, start: Levels, allowance: float, confidence: float
) -> tuple[Levels, list[Step]]:
    """Levels from which no move is allowed any more, and the way there.

    Args:
        ladders: of each column.
        judge: says which answers are right.
        start: levels to begin with.
        allowance: accuracy that may be lost from there, at most.
        confidence: of the interval whose upper bound is compared to it.
    """
    levels, steps = start, list[Step]()
    exact = found = judge(levels)
    moves: list[tuple[float, int, int, Levels]] = []
    for at, each in enumerate(ladders):
        moves += [(-np.inf, at, to, ()) for to in {start[at] + 1, each.top} if to <= each.top]
    heapq.heapify(moves)
    while moves:  # each turn makes a move, gives one up, or works one out that was old
        _, at, to, known = heapq.heappop(moves)
        if to <= levels[at]:
            continue
        tried = (*levels[:at], to, *levels[at + 1 :])
        after = judge(tried)
        cost = lost(exact, after, confidence)
        if cost.high > allowance:
            continue
        if known != levels:
            saved = ladders[at].bits[levels[at]] - ladders[at].bits[to]
            wrong = max(int(found.sum()) - int(after.sum()), 0) + 0.5
            score = -(saved + 1e-9) / wrong
            if moves and moves[0][0] < score:
                heapq.heappush(moves, (score, at, to, levels))
                continue
        levels, found = tried, after
        steps.append(Step(ladders[at].name, to, cost))
        if to < ladders[at].top:
            heapq.heappush(moves, (-np.inf, at, to + 1, ()))
    return levels, steps
