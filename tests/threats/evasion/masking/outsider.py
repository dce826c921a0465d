"""Five defenses of an outsider: written on November 26, 2026, long after the thresholds of `masking` were frozen.

Whoever wrote them was asked to find what `examine` gets wrong, and had read neither its code, nor its thresholds, nor
the code of any sign; only the battery, `further.py` and its tests (whose docstring names two signs). The truth about
each was measured by attacks alone, and all five were committed before any was examined.

Two honest, three masked, every one a defense that somebody would believe in:

- orthogonal: layers that cannot stretch, then one factor for all scores: no slope is steeper than that.
- quantized: four bits an activation, a staircase whose declared slopes are not its own and yet serve as well as true
  ones, hardened by adversarial training.
- opposed: each image is first moved to where the network is surest; slopes and scores are right, of a place far away.
- projected: each image is replaced by a mean of the nearest known ones; slopes are right while those stay the nearest.
- paired: the label of an accurate network with the scores of a robust one, which are smooth, graded, and of no use.

References:
    Anil, Lucas and Grosse 2019, arXiv:1811.05381 (orthogonal layers with sorting activations). Zhou et al. 2016,
    arXiv:1606.06160 (few-bit activations), with the straight-through slopes of Bengio, Leonard and Courville 2013,
    arXiv:1308.3432. Alfarra et al. 2021, arXiv:2103.14347 (anti-adversary layer; broken by Croce et al. 2022,
    arXiv:2202.13711). Dubey et al. 2019, arXiv:1903.01612 (projection onto nearest known images), after Samangouei,
    Kabkab and Chellappa 2018, arXiv:1805.06605 (Defense-GAN). Kariyappa and Qureshi 2020, arXiv:1911.07100 (scores of
    another network; a defense against theft, here put to the use that its idea invites).
"""

from __future__ import annotations

from functools import cache

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import orthogonal

from casemate.threats.evasion.hardening.adversarial import train_pgd, train_plain
from casemate.threats.evasion.hardening.descent import Schedule
from tests.threats.evasion.masking.battery import EPS, _fresh, _training

USUAL = Schedule(40, rate=5e-3)


class Sorted(nn.Module):
    """Neighbors in order of size, the larger first: an activation that loses no length of any gradient."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pairs = x.reshape(len(x), -1, 2)
        return torch.stack([pairs.amax(2), pairs.amin(2)], 2).flatten(1)


class Times(nn.Module):
    """Every score times one number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


class Levels(nn.Module):
    """Sixteen levels between zero and a ceiling, with the slope of no rounding: one within the range, zero outside."""

    def __init__(self, ceiling: float) -> None:
        super().__init__()
        self.ceiling = ceiling

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        within = x.clamp(0, self.ceiling)
        return within + ((within * 15 / self.ceiling).round() * self.ceiling / 15 - within).detach()


class Opposed(nn.Module):
    """Before the network answers, the image takes two steps toward the class that it is seen as: an attack undone.

    Steps as in the paper: two, each of length 0.15 in every pixel, free to leave the range of gray values.
    """

    def __init__(self, inside: nn.Module, steps: int = 2, length: float = 0.15) -> None:
        super().__init__()
        self.inside, self.steps, self.length = inside, steps, length

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            here = x.detach()
            seen = self.inside(here).argmax(1)
            away = torch.zeros_like(here)
            for _ in range(self.steps):
                away.requires_grad_()
                loss = nn.functional.cross_entropy(self.inside(here + away), seen, reduction="sum")
                (slope,) = torch.autograd.grad(loss, away)
                away = (away - self.length * slope.sign()).detach()
        answer: torch.Tensor = self.inside(x + away)
        return answer


class Projected(nn.Module):
    """A network that sees only means of known images: of the five nearest, the nearer the heavier."""

    known: torch.Tensor

    def __init__(self, inside: nn.Module, known: torch.Tensor, count: int = 5, width: float = 0.1) -> None:
        super().__init__()
        self.inside, self.count, self.width = inside, count, width
        self.register_buffer("known", known.flatten(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.flatten(1)
        with torch.no_grad():
            nearest = torch.cdist(flat, self.known).topk(self.count, dim=1, largest=False).indices
        near = self.known[nearest]
        weights = (-(flat[:, None] - near).square().sum(2) / self.width).softmax(1)
        answer: torch.Tensor = self.inside((weights[..., None] * near).sum(1).reshape(x.shape))
        return answer


class Paired(nn.Module):
    """An accurate network says which class, a robust one how sure: where they differ, two scores change places."""

    def __init__(self, accurate: nn.Module, robust: nn.Module) -> None:
        super().__init__()
        self.accurate, self.robust = accurate, robust

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.robust(x)
        said, best = self.accurate(x).argmax(1, keepdim=True), scores.argmax(1, keepdim=True)
        return scores.scatter(1, said, scores.gather(1, best)).scatter(1, best, scores.gather(1, said))


def _made(seed: int, make: type[nn.Module] | None = None) -> nn.Sequential:
    """Untrained: the orthogonal network, or with a ``make`` the one whose activations it makes."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if make is None:
            layers = [orthogonal(nn.Linear(64, wide)) for wide in (64, 64, 10)]
            return nn.Sequential(nn.Flatten(), layers[0], Sorted(), layers[1], Sorted(), layers[2], Times(8.0))
        return nn.Sequential(
            make(1.0),
            nn.Conv2d(1, 8, 3, 2, 1),
            make(2.0),
            nn.Flatten(),
            nn.Linear(128, 32),
            make(4.0),
            nn.Linear(32, 10),
        )


@cache
def orthogonal_() -> nn.Module:
    """Three orthogonal layers: no answer moves farther than eight times as far as the image."""
    made: nn.Module = train_plain(_made(41), *_training(), schedule=USUAL)
    for layer in made.modules():
        if isinstance(layer, nn.Linear):
            parametrize.remove_parametrizations(layer, "weight")
    return made


@cache
def quantized() -> nn.Module:
    """Adversarial training of a network with four-bit inputs and activations."""
    made: nn.Module = train_pgd(_made(42, Levels), *_training(), EPS, steps=7, schedule=USUAL)
    return made


@cache
def opposed() -> nn.Module:
    """An anti-adversary in front of a network trained plainly."""
    return Opposed(train_plain(_fresh(43), *_training(), schedule=USUAL)).eval()


@cache
def projected() -> nn.Module:
    """A network trained plainly that sees means of what it was trained on."""
    return Projected(train_plain(_fresh(44), *_training(), schedule=USUAL), _training()[0]).eval()


@cache
def paired() -> nn.Module:
    """A network trained plainly, and an adversarially trained one for its scores."""
    accurate = train_plain(_fresh(45), *_training(), schedule=USUAL)
    return Paired(accurate, train_pgd(_fresh(46), *_training(), EPS, steps=5, schedule=USUAL)).eval()


HONEST_OUTSIDE = {"orthogonal": orthogonal_, "quantized": quantized}
MASKED_OUTSIDE = {"opposed": opposed, "projected": projected, "paired": paired}
