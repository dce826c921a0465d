"""A target that answers at random, seen as what it answers on average: the face that attacks on random defenses need.

Reference:
    Athalye, Carlini and Wagner 2018, "Obfuscated gradients give a false sense of security", section 4.2 (expectation
    over transformation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy.typing as npt

from casemate.core.optional import require
from casemate.stats.proportions import clopper_pearson_bounds
from casemate.targets.differentiable import Differentiable, Loss, Usage

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


class Drawn:
    """The expectation of a random target, by repeated draws.

    Logits are means of log probabilities, gradients are means over draws. An answer counts as wrong only if it is
    wrong more often than not, beyond doubt: one lucky draw is no adversarial example.

    Args:
        target: draws anew each time it is asked.
        draws: for logits and gradients.
        votes: for confirmation; the majority must lie above one half with 97.5 % confidence (Clopper-Pearson).
    """

    def __init__(self, target: Differentiable, draws: int = 16, votes: int = 64) -> None:
        self._target = target
        self._draws = draws
        self._votes = votes
        self.name = target.name
        self.bounds = target.bounds
        self.classes = target.classes
        self.batch = target.batch

    @property
    def usage(self) -> Usage:
        """Every draw counts."""
        return self._target.usage

    @property
    def notes(self) -> tuple[str, ...]:
        """The target's, and that answers are means."""
        return (*self._target.notes, f"answers at random; attacked through the mean of {self._draws} draws")

    def tensor(self, inputs: Tensor | npt.ArrayLike) -> Tensor:
        """Inputs as contiguous float32 within the bounds, checked."""
        return self._target.tensor(inputs)

    def sense(self, inputs: Tensor) -> None:
        """As the target's."""
        self._target.sense(inputs)

    def quantized(self, inputs: Tensor, origin: Tensor | None = None, *, inward: bool = False) -> Tensor:
        """As the target's."""
        return self._target.quantized(inputs, origin, inward=inward)

    def logits(self, inputs: Tensor) -> Tensor:
        """(n, classes) means of log probabilities."""
        return torch.stack([self._target.logits(inputs).log_softmax(1) for _ in range(self._draws)]).mean(0)

    def gradient(self, inputs: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        """Means of logits, losses and gradients."""
        drawn = [self._target.gradient(inputs, loss) for _ in range(self._draws)]
        logits, losses, slopes = (torch.stack(each).mean(0) for each in zip(*drawn, strict=True))
        return logits, losses, slopes

    def confirm(self, inputs: Tensor) -> Tensor:
        """(n, classes) shares of votes; a row without a certain majority is NaN, which is no answer."""
        votes = torch.zeros(len(inputs), self.classes)
        for _ in range(self._votes):
            votes += torch.nn.functional.one_hot(self._target.confirm(inputs).argmax(1), self.classes)
        low, _ = clopper_pearson_bounds(votes.amax(1).numpy(), self._votes)
        votes[torch.from_numpy(low <= 0.5)] = float("nan")
        return votes / self._votes
