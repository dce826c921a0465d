"""One perturbation, or one patch, for all: judged on samples and transforms it was not learned on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from casemate.core.errors import DataError, UsageError
from casemate.targets import TorchClassifier
from casemate.threats.evasion.balls import L1, L2, Ball, Linf
from casemate.threats.evasion.norms.patch import AdversarialPatch, Scenes
from casemate.threats.evasion.norms.universal import Universal, UniversalPerturbation
from tests.threats.evasion.networks import digits


def target() -> TorchClassifier:
    return TorchClassifier(digits().module, 10)


@pytest.mark.parametrize("ball", [Linf(0.2), L2(1.5), L1(8.0)])
def test_a_learned_perturbation_fools_samples_it_has_not_seen(ball: Ball) -> None:
    scene = digits()
    made = UniversalPerturbation(ball, epochs=8, batch=50).learn(target(), scene.x[:200], scene.y[:200])
    assert bool(ball.holds(made.move[None], torch.zeros_like(made.move[None])).all())
    found = made.evaluate(target(), scene.x[200:], scene.y[200:])
    assert bool(ball.holds(found.adversarial, scene.x[200:]).all())
    signs = torch.from_numpy(np.random.default_rng(0).choice([-1.0, 1.0], made.move.shape).astype(np.float32))
    drawn = Universal(ball.project(signs[None], torch.zeros_like(signs[None]), (-1, 1))[0], ball, 0.0)
    control = drawn.evaluate(target(), scene.x[200:], scene.y[200:])
    assert found.estimate < control.estimate - 0.1
    assert 0 < made.learned <= 1
    again = UniversalPerturbation(ball, epochs=8, batch=50).learn(target(), scene.x[:200], scene.y[:200])
    assert torch.equal(made.move, again.move)


def test_nothing_is_learned_from_samples_the_model_gets_wrong() -> None:
    scene = digits()
    with torch.no_grad():
        answers = scene.module(scene.x[:20]).argmax(1)
    with pytest.raises(DataError, match="no sample"):
        UniversalPerturbation(Linf(0.1)).learn(target(), scene.x[:20], (answers + 1) % 10)


@pytest.mark.parametrize("goal", [None, 3])
def test_a_learned_patch_beats_noise_in_the_same_places(goal: int | None) -> None:
    scene = digits()
    scenes = Scenes(scale=(0.4, 0.5))
    made = AdversarialPatch(scenes, side=5, goal=goal, steps=60).learn(target(), scene.x[:200], scene.y[:200])
    assert float(made.picture.min()) >= 0
    assert float(made.picture.max()) <= 1
    found = made.evaluate(target(), scene.x[200:], scene.y[200:])
    assert found.rate.low > found.baseline.high
    assert "a patch of noise" in str(found)
    if goal is not None:
        assert not bool((found.correct & (scene.y[200:] == goal)).any())


def test_a_patch_lands_where_it_is_drawn_and_nowhere_else() -> None:
    images = torch.full((3, 1, 20, 20), 0.5)
    draws = torch.tensor([[0.5, 0.5, 0.0, 0.0, 0.5], [0.5, 0.5, 0.99, 0.99, 0.5], [0.5, 0.9, 0.5, 0.5, 0.9]])
    placed = Scenes((0.4, 0.4), 30.0, 0.2).place(images, torch.ones(1, 4, 4), draws, (0.0, 1.0))
    assert torch.equal(placed[0, 0, :8, :8], torch.ones(8, 8))
    assert int((placed[0] == 1).sum()) == 64
    assert torch.equal(placed[1, 0, 12:, 12:], torch.ones(8, 8))
    assert float(placed[2, 0, 0, 0]) == pytest.approx(0.66)  # the light changes everything
    assert 50 <= int((placed[2] == 1).sum()) <= 78  # the area of a turned patch stays


def test_bad_requests_are_named() -> None:
    with pytest.raises(UsageError, match="makes no sense"):
        Scenes(scale=(0.5, 0.2))
    with pytest.raises(DataError, match="no images"):
        AdversarialPatch().learn(target(), torch.rand(4, 64), [0, 1, 2, 3])
