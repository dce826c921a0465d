"""The walk of NormalSearch: learn the boundary's normal, jump to the nearest point of its plane, learn it there.

Where a walk gets no further another one begins elsewhere; the last part of the budget goes to the best of them.

Ends: each turn every open sample spends at least one query, or is closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.threats.evasion.balls import spread
from casemate.threats.evasion.decisions.door import Door
from casemate.threats.evasion.decisions.moves import bisect, onto, race
from casemate.threats.evasion.decisions.survey import STRIDE, Belief
from casemate.threats.evasion.decisions.waves import Waves
from casemate.threats.evasion.noise import Noise
from casemate.threats.evasion.norms.measures import length

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

SEEK, LEARN, JUMP = 0, 1, 2
"""What a sample does next."""
AMPLITUDES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Of random waves added to an input, in units of the box: the first that turns the answer starts a walk."""
ATTEMPTS = 60
"""Starts sought in vain after which a sample is closed."""
STALE = 4
"""Jumps in vain after which another walk begins."""
PROBATION, HOPE = 400, 1.3
"""After so many queries a walk whose example is so much farther than the best one is given up."""


@dataclass(frozen=True)
class Steps:
    """How to walk.

    Attributes:
        block: directions asked about at a time, a power of 2.
        doubt, corner: of the first belief, see `Belief`.
        aim: doubt below which a jump is tried.
        radius: length of probes, as a share of the present distance; falls after jumps in vain.
        forget: doubt that a jump over the whole distance would bring back.
        last: share of the budget that goes to the best walk in the end.
    """

    block: int = 32
    doubt: float = 10.0
    corner: float = 0.3
    aim: float = 6.0
    radius: float = 0.2
    forget: float = 0.5
    last: float = 0.2


class Walks:
    """The walks of n samples, in lockstep but each with its own state and random numbers.

    Args:
        door: to the target.
        steps: how to walk.
        ids: (n,) numbers of the samples.
        seed: of the attack.
        starts: (n, ...) points to walk from first, or None.
    """

    def __init__(self, door: Door, steps: Steps, ids: Tensor, seed: int, starts: Tensor | None) -> None:
        count = len(ids)
        self.door, self.steps, self.ids = door, steps, ids
        self.waves = Waves(tuple(door.origin.shape[1:]))
        self.block = min(steps.block, 1 << (door.origin[0].numel().bit_length() - 1))
        self.belief = Belief(self.waves, count, steps.doubt, steps.corner)
        self.noise, self.wild = Noise(seed, "survey"), Noise(seed, "waves")
        self.current, self.center = door.origin.clone(), door.origin.clone()
        self.far = torch.full((count,), float("inf"))
        self.phase = torch.full((count,), SEEK)
        self.fade = torch.ones(count)
        self.closed = torch.zeros(count, dtype=torch.bool)
        self.stale, self.attempt, self.turn, self.blocks, self.since = (
            torch.zeros(count, dtype=torch.int64) for _ in range(5)
        )
        self.final = torch.zeros(count, dtype=torch.bool)
        if starts is not None:
            rows = torch.arange(count)
            met = door.ask_one(rows, starts)
            self._settle(rows[met], starts[met])

    def run(self) -> None:
        """Until every budget is spent."""
        while True:
            open_ = (self.door.left > 0) & ~self.closed
            if not bool(open_.any()):
                return
            ending = open_ & ~self.final & self.door.distance.isfinite()
            ending &= self.door.used >= (1 - self.steps.last) * self.door.points[-1]
            self._finish(ending.nonzero()[:, 0])
            for phase, act in ((SEEK, self._seek), (LEARN, self._learn), (JUMP, self._jump)):
                rows = (open_ & (self.phase == phase) & (self.door.left > 0)).nonzero()[:, 0]
                if len(rows):
                    act(rows)

    def _settle(self, rows: Tensor, example: Tensor) -> None:
        """Begin a walk at these examples: bisect towards the inputs, believe in the way back."""
        if not len(rows):
            return
        point = bisect(self.door, rows, example, 10)
        self._stand(rows, point)
        self.belief.begin(rows, point - self.door.origin[rows])
        self.fade[rows], self.stale[rows], self.blocks[rows] = 1.0, 0, 0
        self.since[rows] = self.door.used[rows]
        self.phase[rows] = LEARN

    def _stand(self, rows: Tensor, point: Tensor) -> None:
        self.current[rows] = point
        self.far[rows] = length(point - self.door.origin[rows], self.door.norm)

    def _finish(self, rows: Tensor) -> None:
        """Go back to the best example, and stay with it."""
        if not len(rows):
            return
        self.final[rows] = True
        elsewhere = rows[self.far[rows] > 1.001 * self.door.distance[rows]]
        if len(elsewhere):
            self._settle(elsewhere, self.door.best[elsewhere])
            self.fade[elsewhere] = 0.5

    def _seek(self, rows: Tensor) -> None:
        """Add one random wave, longer and longer, until the answer turns."""
        self.attempt[rows] += 1
        streams = (self.ids * STRIDE + self.attempt)[rows]
        origin, (low, high) = self.door.origin[rows], self.door.target.bounds
        drawn = torch.from_numpy(self.wild.uniform(streams.numpy(), (len(self.belief.prior),))) * 2 - 1
        shape = torch.where((self.attempt[rows] % 4 == 0)[:, None], 1.0, self.belief.prior.sqrt())
        wave = self.waves.render(drawn * shape)
        wave = wave / spread(wave.flatten(1).square().mean(1).sqrt(), wave).clamp_min(1e-12) * (high - low)
        found, example = torch.zeros(len(rows), dtype=torch.bool), origin.clone()
        for amplitude in AMPLITUDES:
            tried = (origin + amplitude * wave).clamp(low, high)
            met = self.door.ask_one(rows, tried, ~found)
            example[met], found = tried[met], found | met
        self._settle(rows[found], example[found])
        lost = rows[~found & (self.attempt[rows] >= ATTEMPTS)]
        known = self.door.distance[lost].isfinite()
        self.closed[lost[~known]] = True
        self.final[lost[known]] = True
        self._settle(lost[known], self.door.best[lost[known]])

    def _learn(self, rows: Tensor) -> None:
        """One block of questions; at first find the boundary near the current point, with room for probes."""
        size = self.steps.radius * self.fade[rows] * length(self.current[rows] - self.door.origin[rows], "L2")
        new = self.blocks[rows] == 0
        if bool(new.any()):
            fresh = rows[new]
            self.center[fresh] = onto(self.door, fresh, self.current[fresh], self.belief.normal(fresh), size[new])
        self.turn[rows] += 1
        streams = (self.ids * STRIDE + self.turn)[rows]
        center = self.center[rows]
        tilt = self.belief.sharpen(self.door, rows, center, streams, self.noise, size, self.block)
        self.center[rows] = center - spread(0.5 * tilt, center) * self.belief.normal(rows)
        self.blocks[rows] += 1
        most = 2 * (len(self.belief.prior) // self.block + 1)
        ready = (self.belief.doubt(rows) < self.steps.aim) | (self.blocks[rows] >= most)
        self.phase[rows[ready]] = JUMP

    def _jump(self, rows: Tensor) -> None:
        """Towards the nearest point of the believed plane; then learn again, or begin another walk."""
        old = self.far[rows].clone()
        point = race(self.door, rows, self.current[rows], self.belief.normal(rows))
        self._stand(rows, point)
        moved = 1 - self.far[rows] / old.clamp_min(1e-12)
        self.belief.forget(rows, self.steps.forget * (moved + 0.02))
        idle = moved < 0.02
        self.fade[rows] = torch.where(idle, self.fade[rows] * 0.8, self.fade[rows]).clamp_min(0.05)
        self.stale[rows] = torch.where(moved < 0.005, self.stale[rows] + 1, 0)
        self.blocks[rows], self.phase[rows] = 0, LEARN
        spent = self.door.used[rows] - self.since[rows]
        hopeless = (spent > PROBATION) & (self.far[rows] > HOPE * self.door.distance[rows])
        again = ((self.stale[rows] >= STALE) | hopeless) & ~self.final[rows]
        self.phase[rows[again]] = SEEK
