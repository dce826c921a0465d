"""What a layer's inputs and the slopes at its outputs tell of every sample's gradient, without making it.

A rule is made for one layer and one pass. It first gives the squared norm of each sample's gradient, then the sum of
all of them, each times a weight of its own. Where a gradient must be made for the norm, it is kept for the sum.

References:
    Goodfellow 2015, arXiv:1510.01799 (norms for linear layers); Rochette, Manoel and Tramel 2019, arXiv:1912.06015, and
    Li et al. 2022, arXiv:2110.05679 (convolutions, sequences by Gram matrices); Bu et al. 2022, arXiv:2210.00038 (one
    backward pass, mixed choice of both ways); Lee and Kifer 2021, arXiv:2009.03106 (normalization layers).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

PART: Final = 32
"""Samples whose convolutions are taken at a time."""
Sums = dict[str, "Tensor"]
"""Of a layer, by the name of its parameter."""


class Rule(ABC):
    """One layer in one pass.

    Args:
        layer: the layer.
        seen: (n, ...) what went into it.
        slope: (n, ...) slopes of the summed loss at what came out.
    """

    def __init__(self, layer: nn.Module, seen: Tensor, slope: Tensor) -> None:
        self.layer, self.seen, self.slope = layer, seen, slope

    @abstractmethod
    def squares(self) -> Tensor:
        """(n,) squared norms of the samples' gradients, over all parameters of the layer that are trained."""

    @abstractmethod
    def sums(self, weights: Tensor) -> Sums:
        """The samples' gradients, each times its weight, added up."""

    @property
    def trained(self) -> frozenset[str]:
        """The layer's own parameters that have gradients."""
        return frozenset(name for name, each in self.layer.named_parameters(recurse=False) if each.requires_grad)


class _Linear(Rule):
    """Inputs (n, d), or (n, ..., d) for every place of a sequence."""

    layer: nn.Linear

    def __init__(self, layer: nn.Module, seen: Tensor, slope: Tensor) -> None:
        super().__init__(layer, seen, slope)
        self.made: Tensor | None = None
        if seen.dim() > 2:
            self.seen, self.slope = seen.flatten(1, -2), slope.flatten(1, -2)

    def squares(self) -> Tensor:
        total = torch.zeros(len(self.seen), dtype=self.slope.dtype)
        seen, slope = self.seen, self.slope
        if "weight" in self.trained:
            if seen.dim() == 2:
                total = total + seen.square().sum(1) * slope.square().sum(1)
            elif 2 * seen.shape[1] ** 2 <= seen.shape[2] * slope.shape[2]:
                total = total + ((seen @ seen.transpose(1, 2)) * (slope @ slope.transpose(1, 2))).sum((1, 2))
            else:
                self.made = slope.transpose(1, 2) @ seen
                total = total + self.made.square().sum((1, 2))
        if "bias" in self.trained:
            total = total + (slope if slope.dim() == 2 else slope.sum(1)).square().sum(1)
        return total

    def sums(self, weights: Tensor) -> Sums:
        found: Sums = {}
        weighted = self.slope * weights.reshape(-1, *[1] * (self.slope.dim() - 1))
        if "weight" in self.trained:
            if self.made is not None:
                found["weight"] = torch.tensordot(weights, self.made, 1)
            else:
                found["weight"] = weighted.flatten(0, -2).T @ self.seen.flatten(0, -2)
        if "bias" in self.trained:
            found["bias"] = weighted.flatten(0, -2).sum(0)
        return found


class _Convolution(Rule):
    """Two dimensions, any stride, padding with zeros, dilation and groups: the gradients are made, being small."""

    layer: nn.Conv2d

    def __init__(self, layer: nn.Module, seen: Tensor, slope: Tensor) -> None:
        super().__init__(layer, seen, slope)
        self.made: Tensor | None = None

    def squares(self) -> Tensor:
        n = len(self.seen)
        total = torch.zeros(n, dtype=self.slope.dtype)
        if "weight" in self.trained:
            self.made = self._weights()
            total = total + torch.linalg.vector_norm(self.made, dim=(1, 2, 3)).square()
        if "bias" in self.trained:
            total = total + self.slope.sum((2, 3)).square().sum(1)
        return total

    def _weights(self) -> Tensor:
        """(n, groups, out, channels * kernel) gradients: some samples at a time, so that pieces stay in the cache."""
        layer, n, groups = self.layer, len(self.seen), self.layer.groups
        pieces = self._pieces()  # (n, channels, *kernel, *places), a view
        places = pieces.shape[4] * pieces.shape[5]
        slope = self.slope.reshape(n, groups, -1, places)
        room = pieces.new_empty(min(PART, n), *pieces.shape[1:])
        made = slope.new_empty(n, groups, layer.out_channels // groups, layer.weight[0].numel())
        for at in range(0, n, PART):
            part = room[: min(PART, n - at)].copy_(pieces[at : at + PART]).view(-1, made.shape[3], places)
            torch.bmm(slope[at : at + PART].flatten(0, 1), part.transpose(1, 2), out=made[at : at + PART].flatten(0, 1))
        return made

    def _pieces(self) -> Tensor:
        """What every weight meets at every place of the answer."""
        given, seen = self.layer.padding, self.seen
        if given != "valid":  # the other word, "same", has no rule
            high, wide = (int(each) for each in given)
            seen = nn.functional.pad(seen, (wide, wide, high, high)) if high or wide else seen
        for axis in (0, 1):
            kernel, spread = self.layer.kernel_size[axis], self.layer.dilation[axis]
            seen = seen.unfold(2 + axis, (kernel - 1) * spread + 1, self.layer.stride[axis])[..., ::spread]
        return seen.permute(0, 1, 4, 5, 2, 3)

    def sums(self, weights: Tensor) -> Sums:
        found: Sums = {}
        if self.made is not None:
            found["weight"] = torch.tensordot(weights, self.made, 1).reshape(self.layer.weight.shape)
        if "bias" in self.trained:
            found["bias"] = weights @ self.slope.sum((2, 3))
        return found


class _Embedding(Rule):
    """Rows of a table, chosen by (n, ...) numbers: a sample that chooses a row twice adds both slopes first."""

    layer: nn.Embedding

    def __init__(self, layer: nn.Module, seen: Tensor, slope: Tensor) -> None:
        super().__init__(layer, seen.flatten(1), slope.flatten(1, -2) if slope.dim() > 2 else slope[:, None])
        if self.layer.padding_idx is not None:
            self.slope = self.slope * (self.seen != self.layer.padding_idx)[..., None]

    def squares(self) -> Tensor:
        alike = self.seen[:, :, None] == self.seen[:, None]
        return ((self.slope @ self.slope.transpose(1, 2)) * alike).sum((1, 2))

    def sums(self, weights: Tensor) -> Sums:
        table = torch.zeros_like(self.layer.weight)
        weighted = (self.slope * weights[:, None, None]).flatten(0, 1)
        return {"weight": table.index_add_(0, self.seen.flatten(), weighted)}


class _Normalized(Rule):
    """Normalization within a sample, then a factor and a constant for every feature or channel."""

    def __init__(self, layer: nn.Module, seen: Tensor, slope: Tensor) -> None:
        super().__init__(layer, seen, slope)
        self.made: Sums = {}

    @abstractmethod
    def standard(self) -> Tensor:
        """What the factor is applied to, with the factors' axes last."""

    @abstractmethod
    def last(self, given: Tensor) -> Tensor:
        """The same axes last."""

    def squares(self) -> Tensor:
        n, slope = len(self.seen), self.last(self.slope)
        if "weight" in self.trained:
            self.made["weight"] = (slope * self.standard()).reshape(n, -1, *self._shape()).sum(1)
        if "bias" in self.trained:
            self.made["bias"] = slope.reshape(n, -1, *self._shape()).sum(1)
        total = torch.zeros(n, dtype=self.slope.dtype)
        for each in self.made.values():
            total = total + each.flatten(1).square().sum(1)
        return total

    def _shape(self) -> tuple[int, ...]:
        return tuple(next(self.layer.parameters(recurse=False)).shape)

    def sums(self, weights: Tensor) -> Sums:
        return {name: torch.tensordot(weights, each, 1) for name, each in self.made.items()}


class _LayerNorm(_Normalized):
    layer: nn.LayerNorm

    def standard(self) -> Tensor:
        return nn.functional.layer_norm(self.seen, self.layer.normalized_shape, eps=self.layer.eps)

    def last(self, given: Tensor) -> Tensor:
        return given


class _GroupNorm(_Normalized):
    layer: nn.GroupNorm

    def standard(self) -> Tensor:
        return self.last(nn.functional.group_norm(self.seen, self.layer.num_groups, eps=self.layer.eps))

    def last(self, given: Tensor) -> Tensor:
        return given.movedim(1, -1)


class _Convolution1d(_Convolution):
    """As in two dimensions, of which the first has one row."""

    layer: nn.Conv1d  # type: ignore[assignment]  # all that is asked of it is the same

    def __init__(self, layer: nn.Module, seen: Tensor, slope: Tensor) -> None:
        super().__init__(layer, seen, slope[:, :, None])

    def _pieces(self) -> Tensor:
        given, (kernel,), (spread,) = self.layer.padding, self.layer.kernel_size, self.layer.dilation
        wide = 0 if isinstance(given, str) else int(given[0])  # "same" has no rule
        seen = nn.functional.pad(self.seen, (wide, wide)) if wide else self.seen
        seen = seen.unfold(2, (kernel - 1) * spread + 1, self.layer.stride[0])[..., ::spread]
        return seen.transpose(2, 3)[:, :, None, :, None]


class _RMSNorm(_Normalized):
    layer: nn.RMSNorm

    def standard(self) -> Tensor:
        return nn.functional.rms_norm(self.seen, self.layer.normalized_shape, eps=self.layer.eps)

    def last(self, given: Tensor) -> Tensor:
        return given


class _InstanceNorm(_Normalized):
    layer: nn.InstanceNorm2d

    def standard(self) -> Tensor:
        return self.last(nn.functional.instance_norm(self.seen, eps=self.layer.eps))

    def last(self, given: Tensor) -> Tensor:
        return given.movedim(1, -1)


RULES: Final[dict[type[nn.Module], Callable[[nn.Module, Tensor, Tensor], Rule]]] = {
    nn.Linear: _Linear,
    nn.Conv1d: _Convolution1d,
    nn.Conv2d: _Convolution,
    nn.Embedding: _Embedding,
    nn.LayerNorm: _LayerNorm,
    nn.GroupNorm: _GroupNorm,
    nn.RMSNorm: _RMSNorm,
    nn.InstanceNorm1d: _InstanceNorm,
    nn.InstanceNorm2d: _InstanceNorm,
    nn.InstanceNorm3d: _InstanceNorm,
}


def unruled(layer: nn.Module) -> str:
    """Why no rule is there for a layer, or ""."""
    if type(layer) not in RULES:
        return f"there is no rule for {type(layer).__name__}"
    if isinstance(layer, nn.Conv1d | nn.Conv2d) and (layer.padding_mode != "zeros" or layer.padding == "same"):
        return "its padding is not of zeros, or not the same on both sides"
    if isinstance(layer, nn.Embedding) and (layer.max_norm is not None or layer.scale_grad_by_freq or layer.sparse):
        return "its embedding changes its rows, or its gradients are scaled or sparse"
    return ""
