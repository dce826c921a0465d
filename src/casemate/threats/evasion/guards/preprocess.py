"""Preprocessors as defenses: a change of the input before the network sees it. Module in, module out.

A preprocessor that cannot be differentiated, or whose slopes lie, hides gradients and nothing else. Each names the ways
in which an adversary differentiates it: the forward pass stays the deployed one, bit for bit, and the backward pass is
that of a stand-in (BPDA).

Reference:
    Athalye, Carlini and Wagner 2018, "Obfuscated gradients give a false sense of security", section 4.1
    (arXiv 1802.00420).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from casemate.core.errors import DataError, TargetError
from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

StandIn: TypeAlias = "Callable[[Tensor], Tensor]"
"""A differentiable function that is near enough to a preprocessor for its slopes to be useful."""


def identity(inputs: Tensor) -> Tensor:
    """The stand-in for whatever changes an input little."""
    return inputs


class Preprocessor(nn.Module, ABC):
    """Maps (n, channels, height, width) inputs in [0, 1] to inputs of the same shape.

    Attributes:
        random: whether it draws anew each time; then gradients are taken in expectation.
    """

    random: ClassVar[bool] = False

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        """What is deployed."""

    def ways(self) -> Mapping[str, StandIn]:
        """Stand-ins for the backward pass, by name."""
        return {"identity": identity}


class Canonical(Preprocessor):
    """Any function from arrays to arrays, outside of torch: a canonical form, a codec, a library's filter.

    Args:
        function: maps a (n, channels, height, width) float32 array to one of the same shape.
        stand_ins: for the backward pass, by name, besides the identity.

    Raises:
        TargetError: in use, when the function raised or answered something else.
    """

    def __init__(self, function: Callable[[Any], Any], stand_ins: Mapping[str, StandIn] | None = None) -> None:
        super().__init__()
        self._function = function
        self._more = dict(stand_ins or {})

    def forward(self, inputs: Tensor) -> Tensor:
        """The function's answer as float32."""
        try:
            made = torch.as_tensor(self._function(inputs.detach().cpu().numpy().copy()))
        except Exception as error:  # whatever a foreign function raises becomes one typed error
            raise TargetError(
                f"the preprocessor raised {type(error).__name__} on inputs of shape {tuple(inputs.shape)}",
                cause=str(error).splitlines()[0][:200] if str(error) else "",
                next_step="give a function that takes a float32 array (n, channels, height, width)",
            ) from error
        if made.shape != inputs.shape:
            raise TargetError(
                f"the preprocessor answered {tuple(made.shape)} for inputs of shape {tuple(inputs.shape)}",
                next_step="give a function that keeps the shape",
            )
        return made.to(inputs.dtype)

    def ways(self) -> Mapping[str, StandIn]:
        """The identity, and what was given."""
        return {"identity": identity, **self._more}


class Preprocessed(nn.Module):
    """A network behind a preprocessor.

    Args:
        preprocessor: what inputs go through first.
        module: returns (n, classes) logits.
        way: None for the deployed module, whose gradient is whatever the preprocessor's own is; else the name of a
            stand-in, which changes the backward pass only.
    """

    def __init__(self, preprocessor: Preprocessor, module: nn.Module, way: str | None = None) -> None:
        super().__init__()
        self.preprocessor = preprocessor
        self.module = module
        self.way = way

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, classes) logits."""
        images(inputs)
        if self.way is None or not torch.is_grad_enabled():
            return answer(self.module, self.preprocessor(inputs))
        return answer(self.module, through(inputs, self.preprocessor, self.preprocessor.ways()[self.way]))

    def ways(self) -> dict[str, Preprocessed]:
        """This module as an adversary differentiates it, by stand-in: same answers, other gradients."""
        return {name: Preprocessed(self.preprocessor, self.module, name) for name in self.preprocessor.ways()}


def answer(module: nn.Module, inputs: Tensor) -> Tensor:
    """A module's answer, typed."""
    logits: Tensor = module(inputs)
    return logits


def images(inputs: Tensor) -> None:
    """Check that inputs are images.

    Raises:
        DataError: not (n, channels, height, width), or not finite.
    """
    if inputs.ndim != 4:
        raise DataError(
            f"inputs of shape {tuple(inputs.shape)} are no images",
            next_step="give (n, channels, height, width); one image is (1, channels, height, width)",
        )
    if not bool(torch.isfinite(inputs).all()):
        raise DataError("inputs hold NaN or infinity", next_step="reject those samples before the preprocessor")


class _Through(torch.autograd.Function):
    """One function forward, the gradient of another backward."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, deployed: StandIn, stand_in: StandIn) -> Tensor:
        ctx.save_for_backward(inputs)
        ctx.stand_in = stand_in
        return deployed(inputs.detach()).detach().clone()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        (inputs,) = ctx.saved_tensors
        with torch.enable_grad():
            leaf = inputs.detach().requires_grad_()
            (made,) = torch.autograd.grad(ctx.stand_in(leaf), leaf, slopes[0])
        return made, None, None


def through(inputs: Tensor, deployed: StandIn, stand_in: StandIn) -> Tensor:
    """The deployed function's value, with the stand-in's gradient.

    Example:
        >>> x = torch.tensor([0.3, 0.6], requires_grad=True)
        >>> through(x, torch.round, lambda x: 2 * x).sum().backward()
        >>> x.grad.tolist()
        [2.0, 2.0]
    """
    made: Tensor = _Through.apply(inputs, deployed, stand_in)  # type: ignore[no-untyped-call]
    return made
