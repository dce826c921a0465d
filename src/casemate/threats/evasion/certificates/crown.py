"""CROWN: bounds of every rectifier's input and of the margins, by linear relaxations carried back to the input.

Intervals come first. Only neurons whose sign they leave open are bounded again, in batches over all samples at once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from casemate.core.optional import require
from casemate.threats.evasion.certificates.backward import Problem, least
from casemate.threats.evasion.certificates.graph import Conv, Graph, Linear, Relu
from casemate.threats.evasion.certificates.intervals import Bounds, Box, spread
from casemate.threats.evasion.certificates.read import read
from casemate.threats.evasion.certificates.relaxation import Relaxation, relax
from casemate.threats.evasion.certificates.rows import Rows, Window

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

CHUNK = 1 << 19
"""Coefficients held at once in one pass: 4 MB of float64, a few times over."""


def crown(module: Any, lower: Tensor, upper: Tensor) -> Box:
    """Bounds of the logits by linear relaxation.

    Args:
        module: a module in evaluation mode, see :func:`casemate.threats.evasion.certificates.read.read`.
        lower: (n, *shape) lower corners of the boxes that inputs lie in.
        upper: (n, *shape) upper corners.

    Returns:
        (n, classes) lower and upper bounds, float64.

    Raises:
        TargetError: the module has a layer for which no bounds are known.

    Reference:
        Zhang et al. 2018, arXiv:1811.00866.

    Example:
        >>> layers = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
        >>> low, high = crown(layers, torch.zeros(1, 2), torch.ones(1, 2))
        >>> bool((low <= layers(torch.full((1, 2), 0.5))).all())
        True
    """
    graph = read(module, tuple(lower.shape[1:]))
    bounds = intermediate(graph, (lower.double(), upper.double()))
    last = len(graph.nodes) - 1
    tighten(graph, bounds, last, torch.ones_like(bounds.box[last][0], dtype=torch.bool))
    return bounds.box[last]


def intermediate(graph: Graph, box: Box, *, linear: bool = True) -> Bounds:
    """Bounds of every node, those of rectifiers' inputs by linear relaxation where intervals leave the sign open.

    Args:
        graph: in float64.
        box: (n, *shape) float64 corners.
        linear: False stops at intervals.
    """
    bounds = Bounds({0: box}, {})
    wanted = set(graph.rectified) if linear else set()
    for place in range(1, len(graph.nodes)):
        spread(graph, place, bounds)
        if place in wanted and not _exact(graph, place):
            low, high = bounds.box[place]
            tighten(graph, bounds, place, (low < 0) & (high > 0))
    return bounds


def lines_of(graph: Graph, bounds: Bounds) -> dict[int, Relaxation]:
    """Lines for every rectifier whose input has bounds."""
    return {place: relax(bounds.box[place]) for place in graph.rectified if place in bounds.box}


def tighten(graph: Graph, bounds: Bounds, place: int, chosen: Tensor) -> None:
    """Bound the chosen neurons of one node by linear relaxation, and keep what is better than what was known.

    Args:
        graph: in float64.
        bounds: of all earlier nodes and this one; changed.
        place: of the node.
        chosen: (n, *shape) flags.
    """
    low, high = bounds.box[place]
    lines = lines_of(Graph(graph.nodes[:place]), bounds)
    whole = Problem(graph, bounds.box[0], lines, bounds.lost)
    which = chosen.nonzero()
    if windowed(graph, place):
        groups = [(whole, part) for part in torch.split(which, _at_once(graph, place))]
    else:  # rows of one sample share its lines, which then need not be copied for each of them
        groups = [
            (of_sample(whole, sample), part)
            for sample in sorted(set(which[:, 0].tolist()))
            for part in torch.split(which[which[:, 0] == sample], _at_once(graph, place))
        ]
    for problem, part in groups:
        at = tuple(part.T)
        rows = select(graph, place, part)
        if problem is not whole:
            rows = Rows(rows.a, None)
        floor = least(problem, place, rows)
        ceiling = -least(problem, place, Rows(-rows.a, rows.owner, rows.window))
        low[at] = torch.maximum(low[at], floor)
        high[at] = torch.minimum(high[at], ceiling)


def of_sample(problem: Problem, sample: int) -> Problem:
    """The problem of one sample."""
    own = slice(sample, sample + 1)
    lines = {at: Relaxation(each.low[own], each.high[own], each.shift[own]) for at, each in problem.lines.items()}
    lost = {at: each[own] for at, each in problem.lost.items()}
    return Problem(problem.graph, (problem.box[0][own], problem.box[1][own]), lines, lost)


def select(graph: Graph, place: int, which: Tensor) -> Rows:
    """One row for each neuron, given as (r, 1 + dimensions) indices: sample first."""
    shape = graph.nodes[place].shape
    count = torch.arange(len(which))
    if windowed(graph, place):
        a = torch.zeros(len(which), shape[0], 1, 1, dtype=torch.float64)
        a[count, which[:, 1]] = 1.0
        return Rows(a, which[:, 0], Window(which[:, 2:], (1, 1), (0, 0)))
    a = torch.zeros(len(which), *shape, dtype=torch.float64)
    a[(count, *which[:, 1:].T)] = 1.0
    return Rows(a, which[:, 0])


def windowed(graph: Graph, place: int) -> bool:
    """Whether all nodes before this one are maps, undilated, so that rows can be windows."""
    before = [graph.nodes[each] for each in ancestors(graph, place)]
    return all(
        len(node.shape) == 3 and (not isinstance(node, Conv) or node.dilation == (1, 1))
        for node in [*before, graph.nodes[place]]
    )


def ancestors(graph: Graph, place: int) -> list[int]:
    """Places of all nodes that a node is computed from."""
    found: set[int] = set()
    waiting = list(graph.nodes[place].inputs)
    while waiting:  # each node is expanded once, when it is found
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting.extend(graph.nodes[each].inputs)
    return sorted(found)


def _exact(graph: Graph, place: int) -> bool:
    """Whether intervals are exact already: one product at most, and no rectifier, before this node."""
    nodes = [graph.nodes[each] for each in [*ancestors(graph, place), place]]
    mixing = sum(isinstance(node, Linear | Conv) for node in nodes)
    forks = any(len(node.inputs) > 1 for node in nodes)
    return mixing <= 1 and not forks and not any(isinstance(node, Relu) for node in nodes)


def _at_once(graph: Graph, place: int) -> int:
    sizes = [math.prod(graph.nodes[each].shape) for each in ancestors(graph, place)]
    largest = max(sizes) if not windowed(graph, place) else max(sizes) // 4
    return max(16, CHUNK // largest)
