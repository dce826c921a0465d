"""The network of this example: what ``train.py`` trains and ``casemate.toml`` names."""

from __future__ import annotations

from torch import nn


def build() -> nn.Module:
    """Two strided convolutions and two linear layers, 166,406 parameters; (n, 1, 28, 28) pixels in [0, 1] to logits."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 4, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )
