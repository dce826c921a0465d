"""What the answers and slopes around an input tell, without an attack: shares of samples for the signs of masking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from casemate.core.errors import TargetError
from casemate.core.optional import require
from casemate.threats.evasion.balls import Linf, spread
from casemate.threats.evasion.losses import cross_entropy, margin
from casemate.threats.evasion.noise import Noise

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from casemate.targets.differentiable import Differentiable
else:
    torch = require("torch", extra="torch")

SATURATED: Final = 1e-12
"""Greatest entry of a gradient that float32 arithmetic has emptied."""
DROP: Final = 0.05
"""Share of the rise up to an example by which the margin first falls."""
STATIONS: Final = 17
"""Points looked at on the straight way to an example."""
LEAP: Final = 0.2
"""Change of probabilities within less than a ten-thousandth of the radius that no slope explains."""
PACES, CLOSER = 257, 6
"""Points looked at along the gradient for leaps, and halvings of the interval with the largest change."""


@dataclass(frozen=True)
class Probe:
    """Looks at a target around some samples.

    Attributes:
        target: what is looked at.
        ball: the adversary's reach.
        inputs: (n, ...) samples.
        labels: (n,) right classes.
    """

    target: Differentiable
    ball: Linf
    inputs: Tensor
    labels: Tensor

    def slopes(self, points: Tensor, labels: Tensor) -> Tensor:
        """Gradients of the margin."""
        return self.target.gradient(points, lambda logits: margin(logits, labels))[2]

    def blind(self, rows: Tensor, seed: int) -> float:
        """Share of the rows whose margin has no gradient, at the input or at a random point nearby."""
        if not len(rows):
            return 0.0
        points, labels = self.inputs[rows], self.labels[rows]
        noise = torch.from_numpy(Noise(seed, "blind").uniform(rows.numpy(), points.shape[1:])) * 2 - 1
        near = self.ball.project(points + self.ball.start(noise), points, self.target.bounds)
        try:
            dead = [self.slopes(each, labels).flatten(1).abs().amax(1) == 0 for each in (points, near)]
        except TargetError:
            return 1.0
        return float((dead[0] | dead[1]).float().mean())

    def contradicted(self, rows: Tensor) -> float:
        """Share of the rows whose margin does not rise along its gradient as the gradient says.

        Over half of the radius: a shorter step stays within a stair of what is quantized, or within a cell of what is
        projected, where a gradient may be true and of no use.
        """
        if not len(rows):
            return 0.0
        points, labels = self.inputs[rows], self.labels[rows]
        slope = self.slopes(points, labels)
        step = self.ball.eps / 2
        ahead = self.ball.project(points + step * self.ball.ascent(slope), points, self.target.bounds)
        promised = (slope * (ahead - points)).flatten(1).sum(1)
        risen = margin(self.target.logits(ahead), labels) - margin(self.target.logits(points), labels)
        return float(((risen < 0.2 * promised) & (promised > 0)).float().mean())

    def saturated(self, rows: Tensor) -> int:
        """How many of the rows have no gradient of cross-entropy.

        Where the right class' probability is one in float32, the gradient of its logarithm is zero or noise, however
        near the boundary lies; the margin still has a gradient.
        """
        if not len(rows):
            return 0
        labels = self.labels[rows]
        _, _, slope = self.target.gradient(self.inputs[rows], lambda logits: cross_entropy(logits, labels))
        return int((slope.flatten(1).abs().amax(1) < SATURATED).sum())

    def detours(self, rows: Tensor, examples: Tensor) -> int:
        """How many straight ways from the rows to their examples first lead down.

        The scores are looked at, not their gradient: answers that are bent on purpose can have a true gradient and
        still point to the wrong side.
        """
        if not len(rows):
            return 0
        origin, labels = self.inputs[rows], self.labels[rows]
        way = examples - origin
        stations = torch.linspace(0, 1, STATIONS).tolist()
        heights = torch.stack([margin(self.target.logits(origin + each * way), labels) for each in stations])
        rise = (heights[-1] - heights[0]).clamp_min(1e-9)
        return int(((heights[0] - heights.amin(0)) > DROP * rise).sum())

    def leaps(self, rows: Tensor) -> float:
        """Share of the rows whose answer jumps on the way along the gradient: no slope shows what lies behind."""
        if not len(rows):
            return 0.0
        points = self.inputs[rows]
        way = self.ball.eps * self.ball.ascent(self.slopes(points, self.labels[rows]))

        def answers(place: Tensor) -> Tensor:
            moved = (points + spread(place, way) * way).clamp(*self.target.bounds)
            return self.target.logits(moved).softmax(1)

        low, most, last = torch.zeros(len(rows)), torch.zeros(len(rows)), answers(torch.zeros(len(rows)))
        for place in torch.linspace(0, 1, PACES).tolist()[1:]:
            now = answers(torch.full((len(rows),), place))
            change = (now - last).abs().amax(1)
            low, most = torch.where(change > most, place - 1 / (PACES - 1), low), torch.maximum(change, most)
            last = now
        high = low + 1 / (PACES - 1)
        for _ in range(CLOSER):
            middle = (low + high) / 2
            first, between, second = answers(low), answers(middle), answers(high)
            left, rest = (between - first).abs().amax(1), (second - between).abs().amax(1)
            low, high = torch.where(left > rest, low, middle), torch.where(left > rest, middle, high)
            most = torch.maximum(left, rest)
        return float((most > LEAP).float().mean())
