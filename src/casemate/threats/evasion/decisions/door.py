"""The only way from a decision-based attack to its target: every query counted, the nearest example remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.targets.differentiable import Scored
from casemate.threats.evasion.criteria import Criterion
from casemate.threats.evasion.norms.measures import Norm, length

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


class Door:
    """Asks about many samples at once; each has its own budget, and its n-th query does not depend on the others.

    Args:
        target: answers; only the best class is looked at.
        criterion: what counts as an example.
        norm: of distances.
        origin: (n, ...) inputs.
        labels: (n,) their classes, or the wanted ones.
        points: query counts at which the nearest example is kept; the last is the budget.

    Attributes:
        used: (n,) queries spent.
        best, distance: (n, ...) and (n,) the nearest example so far; infinitely far before the first.
        best_at, distance_at: (n, points, ...) and (n, points) the nearest found within so many queries.
    """

    def __init__(
        self,
        target: Scored,
        criterion: Criterion,
        norm: Norm,
        origin: Tensor,
        labels: Tensor,
        points: tuple[int, ...],
    ) -> None:
        self.target, self.criterion, self.norm = target, criterion, norm
        self.origin, self.labels, self.points = origin, labels, tuple(sorted(points))
        count = len(origin)
        self.used = torch.zeros(count, dtype=torch.int64)
        self.best, self.distance = origin.clone(), torch.full((count,), float("inf"))
        self.best_at = torch.stack([origin] * len(points), 1)
        self.distance_at = torch.full((count, len(points)), float("inf"))

    @property
    def left(self) -> Tensor:
        """(n,) queries left."""
        return self.points[-1] - self.used

    def ask(self, rows: Tensor, candidates: Tensor, wanted: Tensor | None = None) -> Tensor:
        """(r, m) whether candidates are examples; those beyond the budget, or not wanted, are not asked: no.

        Args:
            rows: (r,) which samples are asked about, each at most once.
            candidates: (r, m, ...), moved into the box and rounded as they arrive before they are asked.
            wanted: (r, m) which to ask; all if not given.
        """
        arriving = self.target.quantized(candidates.clamp(*self.target.bounds))
        asked = torch.ones(arriving.shape[:2], dtype=torch.bool) if wanted is None else wanted.clone()
        rank = self.used[rows][:, None] + asked.cumsum(1)
        asked &= rank <= self.points[-1]
        answers = torch.zeros_like(asked)
        if bool(asked.any()):
            labels = self.labels[rows][:, None].expand(asked.shape)[asked]
            answers[asked] = self.criterion.met(self.target.logits(arriving[asked]), labels)
        self.used[rows] += asked.sum(1)
        if bool(answers.any()):
            self._remember(rows, arriving, answers, rank)
        return answers

    def ask_one(self, rows: Tensor, candidates: Tensor, wanted: Tensor | None = None) -> Tensor:
        """(r,) the same for one candidate a sample, (r, ...)."""
        return self.ask(rows, candidates[:, None], None if wanted is None else wanted[:, None])[:, 0]

    def _remember(self, rows: Tensor, arriving: Tensor, answers: Tensor, rank: Tensor) -> None:
        move = (arriving - self.origin[rows][:, None]).flatten(0, 1)
        far = length(move, self.norm).reshape(answers.shape)
        for at, most in enumerate(self.points):
            within = torch.where(answers & (rank <= most), far, float("inf"))
            nearest, place = within.min(1)
            better = (nearest < self.distance_at[rows, at]).nonzero()[:, 0]
            self.distance_at[rows[better], at] = nearest[better]
            self.best_at[rows[better], at] = arriving[better, place[better]]
        self.best, self.distance = self.best_at[:, -1], self.distance_at[:, -1]
