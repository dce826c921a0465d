"""Every attack on tensors: what an example is, who counts, what does not matter, and bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from casemate.core.errors import DataError, TargetError, UsageError
from casemate.stats.proportions import clopper_pearson
from casemate.targets import TorchClassifier
from casemate.threats.evasion import APGD, FAB, FGSM, L2, MIM, PGD, AutoAttack, Linf, Square
from tests.threats.evasion.networks import digits, network

EPS = 0.1
ATTACKS = [
    FGSM(Linf(EPS)),
    PGD(Linf(EPS), steps=10, restarts=2),
    MIM(Linf(EPS)),
    APGD(Linf(EPS), steps=20),
    APGD(Linf(EPS), steps=20, loss="dlr"),
    APGD(Linf(EPS), steps=20, loss="targeted-dlr", ranks=2),
    FAB(Linf(EPS), steps=20, ranks=2),
    Square(Linf(EPS), queries=150),
    PGD(L2(0.6), steps=10),
    APGD(L2(0.6), steps=20),
    FAB(L2(0.6), steps=20, ranks=2),
]
NAMES = [f"{type(each).__name__}-{getattr(each, 'loss', '')}-{each.ball.norm}" for each in ATTACKS]
every_attack = pytest.mark.parametrize("attack", ATTACKS, ids=NAMES)


def target(**given: object) -> TorchClassifier:
    return TorchClassifier(digits().module, 10, **given)  # type: ignore[arg-type]


@every_attack
def test_examples_fool_the_module_itself_inside_ball_and_box(attack) -> None:
    scene = digits()
    found = attack.evaluate(target(batch=64), scene.x, scene.y)
    with torch.no_grad():
        right = scene.module(scene.x).argmax(1) == scene.y
        still = scene.module(found.adversarial).argmax(1) == scene.y
    assert torch.equal(found.correct, right)
    assert torch.equal(found.robust, right & still)
    assert int(found.broken.sum()) >= 20
    assert not bool((found.broken & ~right).any())
    far = attack.ball.distance(found.adversarial.double(), scene.x.double())
    assert bool((far <= attack.ball.eps * (1 + 1e-6) + 1e-7).all())
    assert bool((found.adversarial >= 0).all())
    assert bool((found.adversarial <= 1).all())
    assert torch.equal(found.adversarial[~found.broken], scene.x[~found.broken])
    assert [bool(name) for name in found.by] == found.broken.tolist()


@every_attack
def test_results_do_not_depend_on_who_shares_a_batch(attack) -> None:
    """Answers of a network differ in the last bit with the size of a batch, so a borderline sample may differ."""
    scene = digits()
    first = attack.evaluate(target(batch=32), scene.x[:100], scene.y[:100])
    order = torch.from_numpy(np.random.default_rng(1).permutation(100))
    other = attack.evaluate(target(batch=7), scene.x[order], scene.y[order], ids=order.tolist())
    assert int((first.broken[order] != other.broken).sum()) <= 1
    alike = (first.adversarial[order] - other.adversarial).flatten(1).abs().amax(1) < 1e-3
    assert float(alike.float().mean()) >= 0.95


def test_the_same_seed_gives_the_same_bits_and_another_one_others() -> None:
    scene, attack = digits(), PGD(Linf(EPS), steps=3)
    first, again = (attack.evaluate(target(), scene.x, scene.y).adversarial for _ in range(2))
    other = replace(attack, seed=1).evaluate(target(), scene.x, scene.y).adversarial
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_robust_accuracy_is_exact_counts_with_their_interval() -> None:
    scene = digits()
    found = PGD(Linf(EPS), steps=5).evaluate(target(), scene.x, scene.y)
    k = int((found.correct & ~found.broken).sum())
    interval = clopper_pearson(k, 300)
    assert (found.estimate, found.low, found.high) == (k / 300, interval.low, interval.high)
    assert f"{k} of 300" in str(found)
    assert "robust accuracy" in found._repr_html_()


@every_attack
def test_a_wider_ball_breaks_more(attack) -> None:
    scene = digits()
    small = attack.within(attack.ball.eps / 3).evaluate(target(), scene.x[:120], scene.y[:120])
    large = attack.within(attack.ball.eps * 3).evaluate(target(), scene.x[:120], scene.y[:120])
    assert small.estimate > large.estimate


@every_attack
def test_a_ball_of_radius_zero_breaks_nothing(attack) -> None:
    scene = digits()
    found = attack.within(0.0).evaluate(target(), scene.x[:20], scene.y[:20])
    assert not bool(found.broken.any())
    assert torch.equal(found.adversarial, scene.x[:20])


@every_attack
def test_one_sample_or_none_to_attack_is_no_special_case(attack) -> None:
    scene = digits()
    assert attack.evaluate(target(), scene.x[:1], scene.y[:1]).n == 1
    wrong = (scene.y[:5] + 1) % 10
    found = attack.evaluate(target(), scene.x[:5], wrong)
    assert found.clean_accuracy <= 0.2
    assert not bool(found.broken[~found.correct].any())


@pytest.mark.parametrize(
    "attack",
    [
        PGD(Linf(0.3)),
        APGD(Linf(0.3)),
        APGD(Linf(0.3), loss="targeted-dlr"),
        FAB(Linf(0.3)),
        Square(Linf(0.3), queries=400),
        PGD(L2(2.0)),
        FAB(L2(2.0)),
    ],
)
def test_targeted_attacks_reach_the_wanted_class(attack) -> None:
    scene = digits()
    goals = (scene.y[:60] + 3) % 10
    found = attack.evaluate(target(), scene.x[:60], scene.y[:60], goals=goals)
    with torch.no_grad():
        answers = scene.module(found.adversarial).argmax(1)
    assert torch.equal(answers[found.broken], goals[found.broken])
    assert int(found.broken.sum()) >= 10
    untargeted = attack.evaluate(target(), scene.x[:60], scene.y[:60])
    assert untargeted.estimate <= found.estimate


def test_square_is_offered_in_linf_only() -> None:
    with pytest.raises(UsageError, match="Square in L2"):
        Square(L2(0.5))


def test_a_goal_that_is_the_right_class_is_no_success() -> None:
    scene = digits()
    found = PGD(Linf(0.3)).evaluate(target(), scene.x[:20], scene.y[:20], goals=scene.y[:20])
    assert not bool(found.broken.any())


def test_examples_survive_quantization_or_do_not_count() -> None:
    scene = digits()
    deployed = target(levels=17)  # the images have 17 gray values
    found = PGD(Linf(0.1), steps=20).evaluate(deployed, scene.x, scene.y)
    grid = found.adversarial[found.broken] * 16
    torch.testing.assert_close(grid, grid.round(), atol=1e-4, rtol=0)
    moved = ((found.adversarial - scene.x)[found.broken] * 16).round().abs()
    assert float(moved.max()) <= 1.0  # 0.1 allows one gray value, not two
    assert bool(found.broken.any())
    assert found.estimate >= PGD(Linf(0.1), steps=20).evaluate(target(), scene.x, scene.y).estimate


class Flaky(TorchClassifier):
    """Claims are checked on a model that answers rightly whatever comes: no claim can be confirmed."""

    asked = 0

    def confirm(self, inputs: torch.Tensor) -> torch.Tensor:
        answers = super().confirm(inputs)
        self.asked += 1
        return answers if self.asked <= 2 else torch.zeros_like(answers)  # a first look, and the clean pass


def test_claims_that_the_model_does_not_bear_out_do_not_count() -> None:
    scene = digits()
    y = torch.zeros(60, dtype=torch.int64)
    with torch.no_grad():
        zeros = scene.module(scene.x).argmax(1) == 0
    x = scene.x[zeros][:1].repeat(60, 1, 1, 1)
    found = PGD(Linf(0.5), steps=10).evaluate(Flaky(scene.module, 10, batch=60), x, y)
    assert not bool(found.broken.any())
    assert found.unconfirmed >= 60


def test_answers_that_are_not_finite_are_no_success() -> None:
    class Breaks(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            far = (x.flatten(1) - 0.5).abs().amax(1, keepdim=True) > 0.01
            plain = torch.cat([x.flatten(1)[:, :1] * 0 + 1, x.flatten(1)[:, :1] * 0.1], 1)
            return torch.where(far, torch.full_like(plain, float("nan")), plain)

    x, y = torch.full((5, 4), 0.5), torch.zeros(5, dtype=torch.int64)
    for attack in (PGD(Linf(0.2), steps=5), APGD(Linf(0.2), steps=10), Square(Linf(0.2), queries=20)):
        assert not bool(attack.evaluate(TorchClassifier(Breaks(), 2), x, y).broken.any())


def test_forward_attacks_need_no_gradients() -> None:
    class Steps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = digits().module

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner((x * 16).round() / 16).detach()

    scene = digits()
    blind = TorchClassifier(Steps(), 10)
    with pytest.raises(TargetError, match="has no gradients"):
        PGD(Linf(0.2)).evaluate(blind, scene.x[:20], scene.y[:20])
    assert int(Square(Linf(0.2), queries=200).evaluate(blind, scene.x[:20], scene.y[:20]).broken.sum()) >= 5


@pytest.mark.parametrize("shape", [(64,), (1, 64), (8, 8), (4, 4, 4)])
def test_inputs_need_not_be_images(shape: tuple[int, ...]) -> None:
    scene = digits()
    module = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (1, 8, 8)), scene.module)
    x = scene.x[:40].reshape(40, *shape)
    for attack in (PGD(Linf(0.2)), APGD(Linf(0.2), steps=10), FAB(Linf(0.2), steps=5), Square(Linf(0.3), queries=100)):
        assert bool(attack.evaluate(TorchClassifier(module, 10), x, scene.y[:40]).broken.any())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(3), "shape"),
        (np.zeros((4, 10)), "shape"),
        (np.array([0, 1, 2, 10]), "reach from 0 to 10"),
        (np.array([0, -1, 2, 3]), "reach from -1"),
        (np.array([0.0, 0.5, 1, 2]), "not whole numbers"),
    ],
)
def test_bad_labels_are_named(labels: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FGSM(Linf(0.1)).evaluate(target(), digits().x[:4], labels)


def test_one_class_leaves_nothing_to_break() -> None:
    class One(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1)[:, :1]

    for attack in (PGD(Linf(0.2), steps=3), APGD(Linf(0.2), steps=3, loss="dlr"), Square(Linf(0.2), queries=5)):
        found = attack.evaluate(TorchClassifier(One(), 1), torch.rand(4, 3), np.zeros(4))
        assert found.estimate == 1.0


def test_the_standard_is_all_four_attacks_with_their_budgets() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = network()
    stages = AutoAttack(Linf(0.3)).stages(TorchClassifier(module, 10), None)  # type: ignore[arg-type]
    assert [name for name, _ in stages] == ["APGD-CE"] + ["APGD-T"] * 9 + ["FAB-T"] * 9 + ["Square"]
    assert [walk.steps for _, walk in stages] == [100] * 19 + [5000]
    assert sorted({getattr(walk, "rank", 0) for name, walk in stages if name == "APGD-T"}) == list(range(2, 11))
    for version in ("rand", "plus", "fast"):
        with pytest.raises(UsageError, match="not offered"):
            AutoAttack(Linf(0.3), version=version)


@pytest.mark.slow
def test_the_standard_breaks_all_that_its_members_break() -> None:
    scene = digits()
    x, y = scene.x[:60], scene.y[:60]
    whole = AutoAttack(Linf(0.05)).evaluate(target(), x, y)
    for member in (APGD(Linf(0.05)), FAB(Linf(0.05)), Square(Linf(0.05), queries=500)):
        assert not bool((member.evaluate(target(), x, y).broken & ~whole.broken).any())
