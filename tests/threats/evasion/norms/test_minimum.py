"""Minimum-norm attacks, against models whose nearest examples are known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from casemate.core.errors import TargetError, UsageError
from casemate.targets import TorchClassifier
from casemate.threats.evasion.criteria import Misclassified
from casemate.threats.evasion.norms.attacks import DDN, FMN, CarliniWagner, MinimumEnsemble, MinimumFAB, SigmaZero
from casemate.threats.evasion.norms.measures import Norm, between, length, shorten
from casemate.threats.evasion.norms.nearest import begun, note, search
from casemate.threats.evasion.norms.tangent import Tangents
from casemate.threats.evasion.pursuit import State
from tests.threats.evasion.networks import digits

ATTACKS = [
    DDN(steps=60),
    CarliniWagner(steps=30, rounds=6, rate=0.05, constant=1.0),
    *(FMN(norm=norm, steps=60) for norm in ("L0", "L1", "L2", "Linf")),
    *(MinimumFAB(norm=norm, steps=60) for norm in ("L1", "L2", "Linf")),
    SigmaZero(steps=60),
    *(MinimumEnsemble(norm=norm, steps=80) for norm in ("L0", "L1", "L2", "Linf")),
]
every_attack = pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: f"{type(each).__name__}-{each.measure}")


def plane() -> tuple[nn.Linear, dict[str, float]]:
    """Two classes divided by a plane, and how far the middle of the box lies from it in each norm."""
    weight = torch.tensor([0.1, -0.2, 0.3, 0.4, -0.5, 0.8])
    module = nn.Linear(6, 2)
    lack = 0.6  # the lead of class 0 in the middle of the box
    with torch.no_grad():
        module.weight[:] = torch.stack([-weight, weight]) / 2
        module.bias[:] = torch.tensor([1.0, -1.0]) * (weight.sum() * 0.5 + lack) / 2
    # 0.5 of room: the last coordinate gives 0.4, the one before 0.2 at 0.4 of its way
    return module, {
        "L0": 2,
        "L1": 0.5 + 0.2 / 0.5,
        "L2": lack / float(weight.norm()),
        "Linf": lack / float(weight.abs().sum()),
    }


@every_attack
def test_the_distance_from_a_plane_is_found(attack) -> None:
    module, known = plane()
    found = replace(attack, steps=200).evaluate(TorchClassifier(module, 2), torch.full((1, 6), 0.5), [0])
    best = known[found.norm]
    if found.norm == "L2":  # the nearest point lies inside the box
        assert best < 0.6
    assert best * (1 - 1e-4) <= found.distance[0] <= best * 1.03 + 1e-6


@every_attack
def test_examples_fool_the_module_itself_at_the_distances_claimed(attack) -> None:
    scene = digits()
    found = attack.evaluate(TorchClassifier(scene.module, 10, batch=32), scene.x[:50], scene.y[:50])
    with torch.no_grad():
        right = scene.module(scene.x[:50]).argmax(1) == scene.y[:50]
        wrong = scene.module(found.adversarial).argmax(1) != scene.y[:50]
    assert torch.equal(found.correct, right)
    assert bool(wrong[found.found].all())
    assert not bool((found.found & ~right).any())
    assert float(found.found[right].float().mean()) >= 0.9
    far = length((found.adversarial - scene.x[:50]).double(), found.norm).numpy()
    held = found.found.numpy()
    assert found.distance[held] == pytest.approx(far[held])
    assert (found.distance[~right.numpy()] == 0).all()
    assert float(found.adversarial.min()) >= 0
    assert float(found.adversarial.max()) <= 1
    assert found.gradients <= 50 * 180
    radius = float(np.median(found.distance[held]))
    assert found.robust(radius).high < found.robust(radius / 100).high
    assert "median" in found._repr_html_()


@every_attack
def test_results_do_not_depend_on_who_shares_a_batch(attack) -> None:
    scene = digits()
    one = attack.evaluate(TorchClassifier(scene.module, 10), scene.x[:30], scene.y[:30])
    order = torch.from_numpy(np.random.default_rng(1).permutation(30))[:11]
    few = attack.evaluate(
        TorchClassifier(scene.module, 10, batch=4), scene.x[order], scene.y[order], ids=order.tolist()
    )
    alike = np.isclose(one.distance[order.numpy()], few.distance, rtol=0.02)
    assert alike.mean() >= 0.8


@every_attack
def test_wanted_classes(attack) -> None:
    scene = digits()
    goals = (scene.y[:20] + 3) % 10
    found = replace(attack, steps=100).evaluate(
        TorchClassifier(scene.module, 10), scene.x[:20], scene.y[:20], goals=goals
    )
    with torch.no_grad():
        answers = scene.module(found.adversarial).argmax(1)
    assert torch.equal(answers[found.found], goals[found.found])
    assert int(found.found.sum()) >= 12
    same = attack.evaluate(TorchClassifier(scene.module, 10), scene.x[:3], scene.y[:3], goals=scene.y[:3])
    assert not bool(same.found.any())


class Sphere(nn.Module):
    """Class 1 outside a sphere around the middle of the box."""

    RADIUS = 0.4

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        lead = (x - 0.5).square().sum(1) - self.RADIUS**2
        return torch.stack([-lead, lead], 1)


@dataclass(frozen=True)
class Given:
    """A search that knows its examples and looks no further."""

    examples: torch.Tensor
    steps: int = 0

    def begin(self, origin: torch.Tensor, labels: torch.Tensor, ids: torch.Tensor) -> State:
        state = begun(origin, labels, ids)
        note(state, self.examples, torch.ones(len(origin), dtype=torch.bool), "L2")
        return state

    def advance(self, state: State) -> None:
        """Nothing to do."""


@pytest.mark.parametrize("norm", ["L1", "L2", "Linf"])
def test_tangents_lead_from_a_far_example_to_the_nearest_point_of_a_sphere(norm: Norm) -> None:
    """Known exactly: along one axis in L1, away from the centre in L2, along the diagonal in Linf."""
    apart = torch.tensor([0.02, -0.05, 0.11, 0.03, -0.08])
    home, size = 0.5 + apart[None], apart.abs()
    gap = Sphere.RADIUS**2 - float(size.square().sum())
    known = {
        "L1": float(((gap + size.square()).sqrt() - size).min()),
        "L2": Sphere.RADIUS - float(size.norm()),
        "Linf": (float((size.sum() ** 2 + 5 * gap).sqrt()) - float(size.sum())) / 5,
    }[norm]
    target = TorchClassifier(Sphere(), 2)
    start = [0.9, 0.1, 0.2, 0.6, 0.8] if norm == "L2" else [0.6, 0.3, 0.9, 0.6, 0.2]  # the same axis and corner
    far = Given(torch.tensor([start]))
    before, after = (
        search("", walks, target, norm, home, [0])
        for walks in ([far], [far, Tangents(target, Misclassified(), norm, steps=80)])
    )
    assert after.gradients == 80
    assert before.distance[0] > known * 1.1
    assert known * (1 - 1e-5) <= after.distance[0] <= known * (1 + 1e-3)


@pytest.mark.parametrize("norm", ["L1", "L2", "Linf"])
def test_many_gradients_are_well_spent_on_tangents(norm: Norm) -> None:
    scene = digits()
    target = TorchClassifier(scene.module, 10)
    halves = [
        attack.evaluate(target, scene.x[:60], scene.y[:60]).distance
        for attack in (FMN(norm=norm, steps=250), MinimumFAB(norm=norm, steps=250))
    ]
    staged = MinimumEnsemble(norm=norm, steps=500).evaluate(target, scene.x[:60], scene.y[:60])
    assert staged.gradients == int(staged.correct.sum()) * 500
    assert staged.distance.mean() <= np.minimum(*halves).mean() * (1.0 if norm == "L2" else 1.005)


def test_the_strongest_is_no_weaker_than_the_others() -> None:
    scene = digits()
    for norm in ("L1", "L2", "Linf"):
        best, other = (
            attack.evaluate(TorchClassifier(scene.module, 10), scene.x[:60], scene.y[:60]).median
            for attack in (MinimumFAB(norm=norm, steps=120), FMN(norm=norm, steps=120))
        )
        assert best <= other * 1.02


@every_attack
def test_few_gray_values_stay_few(attack) -> None:
    scene = digits()
    found = attack.evaluate(TorchClassifier(scene.module, 10, levels=17), scene.x[:10], scene.y[:10])
    grid = found.adversarial * 16
    torch.testing.assert_close(grid, grid.round(), atol=1e-4, rtol=0)
    assert bool(found.found.any())


@every_attack
def test_bad_input_is_no_special_case(attack) -> None:
    scene = digits()
    whole = attack.evaluate(TorchClassifier(scene.module, 10), (scene.x[:1] * 255).round().to(torch.uint8), scene.y[:1])
    assert whole.n == 1
    double = attack.evaluate(TorchClassifier(scene.module, 10), scene.x[:2].double(), scene.y[:2])
    assert double.adversarial.dtype == torch.float32
    wrong = attack.evaluate(TorchClassifier(scene.module, 10), scene.x[:3], (scene.y[:3] + 1) % 10)
    assert not bool(wrong.found[~wrong.correct].any())
    assert np.isnan(wrong.median) or wrong.correct.any()

    class One(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1)[:, :1]

    assert not bool(attack.evaluate(TorchClassifier(One(), 1), torch.rand(2, 3), [0, 0]).found.any())

    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            root = (x.flatten(1)[:, :2] - x.flatten(1)[:, :2].detach()).abs().sqrt()  # its gradient is NaN
            return root + torch.tensor([1.0, 0.0])

    assert not bool(attack.evaluate(TorchClassifier(Broken(), 2), torch.rand(2, 4), [0, 0]).found.any())

    class Blind(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.stack([x.flatten(1)[:, 0] * 0 + 1, x.flatten(1)[:, 0] * 0], 1).detach()

    with pytest.raises(TargetError, match="has no gradients"):
        attack.evaluate(TorchClassifier(Blind(), 2), torch.rand(2, 4), [0, 0])


def test_shortening_is_the_nearest_point_of_the_ball() -> None:
    draw = torch.Generator().manual_seed(0)
    moves = torch.randn(40, 9, generator=draw)
    for norm in ("L0", "L1", "L2", "Linf"):
        limit = length(moves, norm) * torch.rand(40, generator=draw)
        limit = limit.floor() if norm == "L0" else limit
        short = shorten(moves, limit, norm)
        assert bool((length(short, norm) <= limit * (1 + 1e-5) + 1e-6).all())
        torch.testing.assert_close(shorten(short, limit + 1e-5, norm), short, atol=1e-4, rtol=0)
        gap = (short - moves).norm(dim=1)
        for _ in range(30):  # no other point of the ball is nearer
            other = shorten(torch.randn(40, 9, generator=draw), limit, norm)
            assert bool((gap <= (other - moves).norm(dim=1) + 1e-5).all())


def test_the_way_back_begins_and_ends_where_it_should() -> None:
    origin, example = torch.zeros(2, 5), torch.tensor([[1.0, -2, 0, 3, 0.5], [0, 0, 0, 1, 0]])
    for norm in ("L0", "L1", "L2", "Linf"):
        assert torch.equal(between(origin, example, torch.ones(2), norm), example)
        assert float(between(origin, example, torch.zeros(2), norm).abs().max()) == 0
        half = length(between(origin, example, torch.full((2,), 0.5), norm), norm)
        assert bool((half <= length(example, norm)).all())


def test_requests_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="not offered"):
        FMN(norm="L3")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not offered"):
        MinimumFAB(norm="L0")
    with pytest.raises(UsageError, match="steps for"):
        MinimumFAB(steps=5)
