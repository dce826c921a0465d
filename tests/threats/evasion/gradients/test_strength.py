"""Gradient attacks against what is known exactly (linear models) and against a plain, patient attack."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from casemate.targets import TorchClassifier
from casemate.threats.evasion import APGD, FAB, L1, L2, PGD, Linf
from casemate.threats.evasion.criteria import Misclassified
from casemate.threats.evasion.evaluation import evaluate
from casemate.threats.evasion.gradients.apgd import AutoDescent
from tests.threats.evasion.networks import digits


def linear_scene() -> tuple[TorchClassifier, torch.Tensor, torch.Tensor]:
    """Inputs so far inside the box that it does not matter."""
    torch.manual_seed(3)
    module = nn.Linear(12, 5)
    x = torch.rand(200, 12) * 0.2 + 0.4
    return TorchClassifier(module, 5), x, module(x).argmax(1)


def radii(target: TorchClassifier, x: torch.Tensor, y: torch.Tensor, dual: float) -> torch.Tensor:
    """Exact distances to the nearest other class: margins divided by dual norms."""
    weight, logits = target.network.weight, target.logits(x)
    others = torch.full((len(x), 5), float("inf"))
    for other in range(5):
        length = torch.linalg.vector_norm(weight[other] - weight[y], ord=dual, dim=1)
        away = y != other
        others[away, other] = ((logits.gather(1, y[:, None])[:, 0] - logits[:, other]) / length)[away]
    return others.amin(1)


@pytest.mark.parametrize(
    ("attack", "dual"),
    [
        (APGD(Linf(0.0), loss="targeted-dlr", ranks=4), 1),
        (FAB(Linf(0.0), ranks=4), 1),
        (APGD(L2(0.0), loss="targeted-dlr", ranks=4), 2),
        (FAB(L2(0.0), ranks=4), 2),
    ],
)
def test_on_a_linear_model_the_attack_succeeds_exactly_where_it_can(attack, dual: float) -> None:
    target, x, y = linear_scene()
    exact = radii(target, x, y, dual)
    eps = float(exact.median())
    found = attack.within(eps).evaluate(target, x, y)
    assert not bool(found.broken[exact > eps * (1 + 1e-5)].any())  # no attack beats the truth
    assert bool(found.broken[exact < eps * 0.99].all())


def test_apgd_is_as_strong_as_a_patient_pgd_at_a_tenth_of_its_gradients() -> None:
    scene = digits()
    target = TorchClassifier(scene.module, 10)
    eps = 0.06
    patient = PGD(Linf(eps), steps=100, restarts=20, step=eps / 25).evaluate(target, scene.x, scene.y)
    found = APGD(Linf(eps)).evaluate(target, scene.x, scene.y)
    assert int(found.robust.sum()) <= int(patient.robust.sum()) + 1
    assert found.gradients < patient.gradients / 4


def test_halving_the_step_is_what_makes_it_strong(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = digits()
    target = TorchClassifier(scene.module, 10)
    whole = APGD(L2(0.35), steps=50).evaluate(target, scene.x, scene.y)
    monkeypatch.setattr("casemate.threats.evasion.gradients.apgd.AutoDescent._check", lambda *_: None)
    without = APGD(L2(0.35), steps=50).evaluate(target, scene.x, scene.y)
    assert whole.estimate < without.estimate


def test_scaled_logits_stop_the_cross_entropy_but_not_the_ratio() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = digits().module

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x) * 1e4

    scene = digits()
    masked, plain = TorchClassifier(Scaled(), 10), TorchClassifier(scene.module, 10)
    blind = PGD(Linf(0.1), random_start=False).evaluate(masked, scene.x, scene.y)
    ratio = APGD(Linf(0.1), loss="dlr").evaluate(masked, scene.x, scene.y)
    truth = APGD(Linf(0.1), loss="dlr").evaluate(plain, scene.x, scene.y)
    assert blind.estimate > truth.estimate + 0.2
    assert abs(int(ratio.robust.sum()) - int(truth.robust.sum())) <= 2


def test_apgd_in_l1_adapts_how_many_coordinates_move_and_that_is_what_makes_it_strong() -> None:
    """Without the adaptation, and beside PGD with twenty times its gradients, much is left that it breaks."""
    scene = digits()
    target, ball = TorchClassifier(scene.module, 10), L1(1.5)
    found = APGD(ball, steps=50).evaluate(target, scene.x, scene.y)
    walk = AutoDescent(target, ball, Misclassified(), "ce", 50)
    fixed = evaluate("fixed", [("fixed", walk)], target, scene.x, scene.y, ball, Misclassified())
    patient = PGD(ball, steps=100, restarts=10, step=0.1).evaluate(target, scene.x, scene.y)
    assert bool(ball.holds(found.adversarial, scene.x).all())
    assert int(found.robust.sum()) <= int(patient.robust.sum())
    assert int(found.robust.sum()) < 0.95 * int(fixed.robust.sum())
