"""PyTorch modules as targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax

from casemate.core.errors import TargetError
from casemate.core.optional import require
from casemate.targets.answers import Scores
from casemate.targets.target import Codes, Target

Inputs = Callable[[pd.DataFrame], npt.NDArray[Any]]
BATCH = 1024


@dataclass(frozen=True)
class TorchBackend:
    """A module that maps (n, ...) inputs to (n, classes) logits.

    Attributes:
        model: the module; asked in evaluation mode, and put back into the mode it was in.
        classes: class names, in the order of the logits.
        inputs: turns a frame into an array; None takes the frame's numbers as they are. Whatever normalization the
            module needs belongs here or into the module, so that everyone who asks gets it.
        batch: rows a forward pass.
    """

    model: Any
    classes: tuple[str, ...]
    inputs: Inputs | None = None
    batch: int = BATCH
    gives_scores: bool = True

    def scores(self, rows: pd.DataFrame) -> Scores:
        """(n, classes) probabilities, softmax taken in float64."""
        return np.asarray(softmax(self.logits(rows), axis=1))

    def labels(self, rows: pd.DataFrame) -> Codes:
        """(n,) codes of the classes with the largest logit."""
        return np.asarray(self.logits(rows).argmax(axis=1), dtype=np.int64)

    def logits(self, rows: pd.DataFrame) -> Scores:
        """(n, classes) logits as float64."""
        torch = require("torch", extra="torch")
        array = np.asarray(rows.to_numpy() if self.inputs is None else self.inputs(rows))
        first = next(self.model.parameters(), None)
        kind = {} if first is None else {"dtype": first.dtype, "device": first.device}
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad():
                parts = [
                    self.model(torch.as_tensor(np.ascontiguousarray(array[start : start + self.batch]), **kind))
                    for start in range(0, len(array), self.batch)
                ]
        finally:
            self.model.train(was_training)
        if not parts:
            return np.empty((0, len(self.classes)))
        return np.asarray(torch.cat(parts).detach().cpu().numpy(), dtype=np.float64)


def torch_classifier(
    module: Any,
    classes: Sequence[str],
    name: str = "model",
    *,
    inputs: Inputs | None = None,
    batch: int = BATCH,
) -> Target:
    """A ``torch.nn.Module`` that returns logits, as a target.

    Args:
        module: maps (n, ...) tensors of its parameters' type and device to (n, classes) logits.
        classes: class names, in the order of the logits.
        name: what the report calls it.
        inputs: turns a frame of n rows into the (n, ...) array the module takes; None takes its numbers.
        batch: rows a forward pass.

    Raises:
        TargetError: ``module`` is not a module.
        MissingPartError: torch is not installed.
    """
    torch = require("torch", extra="torch")
    if not isinstance(module, torch.nn.Module):
        raise TargetError(
            f"{type(module).__name__} is not a torch module",
            next_step="give a torch.nn.Module that returns logits, or wrap a function with casemate.targets.callable",
        )
    return Target(name, TorchBackend(module, tuple(classes), inputs, batch))
