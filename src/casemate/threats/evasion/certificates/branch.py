"""Branch and bound: a rectifier whose sign is open is split into its two halves, which are both linear.

The state of one sample is a heap of open domains. A domain is a margin to prove (which other class) and a set of
splits; its bound holds for all inputs in the box that obey the splits. The domain with the lowest bound is always split
next, into two whose union it is, so at every moment the lowest bound in the heap, with those already proven, is a sound
bound of the margin. A domain whose bound is above zero is proven and dropped. The search ends when the heap is empty
(certified), when an input is found that the module itself answers with another class, when no rectifier is open in the
lowest domain (which gets one long ascent first), or when the time or the number of domains is used up; each turn splits
at least one rectifier of a domain, and there are finitely many.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.threats.evasion.certificates.backward import Problem, least
from casemate.threats.evasion.certificates.intervals import Bounds, Box
from casemate.threats.evasion.certificates.layout import Layout
from casemate.threats.evasion.certificates.relaxation import relax
from casemate.threats.evasion.certificates.rows import Rows
from casemate.threats.evasion.certificates.slopes import Found, Pair, ascend

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

POLISH = 200
"""Steps for a domain in which no rectifier is open: its bound is a linear program, and the ascent solves it."""


@dataclass(order=True)
class Domain:
    """A part of one sample's box in which one margin is still to be proven.

    Attributes:
        bound: of the margin.
        number: of its making; the earlier goes first among equals.
        other: which margin, a row of the margins given.
        signs: (t,) int8 splits over all rectifiers.
        slopes, pulls: (t,) float16, where to begin.
        likely: rectifiers worth splitting, best first; none when all are decided.
        polished: a long ascent has been made; nothing more can be done for a domain without open rectifiers.
    """

    bound: float
    number: int
    other: int = field(compare=False)
    signs: Tensor = field(compare=False)
    slopes: Tensor = field(compare=False)
    pulls: Tensor = field(compare=False)
    likely: list[int] = field(compare=False)
    polished: bool = field(compare=False, default=False)


@dataclass(frozen=True)
class Search:
    """How branch and bound spends its time.

    Attributes:
        seconds: CPU time for one sample.
        domains: most domains bounded for one sample.
        open: most domains kept; beyond it the search ends, so that memory is bounded.
        batch: domains bounded at once.
        steps: of the ascent in each batch.
        tried: rectifiers tried in earnest before one is chosen.
    """

    seconds: float = 60.0
    domains: int = 1_000_000
    open: int = 16_384
    batch: int = 64
    steps: int = 10
    tried: int = 4


@dataclass
class Outcome:
    """What a search left.

    Attributes:
        bound: of the smallest margin, sound.
        example: (*shape) an input answered with another class, or None.
        domains: bounded.
    """

    bound: float
    example: Tensor | None
    domains: int


def branch(
    pair: Pair,
    bounds: Bounds,
    margins: Tensor,
    broken: Callable[[Tensor], Tensor | None],
    how: Search,
) -> Outcome:
    """Bound the smallest margin of one sample.

    Args:
        pair: the network.
        bounds: of the sample's nodes, with a batch dimension of 1.
        margins: (m, classes) float64, one linear function of the logits a row.
        broken: given (n, *shape) candidates, one that the module answers wrongly, or None.
        how: time and size.

    Reference:
        Wang et al. 2021, arXiv:2103.06624 (beta-CROWN); the choice of rectifiers follows De Palma et al. 2021,
        arXiv:2104.06718 (filtered smart branching).
    """
    tree = _Tree(pair, bounds, margins, how)
    until = time.process_time() + how.seconds
    found = tree.bound(torch.arange(len(margins)), None, steps=3 * how.steps)
    if (example := broken(tree.worst(found))) is not None:
        return Outcome(float(found.bound.min()), example, tree.count)
    tree.keep(torch.arange(len(margins)), torch.full((len(margins),), -torch.inf, dtype=torch.float64), found)
    while tree.heap:
        spent = time.process_time() >= until or tree.count >= how.domains or len(tree.heap) >= how.open
        leaf = not tree.heap[0].likely
        if spent or (leaf and tree.heap[0].polished):
            break
        children = tree.leaves() if leaf else tree.split(tree.take())
        floor = torch.tensor([each.bound for each in children], dtype=torch.float64)
        others = torch.tensor([each.other for each in children])
        found = tree.bound(others, children, steps=POLISH if leaf else how.steps)
        if (example := broken(tree.worst(found))) is not None:
            return Outcome(tree.least(float(floor.min())), example, tree.count)
        tree.keep(others, floor, found, polished=leaf)
    return Outcome(tree.least(), None, tree.count)


class _Tree:
    """The open domains of one sample."""

    def __init__(self, pair: Pair, bounds: Bounds, margins: Tensor, how: Search) -> None:
        self.pair, self.margins, self.how = pair, margins, how
        self.place = len(pair.exact.nodes) - 1
        self.input, self.lost = bounds.box[0], bounds.lost
        self.boxes: dict[int, Box] = {at: bounds.box[at] for at in pair.exact.rectified}
        self.layout = Layout.of(pair.exact)
        self.heap: list[Domain] = []
        self.numbers = itertools.count()
        self.proven = float("inf")
        self.count = 0
        self.signs = torch.empty(0)

    def bound(self, others: Tensor, domains: list[Domain] | None, *, steps: int) -> Found:
        """Bound one margin a row within its domain."""
        count = len(others)
        if domains is None:
            self.signs = torch.zeros(count, self.layout.size, dtype=torch.int8)
            slopes = None
            pulls = self.layout.unpack(torch.zeros(count, self.layout.size))
        else:
            self.signs = torch.stack([each.signs for each in domains])
            slopes = self.layout.unpack(torch.stack([each.slopes for each in domains]).float())
            pulls = self.layout.unpack(torch.stack([each.pulls for each in domains]).float())
        signs = self.layout.unpack(self.signs)
        boxes = {at: halved(self.boxes[at], signs[at]) for at in self.boxes}
        self.count += count
        return ascend(
            self.pair,
            self.place,
            Rows(self.margins[others], None),
            self.input,
            boxes,
            self.lost,
            steps=steps,
            goal=0.0,
            slopes=slopes,
            signs=signs,
            pulls=pulls,
        )

    def worst(self, found: Found) -> Tensor:
        """(r, *shape) inputs at which the linear bounds are lowest."""
        return torch.where(found.trace.input > 0, self.input[0], self.input[1])

    def keep(self, others: Tensor, floor: Tensor, found: Found, *, polished: bool = False) -> None:
        """Put the domains that are not proven on the heap."""
        bound = torch.maximum(found.bound, floor)
        slopes = self.layout.pack(found.slopes).clamp(0, 1).half()
        pulls = self.layout.pack(found.pulls).clamp_max(60_000).half()
        likely = self.likely(found)
        for row, value in enumerate(bound.tolist()):
            if value > 0:
                self.proven = min(self.proven, value)
                continue
            domain = Domain(
                value,
                next(self.numbers),
                int(others[row]),
                self.signs[row].clone(),
                slopes[row].clone(),
                pulls[row].clone(),
                likely[row],
                polished,
            )
            heapq.heappush(self.heap, domain)

    def least(self, floor: float = float("inf")) -> float:
        """The sound bound at this moment."""
        return min(self.proven, floor, self.heap[0].bound if self.heap else self.proven)

    def take(self) -> list[Domain]:
        """The lowest domains that can be split, at most half a batch."""
        taken = [heapq.heappop(self.heap)]
        while self.heap and len(taken) < self.how.batch // 2 and self.heap[0].likely:
            taken.append(heapq.heappop(self.heap))
        return taken

    def leaves(self) -> list[Domain]:
        """The lowest domains, as far as they have no open rectifier and were not polished, at most a batch."""
        taken = [heapq.heappop(self.heap)]
        while self.heap and len(taken) < self.how.batch and not (self.heap[0].likely or self.heap[0].polished):
            taken.append(heapq.heappop(self.heap))
        return taken

    def likely(self, found: Found) -> list[list[int]]:
        """By row, open rectifiers whose relaxation costs the bound most."""
        signs = self.layout.unpack(self.signs)
        cost = {}
        for at, held in found.trace.rectifiers.items():
            low, high = halved(self.boxes[at], signs[at])
            open_ = (low < 0) & (high > 0)
            lines = relax((low, high), found.slopes[at].double())
            below = torch.maximum(-low * lines.low, high * (1 - lines.low))
            value = held.a.clamp_max(0).abs() * lines.shift + 0.2 * held.a.clamp_min(0) * below
            cost[at] = torch.where(open_, value + 1e-9, 0.0)
        packed = self.layout.pack(cost)
        value, which = packed.topk(min(2 * self.how.tried, packed.shape[1]), dim=1)
        return [
            [index for index, good in zip(row, values, strict=True) if good > 0]
            for row, values in zip(which.tolist(), value.tolist(), strict=True)
        ]

    def split(self, parents: list[Domain]) -> list[Domain]:
        """Both halves of every parent, or more where there are few parents and the batch has room."""
        room = max(1, (self.how.batch // len(parents)).bit_length() - 1)
        made = []
        for parent, ranked in zip(parents, self.rank(parents), strict=True):
            chosen = ranked[: min(room, 3)]
            for combination in itertools.product((1, -1), repeat=len(chosen)):
                signs = parent.signs.clone()
                signs[chosen] = torch.tensor(combination, dtype=torch.int8)
                made.append(Domain(parent.bound, 0, parent.other, signs, parent.slopes, parent.pulls, parent.likely))
        return made

    @torch.no_grad()
    def rank(self, parents: list[Domain]) -> list[list[int]]:
        """By parent, its likely rectifiers in the order of what splitting them really gives."""
        tried = [parent.likely[: self.how.tried] for parent in parents]
        at = torch.tensor([row for row, each in enumerate(tried) for _ in each for _ in (0, 1)])
        which = torch.tensor([index for each in tried for index in each for _ in (0, 1)])
        signs = torch.stack([each.signs for each in parents])[at]
        signs[torch.arange(len(at)), which] = torch.tensor([1, -1], dtype=torch.int8).repeat(len(at) // 2)
        slopes = self.layout.unpack(torch.stack([each.slopes for each in parents])[at].float())
        pulls = self.layout.unpack(torch.stack([each.pulls for each in parents])[at].float())
        others = torch.tensor([each.other for each in parents])[at]
        by_place = self.layout.unpack(signs)
        corners = (self.input[0].float(), self.input[1].float())
        lines, split = {}, {}
        for place, (low, high) in self.boxes.items():
            box = halved((low.float(), high.float()), by_place[place])
            lines[place] = relax(box, slopes[place], own=True)
            split[place] = -by_place[place] * pulls[place]
        problem = Problem(self.pair.fast, corners, lines, {}, split)
        values = least(problem, self.place, Rows(self.margins[others].float(), None)).reshape(-1, 2)
        # The weaker half counts; the stronger one breaks ties. Beyond zero nothing more is gained.
        merit = (values.clamp_max(0).amin(1) + 0.1 * values.clamp_max(0).amax(1)).tolist()
        ranked, start = [], 0
        for each in tried:
            own = merit[start : start + len(each)]
            start += len(each)
            ranked.append([index for _, index in sorted(zip(own, each, strict=True), key=lambda pair: -pair[0])])
        return ranked


def halved(box: Box, signs: Tensor) -> Box:
    """Bounds under splits: at least 0 where the sign is +1, at most 0 where it is -1."""
    low, high = box
    return torch.where(signs > 0, low.clamp_min(0), low), torch.where(signs < 0, high.clamp_max(0), high)
