"""Few changed coordinates, one after another: the one that promises most goes to the edge of the box, again and again.

After an example, and where one coordinate fewer than the best was not enough, those that do least are taken back, with
some luck in it, and barred for a while; then others are sought: iterated greedy search with a tabu list.

Reference:
    Papernot et al. 2016, "The limitations of deep learning in adversarial settings", for one coordinate at a time by
    the gradient (arXiv 1511.07528); Ruiz and Stutzle 2007, "A simple and effective iterated greedy algorithm for the
    permutation flowshop scheduling problem"; Glover 1989, "Tabu search, part I".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.targets.differentiable import Differentiable
from casemate.threats.evasion.criteria import Criterion
from casemate.threats.evasion.losses import margin
from casemate.threats.evasion.noise import Noise
from casemate.threats.evasion.norms.nearest import begun, note
from casemate.threats.evasion.norms.sigma_zero import SparseSearch
from casemate.threats.evasion.pursuit import State

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

LEAST, MOST = 0.15, 0.6
"""Shares of the changes that are taken back, drawn between them."""
TENURE = 6
"""Steps for which what was taken back is barred."""


@dataclass(frozen=True)
class GreedySearch:
    """The search.

    Attributes:
        target: gives gradients.
        criterion: whose success is sought.
        steps: gradients in all.
        before: a search whose best example this one begins with, for its steps; None: at the input.
        seed: of what is taken back.
    """

    target: Differentiable
    criterion: Criterion
    steps: int = 100
    before: SparseSearch | None = None
    seed: int = 0

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At the input."""
        state = begun(origin, labels, ids) if self.before is None else self.before.begin(origin, labels, ids)
        state |= {
            "greedy": origin.clone(),
            "barred": torch.zeros_like(origin.flatten(1), dtype=torch.int64),
            "made": torch.zeros(len(origin), dtype=torch.int64),
        }
        return state

    def advance(self, state: State) -> None:
        """Look; take some back where it is time; change one more."""
        turn = int(state["made"][0])
        state["made"] += 1
        if self.before is not None and turn < self.before.steps:
            self.before.advance(state)
            if turn + 1 == self.before.steps:
                state["greedy"] = state["best"].clone()
            return
        origin, labels, current, sign = state["origin"], state["labels"], state["greedy"], self.criterion.sign
        logits, _, slope = self.target.gradient(current, lambda logits: sign * margin(logits, labels))
        met = self.criterion.met(logits, labels)
        note(state, current, met, "L0")
        low, high = self.target.bounds
        flat, home, slope = current.flatten(1).clone(), origin.flatten(1), slope.flatten(1)
        changed = flat != home
        count = changed.sum(1)
        due = met | (count + 1 >= state["distance"])
        drawn = torch.from_numpy(
            Noise(self.seed, "greedy").uniform(state["ids"].numpy(), (1 + flat.shape[1],), turn)
        ).to(flat.dtype)
        worth = torch.where(changed, slope * (flat - home) * (0.5 + drawn[:, 1:]), float("inf"))
        share = LEAST + (MOST - LEAST) * drawn[:, 0]
        back = torch.where(due, (share * count).ceil().clamp_min(1), 0)
        rank = worth.argsort(dim=1).argsort(dim=1)
        taken = changed & (rank < back[:, None])
        flat = torch.where(taken, home, flat)
        state["barred"] = torch.where(taken, turn + TENURE, state["barred"])
        up, down = slope * (high - flat), slope * (low - flat)
        gain = torch.where((flat == home) & (state["barred"] <= turn), torch.maximum(up, down), -float("inf"))
        best = gain.argmax(1, keepdim=True)
        edge = torch.where(up.gather(1, best) >= down.gather(1, best), high, low).to(flat.dtype)
        flat.scatter_(1, best, edge)
        state["greedy"] = self.target.quantized(flat.reshape(origin.shape))
