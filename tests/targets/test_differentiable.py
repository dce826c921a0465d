"""Torch modules as targets of gradient attacks: what is refused, what is noticed, what is left untouched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from casemate.core.errors import DataError, TargetError
from casemate.targets import TorchClassifier
from casemate.threats.evasion.losses import cross_entropy


def linear() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 3))


def test_the_module_is_left_as_it_was() -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 2, 2), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3)).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    target = TorchClassifier(module, 3)
    target.gradient(torch.rand(5, 1, 4, 4), lambda logits: logits[:, 0])
    assert all(each.training for each in module.modules())
    assert all(each.requires_grad for each in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert isinstance(module[0], nn.Conv2d)
    assert "training mode" in target.notes[0]


def test_parameters_are_shared_with_the_module() -> None:
    module = linear()
    target = TorchClassifier(module, 3)
    with torch.no_grad():
        module[1].bias += 1
    assert torch.equal(target.logits(torch.zeros(1, 4))[0], module[1].bias.detach())


def test_each_loss_gets_its_own_gradient_and_everything_is_counted() -> None:
    module = linear()
    target = TorchClassifier(module, 3)
    x, y = torch.rand(6, 4), torch.tensor([0, 1, 2, 0, 1, 2])
    logits, losses, slope = target.gradient(x, lambda logits: cross_entropy(logits, y))
    error = logits.softmax(1) - nn.functional.one_hot(y, 3)
    torch.testing.assert_close(slope, error @ module[1].weight.detach())
    torch.testing.assert_close(losses, nn.functional.cross_entropy(logits, y, reduction="none"))
    target.logits(x)
    target.confirm(x[:2])
    assert (target.usage.gradients, target.usage.forwards, target.usage.confirmations) == (6, 6, 2)


def test_normalization_lies_outside_the_ball() -> None:
    module = linear()
    target = TorchClassifier(module, 3, mean=[0.5], std=[0.25])
    x = torch.rand(5, 1, 2, 2)
    torch.testing.assert_close(target.logits(x), module((x - 0.5) / 0.25).detach())


def test_probabilities_are_noticed_and_their_logarithm_is_taken() -> None:
    module = nn.Sequential(linear(), nn.Softmax(dim=1))
    target = TorchClassifier(module, 3)
    x = torch.rand(5, 4)
    target.sense(x)
    torch.testing.assert_close(target.logits(x), module(x).log().detach())
    assert "probabilities" in target.notes[0]
    target.sense(x)
    assert len(target.notes) == 1


def test_nan_gradients_become_zero() -> None:
    class Root(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.stack([x[:, 0].sqrt(), x[:, 1]], 1)

    target = TorchClassifier(Root(), 2)
    _, _, slope = target.gradient(torch.tensor([[0.0, 0.5]]), lambda logits: logits[:, 0] * 0)
    assert torch.equal(slope, torch.zeros(1, 2))


def test_a_module_without_gradients_is_named() -> None:
    class Steps(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.stack([(x[:, 0] > 0.5).float(), (x[:, 1] > 0.5).float()], 1)

    target = TorchClassifier(Steps(), 2)
    with pytest.raises(TargetError, match="has no gradients") as caught:
        target.gradient(torch.rand(3, 2), lambda logits: logits[:, 0])
    assert "Square" in caught.value.next_step


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((0, 4)), "no inputs"),
        (np.array([[0.0, np.nan, 0, 0]]), "NaN"),
        (np.array([[0.0, 2.0, 0, 0]]), "outside the bounds"),
        (np.array([[-1.0, 0, 0, 0]]), "outside the bounds"),
    ],
)
def test_bad_inputs_are_named(inputs: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        TorchClassifier(linear(), 3).tensor(inputs)


@pytest.mark.parametrize(
    "inputs",
    [
        np.full((2, 4), 0.5, dtype=np.float64),
        np.full((2, 8), 0.5, dtype=np.float32)[:, ::2],
        torch.full((4, 2), 0.5).t(),
        torch.full((2, 4), 0.5, requires_grad=True),
        [[0.5] * 4, [0.5] * 4],
    ],
)
def test_every_kind_of_array_is_taken(inputs: object) -> None:
    taken = TorchClassifier(linear(), 3).tensor(inputs)  # type: ignore[arg-type]
    assert taken.dtype == torch.float32
    assert taken.is_contiguous()
    assert torch.equal(taken, torch.full((2, 4), 0.5))


def test_bytes_are_scaled_to_the_bounds() -> None:
    taken = TorchClassifier(linear(), 3, bounds=(-1, 1)).tensor(np.array([[0, 255, 51, 255]], dtype=np.uint8))
    torch.testing.assert_close(taken, torch.tensor([[-1.0, 1.0, -0.6, 1.0]]))


def test_quantized_inputs_lie_on_the_grid() -> None:
    target = TorchClassifier(linear(), 3, levels=5)
    assert target.quantized(torch.tensor([[0.1, 0.13, 0.9, 1.0]])).tolist() == [[0.0, 0.25, 1.0, 1.0]]


def test_bad_targets_are_named() -> None:
    with pytest.raises(TargetError, match="not a torch module"):
        TorchClassifier(lambda x: x, 3)  # type: ignore[arg-type]
    with pytest.raises(TargetError, match="make no sense"):
        TorchClassifier(linear(), 3, bounds=(1, 0))
    with pytest.raises(TargetError, match="make no sense"):
        TorchClassifier(linear(), 3, levels=1)
    with pytest.raises(TargetError, match=r"answered \(2, 3\)"):
        TorchClassifier(linear(), 5).logits(torch.rand(2, 4))
    with pytest.raises(TargetError, match="raised RuntimeError"):
        TorchClassifier(linear(), 3).logits(torch.rand(2, 9))


def test_a_module_that_cannot_be_copied_is_used_itself() -> None:
    module = linear()
    module.cache = torch.rand(2, requires_grad=True) * 2  # no leaf: deepcopy refuses it
    target = TorchClassifier(module, 3)
    assert target.network is module
    assert not module.training
    assert target.notes == ("the module cannot be copied and was itself put into evaluation mode",)
