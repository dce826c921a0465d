"""Walks that begin at inputs of other classes, brought into the ball.

A projection onto data, or an answer computed from the input itself, leaves the way out of an input flat or uphill; the
way back from the other side shows where it lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from casemate.threats.evasion.masking.probes import Probe
else:
    torch = require("torch", extra="torch")

NEIGHBORS, PATIENCE = 8, 20
"""Inputs of other classes that are started from, and steps from each."""


def foreign(probe: Probe, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Which (m,) of the rows turn, confirmed, and (m, ...) where, starting from their nearest foreign inputs."""
    broken = torch.zeros(len(rows), dtype=torch.bool)
    found = probe.inputs[rows].clone()
    for rank in range(NEIGHBORS):
        others = (probe.labels[None] != probe.labels[rows][:, None]).sum(1)
        open_ = (~broken & (others > rank)).nonzero()[:, 0]
        if not len(open_):
            break
        met, moved = _walk(probe, rows[open_], rank)
        found[open_[met]], broken[open_[met]] = moved[met], True
    fooled = probe.target.confirm(found)
    return broken & (fooled.argmax(1) != probe.labels[rows]) & fooled.isfinite().all(1), found


def _walk(probe: Probe, rows: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """(r,) whether and (r, ...) where (r,) samples turn, starting from their ``rank``-th nearest foreign input."""
    origin, labels = probe.inputs[rows], probe.labels[rows]
    far = torch.cdist(origin.flatten(1), probe.inputs.flatten(1))
    far[probe.labels[None] == labels[:, None]] = float("inf")
    start = far.argsort(dim=1)[:, rank]
    goals, bounds = probe.labels[start], probe.target.bounds
    current = probe.ball.project(probe.inputs[start], origin, bounds)
    met, best = torch.zeros(len(rows), dtype=torch.bool), current.clone()

    def lead(logits: Tensor) -> Tensor:
        return (logits.gather(1, goals[:, None]) - logits.gather(1, labels[:, None]))[:, 0]

    for step in range(PATIENCE):
        logits, _, slope = probe.target.gradient(current, lead)
        now = (logits.argmax(1) != labels) & ~met
        best[now], met = current[now], met | now
        pace = probe.ball.eps * (1 - step / PATIENCE) / 4
        current = probe.ball.project(current + pace * probe.ball.ascent(slope), origin, bounds)
    return met, best
