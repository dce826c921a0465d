"""Norm balls: how far an adversary may move an input, and the three operations that attacks need in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias, cast

from casemate.core.errors import UsageError
from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

ROUNDING = 1e-6
"""Relative slack when a distance is compared with a radius: both were computed in float32."""


@dataclass(frozen=True)
class _Ball(ABC):
    """A ball of radius ``eps`` in units of inputs, cut by the box of valid inputs."""

    eps: float
    norm: ClassVar[str]

    def __post_init__(self) -> None:
        if not 0 <= self.eps < float("inf"):
            raise UsageError(f"a ball of radius {self.eps}", next_step="give a radius of 0 or more, in units of inputs")

    def __str__(self) -> str:
        return f"{self.norm} {self.eps:g}"

    @abstractmethod
    def distance(self, moved: Tensor, origin: Tensor) -> Tensor:
        """(n,) distances."""

    def holds(self, moved: Tensor, origin: Tensor) -> Tensor:
        """(n,) whether points lie in the ball, up to the rounding of float32."""
        return self.distance(moved.double(), origin.double()) <= self.eps * (1 + ROUNDING) + ROUNDING / 10


@dataclass(frozen=True)
class Linf(_Ball):
    """No coordinate moves by more than ``eps``.

    Example:
        >>> Linf(0.5).project(torch.tensor([[2.0, 0.1]]), torch.tensor([[0.0, 0.0]]), (0, 1))
        tensor([[0.5000, 0.1000]])
    """

    norm = "Linf"

    def project(self, moved: Tensor, origin: Tensor, bounds: tuple[float, float]) -> Tensor:
        """The nearest point to ``moved`` within the ball around ``origin`` and the box."""
        near = torch.maximum(torch.minimum(moved, origin + self.eps), origin - self.eps)
        return near.clamp_(*bounds)

    def ascent(self, slope: Tensor) -> Tensor:
        """The direction of length 1 in this norm along which a loss rises fastest."""
        return slope.sign()

    def start(self, noise: Tensor, *, onto: bool = False) -> Tensor:
        """Moves inside the ball from noise in [-1, 1); with ``onto`` on its surface."""
        if onto:
            noise = noise / spread(noise.flatten(1).abs().amax(1), noise).clamp_min(1e-12)
        return noise * self.eps

    def distance(self, moved: Tensor, origin: Tensor) -> Tensor:
        """(n,) distances."""
        return (moved - origin).flatten(1).abs().amax(1)


@dataclass(frozen=True)
class L2(_Ball):
    """The Euclidean length of a move is at most ``eps``.

    Example:
        >>> L2(1.0).project(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0]]), (0, 5))
        tensor([[0.6000, 0.8000]])
    """

    norm = "L2"

    def project(self, moved: Tensor, origin: Tensor, bounds: tuple[float, float]) -> Tensor:
        """A point within the ball around ``origin`` and the box: scaled back, then cut, which only shortens it."""
        move = moved - origin
        length = spread(move.flatten(1).norm(dim=1), move).clamp_min(1e-12)
        return (origin + move * (self.eps / length).clamp_max(1.0)).clamp_(*bounds)

    def ascent(self, slope: Tensor) -> Tensor:
        """The direction of length 1 in this norm along which a loss rises fastest."""
        return slope / spread(slope.flatten(1).norm(dim=1), slope).clamp_min(1e-12)

    def start(self, noise: Tensor, *, onto: bool = False) -> Tensor:
        """Moves inside the ball from noise in [-1, 1); with ``onto`` on its surface."""
        length = spread(noise.flatten(1).norm(dim=1), noise).clamp_min(1e-12)
        return noise / (length if onto else length.clamp_min(1.0)) * self.eps

    def distance(self, moved: Tensor, origin: Tensor) -> Tensor:
        """(n,) distances."""
        return cast("Tensor", torch.linalg.vector_norm((moved - origin).flatten(1), dim=1))


@dataclass(frozen=True)
class L1(_Ball):
    """The changes of all coordinates add up to at most ``eps``.

    Example:
        >>> L1(1.0).project(torch.tensor([[3.0, 0.5]]), torch.tensor([[0.0, 0.5]]), (0, 1))
        tensor([[1.0000, 0.5000]])
    """

    norm = "L1"

    def project(self, moved: Tensor, origin: Tensor, bounds: tuple[float, float]) -> Tensor:
        """The nearest point to ``moved`` within the ball and the box, both at once.

        Each coordinate comes back by the same amount, then to the edge of the box; that amount is bisected.

        Reference:
            Croce and Hein 2021, "Mind the box: l1-APGD for sparse adversarial attacks on image classifiers",
            proposition 2.1 (arXiv 2103.01208).
        """
        move = (moved - origin).flatten(1)
        room = torch.where(move > 0, bounds[1] - origin.flatten(1), origin.flatten(1) - bounds[0]).clamp_min(0)
        size = move.abs()
        low, high = torch.zeros(len(move)), size.amax(1)
        fits = torch.minimum(size, room).sum(1) <= self.eps
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            over = torch.minimum((size - middle[:, None]).clamp_min(0), room).sum(1) > self.eps
            low, high = torch.where(over, middle, low), torch.where(over, high, middle)
        back = torch.where(fits, 0.0, high)[:, None]
        short = move.sign() * torch.minimum((size - back).clamp_min(0), room)
        return (origin + short.reshape(origin.shape)).clamp_(*bounds)

    def ascent(self, slope: Tensor) -> Tensor:
        """A direction of length 1 along which a loss rises fast: the steepest twentieth of coordinates, alike.

        The fastest would move a single coordinate, and reach the edge of the box with it (Tramer and Boneh 2019,
        "Adversarial training and robustness for multiple perturbations", section 4).
        """
        flat = slope.flatten(1)
        few = max(1, flat.shape[1] // SPARSE)
        chosen = flat.abs().topk(few, dim=1).indices
        push = torch.zeros_like(flat).scatter(1, chosen, flat.gather(1, chosen).sign() / few)
        return push.reshape(slope.shape)

    def start(self, noise: Tensor, *, onto: bool = False) -> Tensor:
        """Moves inside the ball from noise in [-1, 1); with ``onto`` on its surface."""
        length = spread(noise.flatten(1).abs().sum(1), noise).clamp_min(1e-12)
        return noise / (length if onto else length.clamp_min(1.0)) * self.eps

    def distance(self, moved: Tensor, origin: Tensor) -> Tensor:
        """(n,) distances."""
        return (moved - origin).flatten(1).abs().sum(1)


HALVINGS = 40
"""Bisections of the amount by which coordinates come back: float32 has no more places."""
SPARSE = 20
"""One in so many coordinates moves in a step in L1."""

Ball: TypeAlias = Linf | L2 | L1


def spread(values: Tensor, like: Tensor) -> Tensor:
    """(n,) values as (n, 1, ...), to be combined with inputs of ``like``'s shape."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
