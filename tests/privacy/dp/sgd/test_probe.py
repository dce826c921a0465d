"""What a training could not bound is found before it begins, with a few samples: nothing is spent or moved."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from casemate.core.errors import CasemateError, DataError, TargetError, UsageError
from casemate.keys.ed25519 import Ed25519Signer
from casemate.privacy.dp import Book, PrivacyEngine, PrivateTraining
from casemate.privacy.dp.sgd.clipping import Clipper
from casemate.privacy.dp.sgd.probe import Probe

SIGNER = Ed25519Signer("example.org/privacy", bytes(range(32)))
entropy = nn.functional.cross_entropy


class Centered(nn.Module):
    """Takes the batch's mean away."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x - x.mean(0))


class Remembering(nn.Module):
    """Divides by a size that it learns from what it sees, but not yet by this batch's."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.register_buffer("size", torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer = self.layer(x / self.size)
        self.size = 0.9 * self.size + 0.1 * x.norm()
        return answer


class Reading(nn.Module):
    """A recurrent network, which torch.func cannot take."""

    def __init__(self) -> None:
        super().__init__()
        self.steps, self.last = nn.GRU(1, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.steps(x[..., None])[0][:, -1])


class Marked(nn.Module):
    """Adds a parameter of its own, and leaves some of it out."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.mark, self.dropout, self.last = nn.Parameter(torch.ones(4)), nn.Dropout(share), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.dropout(x + self.mark))


def linear() -> nn.Module:
    return nn.Linear(4, 3)


def unruled() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.PReLU())


def scaled(answers: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """A mean over the batch that still has one number for each sample."""
    return entropy(answers, labels, reduction="none") / len(answers)


def contrasted(answers: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return entropy(answers, labels, reduction="none") + (answers @ answers.T).square().mean(1)


def rows(count: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(count, 4), torch.arange(count) % 3


def mislabelled() -> tuple[torch.Tensor, torch.Tensor]:
    x, y = rows()
    y[-1] = 3  # the last record alone: the first few would not show it
    return x, y


REFUSED: dict[str, tuple[Callable[[], nn.Module], Any, Callable[[], Any], type[CasemateError], str]] = {
    "mean": (linear, entropy, rows, UsageError, "one for each"),
    "mean, no rule": (unruled, entropy, rows, UsageError, "one for each"),
    "divided": (linear, scaled, rows, TargetError, "the loss mixes samples"),
    "contrast": (linear, contrasted, rows, TargetError, "the loss mixes samples"),
    "centered": (Centered, None, rows, TargetError, "the module mixes samples"),
    "remembering": (Remembering, None, rows, TargetError, "remembers something of its samples in the buffer 'size'"),
    "recurrent": (Reading, None, rows, TargetError, "sample by sample"),
    "too narrow": (lambda: nn.Linear(7, 3), None, rows, TargetError, "cannot take these samples"),
    "labels": (linear, None, mislabelled, DataError, "among the 3 classes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_bound_is_refused_before_it_is_paid(case: str, tmp_path: Path) -> None:
    build, losses, given, error, says = REFUSED[case]
    module, (x, y) = build(), given()
    before = copy.deepcopy(module.state_dict())
    book = Book(tmp_path / "budgets", SIGNER)
    book.grant("rows", epsilon=5.0, delta=1e-4)
    training = PrivateTraining(epsilon=1.0, delta=1e-4, epochs=1, batch=256, losses=losses)
    with pytest.raises(error, match=says) as caught:
        training.fit(module, x, y, book=book, data="rows")
    assert caught.value.next_step
    assert book.account("rows").used == 0
    assert all(torch.equal(each, before[name]) for name, each in module.state_dict().items())


@pytest.mark.parametrize(("build", "says"), [(Centered, "mixes"), (Remembering, "remembers")])
def test_large_batches_hide_nothing_from_the_engine(build: Callable[[], nn.Module], says: str) -> None:
    module, engine = build(), PrivacyEngine()
    module, _, loader = engine.make_private(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
        data_loader=DataLoader(TensorDataset(*rows(1024)), batch_size=512),
        noise_multiplier=1.0,
        max_grad_norm=1.0,
    )
    with pytest.raises(TargetError, match=says):
        module(next(iter(loader))[0])
    assert engine.get_epsilon(1e-5) == 0


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 5])
def test_a_probe_leaves_the_module_and_chance_as_they_were(samples: int) -> None:
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3))  # its buffers change with its weights alone
    module = nn.Sequential(layer, nn.Dropout(0.5), nn.RReLU(), nn.Linear(3, 3))  # one by lot that is no dropout
    before, chance = copy.deepcopy(module.state_dict()), torch.get_rng_state()
    Probe(module, {})((torch.randn(samples, 4, generator=torch.Generator().manual_seed(0)),), {}, samples)
    assert all(torch.equal(each, before[name]) for name, each in module.state_dict().items())
    assert torch.equal(chance, torch.get_rng_state())
    assert module[1].training


def rounded(answers: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Next to nothing, so that rounding is all there is to see: by kernels that differ with the batch."""
    return 1e-6 * (entropy(answers, labels, reduction="none") + len(answers))


def test_losses_next_to_nothing_are_not_taken_for_mixed() -> None:
    Clipper(linear(), rounded).check(*rows())


@pytest.mark.parametrize("build", [linear, unruled])
def test_a_sample_may_have_several_losses(build: Callable[[], nn.Module]) -> None:
    x, _ = rows(7)
    target, module = torch.randn(7, 3), build()
    several = Clipper(module, lambda answers, wanted: (answers - wanted).square())
    summed = Clipper(module, lambda answers, wanted: (answers - wanted).square().sum(1))
    several.check(x, target)
    found, expected = several(x, target, 0.5).sums, summed(x, target, 0.5).sums
    assert all(torch.allclose(found[name], expected[name], atol=1e-6) for name in expected)


def test_parameters_beside_dropout_are_refused_for_what_they_are() -> None:
    given = {"data_loader": DataLoader(TensorDataset(*rows()), batch_size=30), "noise_multiplier": 1.0}
    for share in (0.0, 0.5):
        module, engine = Marked(share), PrivacyEngine()
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        if share:
            with pytest.raises(TargetError, match="dropout inside"):
                engine.make_private(module=module, optimizer=optimizer, max_grad_norm=1.0, **given)
        else:
            engine.make_private(module=module, optimizer=optimizer, max_grad_norm=1.0, **given)
