"""Asks the target about many victims at once, and remembers the cheapest example each victim's queries have found."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.targets.target import Codes, Target
from casemate.threats.evasion.space import Decoder, Flags, Floats, Positions, Space


class Oracle:
    """The only door between an attack and the target.

    One call serves many victims, since a pipeline takes as long for one row as for a thousand; yet every victim has its
    own budget, and its n-th query is the same whoever else is attacked beside it.

    Attributes:
        space: the coordinates.
        origin: (v, d) coordinates of the victims.
        movable: (v, d) which cells may change: those that are there.
        labels: (v,) what the target answers for the victims.
        budget: queries a victim.
        used: (v,) queries spent.
        closed: (v,) victims about whom nothing is left to ask.
        best, cost: (v, d) the cheapest adversarial example so far, and (v,) its cost; infinite before the first.
        points: the query counts at which the state is remembered.
        best_at, cost_at: (v, points, d) and (v, points), the cheapest found within that many queries.
    """

    def __init__(
        self,
        target: Target,
        space: Space,
        victims: pd.DataFrame,
        labels: Codes,
        *,
        norm: float,
        points: tuple[int, ...],
    ) -> None:
        self.target, self.space, self.victims, self.labels, self.norm = target, space, victims, labels, norm
        self.origin, self.movable = space.encode(victims)
        self.decoder = Decoder(space, victims)
        self.points = np.array(sorted(points))
        self.budget = int(self.points[-1])
        count = len(victims)
        self.used = np.zeros(count, dtype=np.int64)
        self.closed = np.zeros(count, dtype=bool)
        self.best, self.cost = self.origin.copy(), np.full(count, np.inf)
        self.best_at = np.repeat(self.origin[:, None], len(points), axis=1)
        self.cost_at = np.full((count, len(points)), np.inf)

    @property
    def left(self) -> npt.NDArray[np.int64]:
        """(v,) queries left."""
        return self.budget - self.used

    @property
    def open(self) -> Positions:
        """Victims that have an example to improve and queries to do it with."""
        return np.flatnonzero(np.isfinite(self.cost) & (self.left > 0) & ~self.closed)

    def legal(self, rows: Positions, values: Floats) -> Floats:
        """The nearest coordinates that the schema allows for these victims."""
        return self.space.legal(values, self.origin[rows], self.movable[rows])

    def costs(self, rows: Positions, values: Floats) -> Floats:
        """(m,) what these changes of these victims cost."""
        return self.space.cost(values, self.origin[rows], self.norm)

    def ask(self, rows: Positions, values: Floats) -> Flags:
        """Whether each candidate turns the answer. Those beyond a victim's budget are not asked and count as no.

        Args:
            rows: (m,) which victim each candidate is of.
            values: (m, d) candidates, legal already.

        Returns:
            (m,) True where the target answers with another label than for the victim itself.
        """
        costs = self.costs(rows, values)
        ask = costs > 0  # a victim itself is known to be answered correctly
        rank = self.used[rows] + _running(rows, ask)
        ask &= rank <= self.budget
        turned = np.zeros(len(rows), dtype=bool)
        if ask.any():
            frame = self.decoder(rows[ask], values[ask], self.movable[rows[ask]])
            turned[ask] = self.target.labels(frame) != self.labels[rows[ask]]
        np.add.at(self.used, rows[ask], 1)
        self._remember(rows[turned], values[turned], costs[turned], rank[turned])
        return turned

    def _remember(self, rows: Positions, values: Floats, costs: Floats, rank: npt.NDArray[np.int64]) -> None:
        order = np.argsort(-costs, kind="stable")  # the cheapest of a victim is written last
        for at, most in enumerate(self.points):
            chosen = order[(rank[order] <= most) & (costs[order] < self.cost_at[rows[order], at])]
            self.cost_at[rows[chosen], at] = costs[chosen]
            self.best_at[rows[chosen], at] = values[chosen]
        self.best, self.cost = self.best_at[:, -1], self.cost_at[:, -1]


def _running(rows: Positions, counted: Flags) -> npt.NDArray[np.int64]:
    """(m,) how many counted candidates of the same victim there are up to and including each one."""
    order = np.argsort(rows, kind="stable")
    total = np.cumsum(counted[order])
    first = np.flatnonzero(np.r_[True, rows[order][1:] != rows[order][:-1]]) if len(rows) else np.empty(0, dtype=int)
    before = np.repeat(total[first] - counted[order][first], np.diff(np.r_[first, len(rows)]))
    ranks = np.empty(len(rows), dtype=np.int64)
    ranks[order] = total - before
    return ranks
