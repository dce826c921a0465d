"""Four defenses of a visitor: written on November 26, 2026, after the guest's four.

Whoever wrote them (a helper of the project, asked to be a stranger to `examine`) had read neither its code, nor its
thresholds, nor what came of earlier defenses; only the earlier batches, `behind.py`, the code of hardening, and by
mistake the titles of the last five commits, one of which says that a dead gradient counts only where other losses find
something. The truth about each was measured by attacks alone, and all four were committed before any was examined.
Drafts whose truth lay between (spiking and binary networks, sines without adversarial training, attention) or that hid
nothing (trapdoors) were dropped on that measure, medians for their time. Left out though clear: maxout, honest;
learning toward fixed centers, masked, but much like `scaled`.

Two honest, two masked, every one a defense that somebody would believe in:

- prototypes: five learned images for each class, and the nearest one's class is the answer. They were learned for a
  margin between distances, which is a margin between images as well; nothing was trained against any attack.
- waves: adversarial training of a network whose activations are sines, so that scores rise and fall everywhere.
- equilibrium: adversarial training of a recurrent layer that has come to rest, with the cheap slopes of its last step
  only, as its authors train it. They are of some use, but what was hardened was hardened against them.
- routed: a plain network tells which of three groups a digit is of, and a network hardened on that group alone answers.
  Slopes and scores are right, of the network that was chosen; nothing in them speaks of the choice.

References:
    Crammer et al. 2002, Margin analysis of the LVQ algorithm, NeurIPS 15, and Saralajew et al. 2019, arXiv:1902.00577
    (learned prototypes resist). Sitzmann et al. 2020, arXiv:2006.09661 (sines as activations), trained as by Madry et
    al. 2018, arXiv:1706.06083. Bai, Kolter and Koltun 2019, arXiv:1909.01377 (layers at equilibrium), with the slopes
    of Fung et al. 2021, arXiv:2103.12803; that attacks need better ones: Yang, Pang and Liu 2022, arXiv:2306.01429.
    Yan et al. 2015, arXiv:1410.0736 (a network for each group of classes), with a choice of one as Shazeer et al. 2017,
    arXiv:1701.06538, take it to its end.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

from casemate.threats.evasion.hardening.adversarial import train_pgd, train_plain
from casemate.threats.evasion.hardening.descent import Moment, Schedule, descend
from tests.threats.evasion.masking.battery import EPS, _fresh, _training

USUAL = Schedule(40, rate=5e-3)
GROUPS = ((0, 6, 8, 9), (1, 4, 7), (2, 3, 5))
"""Digits with a loop, of straight strokes, and of open bows."""


class Prototypes(nn.Module):
    """Scores are squared distances, negative, from the nearest of each class's prototypes; they start as means."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor, each: int = 5, scale: float = 3.0) -> None:
        super().__init__()
        self.scale = scale
        generator = torch.Generator().manual_seed(71)
        groups = [x[y == label].flatten(1) for label in range(10)]
        self.points = nn.Parameter(torch.stack([self._means(group, each, generator) for group in groups]))

    @staticmethod
    def _means(group: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
        points = group[torch.randperm(len(group), generator=generator)[:count]]
        for _ in range(20):
            nearest = torch.cdist(group, points).argmin(1)
            members = [group[nearest == which] for which in range(count)]
            points = torch.stack([own.mean(0) if len(own) else old for own, old in zip(members, points, strict=True)])
        return points

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -self.scale * (x.flatten(1)[:, None, None] - self.points).square().sum(3).amin(2)


class Sine(nn.Module):
    """The sine as activation: neither monotone nor flat for long."""

    def __init__(self, pace: float) -> None:
        super().__init__()
        self.pace = pace

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(self.pace * x)


class Equilibrium(nn.Module):
    """One layer, fed with its own answer 21 times; a linear one reads what it has come to.

    ``cheap``: slopes are those of the last time only.
    """

    def __init__(self, *, cheap: bool = True, wide: int = 96, times: int = 21) -> None:
        super().__init__()
        self.cheap, self.times = cheap, times
        self.again, self.feed, self.read = nn.Linear(wide, wide), nn.Linear(64, wide), nn.Linear(wide, 10)
        with torch.no_grad():
            self.again.weight.mul_(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fed = self.feed(x.flatten(1))
        state = torch.zeros_like(fed)
        for time in range(self.times):
            state = torch.tanh(self.again(state.detach() if self.cheap and time == self.times - 1 else state) + fed)
        answer: torch.Tensor = self.read(state)
        return answer


class Routed(nn.Module):
    """A gate chooses one of the experts; what that one says is the answer."""

    def __init__(self, gate: nn.Module, experts: list[nn.Module]) -> None:
        super().__init__()
        self.gate, self.experts = gate, nn.ModuleList(experts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        said = torch.stack([expert(x) for expert in self.experts], 1)
        return said[torch.arange(len(x)), self.gate(x).argmax(1)]


@cache
def prototypes() -> nn.Module:
    """Five prototypes a class, learned to be nearer than all foreign ones by 1.2."""
    start = Prototypes(*_training())

    def loss(module: nn.Module, x: torch.Tensor, y: torch.Tensor, now: Moment) -> torch.Tensor:
        away = (-module(x) / start.scale).clamp_min(1e-12).sqrt()
        foreign = away.scatter(1, y[:, None], torch.inf).amin(1)
        answer: torch.Tensor = (1.2 + away.gather(1, y[:, None]).squeeze(1) - foreign).clamp_min(0).mean()
        return answer

    made: nn.Module = descend(start, *_training(), loss, USUAL)
    return made


@cache
def waves() -> nn.Module:
    """Adversarial training of three linear layers with sines between them."""
    with torch.random.fork_rng():
        torch.manual_seed(72)
        layers = [nn.Linear(64, 128), Sine(2.0), nn.Linear(128, 64), Sine(1.0), nn.Linear(64, 10)]
        made = nn.Sequential(nn.Flatten(), *layers)
    trained: nn.Module = train_pgd(made, *_training(), EPS, steps=5, schedule=USUAL)
    return trained


@cache
def equilibrium() -> nn.Module:
    """Adversarial training, for which cheap slopes serve as well as for answers."""
    with torch.random.fork_rng():
        torch.manual_seed(73)
        made = Equilibrium()
    trained: nn.Module = train_pgd(made, *_training(), EPS, steps=5, schedule=USUAL)
    return trained


@cache
def routed() -> nn.Module:
    """A gate trained plainly before three networks, each hardened on its own group."""
    x, y = _training()
    with torch.random.fork_rng():
        torch.manual_seed(74)
        gate = nn.Sequential(*list(_fresh(75))[:-1], nn.Linear(32, len(GROUPS)))
    groups = group_of(y)
    experts = []
    for which in range(len(GROUPS)):
        own = groups == which
        longer = Schedule(60, rate=5e-3)
        experts.append(train_pgd(_fresh(76 + which), x[own], y[own], EPS, steps=5, schedule=longer))
    return Routed(train_plain(gate, x, groups, schedule=USUAL), experts).eval()


def group_of(y: torch.Tensor) -> torch.Tensor:
    """Which of the groups each label is in."""
    return torch.tensor([next(at for at, group in enumerate(GROUPS) if label in group) for label in range(10)])[y]


HONEST_VISITOR = {"prototypes": prototypes, "waves": waves}
MASKED_VISITOR = {"equilibrium": equilibrium, "routed": routed}
