"""Training recipes: each does what it is for, on a problem small enough to train in a second."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from casemate.core.errors import TargetError, UsageError
from casemate.threats.evasion.certificates.certify import certify
from casemate.threats.evasion.certificates.intervals import boxes
from casemate.threats.evasion.certificates.read import read
from casemate.threats.evasion.hardening.adversarial import train_pgd, train_plain, train_trades
from casemate.threats.evasion.hardening.certified import linear_logits, train_ibp, worst_logits
from casemate.threats.evasion.hardening.cheap import _Guard, train_fast, train_free
from casemate.threats.evasion.hardening.descent import Moment, Schedule, descend
from casemate.threats.evasion.hardening.noise import train_smoothed
from casemate.threats.evasion.hardening.weights import train_awp

EPS = 0.15
QUICK = Schedule(epochs=30, batch=64, rate=0.01)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 2))


def problem(n: int = 512) -> tuple[np.ndarray, np.ndarray]:
    """One coordinate tells the classes apart with room to spare; seven others tell them apart better, by a hair."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n)
    x = np.empty((n, 8), dtype=np.float32)
    x[:, 0] = 0.5 + (labels - 0.5) * 0.6 * np.where(rng.random(n) < 0.95, 1, -1)
    x[:, 1:] = 0.5 + (labels[:, None] - 0.5) * 0.2 + rng.uniform(-0.02, 0.02, (n, 7))
    return x, labels


def rates(module: nn.Module) -> tuple[float, float]:
    """Clean accuracy, and the certified share."""
    x, labels = problem()
    clean = (module(torch.from_numpy(x)).argmax(1).numpy() == labels).mean()
    found = certify(module, x[:100], labels[:100], EPS, effort="crown")
    return float(clean), float(np.mean([each.certified for each in found]))


def test_what_plain_training_learns_breaks_and_what_adversarial_training_learns_does_not() -> None:
    x, labels = problem()
    clean, certified = rates(train_plain(network(), x, labels, schedule=QUICK))
    assert clean > 0.99
    assert certified < 0.1
    for made in (
        train_pgd(network(), x, labels, EPS, schedule=QUICK),
        train_trades(network(), x, labels, EPS, schedule=QUICK),
        train_ibp(network(), x, labels, EPS, schedule=QUICK),
        train_ibp(network(), x, labels, EPS, linear=1.0, schedule=QUICK),
        train_fast(network(), x, labels, EPS, schedule=QUICK),
        train_free(network(), x, labels, EPS, schedule=QUICK),
        train_awp(network(), x, labels, EPS, schedule=QUICK),
    ):
        clean, certified = rates(made)
        assert clean > 0.9
        assert certified > 0.8
        assert not made.training


@pytest.mark.parametrize(
    "train",
    [
        lambda module, x, y, how: train_plain(module, x, y, schedule=how),
        lambda module, x, y, how: train_pgd(module, x, y, EPS, steps=2, schedule=how),
        lambda module, x, y, how: train_trades(module, x, y, EPS, steps=2, schedule=how),
        lambda module, x, y, how: train_ibp(module, x, y, EPS, schedule=how),
        lambda module, x, y, how: train_smoothed(module, x, y, 0.1, schedule=how),
        lambda module, x, y, how: train_fast(module, x, y, EPS, schedule=how),
        lambda module, x, y, how: train_free(module, x, y, EPS, replays=2, schedule=how),
        lambda module, x, y, how: train_awp(module, x, y, EPS, steps=2, schedule=how),
    ],
)
def test_the_module_given_stays_as_it_is_and_the_seed_decides(train: object) -> None:
    x, labels = problem(128)
    given = network()
    before = {name: value.clone() for name, value in given.state_dict().items()}
    runs = [
        train(given, x, labels, Schedule(epochs=1, batch=32, seed=seed)).state_dict()  # type: ignore[operator]
        for seed in (0, 0, 1)
    ]
    assert all(torch.equal(before[name], value) for name, value in given.state_dict().items())
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in before)
    assert any(not torch.equal(runs[0][name], runs[2][name]) for name in before)
    assert any(not torch.equal(runs[0][name], before[name]) for name in before)


def test_linear_bounds_hold_are_tighter_on_the_whole_and_teach() -> None:
    torch.manual_seed(1)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 6, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(24, 5)
    ).eval()
    x, y = torch.rand(20, 1, 8, 8), torch.arange(20) % 5
    graph = read(module, (1, 8, 8), trainable=True)
    intervals, linear = (made(graph, x, y, 0.05, (0.0, 1.0)) for made in (worst_logits, linear_logits))
    assert (linear.gather(1, y[:, None]) == 0).all()
    assert linear.sum() < 0.8 * intervals.sum()
    for _ in range(50):
        moved = (x + 0.05 * torch.randn_like(x).sign()).clamp(0, 1)
        logits = module(moved)
        assert (logits - logits.gather(1, y[:, None]) <= linear + 1e-5).all()
    slopes = torch.autograd.grad(linear.sum(), list(module.parameters()))
    assert all(bool(each.abs().sum() > 0) for each in slopes[:-1])


def test_the_guard_goes_back_when_robustness_collapses_and_takes_more_steps_from_then_on() -> None:
    x, labels = problem()
    made = train_pgd(network(), x, labels, EPS, schedule=QUICK).train()
    batch, codes = torch.from_numpy(x[:128]), torch.from_numpy(labels[:128])
    good = {name: each.clone() for name, each in made.state_dict().items()}
    said: list[str] = []
    guard = _Guard(EPS, (0.0, 1.0), said.append)
    moment = Moment(0.5, 100, torch.Generator().manual_seed(0))
    guard.look(made, batch, codes, moment)
    assert (guard.steps, said) == (1, [])
    made.load_state_dict(train_plain(network(), x, labels, schedule=QUICK).state_dict())  # robust against nothing
    guard.look(made, batch, codes, Moment(0.5, 150, moment.generator))
    assert guard.steps == 1  # not yet time to look
    guard.look(made, batch, codes, Moment(0.5, 200, moment.generator))
    assert guard.steps == 2
    assert "catastrophic overfitting at step 200" in said[0]
    assert all(torch.equal(good[name], each) for name, each in made.state_dict().items())
    assert made.training


def test_worst_weights_are_worse_and_leave_the_weights_where_they_were() -> None:
    x, labels = problem(64)
    seen: list[float] = []

    class Watching(nn.Sequential):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            answer = super().forward(inputs)
            if torch.is_grad_enabled() and self.training:
                seen.append(float(nn.functional.cross_entropy(answer.detach(), torch.from_numpy(labels))))
            return answer

    module = Watching(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 2))
    train_awp(module, x, labels, EPS, steps=1, gamma=0.1, schedule=Schedule(epochs=10, batch=64, rate=0.0))
    plain, worst = seen[-2:]  # the batch is the whole set, so that both are of the same examples
    assert worst > plain + 0.01


def test_a_replayed_batch_is_the_same_and_the_steps_are_no_more() -> None:
    x, labels = problem(64)
    seen: list[tuple[int, float]] = []

    def loss(made: nn.Module, batch: torch.Tensor, y: torch.Tensor, now: Moment) -> torch.Tensor:
        seen.append((now.step, float(batch.sum())))
        return nn.functional.cross_entropy(made(batch), y)

    descend(network(), x, labels, loss, Schedule(epochs=2, batch=16), replays=4)
    assert [step for step, _ in seen] == list(range(8))
    assert len({total for _, total in seen[:4]}) == 1
    assert len({total for _, total in seen}) == 2


def test_worst_logits_are_above_all_that_the_ball_holds_and_tighter_than_intervals_of_the_logits() -> None:
    module = network().eval()
    x = torch.rand(20, 8)
    labels = module(x).argmax(1)
    graph = read(module, (8,), trainable=True)
    worst = worst_logits(graph, x, labels, EPS, (0, 1))
    low, high = boxes(graph, (x - EPS).clamp_min(0), (x + EPS).clamp_max(1))[-1]
    assert bool((worst <= high - low.gather(1, labels[:, None]) + 1e-5)[torch.arange(2)[None] != labels[:, None]].all())
    for _ in range(200):
        logits = module((x + EPS * (2 * torch.rand(x.shape) - 1)).clamp(0, 1))
        assert bool((logits - logits.gather(1, labels[:, None]) <= worst + 1e-5).all())
    worst.sum().backward()
    assert module[0].weight.grad is not None


def test_bad_input_is_refused() -> None:
    x, labels = problem(16)
    with pytest.raises(UsageError, match="16 inputs and 3 labels"):
        train_plain(network(), x, labels[:3])
    with pytest.raises(UsageError, match="0 inputs"):
        train_pgd(network(), x[:0], labels[:0], EPS)
    with pytest.raises(TargetError, match="batch normalization"):
        train_ibp(nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 2)), x, labels, EPS)
