"""The digits scene, with benign images for fitting and calibration."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

from tests.threats.evasion.masking.battery import _training
from tests.threats.evasion.networks import digits


def network() -> nn.Sequential:
    """The plain network."""
    module = digits().module
    assert isinstance(module, nn.Sequential)
    return module


@cache
def benign() -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels the network was trained on."""
    return _training()
