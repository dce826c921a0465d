"""Which move is worth its queries for which victim: each victim keeps to the moves that lately paid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from casemate.threats.evasion.oracle import Oracle
from casemate.threats.evasion.space import Positions

WORTH = 0.4
"""A move is made when it pays at least this share of what the best move pays."""

PATIENCE = 4
"""A move that did not pay is tried again after this many rounds."""

MEMORY = 0.5
"""Weight of the newest experience."""


class Schedule:
    """Pays attention to what each move gains: the drop of the logarithm of the cost, per query."""

    def __init__(self, oracle: Oracle, moves: int) -> None:
        victims = len(oracle.origin)
        self.oracle = oracle
        self.rate = np.full((victims, moves), np.inf)
        self.idle = np.zeros((victims, moves), dtype=np.int64)
        self.spent = oracle.used.copy()

    @contextmanager
    def turn(self, move: int) -> Iterator[Positions]:
        """The victims for which this move is worth trying now; what they gain inside the block is remembered."""
        oracle = self.oracle
        best = self.rate.max(axis=1)
        wanted = (self.rate[:, move] >= WORTH * best) | (self.idle[:, move] >= PATIENCE)
        rows = oracle.open[wanted[oracle.open]]
        used, cost = oracle.used[rows].copy(), oracle.cost[rows].copy()
        yield rows
        queries = np.maximum(oracle.used[rows] - used, 1)
        gain = np.log(cost / np.maximum(oracle.cost[rows], 1e-12)) / queries
        before = self.rate[rows, move]
        fresh = np.isinf(before)
        self.rate[rows, move] = np.where(fresh, gain, (1 - MEMORY) * np.where(fresh, 0.0, before) + MEMORY * gain)
        self.idle[:, move] += 1
        self.idle[rows, move] = 0

    def next_round(self) -> None:
        """End the attack on victims about whom nothing was left to ask in any move of ``PATIENCE`` rounds."""
        oracle = self.oracle
        stuck = (oracle.used == self.spent) & (self.idle.max(axis=1) == 0)
        oracle.closed |= stuck
        self.spent = oracle.used.copy()
