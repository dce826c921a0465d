"""Defenses of a small network: some honest, some that only hide its gradients.

Each takes the plain network of `tests.threats.evasion.networks` (honest ones may train their own) and gives a module.
What is masked is as easily broken as the plain network by whoever looks behind the mask.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from casemate.threats.evasion.hardening.adversarial import train_pgd
from casemate.threats.evasion.hardening.certified import train_ibp
from casemate.threats.evasion.hardening.descent import Schedule
from tests.threats.evasion.networks import digits, network

EPS = 0.15


class Layer(nn.Module):
    """A function in front of the network, or behind it."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


@cache
def _training() -> tuple[torch.Tensor, torch.Tensor]:
    """The images that the plain network was trained on."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))[:1400]
    return torch.tensor(data.images[order] / 16, dtype=torch.float32)[:, None], torch.tensor(data.target[order])


def _fresh(seed: int) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return network()


@cache
def hardened() -> nn.Module:
    """Adversarial training."""
    return train_pgd(_fresh(1), *_training(), EPS, steps=5, schedule=Schedule(40, rate=5e-3))


@cache
def certified() -> nn.Module:
    """Interval training."""
    return train_ibp(_fresh(2), *_training(), 0.05, schedule=Schedule(60, rate=5e-3))


def plain() -> nn.Module:
    """No defense."""
    return digits().module


def steep() -> nn.Module:
    """A steep but true sigmoid around one half: small changes of dark and light pixels really vanish."""
    return nn.Sequential(Layer(lambda x: torch.sigmoid(12 * (x - 0.5))), plain())


def smoothed() -> nn.Module:
    """The mean over 8 fixed draws of noise: deterministic, differentiable, and really smoother."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        noise = torch.randn(8, 1, 1, 8, 8) * 0.15

    def mean(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([plain()(x + each).softmax(1) for each in noise]).mean(0).clamp_min(1e-12).log()

    return Layer(mean)


def scaled() -> nn.Module:
    """Logits times a thousand: what defensive distillation amounts to."""
    return nn.Sequential(plain(), Layer(lambda logits: logits * 1000))


def rounded() -> nn.Module:
    """Inputs rounded to five gray values."""
    return nn.Sequential(Layer(lambda x: (x * 4).round() / 4), plain())


def noisy() -> nn.Module:
    """Fresh noise with each question."""
    return nn.Sequential(Layer(lambda x: x + 0.25 * torch.randn_like(x)), plain())


def thermometer() -> nn.Module:
    """Inputs as ten bits, summed up again."""
    steps = torch.linspace(0.05, 0.95, 10)
    return nn.Sequential(Layer(lambda x: (x[..., None] > steps).to(x.dtype).mean(-1)), plain())


def shattered() -> nn.Module:
    """A fast, faint ripple added to the input: right values, useless slopes."""
    return nn.Sequential(Layer(lambda x: x + 0.01 * torch.sin(2000 * x)), plain())


def reversed_() -> nn.Module:
    """Answers pushed through a steep reverse sigmoid that keeps their order: scores are flat almost everywhere."""

    def flatten(logits: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(logits.argmax(1), 10) + 1e-4 * torch.tanh(logits / 1e4)

    return nn.Sequential(plain(), Layer(flatten))


def detached() -> nn.Module:
    """A preprocessor outside of torch: no graph at all."""
    return nn.Sequential(Layer(lambda x: torch.from_numpy(x.detach().numpy().copy())), plain())


HONEST = {
    "plain": plain,
    "hardened": hardened,
    "certified": certified,
    "steep": steep,
    "smoothed": smoothed,
}
MASKED = {
    "scaled": scaled,
    "rounded": rounded,
    "noisy": noisy,
    "thermometer": thermometer,
    "shattered": shattered,
    "reversed": reversed_,
    "detached": detached,
}
