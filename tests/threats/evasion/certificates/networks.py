"""Small networks of many kinds for the tests of certificates, with random weights or trained for a moment."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SHAPE = (1, 8, 8)


class Normalized(nn.Module):
    """Normalization, batch normalization, a residual block, functional layers, and pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((1, 1, 1, 1), 0.3))
        self.std = 0.5
        self.first = nn.Conv2d(1, 4, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.inner = nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 1, 1))
        self.pool = nn.AvgPool2d(2)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.mean) / self.std
        x = F.relu(self.norm(self.first(x)))
        x = torch.relu(self.inner(x) + x)
        x = self.pool(x)
        return self.last(self.drop(x.view(x.size(0), -1)))


def plain() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 3, 3, 2, 1), nn.ReLU(), nn.Conv2d(3, 4, 3, 1, 1), nn.ReLU()),
        nn.Conv2d(4, 6, 3, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6, 5),
        nn.ReLU(),
        nn.Linear(5, 3),
    )


def uneven() -> nn.Module:
    """Strides that do not divide, groups, two convolutions in a row, a pool with padding, asymmetric kernels."""
    return nn.Sequential(
        nn.Conv2d(1, 4, (4, 3), (3, 2), (1, 0)),
        nn.Conv2d(4, 4, 2, 1, 1, groups=2),
        nn.ReLU(),
        nn.AvgPool2d(2, 2, 1),
        nn.Conv2d(4, 4, 2, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


class Pooled(nn.Module):
    """Maximum pooling as a layer and as a function, windows that overlap and windows of odd size."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2))
        self.second = nn.Conv2d(3, 4, 2)
        self.last = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.second(self.first(x)))
        x = F.max_pool2d(x, (2, 1), 1)
        return self.last(torch.flatten(F.avg_pool2d(x, kernel_size=(1, 2)), 1))


def made(build: object, seed: int, gain: float = 1.0) -> nn.Module:
    """A network with weights of this seed; batch statistics are moved away from 0 and 1."""
    torch.manual_seed(seed)
    module = build().eval()  # type: ignore[operator]
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.3, 2)
            layer.weight.data.uniform_(-1.5, 1.5)
            layer.bias.data.normal_(0, 0.3)
        elif isinstance(layer, nn.Linear | nn.Conv2d):
            layer.weight.data.mul_(gain)
            if layer.bias is not None:
                layer.bias.data.mul_(0.3)
    return balanced(module.requires_grad_(False), torch.rand(200, *SHAPE))


def balanced(module: nn.Module, x: Tensor) -> nn.Module:
    """The module with its last biases moved so that no class wins everywhere."""
    last = [layer for layer in module.modules() if isinstance(layer, nn.Linear)][-1]
    last.bias.data -= module(x).mean(0)
    last.weight.data /= module(x).std()
    last.bias.data -= module(x).mean(0)
    return module


KINDS = (plain, convolutional, uneven, Normalized, Pooled)


def corners(n: int, eps: float, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs and their boxes, some of which touch the edges of [0, 1]."""
    x = torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(seed))
    return x, (x - eps).clamp_min(0), (x + eps).clamp_max(1)


def inside(low: Tensor, high: Tensor, seed: int) -> Tensor:
    """Points of boxes: half of them corners, where bounds are tight."""
    noise = torch.rand(low.shape, generator=torch.Generator().manual_seed(seed))
    return low + (high - low) * (noise.round() if seed % 2 else noise)
