"""Four defenses of a stranger: written on November 26, 2026, after the last change of the signs of `masking`.

Whoever wrote them (a helper of the project, asked to be a stranger to `examine`) had read neither its code, nor its
thresholds, nor what came of earlier defenses; only the battery, `further.py`, `outsider.py` and the test functions of
the last. The truth about each was measured by attacks alone, and all four were committed before any was examined.

Two honest, two masked, every one a defense that somebody would believe in:

- subspaces: one plane of three dimensions for each class, fitted to its images; an image is of the class whose plane
  is nearest. Nothing was trained against anything, yet the distances are smooth and their slopes right everywhere.
- distances: neurons that give the largest coordinate of a difference, so that no score moves farther than the image
  does; every slope is right, and nonzero in a single pixel.
- cascade: an accurate network answers when it is sure, a hardened one when it is in doubt. Slopes and scores are right
  everywhere; between an image and the accurate network's confident mistakes lies ground that the hardened one holds.
- purified: six steps along a denoiser before a network; slopes are those of the network at the purified image, handed
  on as if purifying had changed nothing, as its authors do to attack it. They are of some use, but not the true ones.

References:
    Schott et al. 2018, arXiv:1805.09190 (one generative model for each class), here with planes as the models. Zhang
    et al. 2021, arXiv:2102.05363 (neurons of distances in the largest coordinate). Bai et al. 2023, arXiv:2301.12554
    (an accurate and a robust network mixed by how sure), here switched as cascades are in practice. Meng and Chen 2017,
    arXiv:1705.09064 (a denoiser in front), repeated as Hill, Mitchell and Zhu 2020, arXiv:2005.13525, do with a model
    of images, who attack it with the slopes of no purifying, after Athalye, Carlini and Wagner 2018, arXiv:1802.00420;
    that true slopes find much more: Lee and Kim 2023, arXiv:2303.09051.
"""

from __future__ import annotations

from functools import cache
from math import inf

import torch
from torch import nn

from casemate.threats.evasion.hardening.adversarial import train_pgd, train_plain
from casemate.threats.evasion.hardening.descent import Moment, Schedule, descend
from tests.threats.evasion.masking.battery import EPS, _fresh, _training

USUAL = Schedule(40, rate=5e-3)


class Subspaces(nn.Module):
    """Scores are squared distances, negative, from the plane of each class."""

    middles: torch.Tensor
    axes: torch.Tensor

    def __init__(self, x: torch.Tensor, y: torch.Tensor, dimensions: int = 3, scale: float = 5.0) -> None:
        super().__init__()
        groups = [x[y == label].flatten(1) for label in range(10)]
        axes = [torch.linalg.svd(each - each.mean(0), full_matrices=False).Vh[:dimensions] for each in groups]
        self.register_buffer("middles", torch.stack([each.mean(0) for each in groups]))
        self.register_buffer("axes", torch.stack(axes))
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        away = x.flatten(1)[:, None] - self.middles
        along = torch.einsum("ncd,ckd->nck", away, self.axes)
        return -self.scale * (away.square().sum(2) - along.square().sum(2))


class Distances(nn.Module):
    """Each output is how far the input is from a point, in a norm that becomes the largest coordinate in training."""

    def __init__(self, wide: int, out: int) -> None:
        super().__init__()
        self.points, self.lift = nn.Parameter(torch.randn(out, wide)), nn.Parameter(torch.zeros(out))
        self.power = 8.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        away = (x.flatten(1)[:, None] - self.points).abs()
        if self.power == inf:
            return away.amax(2) + self.lift
        largest = away.amax(2).detach().clamp_min(1e-6)
        shares = (away / largest[..., None]).clamp_min(1e-9) ** self.power
        return largest * shares.sum(2) ** (1 / self.power) + self.lift


class Nearness(nn.Module):
    """Distances made scores: the nearest is the best."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -x


class Cascade(nn.Module):
    """The accurate network's answer where it is at least 90 % sure, elsewhere the hardened one's."""

    def __init__(self, accurate: nn.Module, robust: nn.Module, sure: float = 0.9) -> None:
        super().__init__()
        self.accurate, self.robust, self.sure = accurate, robust, sure

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.accurate(x)
        return torch.where(first.softmax(1).amax(1, keepdim=True) > self.sure, first, self.robust(x))


class Purified(nn.Module):
    """Each of the steps goes half the way to what a denoiser makes of the image.

    ``straight``: the slopes of purifying are replaced by those of doing nothing.
    """

    def __init__(self, inside: nn.Module, denoiser: nn.Module, *, straight: bool = True, steps: int = 6) -> None:
        super().__init__()
        self.inside, self.denoiser, self.straight, self.steps = inside, denoiser, straight, steps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        clean = x
        for _ in range(self.steps):
            clean = clean + 0.5 * (self.denoiser(clean) - clean)
        answer: torch.Tensor = self.inside(x + (clean - x).detach() if self.straight else clean)
        return answer


@cache
def subspaces() -> nn.Module:
    """The nearest plane."""
    return Subspaces(*_training()).eval()


@cache
def distances() -> nn.Module:
    """Three layers of distances; trained for a margin, in norms from the 8th to the 1000th and at last the largest."""
    with torch.random.fork_rng():
        torch.manual_seed(51)
        made = nn.Sequential(Distances(64, 64), Distances(64, 64), Distances(64, 10), Nearness())

    def to(module: nn.Module, power: float) -> None:
        for layer in module.modules():
            if isinstance(layer, Distances):
                layer.power = power

    def loss(module: nn.Module, x: torch.Tensor, y: torch.Tensor, now: Moment) -> torch.Tensor:
        to(module, inf if now.share > 0.93 else 8 * 125 ** min(1.0, max(0.0, (now.share - 0.1) / 0.8)))
        scores = module(x)
        right = scores.gather(1, y[:, None])
        others = scores.scatter(1, y[:, None], -inf).amax(1, keepdim=True)
        answer: torch.Tensor = (0.4 - (right - others)).clamp_min(0).mean()
        return answer

    trained: nn.Module = descend(made, *_training(), loss, Schedule(40, batch=100, rate=2e-2))
    to(trained, inf)
    return trained


@cache
def cascade() -> nn.Module:
    """A network trained plainly, and an adversarially trained one for its doubts."""
    accurate = train_plain(_fresh(52), *_training(), schedule=USUAL)
    return Cascade(accurate, train_pgd(_fresh(53), *_training(), EPS, steps=5, schedule=USUAL)).eval()


@cache
def _denoiser() -> nn.Module:
    """From noisy images to the images, through ten numbers."""

    def loss(module: nn.Module, x: torch.Tensor, y: torch.Tensor, now: Moment) -> torch.Tensor:
        strength = 0.375 * torch.rand(len(x), 1, 1, 1, generator=now.generator)
        noisy = x + strength * torch.randn(x.shape, generator=now.generator)
        answer: torch.Tensor = nn.functional.mse_loss(module(noisy), x)
        return answer

    with torch.random.fork_rng():
        torch.manual_seed(54)
        made = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 256),
            nn.ReLU(),
            nn.Linear(256, 10),
            nn.ReLU(),
            nn.Linear(10, 256),
            nn.ReLU(),
            nn.Linear(256, 64),
            nn.Unflatten(1, (1, 8, 8)),
        )
    trained: nn.Module = descend(made, *_training(), loss, Schedule(80, rate=3e-3))
    return trained


@cache
def purified() -> nn.Module:
    """A denoiser in front of a network trained plainly."""
    return Purified(train_plain(_fresh(55), *_training(), schedule=USUAL), _denoiser()).eval()


HONEST_STRANGE = {"subspaces": subspaces, "distances": distances}
MASKED_STRANGE = {"cascade": cascade, "purified": purified}
