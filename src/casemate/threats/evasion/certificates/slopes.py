"""alpha- and beta-CROWN: the slopes below rectifiers, and the multipliers of splits, that give the highest bound.

Every slope in [0, 1] and every multiplier >= 0 is sound. So they are searched for in float32, by gradient ascent, and
the bound is computed once more in float64 with the best ones found: float32 proposes, float64 decides.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from casemate.core.optional import require
from casemate.threats.evasion.certificates.backward import Problem, Trace, least
from casemate.threats.evasion.certificates.crown import lines_of, select
from casemate.threats.evasion.certificates.graph import Graph
from casemate.threats.evasion.certificates.intervals import Bounds, Box
from casemate.threats.evasion.certificates.relaxation import Relaxation, relax
from casemate.threats.evasion.certificates.rows import Rows

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

ByPlace: TypeAlias = "Mapping[int, Tensor]"
RATE, FADE = 0.25, 0.95
"""Of slopes: the first step, and what is left of it after each."""
FIRST, SECOND = 0.9, 0.99
"""How long the mean of gradients and that of their squares remember."""
PULL = 0.1
"""The first step of multipliers."""
AT_ONCE = 1 << 19
"""Coefficients of all rectifiers held at once: 2 MB of float32, some twenty times over for gradients."""


@dataclass(frozen=True)
class Pair:
    """One network in two precisions: the one that decides and the one that is fast."""

    exact: Graph
    fast: Graph

    @classmethod
    def of(cls, graph: Graph) -> Pair:
        """Both from the one in float64."""
        return cls(graph, graph.to(torch.float32))


@dataclass
class Found:
    """The result of an ascent.

    Attributes:
        bound: (r,) sound lower bounds, float64.
        slopes: by place, the best lower slopes, one entry a row.
        pulls: by place, the best multipliers.
        trace: rows of the last pass in float64.
    """

    bound: Tensor
    slopes: dict[int, Tensor]
    pulls: dict[int, Tensor]
    trace: Trace


def ascend(
    pair: Pair,
    place: int,
    rows: Rows,
    box: Box,
    boxes: Mapping[int, Box],
    lost: ByPlace,
    *,
    steps: int,
    goal: float | None = None,
    slopes: ByPlace | None = None,
    signs: ByPlace | None = None,
    pulls: ByPlace | None = None,
) -> Found:
    """Raise lower bounds of linear functions of a node by better slopes and multipliers.

    Args:
        pair: the network.
        place: of the node.
        rows: the functions, float64.
        box: (r, *shape) corners of the input, row by row when ``rows`` has no owner, else sample by sample.
        boxes: bounds of the rectifiers' inputs, likewise.
        lost: what float32 may change, likewise.
        steps: of the ascent; 0 bounds once.
        goal: rows whose float32 bound is above it need no more steps.
        slopes: by place, where to begin, one entry a row.
        signs: by place, +1 where a row may assume that a rectifier's input is at least 0, -1 where at most 0, else 0.
        pulls: by place, multipliers to begin with.

    Reference:
        Xu et al. 2021, arXiv:2011.13824 (slopes); Wang et al. 2021, arXiv:2103.06624 (multipliers).
    """
    seen = _met(pair.exact, place, rows, box, boxes)
    start = {at: relax(each).low for at, each in seen.items()} if slopes is None else dict(slopes)
    zero = {at: torch.zeros_like(each, dtype=torch.float32) for at, each in (signs or {}).items()}
    found = Found(
        torch.full((len(rows.a),), -torch.inf),
        {at: each.float() for at, each in start.items()},
        dict(pulls or zero),
        Trace(),
    )
    if steps:
        _search(pair.fast, place, rows, box, seen, found, signs or {}, lost, steps, goal)
    lines = {at: relax(each, found.slopes[at].double(), own=True) for at, each in seen.items()}
    split = {at: -each * found.pulls[at].double() for at, each in (signs or {}).items()}
    found.bound = least(Problem(pair.exact, box, lines, lost, split), place, rows, found.trace)
    return found


def _met(graph: Graph, place: int, rows: Rows, box: Box, boxes: Mapping[int, Box]) -> dict[int, Box]:
    """Bounds of the rectifiers' inputs as each row meets them."""
    if rows.window is None:
        return {at: (rows.see(low), rows.see(high)) for at, (low, high) in boxes.items()}
    trace = Trace()  # how large a window is when it arrives at a rectifier, only the way there tells
    least(Problem(graph, box, {at: relax(each) for at, each in boxes.items()}, {}), place, rows, trace)
    return {at: (held.see(boxes[at][0]), held.see(boxes[at][1])) for at, held in trace.rectifiers.items()}


def _search(
    graph: Graph,
    place: int,
    rows: Rows,
    box: Box,
    seen: Mapping[int, Box],
    found: Found,
    signs: ByPlace,
    lost: ByPlace,
    steps: int,
    goal: float | None,
) -> None:
    """Gradient ascent in float32; leaves the best slopes and multipliers of each row in ``found``."""
    fast = Rows(rows.a.float(), rows.owner, rows.window)
    corners = (box[0].float(), box[1].float())
    flat = {at: relax((each[0].float(), each[1].float()), own=True) for at, each in seen.items()}
    open_ = {at: (each[0] < 0) & (each[1] > 0) for at, each in seen.items()}
    sign = {at: each.float() for at, each in signs.items()}
    slope = {at: each.clone().requires_grad_() for at, each in found.slopes.items()}
    pull = {at: each.clone().requires_grad_() for at, each in found.pulls.items()}
    climb = _Climb([(each, RATE) for each in slope.values()] + [(each, PULL) for each in pull.values()])
    best = found.bound.float()
    for step in range(steps + 1):
        lines = {
            at: Relaxation(torch.where(open_[at], slope[at], each.low), each.high, each.shift, own=True)
            for at, each in flat.items()
        }
        split = {at: -sign[at] * pull[at] for at in sign}
        bound = least(Problem(graph, corners, lines, {}, split), place, fast)
        better = bound.detach() > best
        best = torch.where(better, bound.detach(), best)
        for kept, now in ((found.slopes, slope), (found.pulls, pull)):
            for at, each in now.items():
                kept[at] = torch.where(better.reshape(-1, *[1] * (each.ndim - 1)), each.detach(), kept[at])
        if step == steps or (goal is not None and bool((best > goal).all())):
            return
        climb.step(bound.sum())
        with torch.no_grad():
            for each in slope.values():
                each.clamp_(0, 1)
            for each in pull.values():
                each.clamp_(min=0)


class _Climb:
    """Adam uphill with fading steps. torch's own takes seconds to import what it needs, and as long as a pass to start.

    Reference:
        Kingma & Ba 2015, arXiv:1412.6980, algorithm 1.
    """

    def __init__(self, variables: list[tuple[Tensor, float]]) -> None:
        self.variables = variables
        self.mean = [torch.zeros_like(each) for each, _ in variables]
        self.square = [torch.zeros_like(each) for each, _ in variables]
        self.turn = 0

    def step(self, value: Tensor) -> None:
        """One step along the gradient of ``value``."""
        slopes = torch.autograd.grad(value, [each for each, _ in self.variables], allow_unused=True)
        self.turn += 1
        grown, flat = 1 - FIRST**self.turn, 1 - SECOND**self.turn
        for (each, rate), slope, mean, square in zip(self.variables, slopes, self.mean, self.square, strict=True):
            if slope is not None:
                mean.mul_(FIRST).add_(slope, alpha=1 - FIRST)
                square.mul_(SECOND).addcmul_(slope, slope, value=1 - SECOND)
                length = rate * FADE**self.turn / grown
                with torch.no_grad():
                    each.addcdiv_(mean, (square / flat).sqrt_().add_(1e-8), value=length)


def at_once(boxes: Mapping[int, Box]) -> int:
    """Rows of one ascent, so that memory stays bounded."""
    return max(8, AT_ONCE // max(sum(low[0].numel() for low, _ in boxes.values()), 1))


def refine(pair: Pair, bounds: Bounds, place: int, steps: int, until: float = math.inf) -> None:
    """Bound the open neurons of one node again, each with slopes of its own, and keep what is better.

    Args:
        pair: the network.
        bounds: of this node and all before it; changed.
        place: of a node that goes into a rectifier.
        steps: of the ascent.
        until: reading of ``time.process_time`` after which no further neurons are begun.
    """
    low, high = bounds.box[place]
    which = ((low < 0) & (high > 0)).nonzero()
    boxes = {at: bounds.box[at] for at in lines_of(Graph(pair.exact.nodes[:place]), bounds)}
    if not len(which) or not boxes:
        return
    for part in torch.split(which, at_once(boxes)):
        if time.process_time() >= until:
            return
        at = tuple(part.T)
        for turn in (1.0, -1.0):
            rows = select(pair.exact, place, part)
            rows = Rows(turn * rows.a, rows.owner, rows.window)
            found = ascend(pair, place, rows, bounds.box[0], boxes, bounds.lost, steps=steps, goal=0.0)
            if turn > 0:
                low[at] = torch.maximum(low[at], found.bound)
            else:
                high[at] = torch.minimum(high[at], -found.bound)
