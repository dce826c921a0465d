"""A decision-based attack on tables: it sees labels only, and changes nothing that the schema forbids.

For each victim it starts from real rows of another class, walks to the boundary, and then repeats two kinds of steps:
dense ones that estimate which way the boundary faces from the answers to random probes (HopSkipJump) and jump from the
victim along that normal (GeoDA), and sparse ones that take coordinates back, whole or by bisection. Dense steps win on
smooth models, sparse ones on trees, where a gradient estimate says little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.data.dataset import Dataset
from casemate.targets.target import Codes, Target
from casemate.threats.evasion.belief import Belief, Draws
from casemate.threats.evasion.moves import coordinates, probe, race, shrink, start, sweep
from casemate.threats.evasion.oracle import Oracle
from casemate.threats.evasion.prior import Prior
from casemate.threats.evasion.schedule import Schedule
from casemate.threats.evasion.space import Flags, Floats, Space


@dataclass(frozen=True)
class Adversarial:
    """What the attack found, victim by victim.

    Attributes:
        points: query counts.
        cost: (v, points) cost of the cheapest example found within that many queries and confirmed afterwards;
            infinite where there is none.
        values: (v, points, d) the examples as coordinates; the victim itself where there is none.
        queries: (v,) queries spent, confirmation not counted.
        unconfirmed: (v, points) examples that the target answered differently when asked again.
    """

    points: tuple[int, ...]
    cost: Floats
    values: Floats
    queries: npt.NDArray[np.int64]
    unconfirmed: Flags


@dataclass(frozen=True)
class DecisionAttack:
    """Decision-based evasion inside a schema.

    Attributes:
        points: query counts at which the cheapest example is kept; the last one is the budget of a victim.
        norm: 1 adds the changes up, 2 takes the Euclidean norm; a changed category counts 1 either way.
        prior: whether the attacker learns a direction from its own labeled rows before the first query.
        starts: real rows tried for each victim and round.
        probes: random probes of one gradient estimate.
        radius: length of a probe, as a share of the example's numeric change.
        keep: how much earlier probes count after a move.
        trust: how many probes the prior's direction is worth.
        blocks: how many blocks of coordinates are taken back one by one in a sparse step.

    Reference:
        Chen, Jordan & Wainwright 2020, arXiv:1904.02144, algorithm 2 (HopSkipJump); Rahmati et al. 2020,
        arXiv:2003.06468 (GeoDA); Brendel et al. 2018, arXiv:1712.04248 (boundary attack).
    """

    points: tuple[int, ...] = (50, 100, 200, 400)
    norm: int = 1
    prior: bool = True
    starts: int = 6
    probes: int = 30
    radius: float = 0.4
    keep: float = 0.9
    trust: float = 10.0
    blocks: int = 8

    def __call__(
        self,
        target: Target,
        space: Space,
        victims: pd.DataFrame,
        labels: Codes,
        pool: Dataset,
        *,
        seed: int,
        numbers: npt.NDArray[np.int64] | None = None,
    ) -> Adversarial:
        """Attack every victim.

        Args:
            target: what is asked; labels are enough.
            space: what may change.
            victims: (v, d) rows that the target answers with ``labels``.
            labels: (v,) those answers.
            pool: labeled rows of the attacker's own, from the same population.
            seed: root of all randomness.
            numbers: (v,) the victims' numbers in the whole data set; each number has its own random stream.
        """
        oracle = Oracle(target, space, victims, labels, norm=self.norm, points=self.points)
        values, there = space.encode(pool.features)
        known = (
            Prior.fit(space, values, there, pool.labels, max(len(pool.classes), len(target.classes)))
            if self.prior
            else None
        )
        draws = Draws.of(np.arange(len(victims)) if numbers is None else numbers, seed)
        direction = known.away(labels) if known else np.zeros(oracle.origin.shape)
        belief = Belief.start(direction, self.trust)
        start(oracle, (values, there, pool.labels), known, self.starts)
        shrink(oracle, oracle.open, 4)
        if known:
            race(oracle, oracle.open, belief, draws, known, step=0.8, refine=2)
        schedule = Schedule(oracle, moves=3)
        while len(oracle.open):
            with schedule.turn(0) as rows:
                sweep(oracle, rows, draws, self.blocks)
            with schedule.turn(1) as rows:
                probe(oracle, rows, belief, draws, count=self.probes, radius=self.radius, keep=self.keep)
                race(oracle, rows, belief, draws, known, step=0.8, refine=3)
            with schedule.turn(2) as rows:
                coordinates(oracle, rows, 2, 3)
            schedule.next_round()
        return _confirmed(oracle)


def _confirmed(oracle: Oracle) -> Adversarial:
    """Ask once more about everything that is going to be claimed."""
    cost = oracle.cost_at.copy()
    unconfirmed = np.zeros(cost.shape, dtype=bool)
    who, point = np.nonzero(np.isfinite(cost))
    if len(who):
        found = oracle.best_at[who, point]
        frame = oracle.decoder(who, found, oracle.movable[who])
        unconfirmed[who, point] = oracle.target.labels(frame) == oracle.labels[who]
    cost[unconfirmed] = np.inf
    return Adversarial(tuple(map(int, oracle.points)), cost, oracle.best_at, oracle.used, unconfirmed)
