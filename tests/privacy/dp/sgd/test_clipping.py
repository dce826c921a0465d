"""Clipped sums equal those of gradients made one by one, for every layer with a rule, and for those without."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from casemate.core.errors import TargetError, UsageError
from casemate.privacy.dp.sgd.clipping import Clipper


class Attention(nn.Module):
    """One head, made of linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 8, padding_idx=0)
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
        self.norm, self.out = nn.LayerNorm(8), nn.Linear(8, 3, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        words = self.words(x)
        query, key = self.query(words), self.key(words)
        mixed = (query @ key.transpose(1, 2)).softmax(2) @ self.value(words)
        return self.out(self.norm(words + mixed)).mean(1)


class Twice(nn.Module):
    """Uses one layer two times."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.last = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.layer(torch.relu(self.layer(x))))


class Overwriting(nn.Module):
    """Overwrites what its layer answered."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.last = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu_(self.layer(x)))


class Same(nn.Module):
    """A layer without a rule."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv3d(6, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x[:, :, None, None, None]).flatten(1)


def tied() -> nn.Module:
    made = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.Linear(6, 3))
    made[2].weight = made[0].weight
    return made


IMAGES, ROWS = (2, 9, 9), (6,)
MODULES = {
    "mlp": (lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(inplace=True), nn.Linear(5, 3, bias=False)), ROWS),
    "cnn": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3, 2, 1),
            nn.GroupNorm(2, 4),
            nn.ReLU(),
            nn.Conv2d(4, 6, (3, 2), dilation=(1, 2)),
            nn.Flatten(),
            nn.LazyLinear(3),
        ),
        IMAGES,
    ),
    "groups": (
        lambda: nn.Sequential(nn.Conv2d(2, 4, 3, groups=2, padding="valid"), nn.Flatten(), nn.LazyLinear(3)),
        IMAGES,
    ),
    "long": (lambda: nn.Sequential(nn.Linear(9, 4), nn.Tanh(), nn.Flatten(), nn.LazyLinear(3)), (40, 9)),
    "short": (lambda: nn.Sequential(nn.Linear(9, 30), nn.LayerNorm([2, 30]), nn.Flatten(), nn.LazyLinear(3)), (2, 9)),
    "sequence": (
        lambda: nn.Sequential(
            nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2),
            nn.InstanceNorm1d(6, affine=True),
            nn.Tanh(),
            nn.Conv1d(6, 4, 2, groups=2, bias=False, padding="valid"),
            nn.RMSNorm([4, 4]),
            nn.Flatten(),
            nn.LazyLinear(3),
        ),
        (4, 9),
    ),
    "norms": (
        lambda: nn.Sequential(
            nn.InstanceNorm2d(2, affine=True), nn.Linear(9, 5), nn.RMSNorm(5), nn.Flatten(), nn.LazyLinear(3)
        ),
        IMAGES,
    ),
    "tied": (tied, ROWS),
    "twice": (Twice, ROWS),
    "overwriting": (Overwriting, ROWS),
    "unruled": (Same, ROWS),
}
FALLBACKS = {"tied", "twice", "overwriting", "unruled"}


def made(name: str, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    build, shape = MODULES[name]
    module, x, y = build().to(dtype), torch.randn(7, *shape, dtype=dtype), torch.randint(0, 3, (7,))
    module(x)
    return module, x, y


def alone(
    module: nn.Module, x: torch.Tensor, y: torch.Tensor, clip: float
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """By plain autograd, a sample at a time."""
    named = {name: each for name, each in module.named_parameters() if each.requires_grad}
    total, norms = {name: torch.zeros_like(each) for name, each in named.items()}, []
    for at in range(len(x)):
        loss = nn.functional.cross_entropy(module(x[at : at + 1]), y[at : at + 1])
        found = torch.autograd.grad(loss, list(named.values()))
        norm = torch.sqrt(sum((each.square().sum() for each in found), torch.zeros(())))
        norms.append(norm)
        for name, each in zip(named, found, strict=True):
            total[name] += each * (clip / norm).clamp_max(1.0)
    return total, torch.stack(norms)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_sums_are_those_of_samples_taken_one_by_one(name: str, dtype: torch.dtype, error: float) -> None:
    module, x, y = made(name, dtype)
    _, norms = alone(module, x, y, 1.0)
    clip = float(norms.median())
    total, norms = alone(module, x, y, clip)
    found = Clipper(module)(x, y, clip)
    assert bool(found.fallback) == (name in FALLBACKS)
    assert set(found.sums) == set(total)
    scale = torch.sqrt(sum((each.square().sum() for each in total.values()), torch.zeros(())))
    for key, each in total.items():
        assert (found.sums[key] - each).norm() <= error * scale, key
    assert torch.allclose(found.norms, norms.to(dtype), rtol=error * 10)


def test_attention_by_gram_matrices_and_words_that_come_twice() -> None:
    torch.manual_seed(1)
    module, x, y = Attention().double(), torch.randint(0, 20, (6, 12)), torch.randint(0, 3, (6,))
    x[:, 1] = x[:, 0]
    total, norms = alone(module, x, y, 0.3)
    found = Clipper(module)(x, y, 0.3)
    assert found.fallback == ""
    assert torch.allclose(found.norms, norms)
    for key, each in total.items():
        assert torch.allclose(found.sums[key], each, atol=1e-12), key


def test_frozen_parameters_are_left_out() -> None:
    module, x, y = made("mlp")
    module[0].weight.requires_grad_(False)
    total, norms = alone(module, x, y, 0.1)
    found = Clipper(module)(x, y, 0.1)
    assert set(found.sums) == {"0.bias", "2.weight"}
    assert torch.allclose(found.norms, norms)
    assert all(torch.allclose(found.sums[key], each) for key, each in total.items())


def test_no_sample_adds_more_than_the_clip_norm_even_one_that_overflows() -> None:
    module, x, y = made("mlp")
    x[0] *= 1e200
    clipper = Clipper(module)
    found, rest = clipper(x, y, 0.1), clipper(x[1:], y[1:], 0.1)
    apart = torch.sqrt(sum(((found.sums[key] - rest.sums[key]).square().sum() for key in rest.sums), torch.zeros(())))
    assert apart <= 0.1 * (1 + 1e-12)


def test_an_empty_batch_is_a_sum_of_nothing() -> None:
    module, x, y = made("mlp")
    found = Clipper(module)(x[:0], y[:0], 1.0)
    assert all((each == 0).all() for each in found.sums.values())


def test_activations_work_in_place_again_afterwards() -> None:
    module, x, y = made("mlp")
    Clipper(module)(x, y, 1.0)
    assert module[1].inplace
    assert not any(each._forward_hooks for each in module.modules())


def test_what_cannot_be_clipped_is_refused() -> None:
    with pytest.raises(TargetError, match="mixes"):
        Clipper(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)))
    with pytest.raises(TargetError, match="no parameter"):
        Clipper(nn.ReLU())
    module, x, y = made("mlp")
    for norm in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="cannot be clipped"):
            Clipper(module)(x, y, norm)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("overwriting", "overwritten in place"),
        ("twice", "more than once"),
        ("tied", "2 shares parameters with 0"),
        ("unruled", "no rule for Conv3d"),
    ],
)
def test_the_reason_for_going_one_by_one_is_told(name: str, reason: str) -> None:
    module, x, y = made(name)
    assert reason in Clipper(module)(x, y, 0.5).fallback
