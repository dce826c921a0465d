"""Private training in one call: what is planned is what is spent, and nothing is spent before it is paid for."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from casemate.core.errors import DataError, SpentError, TargetError, UsageError
from casemate.keys.ed25519 import Ed25519Signer
from casemate.privacy.dp.accounting.accountant import Accountant
from casemate.privacy.dp.accounting.book import Book
from casemate.privacy.dp.accounting.events import Gaussian, Poisson
from casemate.privacy.dp.sgd.training import PrivateTraining
from casemate.privacy.dp.warning import PrivacyWarning

SIGNER = Ed25519Signer("example.org/privacy", bytes(range(32)))
SMALL = PrivateTraining(epsilon=4.0, delta=1e-5, epochs=3, batch=64)


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    found = load_digits()
    return torch.tensor(found.data / 16, dtype=torch.float32), torch.tensor(found.target)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 48), nn.Tanh(), nn.Linear(48, 10))


def test_a_network_learns_digits_within_its_budget(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = digits
    training = PrivateTraining(epsilon=3.0, delta=1e-5, epochs=20, batch=256)
    trained = training.fit(network(), x[:1400], y[:1400])
    with torch.no_grad():
        accuracy = float((trained.module(x[1400:]).argmax(1) == y[1400:]).float().mean())
    assert accuracy > 0.75  # without noise .93; a majority vote has .1
    said = trained.certificate
    assert (said.trusted, said.relation, said.epsilon) == (True, "zero_out", 3.0)
    assert said.releases == len(trained.clipped) == math.ceil(20 / (256 / 1400))
    spent = Accountant().compose(Poisson(256 / 1400, Gaussian(said.settings["noise_multiplier"])), said.releases)
    assert 2.99 < spent.epsilon(1e-5) <= 3.0
    at = dict(said.curve)
    assert at[3.0] <= 1e-5
    assert said.noise == pytest.approx(said.settings["noise_multiplier"] * said.sensitivity)
    assert said.sensitivity * said.grid >= 1.0
    assert any(share > 0.5 for share in trained.clipped)


def test_any_optimizer_takes_private_gradients(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = digits
    training = PrivateTraining(
        epsilon=8.0, delta=1e-5, epochs=10, batch=256, optimizer=lambda weights: torch.optim.Adam(weights, lr=0.01)
    )
    trained = training.fit(network(), x[:1400], y[:1400])
    with torch.no_grad():
        assert float((trained.module(x[1400:]).argmax(1) == y[1400:]).float().mean()) > 0.75


def test_only_the_parameters_that_are_trained_change(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = digits
    module = network()
    module[0].requires_grad_(False)
    first, last = module[0].weight.clone(), module[2].weight.clone()
    trained = SMALL.fit(module, x, y)
    assert torch.equal(module[0].weight, first)
    assert not torch.equal(module[2].weight, last)
    assert trained.module is module


def test_a_seed_repeats_everything_and_is_named(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = digits
    seeded = replace(SMALL, seed=5)
    found = []
    for _ in range(2):
        with pytest.warns(PrivacyWarning, match="not private"):
            found.append(seeded.fit(network(), x, y))
    assert torch.equal(found[0].module[0].weight, found[1].module[0].weight)
    assert not found[0].certificate.trusted
    assert "NOT PRIVATE" in str(found[0].certificate)
    unseeded = SMALL.fit(network(), x, y), SMALL.fit(network(), x, y)
    assert not torch.equal(unseeded[0].module[0].weight, unseeded[1].module[0].weight)


def test_epochs_are_paid_for_beforehand_and_training_ends_with_the_budget(
    digits: tuple[torch.Tensor, torch.Tensor], tmp_path: Path
) -> None:
    x, y = digits
    book = Book(tmp_path / "budgets", SIGNER)
    book.grant("digits", epsilon=5.0, delta=1e-5)
    first = SMALL.fit(network(), x, y, book=book, data="digits")
    account = book.account("digits")
    plan = SMALL.plan(len(x))
    assert len(account.purposes) == 3 + (plan.steps % round(1 / plan.rate) > 0)
    assert account.used == pytest.approx(plan.epsilon, rel=1e-3)
    assert first.certificate.releases == plan.steps
    second = SMALL.fit(network(), x, y, book=book, data="digits")  # what is left is less than it asks for
    assert 0 < second.certificate.releases < plan.steps
    assert book.account("digits").used <= 5.0
    untouched = network()
    with pytest.raises(SpentError):
        SMALL.fit(untouched, x, y, book=book, data="digits")
    assert torch.equal(untouched[0].weight, network()[0].weight)


class Dies(nn.Module):
    """Fails in the middle of the second epoch."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.inner, self.left = network(), calls

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.left -= 1
        if not self.left:
            raise RuntimeError("the power is gone")
        return self.inner(x)


def test_what_dies_has_paid_for_every_step_that_it_made(
    digits: tuple[torch.Tensor, torch.Tensor], tmp_path: Path
) -> None:
    x, y = digits
    book = Book(tmp_path / "budgets", SIGNER)
    book.grant("digits", epsilon=5.0, delta=1e-5)
    epoch = round(1 / SMALL.plan(len(x)).rate)
    with pytest.raises(RuntimeError, match="power"):
        SMALL.fit(Dies(epoch + epoch // 2), x, y, book=book, data="digits")
    assert sum(each.count for each in book.account("digits").spent.events) == 2 * epoch


def test_bad_input_spends_nothing(digits: tuple[torch.Tensor, torch.Tensor], tmp_path: Path) -> None:
    x, y = digits
    book = Book(tmp_path / "budgets", SIGNER)
    book.grant("digits", epsilon=5.0, delta=1e-5)
    broken = x.clone()
    broken[7, 3] = math.nan
    mixing = nn.Sequential(nn.BatchNorm1d(64), nn.Linear(64, 10))
    for error, ask in (
        (DataError, lambda: SMALL.fit(network(), broken, y, book=book, data="digits")),
        (DataError, lambda: SMALL.fit(network(), x, y[:-1], book=book, data="digits")),
        (DataError, lambda: SMALL.fit(network(), x[:0], y[:0], book=book, data="digits")),
        (TargetError, lambda: SMALL.fit(mixing, x, y, book=book, data="digits")),
        (TargetError, lambda: SMALL.fit(network().requires_grad_(False), x, y, book=book, data="digits")),
        (UsageError, lambda: SMALL.fit(network(), x, y, book=book)),
        (UsageError, lambda: SMALL.fit(network(), x[:50], y[:50], book=book, data="digits")),
        (UsageError, lambda: PrivateTraining(epsilon=1.0, delta=1e-3).plan(1000)),
        (UsageError, lambda: PrivateTraining(epsilon=0.0, delta=1e-5)),
        (UsageError, lambda: PrivateTraining(epsilon=1.0, delta=0.0)),
        (UsageError, lambda: PrivateTraining(epsilon=1.0, delta=1e-5, clip_norm=0.0)),
        (UsageError, lambda: PrivateTraining(epsilon=1.0, delta=1e-5, epochs=math.inf)),
    ):
        with pytest.raises(error) as caught:
            ask()
        assert caught.value.next_step
    assert book.account("digits").used == 0
    with pytest.warns(PrivacyWarning, match="next to nothing"):
        PrivateTraining(epsilon=50.0, delta=1e-5, epochs=0.1, batch=64).fit(network(), x, y)


def test_empty_batches_are_released_too() -> None:
    x, y = torch.rand(40, 3), torch.arange(40) % 2
    training = PrivateTraining(epsilon=4.0, delta=1e-3, epochs=2, batch=2)
    trained = training.fit(nn.Linear(3, 2), x, y)
    assert trained.certificate.releases == 40
    assert 0.0 in trained.clipped
