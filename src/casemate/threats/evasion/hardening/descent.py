"""The training loop that all recipes share: what differs between them is the loss of a batch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.core.seeds import derive

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


@dataclass(frozen=True)
class Moment:
    """Where training stands.

    Attributes:
        share: of all steps, from 0 to 1.
        step: number of the step.
        generator: source of random numbers for this run.
    """

    share: float
    step: int
    generator: torch.Generator


Loss: TypeAlias = "Callable[[Any, Tensor, Tensor, Moment], Tensor]"
"""The loss of a batch, from the module, inputs, labels and where training stands."""


@dataclass(frozen=True)
class Schedule:
    """Adam with a rate that rises over the first tenth of the steps and falls to zero in a line afterwards.

    Attributes:
        epochs: passes over the data; may be a fraction.
        batch: inputs a step.
        rate: the highest learning rate.
        decay: weight decay.
        clip: longest gradient.
        seed: of order and noise; the module's own initial weights are the caller's.
    """

    epochs: float = 5
    batch: int = 128
    rate: float = 1e-3
    decay: float = 0.0
    clip: float = 10.0
    seed: int = 0


def descend(module: Any, pixels: Any, labels: Any, loss: Loss, schedule: Schedule, *, replays: int = 1) -> Any:
    """Train a copy of a module.

    Args:
        module: a ``torch.nn.Module`` that returns logits; it is not changed.
        pixels: (n, ...) inputs, array or tensor.
        labels: (n,) codes.
        loss: of a batch.
        schedule: how long and how fast.
        replays: steps on each batch, one after another; the number of steps in all is the schedule's.

    Returns:
        The trained copy, in evaluation mode.

    Raises:
        UsageError: there are no inputs, or not as many labels.
    """
    x = torch.as_tensor(np.asarray(pixels))
    y = torch.as_tensor(np.asarray(labels)).long()
    if len(x) == 0 or len(x) != len(y):
        raise UsageError(f"{len(x)} inputs and {len(y)} labels to train on", next_step="give one label an input")
    made = copy.deepcopy(module).train()
    generator = torch.Generator().manual_seed(derive(schedule.seed, "hardening"))
    batch = min(schedule.batch, len(x))
    total = max(1, round(schedule.epochs * (len(x) // batch)))
    adam = torch.optim.Adam(made.parameters(), lr=schedule.rate, weight_decay=schedule.decay)
    order = chosen = torch.empty(0, dtype=torch.int64)
    for step in range(total):
        if step % replays == 0:
            if len(order) < batch:
                order = torch.randperm(len(x), generator=generator)
            chosen, order = order[:batch], order[batch:]
        share = step / total
        adam.param_groups[0]["lr"] = schedule.rate * min(1.0, 10 * share + 0.01, (1 - share) / 0.9)
        value = loss(made, x[chosen], y[chosen], Moment(share, step, generator))
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(value)
        torch.nn.utils.clip_grad_norm_(made.parameters(), schedule.clip)
        adam.step()
    return made.eval()
