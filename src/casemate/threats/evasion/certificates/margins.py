"""Margins: how far the true logit stays above another one, at least, wherever the input lies in its box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from casemate.core.optional import require
from casemate.threats.evasion.certificates.backward import Problem, Trace, least
from casemate.threats.evasion.certificates.crown import intermediate, lines_of
from casemate.threats.evasion.certificates.graph import Graph, Linear
from casemate.threats.evasion.certificates.intervals import Bounds
from casemate.threats.evasion.certificates.read import read
from casemate.threats.evasion.certificates.rows import Rows
from casemate.threats.evasion.certificates.slopes import Pair, ascend, at_once

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

Method: TypeAlias = Literal["ibp", "crown", "alpha-crown"]
STEPS = 20


def margins(
    module: Any, lower: Tensor, upper: Tensor, labels: Tensor, method: Method = "crown", *, steps: int = STEPS
) -> Tensor:
    """Lower bounds of every margin, logit of the label minus logit of another class.

    Each method's bounds are at least those of the one before it.

    Args:
        module: a module in evaluation mode, see :func:`casemate.threats.evasion.certificates.read.read`.
        lower: (n, *shape) lower corners of the boxes that inputs lie in.
        upper: (n, *shape) upper corners.
        labels: (n,) codes.
        method: "ibp", "crown" or "alpha-crown".
        steps: of alpha-crown.

    Returns:
        (n, classes) float64; infinite at the label itself. They hold for the module as float32 computes it.

    Raises:
        TargetError: the module has a layer for which no bounds are known.

    Example:
        >>> layers = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
        >>> corners, labels = (torch.zeros(4, 2), torch.ones(4, 2)), torch.tensor([0, 1, 0, 1])
        >>> loose, tight = (margins(layers, *corners, labels, method) for method in ("ibp", "crown"))
        >>> bool((tight >= loose).all())
        True
    """
    graph = read(module, tuple(lower.shape[1:]))
    bounds = intermediate(graph, (lower.double(), upper.double()), linear=method != "ibp")
    found = by_intervals(graph, bounds, labels)
    if method == "ibp":
        return found
    wanted = others(labels, graph.classes)
    found[wanted] = torch.maximum(found[wanted], by_lines(graph, bounds, labels, wanted)[0])
    if method == "alpha-crown":
        found[wanted] = torch.maximum(found[wanted], by_slopes(Pair.of(graph), bounds, labels, wanted, steps))
    return found


def others(labels: Tensor, classes: int) -> Tensor:
    """(n, classes) flags: every class but the label."""
    return torch.arange(classes)[None] != labels[:, None]


def differences(labels: Tensor, which: Tensor, classes: int) -> Tensor:
    """(r, classes) the margins of (r, 2) pairs of sample and other class, as functions of the logits."""
    rows = torch.zeros(len(which), classes, dtype=torch.float64)
    count = torch.arange(len(which))
    rows[count, labels[which[:, 0]]] = 1.0
    rows[count, which[:, 1]] = -1.0
    return rows


def by_intervals(graph: Graph, bounds: Bounds, labels: Tensor) -> Tensor:
    """(n, classes) margins from bounds of the logits, or of what the last linear layer is computed from."""
    place = len(graph.nodes) - 1
    last = graph.nodes[place]
    low, high = bounds.box[place]
    found = low.gather(1, labels[:, None]) - high
    if isinstance(last, Linear):
        low, high = bounds.box[last.inputs[0]]
        weight, bias = (each[labels][:, None] - each[None] for each in (last.weight, last.bias))
        center, radius = (low + high) / 2, (high - low) / 2
        merged = (weight * center[:, None]).sum(2) - (weight.abs() * radius[:, None]).sum(2) + bias
        lost = bounds.lost[place]
        found = torch.maximum(found, merged - lost - lost.gather(1, labels[:, None]))
    return found.scatter(1, labels[:, None], torch.inf)


def by_lines(graph: Graph, bounds: Bounds, labels: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Margins, by linear relaxation, of the pairs of sample and class flagged in ``wanted``.

    Returns:
        (r,) bounds, and (r, *shape) the input's coefficients in them.
    """
    problem = Problem(graph, bounds.box[0], lines_of(graph, bounds), bounds.lost)
    boxes = {at: bounds.box[at] for at in graph.rectified}
    found, slopes = [], []
    for part in torch.split(wanted.nonzero(), at_once(boxes)):
        trace = Trace()
        rows = Rows(differences(labels, part, graph.classes), part[:, 0])
        found.append(least(problem, len(graph.nodes) - 1, rows, trace))
        slopes.append(trace.input)
    return torch.cat(found), torch.cat(slopes)


def by_slopes(
    pair: Pair, bounds: Bounds, labels: Tensor, wanted: Tensor, steps: int, goal: float | None = None
) -> Tensor:
    """(r,) margins with optimized slopes; the ascent ends when all are above the goal."""
    boxes = {at: bounds.box[at] for at in pair.exact.rectified}
    found = []
    for part in torch.split(wanted.nonzero(), at_once(boxes)):
        rows = Rows(differences(labels, part, pair.exact.classes), part[:, 0])
        last = len(pair.exact.nodes) - 1
        found.append(ascend(pair, last, rows, bounds.box[0], boxes, bounds.lost, steps=steps, goal=goal).bound)
    return torch.cat(found)
