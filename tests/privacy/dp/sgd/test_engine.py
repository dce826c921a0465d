"""The loop of Opacus' readme runs unchanged, and no step of it goes unaccounted."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, TensorDataset, WeightedRandomSampler

from casemate.core.errors import DataError, SpentError, TargetError, UsageError
from casemate.keys.ed25519 import Ed25519Signer
from casemate.privacy.dp import Accountant, BatchMemoryManager, Book, Gaussian, Poisson, PrivacyEngine
from casemate.privacy.dp.sgd.release import GradientRelease
from casemate.privacy.dp.warning import PrivacyWarning
from tests.privacy.dp.sgd.test_clipping import alone

SIGNER = Ed25519Signer("example.org/privacy", bytes(range(32)))
criterion = nn.CrossEntropyLoss()


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def rows(count: int = 90) -> TensorDataset:
    torch.manual_seed(1)
    return TensorDataset(torch.randn(count, 4), torch.arange(count) % 3)


def private(
    engine: PrivacyEngine | None = None, module: nn.Module | None = None, loader: Any = None, **options: Any
) -> tuple[nn.Module, Any, Any]:
    module = module or network()
    given = {"noise_multiplier": 2.0, "max_grad_norm": 0.5, **options}
    optimizer = given.pop("optimizer", None) or torch.optim.SGD(module.parameters(), lr=0.1)
    return (engine or PrivacyEngine()).make_private(
        module=module,
        optimizer=optimizer,
        data_loader=DataLoader(rows(), batch_size=30) if loader is None else loader,
        **given,
    )


@pytest.fixture
def noiseless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GradientRelease, "__call__", lambda _, total: total.clone())


def epoch(module: nn.Module, optimizer: Any, loader: Any, times: int = 1) -> None:
    for _ in range(times):
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(module(x), y)
            loss.backward()
            optimizer.step()


def test_the_readme_of_opacus_with_another_import_learns_digits() -> None:
    found = load_digits()
    x, y = torch.tensor(found.data / 16, dtype=torch.float32), torch.tensor(found.target)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 48), nn.Tanh(), nn.Linear(48, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    data_loader = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=256, shuffle=True)
    privacy_engine = PrivacyEngine(secure_mode=False)
    model, optimizer, data_loader = privacy_engine.make_private_with_epsilon(
        module=model,
        optimizer=optimizer,
        data_loader=data_loader,
        epochs=20,
        target_epsilon=3.0,
        target_delta=1e-5,
        max_grad_norm=1.0,
    )
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.99)
    for _ in range(20):
        for images, labels in data_loader:
            optimizer.zero_grad()
            output = model(images)
            loss = criterion(output, labels)
            loss.backward()
            optimizer.step()
        scheduler.step()
    with torch.no_grad():
        accuracy = float((model(x[1400:]).argmax(1) == y[1400:]).float().mean())
    assert accuracy > 0.75  # without noise .93; a majority vote has .1
    assert 2.99 < privacy_engine.get_epsilon(delta=1e-5) <= 3.0
    said = privacy_engine.certificate(1e-5)
    assert (said.trusted, said.releases, said.settings["fallback"]) == (True, 120, "")
    spent = Accountant().compose(Poisson(256 / 1400, Gaussian(said.settings["noise_multiplier"])), 120)
    assert said.epsilon == pytest.approx(spent.epsilon(1e-5), rel=1e-4)
    assert dict(said.curve)[said.epsilon] <= 1e-5 * (1 + 1e-6)
    before = [each.clone() for each in model.parameters()]
    with pytest.raises(SpentError, match="over"):  # the budget was planned for 20 epochs
        epoch(model, optimizer, data_loader)
    assert all(map(torch.equal, before, model.parameters()))
    assert privacy_engine.steps == 120


@pytest.mark.usefixtures("noiseless")
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_step_is_the_clipped_sum_over_the_expected_size(reduction: str) -> None:
    module, optimizer, loader = private(loss_reduction=reduction)
    sizes = []
    for x, y in loader:
        before = [each.clone() for each in module.parameters()]
        expected, norms = alone(copy.deepcopy(module), x, y, 0.5)
        assert (norms > 0.5).any()
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), y, reduction=reduction).backward()
        optimizer.step()
        sizes.append(len(x))
        for old, new, grad in zip(before, module.parameters(), expected.values(), strict=True):
            mean = grad / (30 if reduction == "mean" else 1)  # never by len(x): pytorch/opacus issue 819
            assert torch.allclose(old - 0.1 * mean, new, atol=1e-5)
            assert torch.allclose(new.grad, mean, atol=1e-5)
    assert len(set(sizes)) > 1


@pytest.mark.usefixtures("noiseless")
def test_batches_in_pieces_are_the_same_steps() -> None:
    found = []
    for way in ("whole", "zeroed between", "accumulated", "managed", "managed, zeroed first"):
        with pytest.warns(PrivacyWarning, match="not private"):
            engine = PrivacyEngine(seed=3)
        module, optimizer, loader = private(engine)
        if way == "whole":
            epoch(module, optimizer, loader)
        elif way == "zeroed between":  # forward and backward, as many loops have it
            for x, y in loader:
                loss = criterion(module(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        elif way == "accumulated":
            for x, y in loader:
                optimizer.zero_grad()
                for part_x, part_y in zip(x.split(7), y.split(7), strict=True):
                    criterion(module(part_x), part_y).backward()
                optimizer.step()
        else:
            with BatchMemoryManager(data_loader=loader, max_physical_batch_size=7, optimizer=optimizer) as pieces:
                for x, y in pieces:
                    assert len(x) <= 7
                    if "first" in way:
                        optimizer.zero_grad()
                    criterion(module(x), y).backward()
                    optimizer.step()
                    if "first" not in way:
                        optimizer.zero_grad()
        assert engine.steps == optimizer.steps == 3
        assert not engine.certificate(1e-5).trusted
        found.append(torch.cat([each.flatten() for each in module.parameters()]))
    assert all(torch.allclose(each, found[0], atol=1e-6) for each in found)


def test_empty_batches_take_a_step_of_noise_alone() -> None:
    engine = PrivacyEngine()
    module, optimizer, loader = private(engine, loader=DataLoader(rows(20), batch_size=1))
    sizes, moved = [], []
    for x, y in loader:
        before = module[0].weight.clone()
        optimizer.zero_grad()
        criterion(module(x), y).backward()
        sizes.append(loader.turn.records)
        optimizer.step()
        moved.append(not torch.equal(before, module[0].weight))
    assert len(sizes) == 20
    assert 0 in sizes
    assert all(moved)
    assert engine.steps == 20


def test_records_of_zeros_for_an_empty_batch_weigh_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    totals = []
    monkeypatch.setattr(GradientRelease, "__call__", lambda _, total: totals.append(total.clone()) or total)
    _, _, loader = made = private(loader=DataLoader(rows(20), batch_size=1))
    epoch(*made)
    assert {bool((each == 0).all()) for each in totals} == {True, False}
    assert loader.expected == pytest.approx(1)


class Count(Dataset):
    def __init__(self, answer: object = 0.0) -> None:
        self.answer = answer

    def __len__(self) -> int:
        return 30

    def __getitem__(self, at: int) -> object:
        return (
            {"x": torch.zeros(4) + at, "y": 0, "name": self.answer}
            if self.answer
            else {"x": torch.zeros(4), "y": at % 3}
        )


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        return iter(range(10))


def test_records_may_be_dictionaries() -> None:
    module, optimizer, loader = private(loader=DataLoader(Count(), batch_size=10))
    for batch in loader:
        criterion(module(batch["x"]), batch["y"]).backward()
        optimizer.step()
    assert optimizer.steps == 3


def loaded(**options: Any) -> Callable[[], Any]:
    return lambda: private(loader=DataLoader(rows(), batch_size=30, **options))


def epsilon(**options: Any) -> Any:
    module = network()
    given = {"target_epsilon": 1.0, "target_delta": 1e-4, "epochs": 1, "max_grad_norm": 1.0, **options}
    return PrivacyEngine().make_private_with_epsilon(
        module=module,
        optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
        data_loader=DataLoader(rows(), batch_size=30),
        **given,
    )


def foreign() -> Any:
    return private(module=network(), optimizer=torch.optim.SGD(network().parameters(), lr=0.1))


def halfway() -> Any:
    module = network()
    return private(module=module, optimizer=torch.optim.SGD(module[0].parameters(), lr=0.1))


def twice() -> Any:
    engine = PrivacyEngine()
    private(engine)
    private(engine)


REFUSED: dict[str, tuple[type[Exception], Callable[[], Any], str]] = {
    "gdp": (UsageError, lambda: PrivacyEngine(accountant="gdp"), "under-reports"),
    "unknown accountant": (UsageError, lambda: PrivacyEngine(accountant="best"), "not used"),
    "nobody pays": (UsageError, lambda: PrivacyEngine(book=Book(Path("nowhere"), SIGNER)), "whose budget"),
    "shuffling": (UsageError, lambda: private(poisson_sampling=False), "poisson_sampling=False"),
    "ghost": (UsageError, lambda: private(grad_sample_mode="ghost"), "no other mode"),
    "generator": (UsageError, lambda: private(noise_generator=torch.Generator()), "floating point"),
    "second axis": (UsageError, lambda: private(batch_first=False), "first axis"),
    "unknown option": (UsageError, lambda: private(colour="red"), "colour"),
    "adaptive": (UsageError, lambda: private(clipping="adaptive"), "release of its own"),
    "reduction": (UsageError, lambda: private(loss_reduction="median"), "median"),
    "weights": (UsageError, loaded(sampler=WeightedRandomSampler([1.0] * 90, 90)), "other probabilities"),
    "replacement": (UsageError, loaded(sampler=RandomSampler(rows(), replacement=True)), "replacement"),
    "drop_last": (UsageError, loaded(drop_last=True), "drop_last"),
    "batch sampler": (UsageError, lambda: private(loader=DataLoader(rows(), batch_size=None)), "sampler of its own"),
    "iterable": (UsageError, lambda: private(loader=DataLoader(Stream(), batch_size=2)), "iterable"),
    "no loader": (UsageError, lambda: private(loader=[rows()]), "a list"),
    "strings": (UsageError, lambda: private(loader=DataLoader(Count("who"), batch_size=2)), "a str"),
    "no records": (DataError, lambda: private(loader=DataLoader(rows(0), batch_size=2)), "no records"),
    "private twice": (UsageError, lambda: private(loader=private()[2]), "private already"),
    "optimizer twice": (UsageError, lambda: private(optimizer=private()[1]), "private already"),
    "engine twice": (UsageError, twice, "private already"),
    "replicas": (UsageError, lambda: private(module=nn.DataParallel(network())), "devices"),
    "LBFGS": (UsageError, lambda: private(optimizer=torch.optim.LBFGS(network().parameters())), "LBFGS"),
    "another's parameters": (UsageError, foreign, "not those of the module"),
    "some parameters": (UsageError, halfway, "not those of the module"),
    "noise": (UsageError, lambda: private(noise_multiplier=0.0), "noise multiplier"),
    "norms": (UsageError, lambda: private(max_grad_norm=math.nan), "clip norm"),
    "BatchNorm": (TargetError, lambda: private(module=nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))), "mixes"),
    "sparse": (TargetError, lambda: private(module=nn.Embedding(5, 3, sparse=True)), "sparse"),
    "half": (TargetError, lambda: private(module=nn.Linear(4, 3).half()), "norms cannot be bounded"),
    "epsilon": (UsageError, lambda: epsilon(target_epsilon=0.0), "epsilon"),
    "delta": (UsageError, lambda: epsilon(target_delta=0.1), "no guarantee"),
    "epochs": (UsageError, lambda: epsilon(epochs=0), "epochs"),
    "nothing released": (UsageError, lambda: PrivacyEngine().certificate(1e-5), "nothing was released"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_claimed_wrongly_is_refused(case: str) -> None:
    error, ask, says = REFUSED[case]
    with pytest.raises(error, match=says) as caught:
        ask()
    assert caught.value.next_step


def another_loader(module: nn.Module, _: Any, loader: Any) -> None:
    del loader
    x, y = next(iter(DataLoader(rows(), batch_size=30, shuffle=True)))
    criterion(module(x), y).backward()


def other_records(module: nn.Module, _: Any, loader: Any) -> None:
    drawn, _labels = next(iter(loader))
    x, y = next(iter(DataLoader(rows(), batch_size=len(drawn) + 1)))
    criterion(module(x), y).backward()


def two_batches(module: nn.Module, _: Any, loader: Any) -> None:
    for _at, (x, y) in zip(range(2), loader, strict=False):
        criterion(module(x), y).backward()


def closure(module: nn.Module, optimizer: Any, loader: Any) -> None:
    x, y = next(iter(loader))
    optimizer.step(lambda: criterion(module(x), y))


def inner(module: nn.Module, optimizer: Any, loader: Any) -> None:
    x, y = next(iter(loader))
    criterion(module(x), y).backward()
    optimizer.inner.step()


def frozen_later(module: nn.Module, _: Any, loader: Any) -> None:
    module[0].requires_grad_(False)
    x, y = next(iter(loader))
    criterion(module(x), y).backward()


def scaled(module: nn.Module, optimizer: Any, loader: Any) -> None:
    scaler = torch.amp.GradScaler("cpu")
    x, y = next(iter(loader))
    scaler.scale(criterion(module(x), y)).backward()
    scaler.step(optimizer)


def evaluated(module: nn.Module, _: Any, loader: Any) -> None:
    x, y = next(iter(loader))
    criterion(module.eval()(x), y).backward()


def more_parameters(_: nn.Module, optimizer: Any, __: Any) -> None:
    optimizer.add_param_group({"params": [torch.zeros(2, requires_grad=True)]})


WRONG_STEPS: list[tuple[Callable[[nn.Module, Any, Any], None], str]] = [
    (another_loader, "no batch was drawn"),
    (other_records, "records were drawn"),
    (two_batches, "2 batches"),
    (closure, "no closure"),
    (inner, "belongs to a private one"),
    (frozen_later, "frozen"),
    (scaled, "scaled"),
    (evaluated, "in training mode"),
    (more_parameters, "no parameters can be added"),
]


@pytest.mark.parametrize(("loop", "says"), WRONG_STEPS)
def test_a_step_that_is_not_accounted_does_not_happen(
    loop: Callable[[nn.Module, Any, Any], None], says: str, tmp_path: Path
) -> None:
    book = Book(tmp_path / "budgets", SIGNER)
    book.grant("rows", epsilon=5.0, delta=1e-5)
    engine = PrivacyEngine(book=book, data="rows")
    module, optimizer, loader = private(engine)
    before = [each.clone() for each in module.parameters()]

    def step() -> None:
        loop(module, optimizer, loader)
        optimizer.step()

    with pytest.raises(UsageError, match=says):
        step()
    assert all(map(torch.equal, before, module.parameters()))
    assert engine.steps == 0
    assert book.account("rows").used == engine.get_epsilon(1e-5) == 0


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    with pytest.raises(UsageError, match="several processes"):
        private()


def test_an_epoch_left_early_is_no_harm() -> None:
    engine = PrivacyEngine()
    module, optimizer, loader = private(engine)
    x, y = next(iter(loader))  # somebody looks at the first batch
    criterion(module(x), y)
    for x, y in loader:
        criterion(module(x), y).backward()
        break
    epoch(module, optimizer, loader)
    assert engine.steps == 3


def test_epochs_are_paid_for_beforehand_and_end_with_the_budget(tmp_path: Path) -> None:
    book = Book(tmp_path / "budgets", SIGNER)
    book.grant("rows", epsilon=3.5, delta=1e-5)
    engine = PrivacyEngine(book=book, data="rows")
    module, optimizer, loader = private(engine)
    epoch(module, optimizer, loader)
    paid = book.account("rows").used
    assert paid == pytest.approx(engine.get_epsilon(1e-5), rel=1e-3)
    with pytest.raises(SpentError):
        epoch(module, optimizer, loader, 10)
    assert book.account("rows").used <= 3.5
    assert sum(each.count for each in book.account("rows").spent.events) == engine.steps
    after = engine.steps
    with pytest.raises(SpentError):
        epoch(module, optimizer, loader)
    assert engine.steps == after


def test_a_training_that_is_resumed_continues_its_budget() -> None:
    first = PrivacyEngine()
    epoch(*private(first))
    state = first.state_dict()
    second = PrivacyEngine()
    second.load_state_dict(state)
    assert second.get_epsilon(1e-5) == first.get_epsilon(1e-5) > 0
    epoch(*private(second))
    whole = Accountant().compose(Poisson(1 / 3, Gaussian(2.0)), 6)
    assert second.get_epsilon(1e-5) == pytest.approx(whole.epsilon(1e-5), rel=1e-4)
    assert (second.steps, second.certificate(1e-5).releases) == (6, 6)
    with pytest.raises(UsageError, match="used already"):
        second.load_state_dict(state)
    for broken in ({}, {**state, "distance": "far"}, {**state, "events": [{"event": "nothing"}]}):
        with pytest.raises(DataError, match="no state"):
            PrivacyEngine().load_state_dict(broken)
    planned = PrivacyEngine()
    planned.load_state_dict(state)
    module = network()
    with pytest.raises(UsageError, match="nothing is left"):
        planned.make_private_with_epsilon(
            module=module,
            optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
            data_loader=DataLoader(rows(), batch_size=30),
            target_epsilon=first.get_epsilon(1e-5) / 2,
            target_delta=1e-5,
            epochs=1,
            max_grad_norm=1.0,
        )


@pytest.mark.parametrize("size", [0, -3])
def test_pieces_have_a_size_and_belong_to_the_optimizer(size: int) -> None:
    _, optimizer, loader = private()
    for given in ((loader, size, optimizer), (loader, 8, private()[1]), (DataLoader(rows()), 8, optimizer)):
        with pytest.raises(UsageError):
            BatchMemoryManager(data_loader=given[0], max_physical_batch_size=given[1], optimizer=given[2])


def test_the_module_is_given_back() -> None:
    with PrivacyEngine() as engine:
        module, optimizer, _ = private(engine)
    optimizer.inner.step()
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in module.modules())
    assert set(module.state_dict()) == set(network().state_dict())


def test_what_is_frozen_does_not_move_by_a_gradient_from_before() -> None:
    module = network()
    criterion(module(torch.randn(5, 4)), torch.arange(5) % 3).backward()
    module[0].requires_grad_(False)
    before = module[0].weight.clone()
    _, optimizer, loader = private(module=module)
    for x, y in loader:  # nobody calls zero_grad
        criterion(module(x), y).backward()
        optimizer.step()
    assert torch.equal(module[0].weight, before)


def test_batches_that_workers_load_are_counted_in_order() -> None:
    module, optimizer, loader = private(loader=DataLoader(rows(), batch_size=30, num_workers=1))
    for x, y in loader:
        assert loader.turn.records == len(x)
        criterion(module(x), y).backward()
        optimizer.step()
    assert optimizer.steps == 3


def test_a_budget_that_promises_nothing_is_told() -> None:
    with pytest.warns(PrivacyWarning, match="next to nothing"):
        epsilon(target_epsilon=50.0)


@pytest.mark.parametrize("clipping", ["automatic", "per_layer"])
@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.AdamW])
def test_other_clipping_and_other_optimizers(clipping: str, optimizer: Callable[..., torch.optim.Optimizer]) -> None:
    module, engine = network(), PrivacyEngine()
    epoch(*private(engine, module, clipping=clipping, optimizer=optimizer(module.parameters(), lr=0.01)))
    assert engine.certificate(1e-5).settings["clipping"] == clipping
    assert engine.certificate(1e-5).settings["optimizer"] == optimizer.__name__


@pytest.mark.usefixtures("noiseless")
def test_what_was_zeroed_is_not_in_the_step() -> None:
    module, optimizer, loader = private()
    x, y = next(iter(loader))
    expected, _ = alone(copy.deepcopy(module), x, y, 0.5)
    (100 * criterion(module(x), 0 * y)).backward()
    optimizer.zero_grad()
    criterion(module(x), y).backward()
    optimizer.step()
    for each, grad in zip(module.parameters(), expected.values(), strict=True):
        assert torch.allclose(each.grad, grad / 30, atol=1e-5)
