"""An optimizer that sees private gradients only: a step releases one whole batch, or does not happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.privacy.dp.sgd.loader import Turn
from casemate.privacy.dp.sgd.passes import Passes

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


class PrivateOptimizer(torch.optim.Optimizer):
    """Wraps an optimizer; parameters, state and learning rates are its own.

    Args:
        inner: takes the steps.
        passes: hold the sum of clipped gradients.
        turn: tells what batch they should come from.
        release: pays, and gives the sum its noise.
        expected: what the sum is divided by: 1, or the expected size of a batch, never the real one.

    Attributes:
        steps: releases so far.
    """

    _step_supports_amp_scaling = True  # a gradient scaler leaves the gradients to us then, and is refused
    steps: int

    def __init__(
        self,
        inner: torch.optim.Optimizer,
        passes: Passes,
        turn: Turn,
        release: Callable[[Tensor], Tensor],
        expected: float,
    ) -> None:
        # the base class would make a second state: everything below is the inner optimizer's
        self.inner, self.passes, self.turn = inner, passes, turn
        self._release, self._expected, self._stepping = release, expected, False
        self.steps = 0
        self._guard = inner.register_step_pre_hook(self._only_from_here)
        turn.new_epoch = passes.reset
        inner.zero_grad()  # what is frozen would move by a gradient that was left from before

    def __getattr__(self, name: str) -> Any:
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def __getstate__(self) -> dict[str, Any]:
        raise UsageError("a private optimizer cannot be copied", next_step="save its state_dict()")

    def __repr__(self) -> str:
        return f"Private {self.inner!r}"

    def state_dict(self) -> dict[str, Any]:
        """Of the optimizer inside."""
        return self.inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Of the optimizer inside."""
        self.inner.load_state_dict(state_dict)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refused.

        Raises:
            UsageError: always.
        """
        del param_group
        raise UsageError(
            "no parameters can be added to a private optimizer",
            cause="clipping and noise were made for those it had",
            next_step="give the optimizer all of them, then call make_private",
        )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget gradients; those of a batch that is not complete are kept."""
        self.inner.zero_grad(set_to_none)
        if self.turn.last and not self.passes.samples:
            self.passes.forget()

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # no closure can be called again
        """Release the batch with noise, and step; nothing happens before all its pieces went through the module.

        Raises:
            UsageError: what went through the module is not one batch of the private loader; nothing was released.
            SpentError: the budget does not allow it; nothing was released.
        """
        if closure is not None:
            raise UsageError(
                "a private step takes no closure",
                cause="each time it is called is a release of its own",
                next_step="go forward and backward first, then call step()",
            )
        if "found_inf" in self.__dict__:
            raise UsageError(
                "gradients were scaled",
                cause="a gradient scaler changes what is clipped, and leaves out steps by the data",
                next_step="use autocast with bfloat16, which needs no GradScaler",
            )
        self._check()
        if not self.turn.last:
            return
        noisy = self._release(self.passes.total) / self._expected
        at = 0
        for parameter in self.passes.trained.values():
            piece = noisy[at : at + parameter.numel()]
            parameter.grad = piece.reshape(parameter.shape).to(parameter.dtype)
            at += parameter.numel()
        self.passes.reset()
        self.turn.clear()
        self.steps += 1
        self._stepping = True
        try:
            self.inner.step()
        finally:
            self._stepping = False

    def close(self) -> None:
        """Give the optimizer back."""
        self._guard.remove()

    def _check(self) -> None:
        """Whether exactly the batch that was handed out went through the module."""
        turn, passes = self.turn, self.passes
        passes.check_trained()
        if turn.batches != 1:
            raise UsageError(
                f"{turn.batches} batches were drawn for this step"
                if turn.batches
                else "no batch was drawn for this step",
                cause="one Poisson batch a step is what is accounted for; a shuffled loader, or another, is not",
                next_step="take one step for each batch of the loader that make_private returned; for larger batches "
                "give a larger batch_size, and split them with BatchMemoryManager",
            )
        passes.collect()
        if not turn.records:
            passes.reset()
        elif passes.samples != turn.due:
            raise UsageError(
                f"{passes.samples} samples went through the module and back, and {turn.due} records were drawn",
                cause="gradients of other records than those drawn are not accounted for",
                next_step="call the module on all of every batch of the private loader, in training mode, and go back",
            )

    def _only_from_here(self, *_: Any) -> None:
        if not self._stepping:
            raise UsageError(
                "this optimizer belongs to a private one now",
                cause="it would step with gradients that are not private",
                next_step="call step() of the optimizer that make_private returned",
            )
