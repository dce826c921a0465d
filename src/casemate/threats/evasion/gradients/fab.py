"""FAB: the nearest point of the linearized decision boundary, again and again, pulled back to the input.

Reference:
    Croce and Hein 2020, "Minimally distorted adversarial examples with a fast adaptive boundary attack", algorithm 1
    (arXiv 1907.02044); the targeted form is that of AutoAttack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.targets.differentiable import Differentiable
from casemate.threats.evasion.balls import Ball, spread
from casemate.threats.evasion.criteria import Criterion, Targeted
from casemate.threats.evasion.losses import margin
from casemate.threats.evasion.pursuit import State, claim, fresh

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

OVERSHOOT, PULL, BACK = 1.05, 0.1, 0.9
"""eta, alpha_max and beta of the paper."""


@dataclass(frozen=True)
class Boundary:
    """The walk of targeted FAB: towards the boundary to the class with rank ``rank`` of the clean answer.

    Attributes:
        target: gives gradients.
        ball: whose norm is minimized; a sample is done as soon as its example lies inside.
        criterion: what counts as an example.
        moves: gradient steps.
        rank: 2 for the second best class.
    """

    target: Differentiable
    ball: Ball
    criterion: Criterion
    moves: int = 100
    rank: int = 2

    @property
    def steps(self) -> int:
        """One a move."""
        return self.moves

    def begin(self, origin: Tensor, labels: Tensor, ids: Tensor) -> State:
        """At the input itself."""
        state = fresh(origin, labels, ids)
        state["goals"] = self.target.logits(origin).argsort(dim=1, descending=True)[:, self.rank - 1]
        state["current"] = origin
        return state

    def advance(self, state: State) -> None:
        """Linearize, project the current point and the input onto the boundary, step between the two."""
        origin, current, bounds = state["origin"], state["current"], self.target.bounds
        labels, goals = state["labels"], state["goals"]
        if isinstance(self.criterion, Targeted):  # labels are what is wanted
            _, lead, slope = self.target.gradient(current, lambda logits: -margin(logits, labels))
        else:
            _, lead, slope = self.target.gradient(
                current, lambda logits: (logits.gather(1, goals[:, None]) - logits.gather(1, labels[:, None]))[:, 0]
            )
        nearest = NEAREST[self.ball.norm]
        from_origin = lead + (slope * (origin - current)).flatten(1).sum(1)
        both = torch.cat((current, origin)), torch.cat((slope, slope)), -torch.cat((lead, from_origin))
        ahead, home = nearest(*both, bounds).chunk(2)
        far, near = (self.ball.distance(each, 0 * each).clamp_min(1e-8) for each in (ahead, home))
        share = spread((far / (far + near)).clamp(0, PULL), current)
        moved = (current + OVERSHOOT * ahead) * (1 - share) + (origin + OVERSHOOT * home) * share
        moved = moved.clamp(*bounds)
        wrong = self.criterion.met(self.target.logits(moved), labels)
        inside = wrong & (self.ball.distance(moved, origin) <= self.ball.eps)
        claim(state, self.ball.project(moved, origin, bounds), inside)
        state["current"] = torch.where(spread(wrong, moved), origin + BACK * (moved - origin), moved)


def nearest_linf(points: Tensor, slope: Tensor, rise: Tensor, bounds: tuple[float, float]) -> Tensor:
    """The moves of least greatest coordinate, within the box, after which a linear function has risen by ``rise``.

    Coordinate i moves by min(t, room_i) in its useful direction, so the rise is a concave, piecewise linear function of
    t. Newton's method from 0 stays below the root and lands on it after finitely many pieces; where the box allows no
    such rise, everything moves as far as it can.

    Args:
        points: (n, ...) inside the box.
        slope: (n, ...) of the function.
        rise: (n,) wanted; negative ones are had by moving the other way.
        bounds: the box.

    Returns:
        (n, ...) moves.
    """
    flat, weight = points.flatten(1), slope.flatten(1)
    direction = weight.sign() * torch.where(rise < 0, -1.0, 1.0)[:, None]
    room = torch.where(direction > 0, bounds[1] - flat, flat - bounds[0])
    weight, wanted = weight.abs(), rise.abs()
    length = torch.zeros_like(wanted)
    for _ in range(NEWTON):
        free = (room > length[:, None]).to(weight.dtype)
        pace = torch.linalg.vecdot(weight, free)
        missing = wanted - torch.linalg.vecdot(weight, torch.minimum(room, length[:, None]))
        going = (missing > 1e-7 * wanted) & (pace > 0)
        if not bool(going.any()):
            break
        length = torch.where(going, length + missing / pace.clamp_min(1e-12), length)
    stuck = (weight * room).sum(1) < wanted
    length = torch.where(stuck, bounds[1] - bounds[0], length)
    return (direction * torch.minimum(room, length[:, None])).reshape(points.shape)


def nearest_l2(points: Tensor, slope: Tensor, rise: Tensor, bounds: tuple[float, float]) -> Tensor:
    """The shortest moves in the Euclidean norm; else as `nearest_linf`.

    Coordinate i moves by min(t * weight_i, room_i): the same concave function of t, with weights squared.
    """
    flat, weight = points.flatten(1), slope.flatten(1)
    direction = weight.sign() * torch.where(rise < 0, -1.0, 1.0)[:, None]
    room = torch.where(direction > 0, bounds[1] - flat, flat - bounds[0])
    weight, wanted = weight.abs(), rise.abs()
    length = torch.zeros_like(wanted)
    for _ in range(NEWTON):
        step = weight * length[:, None]
        pace = (weight * weight * (room > step)).sum(1)
        missing = wanted - (weight * torch.minimum(room, step)).sum(1)
        going = (missing > 1e-7 * wanted) & (pace > 0)
        if not bool(going.any()):
            break
        length = torch.where(going, length + missing / pace.clamp_min(1e-20), length)
    stuck = ((weight * room).sum(1) < wanted)[:, None]
    move = torch.where(stuck, room, torch.minimum(room, weight * length[:, None]))
    return (direction * move).reshape(points.shape)


def nearest_l1(
    points: Tensor, slope: Tensor, rise: Tensor, bounds: tuple[float, float], *, few: bool = False
) -> Tensor:
    """The moves of least sum of sizes; else as `nearest_linf`.

    Coordinates go to the edge of the box one after another, the steepest first, until the rise is reached; with
    ``few``, those first that can raise it most, which is the least number of them.
    """
    flat, weight = points.flatten(1), slope.flatten(1)
    direction = weight.sign() * torch.where(rise < 0, -1.0, 1.0)[:, None]
    room = torch.where(direction > 0, bounds[1] - flat, flat - bounds[0])
    worth = weight.abs() * room if few else weight.abs()
    order = worth.argsort(dim=1, descending=True)
    steep, space = weight.abs().gather(1, order), room.gather(1, order)
    gain = steep * space
    missing = (rise.abs()[:, None] - gain.cumsum(1) + gain).clamp_min(0)
    size = torch.where(steep > 0, torch.minimum(space, missing / steep.clamp_min(1e-12)), 0.0)
    return (direction * torch.zeros_like(flat).scatter(1, order, size)).reshape(points.shape)


def nearest_l0(points: Tensor, slope: Tensor, rise: Tensor, bounds: tuple[float, float]) -> Tensor:
    """The moves of fewest coordinates; else as `nearest_linf`."""
    return nearest_l1(points, slope, rise, bounds, few=True)


NEAREST = {"L0": nearest_l0, "L1": nearest_l1, "L2": nearest_l2, "Linf": nearest_linf}
"""By norm."""

NEWTON = 40
"""Pieces of the function that Newton's method may cross; a handful on images."""
