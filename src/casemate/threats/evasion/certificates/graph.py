"""A network as the few kinds of nodes that bounds are known for: affine maps, sums and rectifiers.

Every affine node knows four things: its value, its value with absolute weights and no bias (how far an error or an
interval travels), how a linear function of its output becomes one of its input, and how many terms it adds up, which
bounds what float32 may round away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional as F
else:
    torch = require("torch", extra="torch")
    F = require("torch.nn.functional", extra="torch")

Shape: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]

FLOAT32 = 2.0**-24
"""Unit roundoff of float32."""


def gamma(terms: int) -> float:
    """How much of the sum of absolute values rounding can lose when ``terms`` products are added in float32.

    It holds for every order of summation, with or without fused multiply-add.

    Reference:
        Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.1: gamma_n = n u / (1 - n u).
    """
    return terms * FLOAT32 / (1.0 - terms * FLOAT32)


@dataclass(frozen=True, eq=False)
class Node:
    """Something computed from earlier nodes.

    Attributes:
        name: the layer's name in the module, for errors.
        inputs: places of the nodes it is computed from.
        shape: of its value, without the batch.
    """

    name: str
    inputs: tuple[int, ...]
    shape: Shape


@dataclass(frozen=True, eq=False)
class Relu(Node):
    """max(x, 0), coordinate by coordinate."""


@dataclass(frozen=True, eq=False)
class Sum(Node):
    """The sum of two nodes, as residual connections have it."""


@dataclass(frozen=True, eq=False)
class Reshape(Node):
    """The same numbers in another shape."""


@dataclass(frozen=True, eq=False)
class Scale(Node):
    """factor * x + shift, coordinate by coordinate; both broadcast to the shape.

    ``offset`` bounds the terms that cancel inside ``shift`` when the layer is computed in another order.
    """

    factor: Tensor
    shift: Tensor
    offset: Tensor

    terms = 8

    def value(self, x: Tensor) -> Tensor:
        """(n, *shape) values."""
        return x * self.factor + self.shift

    def absolute(self, x: Tensor) -> Tensor:
        """(n, *shape) values with absolute factors and no shift."""
        return x * self.factor.abs()

    def constant(self) -> Tensor:
        """The absolute shift, as it adds to what rounding can lose."""
        return self.offset


@dataclass(frozen=True, eq=False)
class Linear(Node):
    """W x + b with W of shape (outputs, inputs)."""

    weight: Tensor
    bias: Tensor

    @property
    def terms(self) -> int:
        """Products added up for one output."""
        return self.weight.shape[1] + 2

    def value(self, x: Tensor) -> Tensor:
        """(n, outputs) values."""
        return F.linear(x, self.weight, self.bias)

    def absolute(self, x: Tensor) -> Tensor:
        """(n, outputs) values with absolute weights and no bias."""
        return F.linear(x, self.weight.abs())

    def constant(self) -> Tensor:
        """Absolute biases."""
        return self.bias.abs()


@dataclass(frozen=True, eq=False)
class Conv(Node):
    """A convolution (cross-correlation) with zero padding; average pooling is one too.

    ``rest`` counts the rows and columns at the end of the padded map that the stride never reaches.
    """

    weight: Tensor
    bias: Tensor
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int
    rest: Pair

    @property
    def terms(self) -> int:
        """Products added up for one output."""
        return math.prod(self.weight.shape[1:]) + 2

    def value(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) values."""
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def absolute(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) values with absolute weights and no bias."""
        return F.conv2d(x, self.weight.abs(), None, self.stride, self.padding, self.dilation, self.groups)

    def constant(self) -> Tensor:
        """(channels, 1, 1) absolute biases."""
        return self.bias.abs()[:, None, None]


Affine: TypeAlias = Linear | Conv | Scale


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in the order of computation; the first is the input, the last are the logits."""

    nodes: tuple[Node, ...]

    @property
    def shape(self) -> Shape:
        """Of one input."""
        return self.nodes[0].shape

    @property
    def classes(self) -> int:
        """How many logits there are."""
        return self.nodes[-1].shape[0]

    @property
    def rectified(self) -> tuple[int, ...]:
        """Places of the nodes that go into a rectifier, in the order of computation."""
        return tuple(sorted({node.inputs[0] for node in self.nodes if isinstance(node, Relu)}))

    def to(self, dtype: torch.dtype) -> Graph:
        """The same graph with weights of another type."""
        return Graph(tuple(_cast(node, dtype) for node in self.nodes))

    def values(self, x: Tensor) -> list[Tensor]:
        """The value of every node for a batch of inputs."""
        found = [x]
        for node in self.nodes[1:]:
            first = found[node.inputs[0]]
            if isinstance(node, Relu):
                found.append(first.clamp_min(0))
            elif isinstance(node, Sum):
                found.append(first + found[node.inputs[1]])
            elif isinstance(node, Reshape):
                found.append(first.reshape(len(first), *node.shape))
            elif isinstance(node, Linear | Conv | Scale):
                found.append(node.value(first))
        return found

    def logits(self, x: Tensor) -> Tensor:
        """(n, classes) logits."""
        return self.values(x)[-1]


def _cast(node: Node, dtype: torch.dtype) -> Node:
    names = ("weight", "bias", "factor", "shift", "offset")
    changed: dict[str, Any] = {name: getattr(node, name).to(dtype) for name in names if hasattr(node, name)}
    return replace(node, **changed)
