"""Rows of coefficients on their way back through a network.

A row is a linear function of one node's value: its scalar product with that value. Rows of a fully connected node have
the node's whole shape. A neuron of a convolution sees only a window of the map before it, so its row has the size of
that window, and the slopes of the rectifiers are looked up window by window. On a network of two strided convolutions
this saves nine tenths of the arithmetic.

Reference:
    Xu et al. 2020, arXiv:2002.12920 (backward bounds on general graphs); Xu et al. 2021, arXiv:2011.13824, appendix
    ("patches").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.threats.evasion.certificates.graph import Affine, Conv, Linear, Node, Pair, Scale

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional as F
else:
    torch = require("torch", extra="torch")
    F = require("torch.nn.functional", extra="torch")

FEW = 4
"""Up to this many input channels a transposed convolution is faster as a product and a fold."""


@dataclass(frozen=True)
class Window:
    """Where the windows of rows lie: that of row r starts at ``place[r] * stride - padding``."""

    place: Tensor
    stride: Pair
    padding: Pair


@dataclass(frozen=True)
class Rows:
    """Linear functions of a node's value.

    Attributes:
        a: (r, *shape) coefficients, or (r, channels, height, width) of a window.
        owner: (r,) number of the sample a row is about; None when row i is about sample i.
        window: where the windows lie; None for rows of the whole shape.
    """

    a: Tensor
    owner: Tensor | None
    window: Window | None = None

    def see(self, values: Tensor) -> Tensor:
        """Values of a node, (n, *shape), as each row meets them: its sample's, cut to its window, zero outside."""
        if self.window is None:
            return values if self.owner is None else values[self.owner]
        place, size = self.window.place, self.a.shape[2:]
        ends = []
        for axis in (0, 1):
            reach = int(place[:, axis].max()) * self.window.stride[axis] + size[axis]
            ends.append(max(0, reach - values.shape[2 + axis] - self.window.padding[axis]))
        (up, left), (step, across) = self.window.padding, self.window.stride
        padded = F.pad(values, (left, ends[1], up, ends[0])).contiguous()
        samples, channels, height, width = padded.stride()
        views = padded.as_strided(
            (
                len(padded),
                (padded.shape[2] - size[0]) // step + 1,
                (padded.shape[3] - size[1]) // across + 1,
                padded.shape[1],
                *size,
            ),
            (samples, height * step, width * across, channels, height, width),
        )
        owner = torch.arange(len(self.a)) if self.owner is None else self.owner
        return views[owner, place[:, 0], place[:, 1]]

    def dot(self, values: Tensor) -> Tensor:
        """(r,) scalar products with values as :meth:`see` gives them."""
        return (self.a * values).flatten(1).sum(1)

    def through(self, node: Affine) -> tuple[Rows, Tensor]:
        """The same functions in terms of an affine node's input, and (r,) what its constants contribute."""
        if isinstance(node, Linear):
            return replace(self, a=self.a @ node.weight), self.a @ node.bias
        if isinstance(node, Scale):
            whole = (1, *node.shape)
            factor, shift = (each.expand(node.shape).reshape(whole) for each in (node.factor, node.shift))
            if self.window is None:
                return replace(self, a=self.a * factor), (self.a * shift).flatten(1).sum(1)
            one = replace(self, owner=torch.zeros(len(self.a), dtype=torch.int64))
            return replace(self, a=self.a * one.see(factor)), self.dot(one.see(shift))
        rows = self.inside(node)
        shift = rows.a.sum((2, 3)) @ node.bias
        if rows.window is None:
            return replace(rows, a=_transposed(rows.a, node, node.padding, node.rest)), shift
        stride = (rows.window.stride[0] * node.stride[0], rows.window.stride[1] * node.stride[1])
        padding = (
            rows.window.padding[0] * node.stride[0] + node.padding[0],
            rows.window.padding[1] * node.stride[1] + node.padding[1],
        )
        window = Window(rows.window.place, stride, padding)
        return Rows(_transposed(rows.a, node, (0, 0), (0, 0)), rows.owner, window), shift

    def inside(self, node: Node) -> Rows:
        """Rows without the coefficients that windows have outside a node's map, where there is only padding."""
        if self.window is None or self.a.shape[2:] == (1, 1):
            return self
        ones = self.a.new_ones((1, 1, *node.shape[1:]))
        one = Rows(self.a[:, :1], torch.zeros(len(self.a), dtype=torch.int64), self.window)
        return replace(self, a=self.a * one.see(ones))

    def plus(self, other: Rows) -> Rows:
        """The sum of functions of one node that came along two paths."""
        if self.window is None or other.window is None:
            return replace(self, a=self.a + other.a)
        padding = [max(self.window.padding[axis], other.window.padding[axis]) for axis in (0, 1)]
        size = [
            max(each.a.shape[2 + axis] + padding[axis] - w.padding[axis] for each, w in _pairs(self, other))
            for axis in (0, 1)
        ]
        grown = []
        for each, window in _pairs(self, other):
            pads: list[int] = []
            for axis in (1, 0):
                before = padding[axis] - window.padding[axis]
                pads += [before, size[axis] - before - each.a.shape[2 + axis]]
            grown.append(F.pad(each.a, pads))
        window = Window(self.window.place, self.window.stride, (padding[0], padding[1]))
        return Rows(grown[0] + grown[1], self.owner, window)


def _pairs(*rows: Rows) -> list[tuple[Rows, Window]]:
    return [(each, each.window) for each in rows if each.window is not None]


def _transposed(a: Tensor, node: Conv, padding: Pair, rest: Pair) -> Tensor:
    """Coefficients of a convolution's output as coefficients of its input.

    A product and a fold are faster than torch's transposed convolution in float64 and for few input channels.
    """
    if a.shape[2:] == (1, 1) and node.groups == 1 and padding == rest == (0, 0):
        return (a.flatten(1) @ node.weight.flatten(1)).reshape(len(a), *node.weight.shape[1:])
    if node.groups == 1 and (a.dtype == torch.float64 or node.weight.shape[1] <= FEW):
        size = tuple(
            (a.shape[2 + axis] - 1) * node.stride[axis]
            - 2 * padding[axis]
            + node.dilation[axis] * (node.weight.shape[2 + axis] - 1)
            + 1
            + rest[axis]
            for axis in (0, 1)
        )
        columns = node.weight.flatten(1).T @ a.flatten(2)
        return F.fold(columns, size, (node.weight.shape[2], node.weight.shape[3]), node.dilation, padding, node.stride)
    return F.conv_transpose2d(a, node.weight, None, node.stride, padding, rest, node.groups, node.dilation)
