"""Four defenses of a guest: written on November 26, 2026, after the sign of leaps was added, `masking`'s last change.

Whoever wrote them (a helper of the project, asked to be a stranger to `examine`) had read neither its code, nor its
thresholds, nor what came of earlier defenses; only the battery, `further.py`, `outsider.py`, `stranger.py` and the test
functions of the last. The truth about each was measured by attacks alone, and all four were committed before any was
examined. Drafts whose truth lay between honest and masked (a penalty on slopes, error-correcting codes, other widths,
ridges and scales of the kernel) were dropped on that measure.

Two honest, two masked, every one a defense that somebody would believe in:

- kernel: a wide bell around each known image, weighed by ridge regression: smooth, and scores fall to nothing far away.
- denoising: adversarial training of a network that denoises its own features by means over alike places.
- recalled: an image is first settled in an associative memory of known images. Slopes are the true ones, but they
  shrink with each step of settling, until little or nothing of them is left.
- squeezed: trained on noisy images to keep its logits small. Nothing is in front or behind; slopes and scores are
  right, of a landscape so bent that plain PGD ends in its hollows.

References:
    Goodfellow, Shlens and Szegedy 2014, arXiv:1412.6572 (networks of radial bells resist), here by kernel ridge
    regression. Xie et al. 2018, arXiv:1812.03411 (feature denoising by non-local means, with adversarial training).
    Krotov and Hopfield 2017, arXiv:1701.00939 (dense associative memory is robust), here with the exponential update
    of Ramsauer et al. 2020, arXiv:2008.02217, in front of a network. Kannan, Kurakin and Goodfellow 2018,
    arXiv:1803.06373 (logit squeezing; shown to fool PGD by Mosbach et al. 2018, arXiv:1810.12042).
"""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

from casemate.threats.evasion.hardening.adversarial import train_pgd, train_plain
from casemate.threats.evasion.hardening.descent import Moment, Schedule, descend
from tests.threats.evasion.masking.battery import EPS, _fresh, _training

USUAL = Schedule(40, rate=5e-3)


class Kernel(nn.Module):
    """A weighted sum of bells around known images for each class; the weights are those of ridge regression."""

    known: torch.Tensor
    weights: torch.Tensor

    def __init__(
        self, x: torch.Tensor, y: torch.Tensor, width: float = 2.0, ridge: float = 1.0, scale: float = 30.0
    ) -> None:
        super().__init__()
        self.width, self.scale = width, scale
        self.register_buffer("known", x.flatten(1))
        bells = self._bells(self.known).double()
        wanted = nn.functional.one_hot(y, 10).double() - 0.1
        self.register_buffer("weights", torch.linalg.solve(bells + ridge * torch.eye(len(x)), wanted).float())

    def _bells(self, flat: torch.Tensor) -> torch.Tensor:
        away = flat.square().sum(1)[:, None] + self.known.square().sum(1) - 2 * flat @ self.known.T
        return (-away / (2 * self.width**2)).exp()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * (self._bells(x.flatten(1)) @ self.weights)


class Recalled(nn.Module):
    """A network that sees what a dense associative memory of known images settles at, starting from the image."""

    known: torch.Tensor

    def __init__(self, inside: nn.Module, known: torch.Tensor, sharpness: float = 8.0, steps: int = 5) -> None:
        super().__init__()
        self.inside, self.sharpness, self.steps = inside, sharpness, steps
        self.register_buffer("known", known.flatten(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = x.flatten(1)
        for _ in range(self.steps):
            closeness = 2 * state @ self.known.T - self.known.square().sum(1)
            state = (self.sharpness * closeness).softmax(1) @ self.known
        answer: torch.Tensor = self.inside(state.reshape(x.shape))
        return answer


class Nonlocal(nn.Module):
    """Denoises features: each place of a map adds what a mean over all places gives, the more alike the heavier."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = x.flatten(2)
        alike = (places.transpose(1, 2) @ places / places.shape[1] ** 0.5).softmax(2)
        means = (alike @ places.transpose(1, 2)).transpose(1, 2)
        answer: torch.Tensor = x + self.mix(means.reshape(x.shape))
        return answer


@cache
def kernel() -> nn.Module:
    """Bells two units wide around all images of training."""
    return Kernel(*_training()).eval()


@cache
def denoising() -> nn.Module:
    """Adversarial training of a network that denoises its features."""
    with torch.random.fork_rng():
        torch.manual_seed(61)
        made = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1),
            nn.ReLU(),
            Nonlocal(16),
            nn.Conv2d(16, 16, 3, 1, 1),
            nn.ReLU(),
            Nonlocal(16),
            nn.Flatten(),
            nn.Linear(256, 10),
        )
    trained: nn.Module = train_pgd(made, *_training(), EPS, steps=5, schedule=USUAL)
    return trained


@cache
def recalled() -> nn.Module:
    """An associative memory in front of a network trained plainly."""
    return Recalled(train_plain(_fresh(62), *_training(), schedule=USUAL), _training()[0]).eval()


@cache
def squeezed() -> nn.Module:
    """Logit squeezing: on images with noise of one half, half the length of the logits is part of the loss."""

    def loss(module: nn.Module, x: torch.Tensor, y: torch.Tensor, now: Moment) -> torch.Tensor:
        noisy = (x + 0.5 * torch.randn(x.shape, generator=now.generator)).clamp(0, 1)
        logits = module(noisy)
        answer: torch.Tensor = nn.functional.cross_entropy(logits, y) + 0.5 * logits.square().sum(1).sqrt().mean()
        return answer

    made: nn.Module = descend(_fresh(63), *_training(), loss, USUAL)
    return made


HONEST_GUEST = {"kernel": kernel, "denoising": denoising}
MASKED_GUEST = {"recalled": recalled, "squeezed": squeezed}
