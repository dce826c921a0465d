"""Signs of masking, on a battery of defenses whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

from casemate.targets import TorchClassifier
from casemate.targets.drawn import Drawn
from casemate.threats.evasion import APGD, PGD, Linf
from casemate.threats.evasion.masking import Trust, examine
from tests.threats.evasion.masking.battery import EPS, HONEST, MASKED, noisy, plain
from tests.threats.evasion.networks import digits

COUNT = 120
QUICK = ("plain", "steep", "scaled", "rounded", "thermometer", "detached", "reversed", "shattered")


def battery(names: Iterable[str]) -> list[Any]:
    """Names as parameters; those that take long wait for `make test-all`."""
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in names]


@cache
def examined(name: str) -> Trust:
    scene = digits()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        target = TorchClassifier({**HONEST, **MASKED}[name](), 10)
        return examine(target, scene.x[:COUNT], scene.y[:COUNT], Linf(EPS))


@pytest.mark.parametrize("name", battery(HONEST))
def test_an_honest_defense_is_not_accused(name: str) -> None:
    assert examined(name).verdict == "ATTACKED", str(examined(name))


@pytest.mark.parametrize("name", battery(MASKED))
def test_a_masked_one_never_passes_and_its_cause_is_named(name: str) -> None:
    found = examined(name)
    assert found.verdict == "MASKED"
    assert found.causes


CAUSES = {
    "scaled": "other loss",
    "rounded": "blind gradients",
    "noisy": "randomness",
    "thermometer": "blind gradients",
    "shattered": "finite differences",
    "detached": "blind gradients",
}


@pytest.mark.parametrize("name", battery(CAUSES))
def test_the_sign_that_is_raised_is_the_one_that_fits(name: str) -> None:
    assert {sign.name for sign in examined(name).signs if sign.raised} >= {CAUSES[name]}


def test_the_figure_is_the_least_over_all_evidence() -> None:
    found = examined("plain")
    assert found.estimate <= min(found.evidence.values())
    assert "Square" in found.evidence
    assert "no sign of masking" in str(found)


def test_a_mask_does_not_lower_what_is_measured_behind_it() -> None:
    """The least over all evidence sees through these masks: their true accuracy is the plain network's."""
    truth = examined("plain").estimate
    for name in ("scaled", "rounded"):
        assert examined(name).estimate <= truth + 0.12, name


def test_a_lucky_draw_is_no_example() -> None:
    class Coin(nn.Module):
        """Right nine times of ten, whatever the input."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            wrong = (torch.rand(len(x), 1) < 0.1).to(x.dtype)
            return torch.cat([1 - wrong, wrong], 1) * 5 + 0 * x.flatten(1)[:, :2]

    with torch.random.fork_rng():
        torch.manual_seed(0)
        coin = TorchClassifier(Coin(), 2)
        x, y = torch.rand(60, 4), torch.zeros(60, dtype=torch.int64)
        attack = PGD(Linf(0.1), steps=20)
        naive = attack.evaluate(coin, x, y)
        fair = attack.evaluate(Drawn(coin), x, y)
    assert int(naive.broken.sum()) >= 1  # of those that were lucky in the clean pass, and unlucky later
    assert fair.estimate == 1.0


def test_the_mean_over_draws_sees_through_noise() -> None:
    scene, attack = digits(), APGD(Linf(EPS), loss="dlr", steps=30)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        target = Drawn(TorchClassifier(noisy(), 10))
        found = attack.evaluate(target, scene.x[:80], scene.y[:80])
    assert found.estimate < 0.6
    assert "mean of 16 draws" in found.notes[-1]


def test_nothing_but_the_target_is_looked_at() -> None:
    """The same function under another name gives the same signs."""

    class Innocent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = plain()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inside((x * 4).round() / 4)

    scene = digits()
    found = examine(TorchClassifier(Innocent(), 10), scene.x[:COUNT], scene.y[:COUNT], Linf(EPS))
    known = examined("rounded")
    assert [(sign.name, sign.raised) for sign in found.signs] == [(sign.name, sign.raised) for sign in known.signs]
