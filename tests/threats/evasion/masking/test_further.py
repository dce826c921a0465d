"""The battery's second half: defenses written after the thresholds were frozen, by somebody who had not seen them.

What came: of the first four masked ones two passed (k-winners-take-all, reverse sigmoid), so two signs were added, that
losses disagree and that the scores fall on the way to known examples. Then four more defenses were written and examined
once with those frozen: all were judged rightly.
"""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import nn

from casemate.targets import TorchClassifier
from casemate.threats.evasion import PGD, Linf, Square
from casemate.threats.evasion.masking import Trust, examine
from tests.threats.evasion.masking.battery import EPS
from tests.threats.evasion.masking.further import (
    HONEST_FURTHER,
    HONEST_LAST,
    MASKED_FURTHER,
    MASKED_LAST,
    Voting,
    deceptive,
    modest,
    saturated,
    softly,
    voting,
    winners,
)
from tests.threats.evasion.networks import digits

COUNT, SECONDS = 120, 15.0
HONEST = {**HONEST_FURTHER, **HONEST_LAST}
MASKED = {**MASKED_FURTHER, **MASKED_LAST}
pytestmark = pytest.mark.slow


def target(module: nn.Module) -> TorchClassifier:
    return TorchClassifier(module, 10)


@cache
def examined(name: str) -> Trust:
    scene = digits()
    module = {**HONEST, **MASKED}[name]()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return examine(target(module), scene.x[:COUNT], scene.y[:COUNT], Linf(EPS))


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_defense_is_not_accused(name: str) -> None:
    assert examined(name).verdict == "ATTACKED", str(examined(name))


@pytest.mark.parametrize("name", MASKED)
def test_a_masked_one_never_passes_and_its_cause_is_named(name: str) -> None:
    assert examined(name).verdict == "MASKED", str(examined(name))
    assert examined(name).causes


@pytest.mark.parametrize("name", [*HONEST, *MASKED])
def test_it_takes_no_more_cpu_time_than_promised(name: str) -> None:
    assert examined(name).seconds <= SECONDS


class Soft(nn.Module):
    """The mean of what the voters would say if they said all."""

    def __init__(self, votes: Voting) -> None:
        super().__init__()
        self.members = votes.members

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([member(x).softmax(1) for member in self.members]).mean(0).clamp_min(1e-12).log()


def behind(name: str) -> float:
    """What is left of a masked defense by somebody who knows it."""
    scene = digits()
    x, y = scene.x[:COUNT], scene.y[:COUNT]
    if name in ("winners", "saturated"):
        module = winners() if name == "winners" else saturated()
        return Square(Linf(EPS), queries=2000).evaluate(target(module), x, y).estimate
    inside: nn.Module = {  # type: ignore[assignment]
        "deceptive": lambda: deceptive().inside,
        "voting": lambda: Soft(voting()),  # type: ignore[arg-type]
        "softly": lambda: softly()[1],  # type: ignore[index]
        "modest": lambda: modest().inside,
    }[name]()
    made = MASKED[name]()
    moved = x.clone()
    for _ in range(60):
        moved.requires_grad_()
        loss = nn.functional.cross_entropy(inside(moved), y, reduction="sum")
        (slope,) = torch.autograd.grad(loss, moved)
        moved = torch.clamp(moved.detach() + 0.01 * slope.sign(), x - EPS, x + EPS).clamp(0, 1)
    with torch.no_grad():
        return float((made(moved).argmax(1) == y).float().mean())


@pytest.mark.parametrize("name", MASKED)
def test_what_is_called_masked_is_masked(name: str) -> None:
    """The truth does not hang on `examine`: plain PGD leaves much that an attack made for the defense breaks."""
    scene = digits()
    naive = PGD(Linf(EPS)).evaluate(target(MASKED[name]()), scene.x[:COUNT], scene.y[:COUNT]).estimate
    assert naive >= behind(name) + 0.2
