"""Layers with weights, as nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from casemate.core.errors import TargetError
from casemate.core.optional import require
from casemate.threats.evasion.certificates.graph import Conv, Linear, Node, Pair, Relu, Scale, Shape, Sum

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

PASSED = Node("", (), ())
"""Says that a layer passes its input on."""


def build(layer: Any, name: str, at: int, shape: Shape, trainable: bool) -> Node | None:
    """The node of a layer, ``PASSED`` where it does nothing, None where it is not known.

    Args:
        layer: a ``torch.nn.Module`` of torch's own.
        name: of the layer, for errors.
        at: place of its input.
        shape: of its input, without the batch.
        trainable: see :func:`casemate.threats.evasion.certificates.read.read`.

    Raises:
        TargetError: it is known, but not with these settings.
    """
    if isinstance(layer, nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d | nn.AlphaDropout):
        _evaluating(layer, name)
        return PASSED
    if type(layer) is nn.Linear:
        if len(shape) != 1:
            raise _wrong(name, f"Linear over the last of {len(shape)} dimensions", "flatten its input first")
        weight, bias = _weights(layer, name, trainable)
        if weight.shape[1] != shape[0]:
            raise _wrong(
                name, f"it takes {weight.shape[1]} values and gets {shape[0]}", "check the shape of the inputs"
            )
        return Linear(name, (at,), (weight.shape[0],), weight, bias)
    if type(layer) is nn.Conv2d:
        return _conv(layer, name, at, shape, trainable)
    if isinstance(layer, nn.AvgPool2d | nn.AdaptiveAvgPool2d):
        return _pool(layer, name, at, shape, trainable)
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
        return _normalize(layer, name, at, shape, trainable)
    return None


def _conv(layer: Any, name: str, at: int, shape: Shape, trainable: bool) -> Conv:
    if layer.padding_mode != "zeros":
        raise _wrong(name, f"padding_mode is {layer.padding_mode!r}", "pad with zeros")
    if len(shape) != 3:
        raise _wrong(name, f"its input has shape {shape}", "give inputs of shape (n, channels, height, width)")
    padding = layer.padding
    if isinstance(padding, str):
        wide = [step * (size - 1) for step, size in zip(layer.dilation, layer.kernel_size, strict=True)]
        if padding == "same" and any(each % 2 for each in wide):
            raise _wrong(name, "padding is 'same' with an even kernel", "use an odd kernel, or padding in numbers")
        padding = (wide[0] // 2, wide[1] // 2) if padding == "same" else (0, 0)
    weight, bias = _weights(layer, name, trainable)
    if weight.shape[1] * layer.groups != shape[0]:
        raise _wrong(name, f"its input has {shape[0]} channels", "check the shape of the inputs")
    return _convolution(name, at, shape, weight, bias, layer.stride, padding, layer.dilation, layer.groups)


def _convolution(
    name: str,
    at: int,
    shape: Shape,
    weight: Tensor,
    bias: Tensor,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Conv:
    room = [shape[1 + axis] + 2 * padding[axis] - dilation[axis] * (weight.shape[2 + axis] - 1) - 1 for axis in (0, 1)]
    if min(room) < 0:
        raise _wrong(name, f"its kernel does not fit into {shape[1:]}", "check the shape of the inputs")
    goal = (weight.shape[0], room[0] // stride[0] + 1, room[1] // stride[1] + 1)
    rest = (room[0] % stride[0], room[1] % stride[1])
    return Conv(name, (at,), goal, weight, bias, stride, padding, dilation, groups, rest)


def _pool(layer: Any, name: str, at: int, shape: Shape, trainable: bool) -> Conv:
    if len(shape) != 3:
        raise _wrong(name, f"its input has shape {shape}", "give inputs of shape (n, channels, height, width)")
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        goal = [into or size for into, size in zip(_pair(layer.output_size), shape[1:], strict=True)]
        if any(size % into for into, size in zip(goal, shape[1:], strict=True)):
            raise _wrong(name, f"it pools {shape[1:]} into {tuple(goal)}", "pool into a size that divides the input's")
        kernel = stride = (shape[1] // goal[0], shape[2] // goal[1])
        padding = (0, 0)
    else:
        kernel, stride, padding = _pair(layer.kernel_size), _pair(layer.stride), _pair(layer.padding)
        if layer.ceil_mode or layer.divisor_override or (any(padding) and not layer.count_include_pad):
            raise _wrong(name, "ceil_mode, divisor_override or count_include_pad=False", "pool without them")
    dtype = torch.float32 if trainable else torch.float64
    weight = torch.full((shape[0], 1, *kernel), 1.0 / (kernel[0] * kernel[1]), dtype=dtype)
    bias = torch.zeros(shape[0], dtype=dtype)
    return _convolution(name, at, shape, weight, bias, stride, padding, (1, 1), shape[0])


def max_pool(layer: Any, name: str, at: int, shape: Shape, place: int, trainable: bool) -> list[Node]:
    """Maximum pooling as nodes: max(a, b) = a + relu(b - a), in a knock-out tournament over the window.

    Args:
        layer: a ``torch.nn.MaxPool2d``.
        name: of the layer.
        at: place of its input.
        shape: of its input, without the batch.
        place: that the first of the nodes will have.
        trainable: see :func:`casemate.threats.evasion.certificates.read.read`.

    Raises:
        TargetError: it pads, dilates, rounds up or returns indices.
    """
    kernel, stride = _pair(layer.kernel_size), _pair(layer.stride)
    plain = _pair(layer.padding) == (0, 0) and _pair(layer.dilation) == (1, 1)
    if not plain or layer.ceil_mode or layer.return_indices or len(shape) != 3:
        raise _wrong(name, "MaxPool2d with padding, dilation, ceil_mode or return_indices", "pool without them")
    dtype = torch.float32 if trainable else torch.float64
    made: list[Node] = []

    def add(node: Node) -> int:
        made.append(node)
        return place + len(made) - 1

    def picked(*taps: tuple[int, float]) -> int:
        """A convolution that takes the window's entries, by number and with a factor."""
        weight = torch.zeros(shape[0], 1, kernel[0] * kernel[1], dtype=dtype)
        for tap, factor in taps:
            weight[:, 0, tap] += factor
        bias = torch.zeros(shape[0], dtype=dtype)
        square = weight.reshape(shape[0], 1, *kernel)
        return add(_convolution(name, at, shape, square, bias, stride, (0, 0), (1, 1), shape[0]))

    def larger(first: int, difference: int) -> int:
        goal = made[first - place].shape
        return add(Sum(name, (first, add(Relu(name, (difference,), goal))), goal))

    count = kernel[0] * kernel[1]
    standing = [
        larger(picked((tap, 1.0)), picked((tap + 1, 1.0), (tap, -1.0))) if tap + 1 < count else picked((tap, 1.0))
        for tap in range(0, count, 2)
    ]
    while len(standing) > 1:  # each round halves them
        first, second, *rest = standing
        goal = made[first - place].shape
        minus = -torch.ones(goal, dtype=dtype)
        zero = torch.zeros(goal, dtype=dtype)
        negative = add(Scale(name, (first,), goal, minus, zero, zero))
        difference = add(Sum(name, (second, negative), goal))
        standing = [*rest, larger(first, difference)]
    return made


def _normalize(layer: Any, name: str, at: int, shape: Shape, trainable: bool) -> Scale:
    _evaluating(layer, name)
    if layer.running_mean is None:
        raise _wrong(name, "it keeps no running statistics, so samples of a batch influence each other", "track them")
    if trainable:
        raise _wrong(name, "batch normalization in certified training", "train a network without it")
    mean, variance = (each.detach().double() for each in (layer.running_mean, layer.running_var))
    weight = torch.ones_like(mean) if layer.weight is None else layer.weight.detach().double()
    bias = torch.zeros_like(mean) if layer.bias is None else layer.bias.detach().double()
    factor = weight / torch.sqrt(variance + layer.eps)
    parts = (factor, bias - mean * factor, bias.abs() + (mean * factor).abs())
    if not all(torch.isfinite(each).all() for each in parts):
        raise _wrong(name, "its statistics or weights are not finite", "train it again")
    over = (-1, *[1] * (len(shape) - 1))
    factor, shift, offset = (each.reshape(over).expand(shape) for each in parts)
    return Scale(name, (at,), shape, factor, shift, offset)


def _weights(layer: Any, name: str, trainable: bool) -> tuple[Tensor, Tensor]:
    weight, bias = layer.weight, layer.bias
    if weight.dtype not in (torch.float32, torch.float64):
        raise _wrong(name, f"its weights are {weight.dtype}, whose rounding the bounds do not cover", "use float32")
    if bias is None:
        bias = torch.zeros(weight.shape[0], dtype=weight.dtype)
    if not trainable:
        weight, bias = (each.detach().to("cpu", torch.float64) for each in (weight, bias))
    if not (torch.isfinite(weight).all() and torch.isfinite(bias).all()):
        raise _wrong(name, "its weights are not finite", "train it again")
    return weight, bias


def _evaluating(layer: Any, name: str) -> None:
    if layer.training:
        raise _wrong(name, f"{type(layer).__name__} is in training mode", "call module.eval() first")


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int) else tuple(value)


def _wrong(name: str, cause: str, next_step: str) -> TargetError:
    return TargetError(f"no bounds are known for layer {name!r} as it is", cause=cause, next_step=next_step)
