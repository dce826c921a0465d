"""Inputs that may be counterexamples, and the module itself as the judge of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from casemate.core.optional import require
from casemate.threats.evasion.certificates.intervals import Box

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

RELATIVE, ABSOLUTE = 2e-6, 2e-7
"""How much wider than ``eps`` a certified ball is: attacks compute ``x + eps`` and distances in float32."""
WALK = 30
"""Steps of the short walk."""


@dataclass(frozen=True)
class Suspects:
    """A module, samples it is asked about, and where their neighbors lie.

    Attributes:
        module: the original module.
        x, y: (n, *shape) float32 inputs, (n,) labels.
        low, high: (n, *shape) float32 corners of the ball cut by the box; inside it even after rounding.
        wide: float64 corners that a certificate must cover.
    """

    module: Any
    x: Tensor
    y: Tensor
    low: Tensor
    high: Tensor
    wide: Box

    @classmethod
    def of(cls, module: Any, x: Tensor, y: Tensor, eps: float, box: tuple[float, float]) -> Suspects:
        """The neighbors within ``eps`` in every coordinate."""
        exact = x.double()
        radius = eps * (1 + RELATIVE) + ABSOLUTE
        wide = ((exact - radius).clamp_min(box[0]), (exact + radius).clamp_max(box[1]))
        low, high = ((exact - eps).clamp_min(box[0]).float(), (exact + eps).clamp_max(box[1]).float())
        # float() rounds to the nearest, which may be outside: then one step back towards x.
        low = torch.where(low.double() < exact - eps, torch.nextafter(low, x), low)
        high = torch.where(high.double() > exact + eps, torch.nextafter(high, x), high)
        return cls(module, x, y, torch.minimum(low, x), torch.maximum(high, x), wide)

    def corners(self, samples: Tensor) -> Box:
        """Float64 corners for some samples."""
        return self.wide[0][samples], self.wide[1][samples]

    def logits(self, x: Tensor) -> Tensor:
        """(n, classes) the module's own answers, asked in the type of its parameters."""
        first = next(self.module.parameters(), x)
        answer: Tensor = self.module(x.to(first.device, first.dtype)).cpu()
        return answer

    def checker(self, sample: int) -> Callable[[Tensor], Tensor | None]:
        """Judge of candidates for one sample: they are cut to its ball, and the module is asked."""

        @torch.no_grad()
        def broken(candidates: Tensor) -> Tensor | None:
            moved = candidates.float().clamp(self.low[sample], self.high[sample])
            wrong = self.logits(moved).argmax(1) != self.y[sample]
            return moved[wrong][0] if bool(wrong.any()) else None

        return broken

    def walk(self, samples: Tensor, others: Tensor, coefficients: Tensor) -> dict[int, Tensor]:
        """Walk down the margins from corners of the box, by signs of gradients.

        Args:
            samples: (r,) numbers of samples.
            others: (r,) the class each row walks towards.
            coefficients: (r, *shape) the linear bounds' slopes, whose signs name the corner to begin at.

        Returns:
            By sample, an input that the module answers wrongly.
        """
        low, high, labels = self.low[samples], self.high[samples], self.y[samples]
        moved = torch.where(coefficients > 0, low, high)
        found: dict[int, Tensor] = {}
        rows = torch.arange(len(samples))
        for step in range(WALK + 1):
            moved.requires_grad_()
            logits = self.logits(moved)
            for row in (logits.argmax(1) != labels).nonzero().flatten().tolist():
                found.setdefault(int(samples[row]), moved[row].detach().clone())
            if step == WALK or len(found) == len(set(samples.tolist())):
                break
            margin = logits[rows, labels] - logits[rows, others]
            (slope,) = torch.autograd.grad(margin.sum(), moved)
            pace = (high - low) / 2 * (0.25 * (1 - step / WALK) + 0.01)
            moved = torch.minimum(torch.maximum(moved.detach() - pace * slope.sign(), low), high)
        return found
