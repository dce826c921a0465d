"""Networks of the evasion benchmarks, in plain torch: peers build them in their own environments too."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def cnn_a() -> nn.Sequential:
    """Two strided convolutions and two linear layers, 166,406 parameters (the CNN-A of the verification literature)."""
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


def cnn_b() -> nn.Sequential:
    """Wider convolutions, a narrow linear layer: 220,746 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, 2, 2),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


NETWORKS = {"cnn_a": cnn_a, "cnn_b": cnn_b}


def restored(network: str, weights: dict[str, np.ndarray]) -> nn.Sequential:
    """A network with weights given as arrays, in evaluation mode."""
    made = NETWORKS[network]()
    made.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in weights.items()})
    return made.eval()
