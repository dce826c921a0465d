"""A plain function as a target of decision-based attacks: it gives labels, and nothing else is known of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from casemate.core.errors import TargetError
from casemate.core.optional import require
from casemate.targets.differentiable import BATCH, Usage, arriving, checked
from casemate.threats.evasion.evaluation import classes as checked_classes

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


class LabelFunction:
    """A function from inputs to labels, seen as a classifier whose logits are 1 for its answer and 0 for the rest.

    Args:
        function: takes (n, ...) float32 arrays within the bounds, gives (n,) class numbers.
        classes: how many there are, or their names.
        bounds: least and greatest value of an input.
        levels: number of values an input can have when it arrives; None for any.
        batch: samples a call.
        name: what reports call it.

    Example:
        >>> target = LabelFunction(lambda x: (x.sum(axis=1) > 1).astype(int), classes=2)
        >>> target.logits(torch.tensor([[0.2, 0.2], [0.9, 0.9]])).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(
        self,
        function: Callable[[npt.NDArray[np.float32]], Any],
        classes: int | Sequence[str],
        bounds: tuple[float, float] = (0.0, 1.0),
        *,
        levels: int | None = None,
        batch: int = BATCH,
        name: str = "model",
    ) -> None:
        self.names = tuple(str(each) for each in (range(classes) if isinstance(classes, int) else classes))
        self._function = function
        self.classes, self.bounds = len(self.names), (float(bounds[0]), float(bounds[1]))
        self.levels, self.batch, self.name = levels, batch, name
        self.usage = Usage()
        self.notes: tuple[str, ...] = ()

    def tensor(self, inputs: Tensor | npt.ArrayLike) -> Tensor:
        """Inputs as contiguous float32 within the bounds, checked."""
        return checked(inputs, self.bounds)

    def sense(self, inputs: Tensor) -> None:
        """Labels are what they are."""

    def quantized(self, inputs: Tensor, origin: Tensor | None = None, *, inward: bool = False) -> Tensor:
        """Inputs as they arrive; ``inward`` rounds their distance from ``origin`` down."""
        return arriving(inputs, self.bounds, self.levels, origin if inward else None)

    def logits(self, inputs: Tensor) -> Tensor:
        """(n, classes) 1 for the answer; counted as forwards.

        Raises:
            TargetError: the function raised.
            DataError: its answer is not one class number a sample.
        """
        self.usage.forwards += len(inputs)
        return self._asked(inputs)

    def confirm(self, inputs: Tensor) -> Tensor:
        """The same for inputs rounded to ``levels``; counted as confirmations."""
        self.usage.confirmations += len(inputs)
        return self._asked(self.quantized(inputs))

    def _asked(self, inputs: Tensor) -> Tensor:
        answers = []
        for part in torch.split(inputs, self.batch):
            try:
                said = np.asarray(self._function(part.numpy()))
            except Exception as error:  # a function may raise anything
                raise TargetError(
                    f"target {self.name!r} raised {type(error).__name__} on inputs of shape {tuple(part.shape)}",
                    cause=str(error)[:200],
                    next_step="call the function by hand on one batch",
                ) from error
            answers.append(checked_classes(said, len(part), self.classes))
        return torch.nn.functional.one_hot(torch.cat(answers), self.classes).to(torch.float32)
