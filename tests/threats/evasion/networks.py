"""Small trained networks for tests of attacks: scikit-learn's digits, seconds of training."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn


class Scene(NamedTuple):
    """A network and images it has not seen."""

    module: nn.Module
    x: torch.Tensor
    y: torch.Tensor


def network() -> nn.Sequential:
    """One strided convolution and two linear layers on 8 x 8 images."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 10)
    )


@cache
def digits() -> Scene:
    """A plainly trained network; 300 test images."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    x = torch.tensor(data.images[order] / 16, dtype=torch.float32)[:, None]
    y = torch.tensor(data.target[order])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = network()
        descent = torch.optim.Adam(module.parameters(), 5e-3)
        for _ in range(40):
            for rows in torch.randperm(1400).split(140):
                descent.zero_grad()
                nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()
                descent.step()
    return Scene(module.eval(), x[1400:1700], y[1400:1700])
