"""HopSkipJump: estimate the normal from the answers to random probes, step along it, bisect back to the boundary.

Reference:
    Chen, Jordan and Wainwright 2020, "HopSkipJumpAttack: a query-efficient decision-based attack", algorithm 2
    (arXiv 1904.02144): B_t = B_0 sqrt(t) probes of length sqrt(d) theta ||x_t - x||, baseline subtracted, step
    ||x_t - x|| / sqrt(t) halved until it is an example, theta = d^(-3/2) in L2 and d^(-2) in Linf.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.threats.evasion.balls import spread
from casemate.threats.evasion.decisions.door import Door
from casemate.threats.evasion.decisions.moves import bisect
from casemate.threats.evasion.decisions.survey import STRIDE
from casemate.threats.evasion.noise import Noise
from casemate.threats.evasion.norms.measures import length

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

ATTEMPTS = 100
"""Uniformly random images tried as a start."""
HALVINGS = 20
"""Of a step; what is still no example then is not taken."""


def hop_skip_jump(door: Door, ids: Tensor, starts: Tensor | None, seed: int, first: int, part: int) -> None:
    """Ask until every budget is spent. Ends: each round asks about every sample that has an example.

    Args:
        door: to the target.
        ids: (n,) numbers of the samples.
        starts: (n, ...) or None.
        seed: of the attack.
        first: probes of the first round.
        part: probes asked about at once.
    """
    noise, count, size = Noise(seed, "hop-skip-jump"), len(ids), door.origin[0].numel()
    rows = torch.arange(count)
    found = torch.zeros(count, dtype=torch.bool)
    if starts is not None:
        found = door.ask_one(rows, starts)
    current = door.origin.clone() if starts is None else starts.clone()
    low, high = door.target.bounds
    for attempt in range(ATTEMPTS):
        lost = (~found & (door.left > 0)).nonzero()[:, 0]
        if not len(lost):
            break
        drawn = torch.from_numpy(noise.uniform(ids[lost].numpy(), door.origin.shape[1:], attempt))
        tried = drawn * (high - low) + low
        met = door.ask_one(lost, tried)
        current[lost[met]] = tried[met]
        found[lost[met]] = True
    rows = found.nonzero()[:, 0]
    theta = size**-1.5 if door.norm == "L2" else size**-2.0
    halvings = math.ceil(math.log2(1 / theta))
    turn = 0
    while len(rows):
        turn += 1
        point = bisect(door, rows, current[rows], halvings)
        far = length(point - door.origin[rows], door.norm)
        reach = far * (theta * math.sqrt(size) if door.norm == "L2" else theta * size)
        reach = 0.1 * (high - low) * torch.ones_like(far) if turn == 1 else reach
        slope = _estimate(door, rows, point, ids, noise, turn, int(first * math.sqrt(turn)), reach, part)
        push = slope.sign() if door.norm == "Linf" else slope
        step, met, moved = far / math.sqrt(turn), torch.zeros(len(rows), dtype=torch.bool), point.clone()
        for _ in range(HALVINGS):
            tried = (point + spread(step, point) * push).clamp(low, high)
            now = door.ask_one(rows, tried, ~met)
            moved[now], met = tried[now], met | now
            step = step / 2
            if bool(met.all()):
                break
        current[rows] = moved
        rows = rows[door.left[rows] > 0]


def _estimate(
    door: Door,
    rows: Tensor,
    point: Tensor,
    ids: Tensor,
    noise: Noise,
    turn: int,
    probes: int,
    reach: Tensor,
    part: int,
) -> Tensor:
    """(r, ...) unit normals: probes weighed by their answers, the mean answer subtracted."""
    low, high = door.target.bounds
    sums, weighed, answers = torch.zeros_like(point), torch.zeros_like(point), torch.zeros(len(rows))
    for start in range(0, probes, part):
        block = min(part, probes - start)
        streams = (ids[rows] * STRIDE + turn).numpy()
        drawn = noise.uniform(streams, (2, block, *point.shape[1:]), ATTEMPTS + start)
        pair = torch.from_numpy(drawn)
        normal = (-2 * (1 - pair[:, 0]).log()).sqrt() * (2 * math.pi * pair[:, 1]).cos()  # Box and Muller 1958
        normal = normal / spread(normal.flatten(2).norm(dim=2).flatten(), normal.flatten(0, 1)).reshape(
            len(rows), block, *[1] * (point.ndim - 1)
        )
        tried = (point[:, None] + spread(reach, normal) * normal).clamp(low, high)
        probe = (tried - point[:, None]) / spread(reach, normal)
        sign = torch.where(door.ask(rows, tried), 1.0, -1.0)
        sums += probe.sum(1)
        weighed += (
            spread(sign.flatten(), probe.flatten(0, 1)).reshape(*sign.shape, *[1] * (point.ndim - 1)) * probe
        ).sum(1)
        answers += sign.sum(1)
    mean = answers / probes
    one_sided = mean.abs() >= 1
    slope = weighed - spread(torch.where(one_sided, 0.0, mean), sums) * sums
    return slope / spread(slope.flatten(1).norm(dim=1), slope).clamp_min(1e-12)
