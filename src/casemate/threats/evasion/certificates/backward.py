"""Linear bounds, carried back from any node to the input.

A lower bound of c . z is rewritten node by node: through an affine node exactly (less what float32 may round away in
it), through a rectifier by the line below it where the coefficient is positive and the line above it where it is
negative. At the input the smallest value over the box is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.threats.evasion.certificates.graph import Conv, Graph, Linear, Relu, Reshape, Scale, Sum
from casemate.threats.evasion.certificates.intervals import Box
from casemate.threats.evasion.certificates.relaxation import Relaxation
from casemate.threats.evasion.certificates.rows import Rows

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


@dataclass(frozen=True)
class Problem:
    """A network, a box for each sample, and lines for its rectifiers.

    Attributes:
        graph: the network.
        box: (n, *shape) lower and upper corners.
        lines: by place of a node that goes into a rectifier.
        lost: by place, what float32 may change there, (n, *shape); empty when exact arithmetic is meant.
        split: by place of a node that goes into a rectifier, (r, *shape) what is added to the coefficients of that
            node: multipliers of the constraints that its value is at least or at most 0.
    """

    graph: Graph
    box: Box
    lines: Mapping[int, Relaxation]
    lost: Mapping[int, Tensor]
    split: Mapping[int, Tensor] = field(default_factory=dict)


@dataclass
class Trace:
    """What a pass leaves behind: rows of each rectifier's value, by place of what goes into it, and of the input."""

    rectifiers: dict[int, Rows] = field(default_factory=dict)
    input: Tensor = field(default_factory=lambda: torch.empty(0))


def least(problem: Problem, place: int, rows: Rows, trace: Trace | None = None) -> Tensor:
    """(r,) lower bounds of linear functions of one node's value.

    Args:
        problem: where the input lies and how rectifiers are bounded.
        place: of the node.
        rows: the functions.
        trace: is filled when given.

    Reference:
        Zhang et al. 2018, arXiv:1811.00866, theorem 3.2; the multipliers are those of Wang et al. 2021,
        arXiv:2103.06624, theorem 3.1.
    """
    graph = problem.graph
    waiting: dict[int, Rows] = {place: rows}
    total = rows.a.new_zeros(len(rows.a))
    for at in range(place, 0, -1):
        held = waiting.pop(at, None)
        if held is None:
            continue
        node = graph.nodes[at]
        if isinstance(node, Linear | Conv | Scale | Sum) and at in problem.lost:
            held = held.inside(node) if isinstance(node, Conv) else held
            total = total - _abs_dot(held, problem.lost[at])
        if isinstance(node, Linear | Conv | Scale):
            back, shift = held.through(node)
            total = total + shift
        elif isinstance(node, Relu):
            if trace is not None:
                trace.rectifiers[node.inputs[0]] = Rows(held.a.detach(), held.owner, held.window)
            back, shift = _through_relu(held, problem.lines[node.inputs[0]])
            total = total + shift
            if node.inputs[0] in problem.split:
                back = Rows(back.a + problem.split[node.inputs[0]], back.owner, back.window)
        elif isinstance(node, Reshape):
            back = Rows(held.a.reshape(len(held.a), *graph.nodes[node.inputs[0]].shape), held.owner)
        else:
            back = held
        for source in node.inputs:
            waiting[source] = waiting[source].plus(back) if source in waiting else back
    last = waiting[0]
    if trace is not None:
        trace.input = last.a.detach()
    low, high = problem.box
    return total + last.dot(last.see((low + high) / 2)) - _abs_dot(last, (high - low) / 2)


def _through_relu(rows: Rows, lines: Relaxation) -> tuple[Rows, Tensor]:
    low, high, shift = (each if lines.own else rows.see(each) for each in (lines.low, lines.high, lines.shift))
    negative = rows.a.clamp_max(0)
    back = torch.where(rows.a >= 0, low, high) * rows.a
    return Rows(back, rows.owner, rows.window), (negative * shift).flatten(1).sum(1)


def _abs_dot(rows: Rows, values: Tensor) -> Tensor:
    return (rows.a.abs() * rows.see(values)).flatten(1).sum(1)
