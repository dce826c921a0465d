"""The faster first convolution: the same answers, and the library's own gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from casemate.targets.input_layer import InputConv2d, faster, suits

SHAPES = [
    (1, 16, 4, 2, 1, 28),
    (1, 32, 5, 2, 2, 28),
    (1, 8, 3, 1, 1, 9),
    (1, 8, 3, 1, 0, 9),
    (3, 16, 4, 2, 1, 32),
    (3, 8, 3, 2, 1, 11),
    (4, 8, 5, 3, 0, 13),
    (2, 5, (3, 2), 2, (1, 0), 10),
    (1, 4, 2, 3, 0, 10),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_answers_and_gradients_are_those_of_the_layer(shape: tuple) -> None:
    channels, filters, kernel, stride, padding, size = shape
    torch.manual_seed(0)
    layer = nn.Conv2d(channels, filters, kernel, stride, padding).double()
    x = torch.rand(3, channels, size, size + 2, dtype=torch.float64, requires_grad=True)
    answer = layer(x)
    outer = torch.rand_like(answer)
    (wanted,) = torch.autograd.grad(answer, x, outer)
    assert suits(layer)
    mine = InputConv2d(layer)(x)
    (found,) = torch.autograd.grad(mine, x, outer)
    assert torch.equal(mine, answer)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(1, 4, 3, dilation=2),
        nn.Conv2d(2, 4, 3, stride=2, groups=2),
        nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(1, 4, 3, padding="same"),
        nn.Conv2d(16, 4, 3, stride=2),
        nn.Conv2d(1, 4, 3, stride=(1, 2)),
        nn.Linear(3, 2),
    ],
)
def test_layers_it_was_not_made_for_are_left_alone(layer: nn.Module) -> None:
    assert not suits(layer)
    assert faster(nn.Sequential(layer)) == 0


def test_a_layer_with_a_hook_is_left_alone() -> None:
    layer = nn.Conv2d(1, 4, 3, stride=2)
    layer.register_forward_hook(lambda *_: None)
    assert not suits(layer)
