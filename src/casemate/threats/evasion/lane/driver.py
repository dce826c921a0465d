"""The network that drives: it sees a frame and says how sharply to turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from casemate.core.optional import require
from casemate.threats.evasion.lane.camera import HEIGHT, WIDTH

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = require("torch.nn", extra="torch")

UNIT = 0.01
"""Curvature in 1/m that an answer of 1 means."""


class Driver(nn.Module):  # type: ignore[misc, unused-ignore]
    """Frames (n, 1, 32, 80) in, wanted curvature (n,) in units of :data:`UNIT` out.

    The frame is brought to mean 0 and deviation 1 first, so that light matters less.

    Reference:
        Bojarski et al. 2016, arXiv:1604.07316 (PilotNet), made small.
    """

    def __init__(self) -> None:
        super().__init__()
        self.see = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 24, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(24, 32, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        rows, columns = -(-HEIGHT // 8), -(-WIDTH // 8)
        self.steer = nn.Sequential(nn.Flatten(), nn.Linear(32 * rows * columns, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, frames: Tensor) -> Tensor:
        """Wanted curvature."""
        mean = frames.mean((2, 3), keepdim=True)
        spread = frames.std((2, 3), keepdim=True)
        answer: Tensor = self.steer(self.see((frames - mean) / (spread + 0.02)))[:, 0]
        return answer


def fresh(seed: int) -> Any:
    """An untrained driver; the same seed gives the same weights, whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Driver()
