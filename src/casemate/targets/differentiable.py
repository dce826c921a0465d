"""Torch modules as something that gradients can be asked of: the target of attacks on images and other tensors.

Attacks work on a frozen copy that shares the module's parameters: evaluation mode, no gradients for weights (they cost
a third of the time and nobody wants them), a faster backward pass of the first layer. What they find is confirmed on
the module itself.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import numpy.typing as npt

from casemate.core.errors import DataError, TargetError
from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

from casemate.targets.input_layer import faster

Loss = Callable[["Tensor"], "Tensor"]
"""(n, classes) logits to (n,) losses."""

BATCH: Final = 256
_CHANGED_BY_MODE: Final = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)

TINY: Final = 1e-30
"""Below this a probability is taken as this before its logarithm is taken."""


@dataclass
class Usage:
    """What was asked of a target, in samples.

    Attributes:
        forwards: forward passes without gradients.
        gradients: forward and backward passes.
        confirmations: forward passes through the module itself.
    """

    forwards: int = 0
    gradients: int = 0
    confirmations: int = 0


class Scored(Protocol):
    """A classifier of tensors that answers with logits."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and greatest value of an input."""

    @property
    def classes(self) -> int:
        """How many there are."""

    @property
    def batch(self) -> int:
        """Samples a pass."""

    @property
    def usage(self) -> Usage:
        """What was asked so far."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know."""

    def tensor(self, inputs: Tensor | npt.ArrayLike) -> Tensor:
        """Inputs as contiguous float32 within the bounds, checked."""

    def sense(self, inputs: Tensor) -> None:
        """Look at answers to a few inputs, and take probabilities for what they are."""

    def quantized(self, inputs: Tensor, origin: Tensor | None = None, *, inward: bool = False) -> Tensor:
        """Inputs as they arrive at the deployed model; ``inward`` rounds their distance from ``origin`` down."""

    def logits(self, inputs: Tensor) -> Tensor:
        """(n, classes) float32 logits, without gradients."""

    def confirm(self, inputs: Tensor) -> Tensor:
        """(n, classes) float32 logits of the deployed model itself, its inputs quantized as deployed."""


class Differentiable(Scored, Protocol):
    """One whose gradients can be had."""

    def gradient(self, inputs: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (n, classes), losses (n,) and the gradient of each loss by its own input (n, ...)."""


class Answering(ABC):
    """What classifiers of tensors share: the box of their inputs, what was asked of them, and a look at their answers.

    Args:
        classes: how many there are, or their names.
        bounds: least and greatest value of an input.
        levels: number of values an input can have when it arrives; None for any.
        batch: samples a pass.
        name: what reports call it.

    Raises:
        TargetError: bounds or levels that make no sense.
    """

    def __init__(
        self, classes: int | Sequence[str], bounds: tuple[float, float], *, levels: int | None, batch: int, name: str
    ) -> None:
        if not bounds[0] < bounds[1] or (levels is not None and levels < 2):
            raise TargetError(
                f"bounds {bounds} with {levels} levels make no sense",
                next_step="give the least and the greatest value of an input, and at least 2 levels or None",
            )
        self.names = tuple(str(each) for each in (range(classes) if isinstance(classes, int) else classes))
        self.classes = len(self.names)
        self.bounds = (float(bounds[0]), float(bounds[1]))
        self.levels = levels
        self.batch = batch
        self.name = name
        self.usage = Usage()
        self.notes: tuple[str, ...] = ()
        self._log = False

    @abstractmethod
    def confirm(self, inputs: Tensor) -> Tensor:
        """(n, classes) float32 logits of the deployed model itself, its inputs quantized as deployed."""

    def quantized(self, inputs: Tensor, origin: Tensor | None = None, *, inward: bool = False) -> Tensor:
        """Inputs as they arrive at the deployed model; ``inward`` rounds their distance from ``origin`` down."""
        return arriving(inputs, self.bounds, self.levels, origin if inward else None)

    def tensor(self, inputs: Tensor | npt.ArrayLike) -> Tensor:
        """Inputs as contiguous float32 within the bounds; uint8 arrays are scaled to them.

        Raises:
            DataError: empty, not finite, or outside the bounds.
        """
        return checked(inputs, self.bounds)

    def sense(self, inputs: Tensor) -> None:
        """Look at answers to a few inputs; probabilities are noticed, and their logarithm is taken from then on."""
        if self._log:
            return
        answers = self.confirm(inputs[: self.batch])
        if bool((answers >= 0).all()) and bool(((answers.sum(dim=1) - 1).abs() < 1e-3).all()):
            self._log = True
            self.notes += ("the model answers probabilities; their logarithm was taken as logits",)

    def _scaled(self, answers: Tensor) -> Tensor:
        """Answers as logits."""
        return answers.clamp_min(TINY).log() if self._log else answers


class TorchClassifier(Answering):
    """A module that maps (n, ...) inputs within bounds to (n, classes) logits.

    Args:
        module: its parameters stay untouched; it may be in training mode, but is judged in evaluation mode.
        classes: how many there are, or their names.
        bounds: least and greatest value of an input; attacks stay inside.
        mean, std: applied as ``(inputs - mean) / std`` per channel before the module, so that distances are in units
            of inputs, not of normalized ones.
        levels: number of values an input can have when it arrives (256 for 8-bit images); a claimed example must still
            fool the model when it is rounded to one of them. None: any value.
        batch: samples a pass.
        name: what reports call it.

    Attributes:
        module: a frozen copy of the module, normalization included: what examples are confirmed on.
        network: the same with a faster first layer: what gradients are taken of.
        notes: what a reader should know: the module was in training mode, cannot be copied, answers probabilities.

    Raises:
        TargetError: no module, or bounds or levels that make no sense.
        MissingPartError: torch is not installed.

    Example:
        >>> target = TorchClassifier(torch.nn.Linear(4, 3), classes=3)
        >>> target.logits(torch.zeros(2, 4)).shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        module: nn.Module,
        classes: int | Sequence[str],
        bounds: tuple[float, float] = (0.0, 1.0),
        *,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        levels: int | None = None,
        batch: int = BATCH,
        name: str = "model",
    ) -> None:
        if not isinstance(module, nn.Module):
            raise TargetError(
                f"{type(module).__name__} is not a torch module", next_step="give a torch.nn.Module that returns logits"
            )
        super().__init__(classes, bounds, levels=levels, batch=batch, name=name)
        if any(each.training and isinstance(each, _CHANGED_BY_MODE) for each in module.modules()):
            self.notes += ("the module was in training mode; it was judged in evaluation mode",)
        if mean is not None or std is not None:
            module = nn.Sequential(Normalize(mean or (0.0,), std or (1.0,)), module)
        self.module = frozen(module)
        self.network = frozen(module)
        if self.network is module:
            self.notes += ("the module cannot be copied and was itself put into evaluation mode",)
        else:
            faster(self.network)

    def logits(self, inputs: Tensor) -> Tensor:
        """(n, classes) float32 logits, without gradients; counted as forwards.

        Raises:
            TargetError: the module raised, or answered something else than (n, classes) numbers.
        """
        self.usage.forwards += len(inputs)
        with torch.no_grad():
            return self._through(self.network, inputs)

    def confirm(self, inputs: Tensor) -> Tensor:
        """(n, classes) float32 logits of the module as it was given, inputs rounded to ``levels``.

        Raises:
            TargetError: as `logits`.
        """
        self.usage.confirmations += len(inputs)
        with torch.no_grad():
            return self._through(self.module, self.quantized(inputs))

    def gradient(self, inputs: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (n, classes), losses (n,) and the gradient of each loss by its own input (n, ...).

        NaN in a gradient, which an attack could not follow, becomes 0.

        Raises:
            TargetError: as `logits`, or the loss does not depend on the inputs in a way that has a gradient.
        """
        self.usage.gradients += len(inputs)
        leaf = inputs.detach().requires_grad_()
        with torch.enable_grad():
            logits = self._through(self.network, leaf)
            losses = loss(logits)
            if not losses.requires_grad:
                raise TargetError(
                    f"target {self.name!r} has no gradients",
                    cause="its answer does not depend on the input in a way that torch can differentiate",
                    next_step="attack it by its scores (Square), or replace the layer that cuts the graph",
                )
            (slope,) = torch.autograd.grad(losses.sum(), leaf, allow_unused=True)
        slope = torch.zeros_like(leaf) if slope is None else torch.nan_to_num(slope, nan=0.0)
        return logits.detach(), losses.detach(), slope

    def _through(self, network: nn.Module, inputs: Tensor) -> Tensor:
        parts = torch.split(inputs, self.batch) if len(inputs) > self.batch else (inputs,)
        answers = [self._pass(network, part) for part in parts]
        return answers[0] if len(answers) == 1 else torch.cat(answers)

    def _pass(self, network: nn.Module, inputs: Tensor) -> Tensor:
        try:
            answer = network(inputs)
        except Exception as error:  # whatever a foreign module raises becomes one typed error
            raise TargetError(
                f"target {self.name!r} raised {type(error).__name__} on inputs of shape {tuple(inputs.shape)}",
                cause=str(error).splitlines()[0][:200] if str(error) else "",
                next_step="check the shape, and whether channels come first",
            ) from error
        if not isinstance(answer, torch.Tensor) or answer.shape != (len(inputs), self.classes):
            shape = tuple(answer.shape) if isinstance(answer, torch.Tensor) else type(answer).__name__
            raise TargetError(
                f"target {self.name!r} answered {shape} for {len(inputs)} inputs",
                cause=f"({len(inputs)}, {self.classes}) logits are expected",
                next_step="give a module that returns one row of logits a sample, and the right number of classes",
            )
        return self._scaled(answer.to(torch.float32))


class Normalize(nn.Module):
    """(inputs - mean) / std, channel by channel, for (n, channels, height, width) inputs.

    Args:
        mean: one a channel, or one for all.
        std: likewise.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.mean = torch.tensor([float(each) for each in mean])[:, None, None]
        self.std = torch.tensor([float(each) for each in std])[:, None, None]

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalized inputs."""
        return (inputs - self.mean) / self.std


def frozen(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode that shares the parameters and wants no gradients for them.

    A module that cannot be copied is used itself, and put into evaluation mode.
    """
    shared: dict[int, Tensor] = {
        id(each): nn.Parameter(each.detach(), requires_grad=False) for each in module.parameters()
    }
    shared |= {id(each): each.detach() for each in module.buffers()}
    try:
        made = copy.deepcopy(module, shared)
    except Exception:  # a module may hold anything; the caller sees that this is no copy, and says so
        module.eval()
        return module
    made.eval()
    return made


def arriving(inputs: Tensor, bounds: tuple[float, float], levels: int | None, origin: Tensor | None = None) -> Tensor:
    """Inputs rounded to the ``levels`` equidistant values that a deployed model can get; None leaves them alone.

    With ``origin`` each coordinate goes to the next value towards it, so that what is inside a ball around it stays so.
    """
    if levels is None:
        return inputs
    (low, high), steps = bounds, levels - 1
    places = (inputs - low) / (high - low) * steps
    if origin is None:
        near = places.round()
    else:
        whole = (places + 1e-4 * (inputs - origin).sign()).to(torch.float64)  # a value on the grid is not moved
        near = torch.where(inputs > origin, whole.floor(), whole.ceil()).to(inputs.dtype)
    return near / steps * (high - low) + low


def checked(inputs: Tensor | npt.ArrayLike, bounds: tuple[float, float]) -> Tensor:
    """Inputs as contiguous float32 within the bounds; uint8 arrays are scaled to them.

    Raises:
        DataError: empty, not finite, or outside the bounds.
    """
    given = torch.as_tensor(inputs if isinstance(inputs, torch.Tensor) else np.array(inputs))
    low, high = bounds
    if given.dtype == torch.uint8:
        given = given.to(torch.float32) / 255 * (high - low) + low
    given = given.detach().to(torch.float32).contiguous()
    if not given.numel():
        raise DataError("there are no inputs", next_step="give at least one sample")
    if not bool(torch.isfinite(given).all()):
        raise DataError("inputs hold NaN or infinity", next_step="drop or impute those samples")
    slack = 1e-5 * (high - low)
    if float(given.min()) < low - slack or float(given.max()) > high + slack:
        raise DataError(
            f"inputs lie outside the bounds [{low:g}, {high:g}]",
            cause=f"they reach from {float(given.min()):g} to {float(given.max()):g}",
            next_step="give images as the user sees them, and mean and std to TorchClassifier",
        )
    return given.clamp(low, high)
