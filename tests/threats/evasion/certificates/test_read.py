"""Modules become graphs that compute the same, and what has no bounds is refused by name, with what to do."""

from __future__ import annotations

import pytest
import torch
from tests.threats.evasion.certificates.networks import KINDS, SHAPE, made
from torch import Tensor, nn
from torch.nn import functional as F

from casemate.core.errors import TargetError
from casemate.threats.evasion.certificates.read import read


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_computes_what_the_module_computes(kind: object) -> None:
    module = made(kind, 2)
    x = torch.rand(50, *SHAPE)
    assert torch.allclose(read(module, SHAPE).logits(x.double()), module(x).double(), atol=1e-5)


class Constants(nn.Module):
    """Arithmetic with constants on either side."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = 1.0 - x * 2.0
        x = 0.5 + x / torch.tensor([1.0, 2.0, 3.0, 4.0])
        z = self.linear(x)
        return (-z).relu() - z


def test_arithmetic_with_constants_is_read() -> None:
    module = Constants().eval()
    x = torch.rand(20, 4)
    assert torch.allclose(read(module, (4,)).logits(x.double()), module(x).double(), atol=1e-5)


@pytest.mark.parametrize("window", [(2, 2), (3, 3), (1, 5), (1, 1), (2, 3)])
def test_maximum_pooling_is_a_tournament_of_rectifiers(window: tuple[int, int]) -> None:
    module = nn.Sequential(nn.MaxPool2d(window, (2, 1)), nn.Flatten(), nn.LazyLinear(3))
    x = torch.randn(20, 2, 8, 8)
    wanted = module(x)
    for trainable in (False, True):
        graph = read(module.eval(), (2, 8, 8), trainable=trainable)
        assert torch.allclose(graph.logits(x if trainable else x.double()).float(), wanted, atol=1e-5)


def test_one_layer_alone_is_a_network() -> None:
    assert read(nn.Linear(4, 3), (4,)).classes == 3


class Squared(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x


class Joined(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, x], 1)


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Sized(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(x)


class Constant(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.ones(2, 3)


class Mixing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, 2)


def broken() -> nn.Module:
    layer = nn.Linear(4, 3)
    layer.weight.data[0, 0] = torch.nan
    return layer


@pytest.mark.parametrize(
    ("module", "shape", "words"),
    [
        (nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)), (4,), "Softmax"),
        (nn.Sequential(nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 3)), (4,), "'1', because Sigmoid"),
        (nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.GELU()), nn.Linear(4, 3)), (4,), "'0.1', because GELU"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2, padding=1)), SHAPE, "MaxPool2d with padding"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.LPPool2d(2, 2)), SHAPE, "LPPool2d"),
        (nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 3)), (4,), "LayerNorm"),
        (nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect")), SHAPE, "padding_mode"),
        (nn.Sequential(nn.Conv2d(1, 2, 2, padding="same")), SHAPE, "even kernel"),
        (nn.Sequential(nn.AvgPool2d(2, ceil_mode=True)), SHAPE, "ceil_mode"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(3)), SHAPE, "divides"),
        (nn.Sequential(nn.Conv2d(1, 2, 9)), SHAPE, "does not fit"),
        (nn.Sequential(nn.Linear(8, 3)), SHAPE, "flatten its input"),
        (nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False)).eval(), SHAPE, "running statistics"),
        (nn.Sequential(nn.Linear(4, 3), Squared()), (4,), r"mul.*both depend on the input"),
        (nn.Sequential(nn.Linear(4, 3), Joined()), (4,), "cat"),
        (nn.Sequential(nn.Linear(4, 3), Branching()), (4,), "cannot be traced"),
        (nn.Sequential(nn.Linear(4, 3), Sized()), (4,), "softplus"),
        (nn.Sequential(nn.Linear(4, 3), Mixing()), (4,), "mixes samples"),
        (nn.Sequential(Constant()), (4,), "does not depend"),
        (broken(), (4,), "not finite"),
        (nn.Linear(4, 3).bfloat16(), (4,), "bfloat16"),
        (nn.Linear(4, 3), (5,), "takes 4 values and gets 5"),
        (nn.Sequential(nn.Conv2d(3, 2, 3)), SHAPE, "1 channels"),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), SHAPE, "returns values of shape"),
        (nn.Sequential(nn.Linear(4, 1)), (4,), "two or more classes"),
        (torch.relu, (4,), "not a torch module"),
    ],
)
def test_what_has_no_bounds_is_refused(module: object, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(TargetError, match=words) as caught:
        read(module, shape)
    assert caught.value.next_step


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(1), nn.Dropout(0.5)])
def test_training_mode_is_refused_and_evaluation_mode_is_not(layer: nn.Module) -> None:
    module = nn.Sequential(layer, nn.Flatten(), nn.Linear(64, 3)).train()
    with pytest.raises(TargetError, match=r"training mode.*module\.eval\(\)"):
        read(module, SHAPE)
    read(module.eval(), SHAPE)


def test_the_graph_is_a_copy() -> None:
    module = nn.Linear(4, 3)
    graph = read(module, (4,))
    before = graph.logits(torch.ones(1, 4).double())
    module.weight.data.zero_()
    assert torch.equal(graph.logits(torch.ones(1, 4).double()), before)
    assert not before.requires_grad
