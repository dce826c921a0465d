"""Both figures: the adaptive one is measured, is no smaller than the naive one, and alone decides."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import nn

from casemate.core.errors import UsageError
from casemate.threats.evasion import Linf
from casemate.threats.evasion.criteria import Unnoticed
from casemate.threats.evasion.guards import (
    JPEG,
    BitDepth,
    Canonical,
    Detected,
    FeatureSqueezing,
    Judged,
    Mahalanobis,
    Preprocessed,
    RandomResized,
    judge,
    penultimate,
)
from tests.threats.evasion.guards.scene import benign, network
from tests.threats.evasion.networks import digits

EPS, COUNT = 0.1, 40


def guards() -> dict[str, Preprocessed | Detected]:
    scene = digits()
    body = penultimate(network())
    squeezing = FeatureSqueezing(network(), [BitDepth(3)]).calibrated(scene.x[100:])
    return {
        "bits": Preprocessed(BitDepth(2), network()),
        "jpeg": Preprocessed(JPEG(60), network()),
        "outside": Preprocessed(Canonical(lambda x: (x * 5).round() / 5), network()),
        "random": Preprocessed(RandomResized(0.9), network()),
        "squeezing": Detected(squeezing, network()),
        "mahalanobis": Detected(Mahalanobis.fit(body, *benign()).calibrated(scene.x[100:]), network()),
    }


NAMES = ("bits", "jpeg", "outside", "random", "squeezing", "mahalanobis")
every_guard = pytest.mark.parametrize("name", NAMES)


@cache
def judged(name: str) -> Judged:
    scene = digits()
    return judge(guards()[name], scene.x[:COUNT], scene.y[:COUNT], Linf(EPS), steps=12, queries=60)


@every_guard
def test_who_knows_more_is_no_worse(name: str) -> None:
    found = judged(name)
    assert not found.fault
    assert found.adaptive_success.value >= found.naive_success.value
    if name != "random":  # where answers are drawn, one input may be voted on differently the second time
        assert not bool((found.naive & ~found.adaptive).any())
    assert found.understated.value == pytest.approx(found.adaptive_success.value - found.naive_success.value)


@every_guard
def test_examples_fool_the_deployed_module_unnoticed_inside_the_ball(name: str) -> None:
    found, scene = judged(name), digits()
    won = found.adaptive
    assert bool(won.any())
    moved = found.adversarial[won]
    assert bool(Linf(EPS).holds(moved, scene.x[:COUNT][won]).all())
    assert bool(((moved >= 0) & (moved <= 1)).all())
    assert not bool((won & ~found.correct).any())
    with torch.no_grad():
        answers = torch.stack([guards()[name](moved) for _ in range(1 if name != "random" else 25)])
    wrong = (answers.argmax(2) != scene.y[:COUNT][won]).float().mean(0) > 0.5
    if name == "random":
        assert float(wrong.float().mean()) > 0.7  # of some 17, and kernels differ between machines
        return
    assert bool(wrong.all())
    if answers.shape[2] == 11:
        assert bool((answers[0].argmax(1) != 10).all())


@pytest.mark.parametrize("name", ["bits", "outside", "squeezing"])
def test_the_naive_figure_flatters(name: str) -> None:
    """These guards stop much of what was made without them, and little of what was made for them."""
    found = judged(name)
    assert found.understated.value > 0


def test_without_the_detector_what_it_stops_succeeds() -> None:
    scene = digits()
    guard = guards()["squeezing"]
    silent = Detected(guard.detector.calibrated(scene.x[100:]), network())  # type: ignore[union-attr,operator]
    limit = replace(silent.detector.limit, threshold=10.0)
    object.__setattr__(silent.detector, "calibration", limit)
    without = judge(silent, scene.x[:COUNT], scene.y[:COUNT], Linf(EPS), steps=12, queries=60)
    assert without.naive_success.value > judged("squeezing").naive_success.value + 0.1


def by_hand(**given: object) -> Judged:
    """100 inputs: the bare network loses 80 of them, the guarded one what is given."""
    some = torch.zeros(100, dtype=torch.bool)
    broken, naive, adaptive = some.clone(), some.clone(), some.clone()
    broken[:80], naive[:5], adaptive[:78] = True, True, True
    made = Judged("by hand", Linf(0.1), ~some, broken, ~some, some, naive, adaptive, torch.zeros(100, 1), (), False, 0)
    return replace(made, **given)  # type: ignore[arg-type]


def test_advice_sees_the_adaptive_figure_only() -> None:
    flattered = by_hand()
    assert flattered.naive_success.value == 0.05
    assert not flattered.recommended()
    few = torch.zeros(100, dtype=torch.bool)
    few[:30] = True
    assert by_hand(adaptive=few).recommended()
    assert by_hand(adaptive=few, naive=few).recommended() == by_hand(adaptive=few).recommended()
    assert not by_hand(adaptive=few).recommended(gain=0.6)
    lost = torch.ones(100, dtype=torch.bool)
    lost[90:] = False
    assert not by_hand(adaptive=few, correct=lost).recommended()
    assert by_hand(adaptive=few, correct=lost).recommended(cost=0.15)


def test_an_adaptive_attack_that_is_weaker_is_called_a_bug() -> None:
    many = torch.zeros(100, dtype=torch.bool)
    many[:90] = True
    found = by_hand(naive=many, adaptive=~many)
    assert "it has a bug" in found.fault
    assert "it has a bug" in str(found)
    assert not found.recommended()


def test_both_figures_and_their_intervals_are_always_said() -> None:
    text = str(by_hand())
    assert "78.0%" in text
    assert "5.0%" in text
    assert text in by_hand()._repr_html_()


def test_nothing_that_is_right_leaves_no_figure() -> None:
    none = torch.zeros(100, dtype=torch.bool)
    found = by_hand(correct=none, naive=none, adaptive=none)
    assert (found.adaptive_success.low, found.adaptive_success.high) == (0.0, 1.0)


def test_a_ball_of_radius_zero_breaks_nothing() -> None:
    scene = digits()
    found = judge(guards()["bits"], scene.x[:20], scene.y[:20], Linf(0.0), steps=3, queries=5)
    assert not bool(found.adaptive.any())


def test_the_same_seed_gives_the_same_bits() -> None:
    scene = digits()
    first, again = (
        judge(guards()["random"], scene.x[:10], scene.y[:10], Linf(EPS), steps=3, queries=10) for _ in range(2)
    )
    assert torch.equal(first.adversarial, again.adversarial)


def test_a_network_without_a_guard_is_refused() -> None:
    with pytest.raises(UsageError, match="no guarded network"):
        judge(nn.Flatten(), digits().x[:2], digits().y[:2], Linf(0.1))  # type: ignore[arg-type]


def test_unnoticed_means_wrong_and_not_rejected() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0], [1.0, 3.0, 2.0], [1.0, 2.0, 3.0], [1.0, float("nan"), 0.0]])
    labels = torch.zeros(4, dtype=torch.int64)
    assert Unnoticed().met(logits, labels).tolist() == [False, True, False, False]
    assert Unnoticed().lead(logits[:3], labels[:3]).tolist() == [-2.0, 1.0, -1.0]
