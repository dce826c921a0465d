"""Bracket: proofs below, attacks above, and never both for one sample."""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from casemate.core.errors import UsageError
from casemate.stats.proportions import clopper_pearson
from casemate.targets import TorchClassifier
from casemate.threats.evasion import APGD, L2, PGD, AutoAttack, Bracket, Linf
from tests.threats.evasion.networks import digits, network

EPS = 0.03


def target(**given: object) -> TorchClassifier:
    return TorchClassifier(digits().module, 10, **given)  # type: ignore[arg-type]


def test_every_sample_is_decided_once_and_both_ends_have_exact_intervals() -> None:
    scene = digits()
    found = Bracket(Linf(EPS), queries=200).evaluate(target(), scene.x[:120], scene.y[:120])
    assert not bool((found.certified & found.broken).any())
    assert not bool((found.certified & ~found.correct).any())
    assert 0 < found.lower <= found.estimate < found.clean_accuracy
    assert found.low == clopper_pearson(int(found.certified.sum()), 120).low
    assert found.high == clopper_pearson(int(found.robust.sum()), 120).high
    names = Counter(found.decided)
    assert names["misclassified"] == int((~found.correct).sum())
    assert names[""] == int(found.undecided.sum())
    assert set(names) <= {"misclassified", "", "ibp", "crown-ibp", "crown", "PGD", "APGD-CE", "APGD-T", "Square"}
    assert "robust accuracy in [" in str(found)


def test_what_is_certified_withstands_strong_attacks_and_what_is_broken_is_broken() -> None:
    scene = digits()
    found = Bracket(Linf(EPS), queries=200).evaluate(target(), scene.x, scene.y)
    proven = found.certified
    for attack in (PGD(Linf(EPS), steps=60, restarts=5), APGD(Linf(EPS), loss="targeted-dlr"), APGD(Linf(EPS), seed=9)):
        assert not bool(attack.evaluate(target(), scene.x[proven], scene.y[proven]).broken.any())
    with torch.no_grad():
        answers = scene.module(found.adversarial[found.broken]).argmax(1)
    assert not bool((answers == scene.y[found.broken]).any())


@given(seed=st.integers(0, 10_000), eps=st.floats(0.001, 0.2))
@settings(deadline=None, max_examples=5)
def test_certified_and_attacked_never_meet_on_networks_of_any_weights(seed: int, eps: float) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = network()
        x = torch.rand(40, 1, 8, 8)
    with torch.no_grad():
        y = module(x).argmax(1)
    made = TorchClassifier(module, 10)
    found = Bracket(Linf(eps), queries=50).evaluate(made, x, y)
    proven = found.certified
    if bool(proven.any()):
        attacked = PGD(Linf(eps), steps=20, restarts=3, seed=seed).evaluate(made, x[proven], y[proven])
        assert not bool(attacked.broken.any())
    assert found.lower <= found.estimate


@pytest.mark.slow
def test_it_is_as_strong_as_the_standard_at_a_fraction_of_its_passes() -> None:
    scene = digits()
    whole = AutoAttack(Linf(EPS)).evaluate(target(), scene.x[:80], scene.y[:80])
    found = Bracket(Linf(EPS)).evaluate(target(), scene.x[:80], scene.y[:80])
    assert int(found.robust.sum()) <= int(whole.robust.sum()) + 1
    assert found.gradients < whole.gradients / 4
    assert found.forwards < whole.forwards


def test_branch_and_bound_settles_what_was_left() -> None:
    scene = digits()
    first = Bracket(Linf(0.06), queries=50, effort="ibp").evaluate(target(), scene.x[:60], scene.y[:60])
    more = Bracket(Linf(0.06), queries=50, effort="ibp", seconds=3.0).evaluate(target(), scene.x[:60], scene.y[:60])
    assert int(first.undecided.sum()) >= 3
    assert int(more.undecided.sum()) < int(first.undecided.sum())
    assert more.lower >= first.lower
    assert more.estimate <= first.estimate


def test_normalization_is_part_of_what_is_proven() -> None:
    scene = digits()
    undone = nn.Sequential(Affine(0.5, 0.2), scene.module)
    normalized = TorchClassifier(undone, 10, mean=[0.2], std=[0.5])
    found = Bracket(Linf(EPS), queries=50).evaluate(normalized, scene.x[:60], scene.y[:60])
    plain = Bracket(Linf(EPS), queries=50).evaluate(target(), scene.x[:60], scene.y[:60])
    assert abs(int(found.certified.sum()) - int(plain.certified.sum())) <= 1
    assert int(found.certified.sum()) > 10


class Affine(nn.Module):
    """Undoes a normalization."""

    def __init__(self, scale: float, shift: float) -> None:
        super().__init__()
        self.scale, self.shift = scale, shift

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale + self.shift


def test_layers_without_bounds_leave_the_attack_and_a_note() -> None:
    scene = digits()
    module = nn.Sequential(scene.module[0], nn.Softplus(beta=30), *list(scene.module)[2:])
    found = Bracket(Linf(EPS), queries=50).evaluate(TorchClassifier(module, 10), scene.x[:40], scene.y[:40])
    assert found.lower == 0.0
    assert any("no certificates" in note and "Softplus" in note for note in found.notes)
    assert found.estimate < 1.0


def test_other_norms_have_no_certificate() -> None:
    with pytest.raises(UsageError, match="no certificate in L2"):
        Bracket(L2(0.5)).evaluate(target(), digits().x[:2], digits().y[:2])


def test_a_ball_of_radius_zero_is_certified_where_the_answer_is_right() -> None:
    scene = digits()
    found = Bracket(Linf(0.0)).evaluate(target(), scene.x[:30], scene.y[:30])
    assert torch.equal(found.certified, found.correct)
