"""Interval bound propagation: the cheapest bounds, and how much of each value float32 may round away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from casemate.core.optional import require
from casemate.threats.evasion.certificates.graph import (
    Affine,
    Conv,
    Graph,
    Linear,
    Node,
    Relu,
    Reshape,
    Scale,
    Sum,
    gamma,
)
from casemate.threats.evasion.certificates.read import read

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

Box: TypeAlias = "tuple[Tensor, Tensor]"
"""Lower and upper bounds, (n, *shape) each."""


@dataclass
class Bounds:
    """What is known about the values that nodes take when the input lies in a box.

    The bounds hold for the module as float32 computes it, in any order of summation, and so for exact arithmetic too.

    Attributes:
        box: by place of a node, lower and upper bounds.
        lost: by place of an affine node or a sum, what rounding may change in it.
    """

    box: dict[int, Box]
    lost: dict[int, Tensor]


def ibp(module: Any, lower: Tensor, upper: Tensor) -> Box:
    """Bounds of the logits by interval arithmetic.

    Args:
        module: a module in evaluation mode, see :func:`casemate.threats.evasion.certificates.read.read`.
        lower: (n, *shape) lower corners of the boxes that inputs lie in.
        upper: (n, *shape) upper corners.

    Returns:
        (n, classes) lower and upper bounds, float64.

    Raises:
        TargetError: the module has a layer for which no bounds are known.

    Reference:
        Gowal et al. 2018, arXiv:1810.12715, section 3.

    Example:
        >>> layer = torch.nn.Linear(2, 2)
        >>> low, high = ibp(layer, torch.zeros(1, 2), torch.ones(1, 2))
        >>> bool((low <= layer(torch.full((1, 2), 0.5))).all())
        True
    """
    graph = read(module, tuple(lower.shape[1:]))
    bounds = Bounds({0: (lower.double(), upper.double())}, {})
    for place in range(1, len(graph.nodes)):
        spread(graph, place, bounds)
    return bounds.box[len(graph.nodes) - 1]


def spread(graph: Graph, place: int, bounds: Bounds) -> None:
    """Bound one node from the bounds of the nodes it is computed from, and note what rounding may change in it."""
    node = graph.nodes[place]
    low, high = bounds.box[node.inputs[0]]
    if isinstance(node, Relu):
        bounds.box[place] = (low.clamp_min(0), high.clamp_min(0))
    elif isinstance(node, Reshape):
        bounds.box[place] = (low.reshape(len(low), *node.shape), high.reshape(len(high), *node.shape))
    elif isinstance(node, Sum):
        other = bounds.box[node.inputs[1]]
        lost = gamma(2) * (_largest(low, high) + _largest(*other))
        bounds.lost[place] = lost
        bounds.box[place] = (low + other[0] - lost, high + other[1] + lost)
    elif isinstance(node, Linear | Conv | Scale):
        center, radius = node.value((low + high) / 2), node.absolute((high - low) / 2)
        lost = rounding(node, low, high)
        bounds.lost[place] = lost
        bounds.box[place] = (center - radius - lost, center + radius + lost)


def rounding(node: Affine, low: Tensor, high: Tensor) -> Tensor:
    """What float32 may change in an affine node whose input lies between these bounds: gamma_n (|W||x| + |b|).

    Bounds themselves are computed in float64, whose own rounding is 2^29 times smaller; 1 % on top is far more than it.
    """
    return 1.01 * gamma(node.terms) * (node.absolute(_largest(low, high)) + node.constant())


def boxes(graph: Graph, lower: Tensor, upper: Tensor) -> list[Box]:
    """Interval bounds of every node, without rounding, through which gradients flow: for training."""
    found = [(lower, upper)]
    for node in graph.nodes[1:]:
        found.append(_passed(node, found))
    return found


def _passed(node: Node, found: list[Box]) -> Box:
    low, high = found[node.inputs[0]]
    if isinstance(node, Linear | Conv | Scale):
        center, radius = node.value((low + high) / 2), node.absolute((high - low) / 2)
        return center - radius, center + radius
    if isinstance(node, Sum):
        other = found[node.inputs[1]]
        return low + other[0], high + other[1]
    if isinstance(node, Relu):
        return low.clamp_min(0), high.clamp_min(0)
    return low.reshape(len(low), *node.shape), high.reshape(len(high), *node.shape)


def _largest(low: Tensor, high: Tensor) -> Tensor:
    return torch.maximum(low.abs(), high.abs())
