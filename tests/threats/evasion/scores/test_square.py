"""Square."""

from __future__ import annotations

import torch

from casemate.targets import TorchClassifier
from casemate.threats.evasion import PGD, Linf, Square
from casemate.threats.evasion.scores.square import _sides
from tests.threats.evasion.networks import digits


def test_sides_follow_the_schedule_of_the_paper() -> None:
    sides = _sides(10_000, 0.8, 28, 28)
    area = [0.8 / 2**k * 784 for k in range(10)]
    marks = (1, 11, 51, 201, 501, 1001, 2001, 4001, 6001, 8001)
    assert [int(sides[mark]) for mark in marks] == [round(each**0.5) for each in area]
    assert bool((sides.diff() <= 0).all())
    assert int(_sides(100, 0.8, 1, 64).max()) == 1


def test_it_asks_no_more_than_its_budget_and_stops_at_the_first_success() -> None:
    scene = digits()
    target = TorchClassifier(scene.module, 10)
    found = Square(Linf(0.03), queries=60).evaluate(target, scene.x[:50], scene.y[:50])
    attacked = int(found.correct.sum())
    assert found.gradients == 0
    assert int(found.robust.sum()) * 60 <= found.forwards <= attacked * 60


def test_it_comes_near_the_gradient_attack_and_far_beyond_random_corners() -> None:
    scene = digits()
    target = TorchClassifier(scene.module, 10)
    eps = 0.08
    white = PGD(Linf(eps), restarts=3).evaluate(target, scene.x, scene.y)
    black = Square(Linf(eps), queries=1000).evaluate(target, scene.x, scene.y)
    torch.manual_seed(0)
    standing = black.correct.clone()
    for _ in range(300):
        corner = (scene.x + eps * (torch.rand_like(scene.x) * 2 - 1).sign()).clamp(0, 1)
        standing &= target.logits(corner).argmax(1) == scene.y
    assert black.estimate <= white.estimate + 0.06
    assert black.estimate <= float(standing.float().mean()) - 0.1


def test_giving_up_saves_the_queries_of_hopeless_samples_and_of_no_others() -> None:
    scene = digits()
    target, whole = TorchClassifier(scene.module, 10), Square(Linf(0.08), queries=400)

    def run(*give_up: tuple[int, float]) -> tuple[torch.Tensor, int]:
        found = Square(Linf(0.08), queries=400, give_up=give_up).evaluate(target, scene.x, scene.y)
        return found.broken, found.forwards

    all_, most = whole.evaluate(target, scene.x, scene.y).broken, run()[1]
    never, asked = run((50, 1e9))
    assert bool((never == all_).all())
    assert asked <= most + 2 * len(scene.x)  # the margin at the input, which costs a pass
    at_once, least = run((50, 0.0))
    assert 0 < int(at_once.sum()) < int(all_.sum())
    assert not bool((at_once & ~all_).any())
    assert least < most / 3
    wisely, some = run((20, 0.8), (100, 0.5))
    assert int((all_ & ~wisely).sum()) <= 1
    assert some < 0.8 * most
