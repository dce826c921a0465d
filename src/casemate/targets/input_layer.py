"""The first convolution of a network, with a backward pass made for few input channels.

Attacks need the gradient with respect to the input and to nothing else, and there the first layer is the dear one: the
library's backward-data kernel is laid out for many input channels, and on an image with one to four it costs more than
the rest of a small network. Two others are used instead; the forward pass is the library's own, bit by bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard, cast

from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

MOST_CHANNELS = 4


class InputConv2d(nn.Module):
    """A convolution whose parameters never change: same answers, faster gradients.

    Args:
        layer: a convolution with zero padding, no dilation, one group.
    """

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, channels, height, width) to (n, filters, ...)."""
        if not (torch.is_grad_enabled() and inputs.requires_grad):
            return torch.nn.functional.conv2d(inputs, *self._of_layer())
        return cast("Tensor", _Conv.apply(inputs, *self._of_layer()))  # type: ignore[no-untyped-call]

    def _of_layer(self) -> tuple[Any, ...]:
        return self.layer.weight, self.layer.bias, self.layer.stride, self.layer.padding


def faster(module: nn.Module) -> int:
    """Replace, in place, each convolution that has a faster gradient. Its parameters must be frozen.

    Returns:
        how many there were.
    """
    found = 0
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if suits(child):
                setattr(parent, name, InputConv2d(child))
                found += 1
    return found


def suits(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether a layer was measured to be faster here: few channels and a stride, or a single channel."""
    return (
        type(module) is nn.Conv2d
        and not (module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)
        and module.in_channels <= (MOST_CHANNELS if min(module.stride) > 1 else 1)
        and module.groups == 1
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
        and module.dilation == (1, 1)
        and module.stride[0] == module.stride[1]
    )


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any) -> Tensor:
        context.save_for_backward(weight)
        context.shape, context.stride, context.padding = inputs.shape, stride, padding
        return torch.nn.functional.conv2d(inputs, weight, bias, stride, padding)

    @staticmethod
    def backward(context: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = context.saved_tensors
        by = _by_phase if context.stride[0] > 1 else _by_fold
        return by(outer[0], weight, context.shape, context.stride, context.padding), None, None, None, None


def _by_fold(outer: Tensor, weight: Tensor, shape: Any, stride: Any, padding: Any) -> Tensor:
    """One matrix product an image, then overlapping patches are added up."""
    filters = weight.shape[0]
    patches = weight.reshape(filters, -1).t() @ outer.reshape(len(outer), filters, -1)
    return torch.nn.functional.fold(patches, shape[-2:], weight.shape[-2:], stride=stride, padding=padding)


def _by_phase(outer: Tensor, weight: Tensor, shape: Any, stride: Any, padding: Any) -> Tensor:
    """Pixels that have the same remainder by the stride see the same part of the kernel: a plain convolution each.

    The parts are stacked as output channels, so that one forward convolution with stride * stride * channels outputs
    does the work (Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?").
    """
    step, channels, filters = stride[0], shape[1], weight.shape[0]
    high, wide = (-(-size // step) for size in weight.shape[-2:])
    kernel = torch.nn.functional.pad(weight, (0, wide * step - weight.shape[-1], 0, high * step - weight.shape[-2]))
    parts = kernel.reshape(filters, channels, high, step, wide, step).permute(1, 3, 5, 0, 2, 4)
    parts = parts.reshape(channels * step * step, filters, high, wide).flip(2, 3).contiguous()
    spread = torch.nn.functional.conv2d(outer, parts, padding=(high - 1, wide - 1))
    grown = torch.nn.functional.pixel_shuffle(spread, step)
    rows, columns = shape[-2] + padding[0], shape[-1] + padding[1]
    missing = (0, max(0, columns - grown.shape[-1]), 0, max(0, rows - grown.shape[-2]))
    if any(missing):  # pixels behind the last position of the kernel, which it never saw
        grown = torch.nn.functional.pad(grown, missing)
    return grown[..., padding[0] : rows, padding[1] : columns]
