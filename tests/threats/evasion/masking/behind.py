"""Attacks by somebody who knows the defense: the truth about what is masked, without `examine`."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

from casemate.targets import TorchClassifier
from casemate.threats.evasion import APGD, PGD, AutoAttack, Linf, Square
from tests.threats.evasion.masking import further, guest, outsider, stranger, visitor
from tests.threats.evasion.masking.battery import EPS, _training
from tests.threats.evasion.networks import digits

COUNT = 120


def attacked(made: nn.Module, attack: APGD | AutoAttack | PGD | Square) -> float:
    """Share of the first images that the attack leaves."""
    scene = digits()
    return attack.evaluate(TorchClassifier(made, 10), scene.x[:COUNT], scene.y[:COUNT]).estimate


class Soft(nn.Module):
    """The mean of what the voters would say if they said all."""

    def __init__(self, votes: further.Voting) -> None:
        super().__init__()
        self.members = votes.members

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([member(x).softmax(1) for member in self.members]).mean(0).clamp_min(1e-12).log()


class Densities(nn.Module):
    """How near an image is to the memories of each class: what recalling decides by, with slopes that do not shrink."""

    def __init__(self, sharpness: float = 20.0) -> None:
        super().__init__()
        known, self.labels = _training()
        self.known, self.sharpness = known.flatten(1), sharpness

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        closeness = self.sharpness * (2 * x.flatten(1) @ self.known.T - self.known.square().sum(1))
        return torch.stack([closeness[:, self.labels == label].logsumexp(1) for label in range(10)], 1)


def through(inside: nn.Module, made: nn.Module) -> float:
    """What is left when another network's margin is attacked, and each step's images are tried on the defense."""
    scene = digits()
    x, y = scene.x[:COUNT], scene.y[:COUNT]
    moved, right = x.clone(), torch.ones(COUNT, dtype=torch.bool)
    for _ in range(100):
        moved.requires_grad_()
        scores = inside(moved)
        others = scores.scatter(1, y[:, None], -torch.inf).amax(1)
        (slope,) = torch.autograd.grad((others - scores.gather(1, y[:, None]).squeeze(1)).sum(), moved)
        moved = torch.clamp(moved.detach() + 0.01 * slope.sign(), x - EPS, x + EPS).clamp(0, 1)
        with torch.no_grad():
            right &= made(moved).argmax(1) == y
    return float(right.float().mean())


def toward(made: nn.Module, goals: int = 12) -> float:
    """What is left of a projection when images go toward each of the nearest known ones of another class.

    They come nearer to the goal and farther from the known ones that are not of its class, which counts when they are
    near themselves.
    """
    scene = digits()
    x, y = scene.x[:COUNT].flatten(1), scene.y[:COUNT]
    known, labels = _training()[0].flatten(1), _training()[1]
    foreign = torch.cdist(x, known) + 1e3 * (y[:, None] == labels)
    right = torch.ones(COUNT, dtype=torch.bool)
    for goal in foreign.topk(goals, largest=False).indices.T:
        moved = x.clone()
        for _ in range(40):
            moved.requires_grad_()
            others = torch.cdist(moved, known) ** 2 + 1e3 * (labels[goal][:, None] == labels)
            loss = (moved - known[goal]).square().sum() + 0.05 * (-others / 0.05).logsumexp(1).sum()
            (slope,) = torch.autograd.grad(loss, moved)
            step = moved.detach() - 0.01 * slope.sign()
            moved = torch.clamp(step, x - EPS, x + EPS).clamp(0, 1)
        with torch.no_grad():
            right &= made(moved.reshape(-1, 1, 8, 8)).argmax(1) == y
    return float(right.float().mean())


def straight() -> float:
    """What is left of purifying, by its true slopes."""
    made = stranger.purified()
    assert isinstance(made, stranger.Purified)
    return through(stranger.Purified(made.inside, made.denoiser, straight=False).eval(), made)


def unrolled() -> float:
    """What is left of the equilibrium, by the slopes of all its times."""
    made = copy.deepcopy(visitor.equilibrium())
    assert isinstance(made, visitor.Equilibrium)
    made.cheap = False
    return attacked(made, APGD(Linf(EPS), loss="targeted-dlr"))


def astray() -> float:
    """What is left of routing when images go toward the gate's every group, and each step's are tried on the whole."""
    made = visitor.routed()
    assert isinstance(made, visitor.Routed)
    scene = digits()
    x, y = scene.x[:COUNT], scene.y[:COUNT]
    own, right = visitor.group_of(y), torch.ones(COUNT, dtype=torch.bool)
    for goal in range(len(visitor.GROUPS)):
        moved = x.clone()
        for _ in range(60):
            moved.requires_grad_()
            scores = made.gate(moved)
            (slope,) = torch.autograd.grad((scores[:, goal] - scores.gather(1, own[:, None]).squeeze(1)).sum(), moved)
            moved = torch.clamp(moved.detach() + 0.01 * slope.sign(), x - EPS, x + EPS).clamp(0, 1)
            with torch.no_grad():
                right &= made(moved).argmax(1) == y
    return float(right.float().mean())


BEHIND: dict[str, Callable[[], float]] = {
    "winners": lambda: attacked(further.winners(), Square(Linf(EPS), queries=2000)),
    "saturated": lambda: attacked(further.saturated(), Square(Linf(EPS), queries=2000)),
    "deceptive": lambda: through(further.deceptive().inside, further.deceptive()),  # type: ignore[arg-type]
    "voting": lambda: through(Soft(further.voting()), further.voting()),  # type: ignore[arg-type]
    "softly": lambda: through(further.softly()[1], further.softly()),  # type: ignore[index]
    "modest": lambda: through(further.modest().inside, further.modest()),  # type: ignore[arg-type]
    "opposed": lambda: through(outsider.opposed().inside, outsider.opposed()),  # type: ignore[arg-type]
    "paired": lambda: through(outsider.paired().accurate, outsider.paired()),  # type: ignore[arg-type]
    "projected": lambda: toward(outsider.projected()),
    "cascade": lambda: through(stranger.cascade().accurate, stranger.cascade()),  # type: ignore[arg-type]
    "purified": straight,
    "recalled": lambda: through(Densities(), guest.recalled()),
    "squeezed": lambda: attacked(guest.squeezed(), AutoAttack(Linf(EPS))),
    "equilibrium": unrolled,
    "routed": astray,
}
"""Share of images left of each masked defense that was written after the thresholds."""
