"""Fewer changed coordinates, by forward passes alone: those that stay go to the edge, those that can go are taken back.

In L0 the size of a change is free, so an example loses nothing when each of its changes goes all the way; and with the
lead that this gives, some changes are no longer needed. They are taken back one at a time, each time the one that
costs least.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.targets.differentiable import Scored
from casemate.threats.evasion.balls import spread
from casemate.threats.evasion.criteria import Criterion

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

WIDEST = 64
"""Examples with more changes are left as they are: each round asks about every change."""
TINY = 1e-12
"""Ties of the two best classes are examples too, where the model answers with the wrong one."""
ROUNDS = 16
"""Changes taken back at most."""


def pruned(target: Scored, origin: Tensor, example: Tensor, labels: Tensor, *, criterion: Criterion) -> Tensor:
    """(n, ...) examples with as many changed coordinates as those given, or fewer.

    Args:
        target: asked about candidates.
        origin: (n, ...) inputs.
        example: (n, ...) examples of theirs.
        labels: (n,) right, or wanted, classes.
        criterion: what makes an example.
    """
    low, high = target.bounds
    edge = torch.where(example > origin, high, low).to(example.dtype)
    pushed = torch.where(example == origin, origin, edge)
    met = criterion.met(target.logits(pushed), labels)
    current = torch.where(spread(met, example), pushed, example).clone()
    flat, home = current.flatten(1), origin.flatten(1)
    open_ = (flat != home).sum(1) <= WIDEST
    for _ in range(ROUNDS):
        rows, places = ((flat != home) & open_[:, None]).nonzero(as_tuple=True)
        if not len(rows):
            break
        leads = torch.empty(len(rows))
        for part in torch.split(torch.arange(len(rows)), target.batch):
            row, place = rows[part], places[part]
            tried = flat[row]
            tried[torch.arange(len(part)), place] = home[row, place]
            logits = target.logits(tried.reshape(-1, *origin.shape[1:]))
            lead = criterion.lead(logits, labels[row]).clamp_min(TINY)
            leads[part] = torch.where(criterion.met(logits, labels[row]), lead, -float("inf"))
        best = torch.full((len(flat),), -float("inf")).scatter_reduce(0, rows, leads, "amax")
        open_ &= best > 0
        chosen = (leads == best[rows]) & open_[rows]
        taken = torch.full((len(flat),), -1).scatter_reduce(0, rows[chosen], places[chosen], "amax")
        some = (taken >= 0).nonzero()[:, 0]
        flat[some, taken[some]] = home[some, taken[some]]
    return flat.reshape(origin.shape)
