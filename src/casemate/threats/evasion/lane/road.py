"""Roads that curve gently, and the way from the plane to a road's own coordinates.

A road is its center line: a curvature of two sines along its length, integrated once into nodes. Coordinates along
(metres from its start) and across (metres to the left of the center line) are found from a point of the plane by the
circle that touches the road at the node nearest to a first guess; a second turn begins at what the first one found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

SPACING = 0.5
"""Metres between nodes."""

LANE = 1.75
"""Metres from the center of the lane to the middle of each line."""

EDGE = 2.1
"""Metres from the center of the lane to the edge of the pavement."""


@dataclass(frozen=True)
class Roads:
    """The center lines of n roads.

    Attributes:
        nodes: (n, nodes, 5) x, y, cosine and sine of the direction, and curvature, every :data:`SPACING` metres.
    """

    nodes: Tensor

    @property
    def length(self) -> float:
        """Metres of road."""
        return (self.nodes.shape[1] - 1) * SPACING

    def curvature(self, along: Tensor) -> Tensor:
        """(n, ...) curvature in 1/m, positive to the left, at (n, ...) metres along."""
        return self._at(along)[..., 4]

    def place(self, along: Tensor, across: Tensor) -> Tensor:
        """Points (n, ..., 2) of the plane at road coordinates (n, ...)."""
        node = self._at(along)
        x, y, cosine, sine, bend = node.unbind(-1)
        ahead = along - self._index(along).to(along.dtype) * SPACING
        turned = bend * ahead
        # along the circle of the node's curvature
        forward = ahead * _sinc(turned)
        left = ahead * _cosc(turned)
        cosine_, sine_ = turned.cos() * cosine - turned.sin() * sine, turned.sin() * cosine + turned.cos() * sine
        return torch.stack(
            [
                x + cosine * forward - sine * left - sine_ * across,
                y + sine * forward + cosine * left + cosine_ * across,
            ],
            -1,
        )

    def heading(self, along: Tensor) -> Tensor:
        """(n, ...) direction of the center line in radians."""
        node = self._at(along)
        ahead = along - self._index(along).to(along.dtype) * SPACING
        return torch.atan2(node[..., 3], node[..., 2]) + node[..., 4] * ahead

    def seen_from(self, x: Tensor, y: Tensor, heading: Tensor) -> Roads:
        """The roads in the frames of n cars at these places (n,) and directions (n,)."""
        cosine, sine = heading.cos()[:, None], heading.sin()[:, None]
        x0, y0, ahead, aside, bend = self.nodes.unbind(-1)
        dx, dy = x0 - x[:, None], y0 - y[:, None]
        moved = [cosine * dx + sine * dy, cosine * dy - sine * dx]
        turned = [cosine * ahead + sine * aside, cosine * aside - sine * ahead]
        return Roads(torch.stack([*moved, *turned, bend], -1))

    def locate(self, x: Tensor, y: Tensor, guess: Tensor, turns: int = 2) -> tuple[Tensor, Tensor]:
        """Road coordinates of points of the plane.

        Args:
            x: (n, points) metres.
            y: (n, points) metres.
            guess: (n, points) metres along; a few metres off is near enough.
            turns: circles tried. From a guess that is 3 m off, one finds the place within 2 cm, two within rounding.

        Returns:
            Metres along and across, (n, points) each.
        """
        rows, count = self.nodes.shape[:2]
        table = self.nodes.reshape(rows * count, 5).T.contiguous()
        first = torch.arange(rows)[:, None] * count
        along, across = guess, guess
        for _ in range(turns):
            index = (along.detach() * (1 / SPACING) + 0.5).long().clamp_(0, count - 1)
            found = table.index_select(1, (index + first).reshape(-1)).view(5, *x.shape)
            x0, y0, cosine, sine, bend = found.unbind(0)
            dx, dy = x - x0, y - y0
            forward = torch.addcmul(cosine * dx, sine, dy)
            left = torch.addcmul(cosine * dy, sine, dx, value=-1)
            rest = 1 - bend * left
            # the angle seen from the circle's center, by its tangent; the series is exact enough for a few metres
            ratio = forward / rest
            turned = bend * ratio
            along = index * SPACING + ratio * (1 - turned * turned * (1 / 3))
            # 2 left - bend (forward^2 + left^2) is the circle's power; its root form has no small denominator
            power = torch.addcmul(2 * left, bend, torch.addcmul(forward * forward, left, left), value=-1)
            across = power / (1 + (1 - bend * power).sqrt())
        return along, across

    def _index(self, along: Tensor) -> Tensor:
        return (along.detach() / SPACING).round().clamp(0, self.nodes.shape[1] - 1).long()

    def _gather(self, index: Tensor) -> Tensor:
        first = torch.arange(len(self.nodes))[:, None] * self.nodes.shape[1]
        return self.nodes.view(-1, 5)[(first + index.reshape(len(index), -1))].view(*index.shape, 5)

    def _at(self, along: Tensor) -> Tensor:
        return self._gather(self._index(along))


def lay(amplitudes: Tensor, lengths: Tensor, phases: Tensor, length: float) -> Roads:
    """Lay roads whose curvature is a sum of sines.

    Args:
        amplitudes: (n, waves) 1/m.
        lengths: (n, waves) metres of each wave.
        phases: (n, waves) radians.
        length: metres of road.
    """
    count = round(length / SPACING)
    # direction by its closed form, position by Simpson's rule between nodes
    steps = torch.arange(2 * count + 1, dtype=torch.float64) * (SPACING / 2)
    rate = 2 * torch.pi / lengths.double()[..., None]
    angle = rate * steps + phases.double()[..., None]
    bend = (amplitudes.double()[..., None] * angle.sin()).sum(1)
    start = phases.double()[..., None].cos()
    heading = (amplitudes.double()[..., None] / rate * (start - angle.cos())).sum(1)
    cosine, sine = heading.cos(), heading.sin()
    x, y = (
        torch.cat([torch.zeros(len(each), 1, dtype=torch.float64), _simpson(each).cumsum(1)], 1)
        for each in (cosine, sine)
    )
    return Roads(torch.stack([x, y, cosine[:, ::2], sine[:, ::2], bend[:, ::2]], -1).float())


def _simpson(values: Tensor) -> Tensor:
    return (values[:, :-2:2] + 4 * values[:, 1::2] + values[:, 2::2]) * (SPACING / 6)


def _sinc(angle: Tensor) -> Tensor:
    square = angle * angle
    return 1 - square / 6 * (1 - square / 20)


def _cosc(angle: Tensor) -> Tensor:
    return angle / 2 * (1 - angle * angle / 12)
