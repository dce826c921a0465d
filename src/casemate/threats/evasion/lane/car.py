"""A car as a kinematic bicycle: no slip, a speed that stays, a steering wheel that turns only so fast."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

WHEELBASE = 2.7
"""Metres between the axles."""

HALF_WIDTH = 0.9
"""Metres from the car's middle to its side."""

MOST_STEERING = 0.3
"""Radians that the front wheels turn to either side."""

STEERING_RATE = 0.6
"""Radians a second that they turn."""

NEAR, DAMPING = 0.011, 0.21
"""Gains of the privileged controller: 1/m^2 on the offset, 1/m on the direction. Critically damped, over about 10 m."""


@dataclass(frozen=True)
class Cars:
    """n cars; the place is the middle of the rear axle.

    Attributes:
        x, y: (n,) metres.
        heading: (n,) radians.
        steering: (n,) radians of the front wheels, positive to the left.
        speed: (n,) metres a second.
    """

    x: Tensor
    y: Tensor
    heading: Tensor
    steering: Tensor
    speed: Tensor

    def drive(self, wanted: Tensor, seconds: float) -> Cars:
        """The cars after some time at wanted curvatures of their paths.

        The wheels first turn towards the angle of that curvature, as far as they can in that time, and then stay; a
        rear axle with a constant steering angle runs on a circle, so that the step is exact.

        Args:
            wanted: (n,) 1/m, positive to the left.
            seconds: of driving.

        Reference:
            Rajamani 2012, "Vehicle dynamics and control", section 2.2, with the rear axle as reference point.
        """
        goal = torch.atan(WHEELBASE * wanted).clamp(-MOST_STEERING, MOST_STEERING)
        most = STEERING_RATE * seconds
        steering = self.steering + (goal - self.steering).clamp(-most, most)
        bend = torch.tan(steering) / WHEELBASE
        way = self.speed * seconds
        half = bend * way / 2
        chord = way * torch.sinc(half / torch.pi)
        return replace(
            self,
            x=self.x + chord * torch.cos(self.heading + half),
            y=self.y + chord * torch.sin(self.heading + half),
            heading=self.heading + 2 * half,
            steering=steering,
        )

    def kept(self, others: Cars, still: Tensor) -> Cars:
        """These cars where ``still`` (n,) is true, the others elsewhere."""
        pairs = zip(vars(self).values(), vars(others).values(), strict=True)
        return Cars(*(torch.where(still, own, other) for own, other in pairs))


def privileged(across: Tensor, turned: Tensor, bend: Tensor) -> Tensor:
    """The curvature that a driver who knows where the car is would steer.

    Args:
        across: (n,) metres to the left of the lane's center.
        turned: (n,) radians of the car's direction to the left of the road's.
        bend: (n,) curvature of the road a little ahead, 1/m.

    Returns:
        (n,) wanted curvature in 1/m.
    """
    return bend - NEAR * across - DAMPING * torch.sin(turned)
