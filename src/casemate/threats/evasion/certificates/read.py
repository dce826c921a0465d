"""From a torch module to the graph that bounds are computed on.

The module is traced with ``torch.fx``, which runs its ``forward`` once on placeholders. Whatever touches the input must
be a layer from the table below; everything else (sizes, constants) is computed as it stands.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from casemate.core.errors import TargetError
from casemate.core.optional import require
from casemate.threats.evasion.certificates.graph import Graph, Node, Relu, Reshape, Scale, Shape, Sum
from casemate.threats.evasion.certificates.layers import build, max_pool

if TYPE_CHECKING:
    import torch
    from torch import fx, nn
    from torch.nn import functional as F
else:
    torch = require("torch", extra="torch")
    fx = require("torch.fx", extra="torch")
    nn = torch.nn
    F = require("torch.nn.functional", extra="torch")

SUPPORTED = (
    "Linear, Conv2d, ReLU, AvgPool2d, AdaptiveAvgPool2d, MaxPool2d, BatchNorm (evaluation mode), Flatten, Dropout "
    "(evaluation mode), Identity, + and - of two paths, and + - * / with constants"
)
_SAME = {torch.flatten, torch.reshape, torch.squeeze, torch.unsqueeze}
_SAME_METHODS = {"flatten", "view", "reshape", "contiguous", "squeeze", "unsqueeze", "float", "clone"}
_RELU = {torch.relu, torch.relu_, F.relu, F.relu_}
_RELU_METHODS = {"relu", "relu_"}
_POOLS: dict[Any, Any] = {
    F.avg_pool2d: nn.AvgPool2d,
    F.max_pool2d: nn.MaxPool2d,
    F.adaptive_avg_pool2d: nn.AdaptiveAvgPool2d,
}
_BINARY: dict[Any, str] = {
    operator.add: "+",
    operator.iadd: "+",
    torch.add: "+",
    "add": "+",
    "add_": "+",
    operator.sub: "-",
    operator.isub: "-",
    torch.sub: "-",
    "sub": "-",
    "sub_": "-",
    operator.mul: "*",
    operator.imul: "*",
    torch.mul: "*",
    "mul": "*",
    "mul_": "*",
    operator.truediv: "/",
    operator.itruediv: "/",
    torch.div: "/",
    torch.true_divide: "/",
    "div": "/",
    "div_": "/",
}


def read(module: Any, shape: Shape, *, trainable: bool = False) -> Graph:
    """Read a module that maps (n, *shape) inputs to (n, classes) logits.

    Args:
        module: a ``torch.nn.Module`` in evaluation mode.
        shape: of one input, without the batch.
        trainable: keep the module's own parameters, with gradients, instead of detached float64 copies; what is
            computed from them (batch normalization, pooling) is refused then where it would go stale.

    Raises:
        TargetError: it is no module, cannot be traced, or has a layer for which no bounds are known.
    """
    if not isinstance(module, nn.Module):
        raise TargetError(
            f"{type(module).__name__} is not a torch module", next_step="give a torch.nn.Module that returns logits"
        )
    if fx.Tracer().is_leaf_module(module, ""):
        module = nn.Sequential(module).train(module.training)  # a layer alone would be traced through
    try:
        traced = fx.Tracer().trace(module)
    except Exception as error:  # tracing runs the user's own forward, which may raise anything
        raise TargetError(
            f"{type(module).__name__} cannot be traced",
            cause=f"torch.fx gave up ({type(error).__name__})",
            next_step="write its forward without branches or loops over values, or give the plain layers",
        ) from error
    reader = _Reader(module, shape, trainable)
    for step in traced.nodes:
        reader.take(step)
    graph = reader.graph()
    if len(graph.nodes[-1].shape) != 1 or graph.classes < 2:
        raise TargetError(
            f"the module returns values of shape {graph.nodes[-1].shape}",
            cause="certificates compare logits of two or more classes",
            next_step="give the part of the module that returns (n, classes) logits",
        )
    return graph


@dataclass(frozen=True)
class _At:
    """A traced value that depends on the input: the place of its node."""

    place: int


class _Reader:
    """Goes through a traced module and collects nodes."""

    def __init__(self, module: Any, shape: Shape, trainable: bool) -> None:
        self.module, self.trainable = module, trainable
        self.nodes: list[Node] = [Node("input", (), tuple(shape))]
        self.found: dict[Any, Any] = {}
        self.result: _At | None = None

    def graph(self) -> Graph:
        """The graph so far, up to the output."""
        if self.result is None or self.result.place == 0:
            raise TargetError("the module's output does not depend on its input", next_step="check its forward")
        return Graph(tuple(self.nodes[: self.result.place + 1]))

    def take(self, step: Any) -> None:
        """Turn one traced operation into nodes."""
        known = fx.node.map_arg(step.args, self.found.__getitem__)
        named = fx.node.map_arg(step.kwargs, self.found.__getitem__)
        touched = any(isinstance(self.found[each], _At) for each in step.all_input_nodes)
        if step.op == "placeholder":
            if self.found:
                self.refuse(step, "forward takes more than one input")
            self.found[step] = _At(0)
        elif step.op == "get_attr":
            value = operator.attrgetter(step.target)(self.module)
            self.found[step] = value.detach() if isinstance(value, torch.Tensor) else value
        elif step.op == "output":
            if not isinstance(known[0], _At):
                self.refuse(step, "it returns something that does not depend on its input, or more than one tensor")
            self.result = known[0]
        elif not touched:
            self.found[step] = self.compute(step, known, named)
        elif not any(isinstance(each, _At) for each in known[:2]):
            self.refuse(step, "the input is not its first argument")
        elif step.op == "call_module":
            self.found[step] = self.layer(step, known[0])
        else:
            self.found[step] = self.operation(step, known, named)

    def compute(self, step: Any, known: Any, named: Any) -> Any:
        """A value that does not depend on the input."""
        if step.op == "call_function":
            return step.target(*known, **named)
        if step.op == "call_method":
            return getattr(known[0], step.target)(*known[1:], **named)
        return self.module.get_submodule(step.target)(*known, **named)

    def layer(self, step: Any, at: _At) -> _At:
        """A submodule applied to a path."""
        layer = self.module.get_submodule(step.target)
        if isinstance(layer, nn.Flatten | nn.Unflatten):
            return self.reshaped(step, at, layer)
        if isinstance(layer, nn.ReLU):
            return self.add(Relu(step.target, (at.place,), self.nodes[at.place].shape))
        if isinstance(layer, nn.Identity):
            return at
        return self.built(step, at, layer)

    def built(self, step: Any, at: _At, layer: Any) -> _At:
        """A layer with weights, or a pool."""
        if isinstance(layer, nn.MaxPool2d):
            shape, place = self.nodes[at.place].shape, len(self.nodes)
            for part in max_pool(layer, str(step.target), at.place, shape, place, self.trainable):
                at = self.add(part)
            return at
        node = build(layer, str(step.target), at.place, self.nodes[at.place].shape, self.trainable)
        if node is None:
            self.refuse(step, type(layer).__name__)
        return at if node.inputs == () else self.add(node)

    def operation(self, step: Any, known: Any, named: Any) -> _At | Any:
        """A function or method applied to a path."""
        name = step.target
        if name in _BINARY and not named:
            return self.binary(step, _BINARY[name], known[0], known[1])
        if not isinstance(known[0], _At):
            self.refuse(step, getattr(name, "__name__", str(name)))
        if name in _RELU or (step.op == "call_method" and name in _RELU_METHODS):
            return self.add(Relu(step.name, (known[0].place,), self.nodes[known[0].place].shape))
        if name in _SAME or (step.op == "call_method" and name in _SAME_METHODS):
            call = name if callable(name) else operator.methodcaller(name, *known[1:], **named)
            return self.reshaped(step, known[0], call if not callable(name) else lambda x: name(x, *known[1:], **named))
        if name in _POOLS:
            # what the functions take beyond the layers' arguments (return_indices) is refused by the layer
            return self.built(step, known[0], _POOLS[name](*known[1:], **named))
        if name == "size" or (name is getattr and known[1] == "shape"):
            size = torch.Size((2, *self.nodes[known[0].place].shape))
            return size[known[1]] if name == "size" and len(known) > 1 else size
        if name is operator.neg or name == "neg":
            return self.scaled(step, known[0], torch.tensor(-1.0), torch.tensor(0.0))
        self.refuse(step, getattr(name, "__name__", str(name)))

    def binary(self, step: Any, sign: str, left: Any, right: Any) -> _At:
        """Two paths added or subtracted, or a path and a constant."""
        if isinstance(left, _At) and isinstance(right, _At):
            if sign not in "+-" or self.nodes[left.place].shape != self.nodes[right.place].shape:
                self.refuse(step, f"{sign} of two values that both depend on the input")
            if sign == "-":
                right = self.scaled(step, right, torch.tensor(-1.0), torch.tensor(0.0))
            return self.add(Sum(step.name, (left.place, right.place), self.nodes[left.place].shape))
        turned = isinstance(right, _At)
        path, constant = (right, left) if turned else (left, right)
        if turned and sign == "/":
            self.refuse(step, "a constant divided by the input")
        number = torch.as_tensor(constant, dtype=torch.float64)
        one, zero = torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64)
        factor = {"+": one, "-": -one if turned else one, "*": number, "/": one / number}[sign]
        shift = {"+": number, "-": number if turned else -number, "*": zero, "/": zero}[sign]
        return self.scaled(step, path, factor, shift)

    def scaled(self, step: Any, at: _At, factor: Any, shift: Any) -> _At:
        """A path times a constant plus a constant."""
        shape = self.nodes[at.place].shape
        try:
            # A constant has the batch's dimension or lacks it; what is left must broadcast to the shape.
            factor, shift = (self.fitted(each, shape) for each in (factor, shift))
        except (RuntimeError, ValueError):
            self.refuse(step, "a constant that changes the shape of the value")
        return self.add(Scale(step.name, (at.place,), shape, factor, shift, shift.abs()))

    def fitted(self, constant: Any, shape: Shape) -> Any:
        """A constant without the batch's dimension, as the type of the graph."""
        value = constant.detach().to(torch.float32 if self.trainable else torch.float64)
        if value.ndim == len(shape) + 1 and len(value) == 1:
            value = value[0]
        if not torch.isfinite(value).all():
            raise ValueError
        return value.expand(shape)

    def reshaped(self, step: Any, at: _At, call: Callable[[Any], Any]) -> _At:
        """The same numbers in another shape: what the operation makes of a batch of two says which."""
        made = call(torch.zeros(2, *self.nodes[at.place].shape))
        if len(made) != 2 or made.numel() != torch.Size((2, *self.nodes[at.place].shape)).numel():
            self.refuse(step, "it mixes samples of the batch")
        shape = tuple(made.shape[1:])
        return at if shape == self.nodes[at.place].shape else self.add(Reshape(step.name, (at.place,), shape))

    def add(self, node: Node) -> _At:
        """Append a node."""
        self.nodes.append(node)
        return _At(len(self.nodes) - 1)

    def refuse(self, step: Any, what: str) -> NoReturn:
        """Say which layer has no bounds, and what to do."""
        raise TargetError(
            f"no bounds are known for layer {step.target if step.op == 'call_module' else step.name!r}",
            cause=what,
            next_step=f"certify the part of the module made of {SUPPORTED}; softmax at the end can be left out, it "
            "does not change which class is first",
        )
