"""Gradients seen by hooks in a loop equal those of samples taken one by one, clipped; what is not seen is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from casemate.core.errors import TargetError, UsageError
from casemate.privacy.dp.sgd.passes import Passes
from casemate.privacy.dp.sgd.weighing import Clipping
from tests.privacy.dp.sgd.test_clipping import FALLBACKS, MODULES, Attention, alone, made


def flat(sums: dict[str, torch.Tensor], passes: Passes) -> torch.Tensor:
    return torch.cat([sums[name].flatten().double() for name in passes.trained])


def watched(module: nn.Module, clip: float, clipping: Clipping = "flat", *, mean: bool = True) -> Passes:
    return Passes(module.train(), clip, clipping, mean)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize(
    ("dtype", "error", "reduction"),
    [(torch.float64, 1e-9, "sum"), (torch.float64, 1e-9, "mean"), (torch.float32, 1e-5, "mean")],
)
def test_a_loop_is_clipped_as_samples_one_by_one(name: str, dtype: torch.dtype, error: float, reduction: str) -> None:
    module, x, y = made(name, dtype)
    clip = float(alone(module, x, y, 1.0)[1].median())
    total, _ = alone(module, x, y, clip)
    passes = watched(module, clip, mean=reduction == "mean")
    nn.functional.cross_entropy(module(x), y, reduction=reduction).backward()
    passes.collect()
    expected = flat(total, passes)
    assert float((passes.total - expected).norm()) <= error * float(expected.norm())
    assert passes.samples == len(x)
    assert bool(passes.fallback) == (name in FALLBACKS - {"overwriting"})  # a hook sees what was not yet overwritten
    passes.reset()
    half = len(x) // 2  # and in two passes
    for part in (slice(None, half), slice(half, None)):
        nn.functional.cross_entropy(module(x[part]), y[part], reduction=reduction).backward()
    passes.collect()
    assert float((passes.total - expected).norm()) <= error * float(expected.norm())


def test_attention_and_words_that_come_twice() -> None:
    torch.manual_seed(1)
    module, x, y = Attention().double(), torch.randint(0, 20, (6, 12)), torch.randint(0, 3, (6,))
    total, _ = alone(module, x, y, 0.3)
    passes = watched(module, 0.3)
    nn.functional.cross_entropy(module(x), y).backward()
    passes.collect()
    assert torch.allclose(passes.total, flat(total, passes), atol=1e-12)
    assert passes.fallback == {}


def test_two_passes_and_one_loss_are_one_batch() -> None:
    module, x, y = made("mlp")
    total, _ = alone(module, x, y, 0.1)
    passes = watched(module, 0.1)
    losses = [nn.functional.cross_entropy(module(x[part]), y[part]) for part in (slice(3), slice(3, None))]
    (losses[0] + losses[1]).backward()
    passes.collect()
    assert torch.allclose(passes.total, flat(total, passes))


def test_evaluation_is_not_seen_and_is_no_pass() -> None:
    module, x, y = made("cnn")
    passes = watched(module, 0.1)
    module.eval()
    module(x)
    module.train()
    with torch.no_grad():
        module(x)
    nn.functional.cross_entropy(module(x), y).backward()
    passes.collect()
    assert passes.samples == len(x)


def test_autocast_is_clipped_in_full_precision() -> None:
    module, x, y = made("cnn", torch.float32)
    passes = watched(module, 0.01)
    for at in range(len(x)):
        passes.reset()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            nn.functional.cross_entropy(module(x[at : at + 1]), y[at : at + 1]).backward()
            passes.collect()
        assert 0.0099 < float(passes.total.norm()) < 0.01 * (1 + 1e-5)


def test_a_sample_that_overflows_weighs_nothing() -> None:
    module, x, y = made("mlp", torch.float32)
    passes = watched(module, 0.1)
    x[0] = 1e30
    nn.functional.cross_entropy(module(x), y, reduction="none")[1:].sum().div(len(x)).backward()
    passes.collect()
    kept, expected = passes.total.clone(), alone(copy.deepcopy(module), x[1:], y[1:], 0.1)[0]
    x[0] = float("nan")
    passes.reset()
    nn.functional.cross_entropy(module(x), y).backward()
    passes.collect()
    assert torch.allclose(kept, flat(expected, passes), rtol=1e-4)
    assert torch.allclose(passes.total, kept, rtol=1e-4)


class Mixing(nn.Module):
    """Normalizes over the batch, by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer((x - x.mean(0)) / (x.std(0) + 1e-3))


class Positions(nn.Module):
    """Takes positions from a table, once for all samples."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.last = nn.Embedding(7, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last((x[:, None] + self.table(torch.arange(7))).mean(1))


class Around(nn.Module):
    """Reads a layer's weights without calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(nn.functional.linear(x, self.first.weight)))


def plain(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(module(x), y)


def penalized(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return plain(module, x, y) + 0.1 * sum((each.square().sum() for each in module.parameters()), torch.zeros(()))


@pytest.mark.parametrize(
    ("build", "loss", "error", "says"),
    [
        (Mixing, plain, TargetError, "mixes samples"),
        (lambda: nn.Sequential(nn.Dropout(), Mixing()), plain, TargetError, "mixes samples"),
        (Positions, plain, UsageError, "first axis"),  # with as many positions as samples, too
        (Around, plain, UsageError, "in another way"),
        (lambda: nn.Linear(6, 3), penalized, UsageError, "in another way"),
        (lambda: nn.Sequential(nn.Linear(6, 3)), lambda net, x, y: plain(net[0], x, y), UsageError, "by itself"),
        (lambda: nn.LSTM(6, 3), plain, UsageError, "not one tensor"),
        (lambda: nn.Linear(6, 3), lambda *given: plain(*given) + plain(*given), UsageError, "twice"),
    ],
)
def test_what_cannot_be_clipped_is_refused_before_anything_is_released(
    build: Callable[[], nn.Module],
    loss: Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor],
    error: type[Exception],
    says: str,
) -> None:
    module, x, y = build(), torch.randn(7, 6), torch.arange(7) % 3
    passes = watched(module, 1.0)

    def loop() -> None:
        loss(module, x, y).backward()
        passes.collect()

    with pytest.raises(error, match=says):
        loop()


def test_hooks_go_and_copies_are_not_watched() -> None:
    module, x, y = made("mlp")
    passes = watched(module, 0.1)
    plain(copy.deepcopy(module), x, y).backward()
    passes.collect()
    assert passes.samples == 0
    passes.remove()
    plain(module, x, y).backward()
    passes.collect()
    assert passes.samples == 0


def test_attention_of_torch_is_refused_with_its_repair() -> None:
    with pytest.raises(TargetError, match="repaired"):
        watched(nn.TransformerEncoderLayer(8, 2, 8), 1.0)
