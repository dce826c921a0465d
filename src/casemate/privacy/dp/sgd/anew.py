"""Private training of a network whose weights have seen the data: they are drawn anew first."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from casemate.core.errors import TargetError
from casemate.core.optional import require
from casemate.privacy.dp.sgd.repair import problems
from casemate.privacy.dp.sgd.training import PrivateTraining, Trained

if TYPE_CHECKING:
    import torch
    from torch import nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn


def trained_anew(
    module: nn.Module,
    inputs: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    *,
    epsilon: float,
    delta: float,
    **options: Any,
) -> Trained:
    """A copy with new weights, trained privately.

    Args:
        module: its layers are kept, its weights are not.
        inputs: (n, ...) float32.
        labels: (n,) codes.
        epsilon: the budget's.
        delta: the budget's.
        **options: of `PrivateTraining`.

    Raises:
        TargetError: layers are in the way of private training, or have weights that cannot be drawn anew.
    """
    found = problems(module)
    if found:
        raise TargetError(
            f"layer {found[0].place or 'of the network'!r} {found[0].says}",
            next_step=f"build the network with {found[0].repair}" if found[0].repair else "train it another way",
        )
    made = renewed(module)
    x, y = torch.from_numpy(inputs), torch.from_numpy(labels).long()
    trained = PrivateTraining(epsilon=epsilon, delta=delta, **options).fit(made, x, y)
    trained.module.eval()
    return trained


def renewed(module: nn.Module) -> nn.Module:
    """A copy whose every parameter was drawn anew by its layer's own ``reset_parameters``.

    Raises:
        TargetError: a parameter belongs to a layer that has none.
    """
    made = copy.deepcopy(module).train()
    for parameter in made.parameters():
        parameter.requires_grad_(True)
    for name, layer in made.named_modules():
        own = dict(layer.named_parameters(recurse=False))
        if not own:
            continue
        if not callable(getattr(layer, "reset_parameters", None)):
            raise TargetError(
                f"the weights {next(iter(own))!r} of layer {name!r} cannot be drawn anew",
                cause=f"{type(layer).__name__} has no reset_parameters, and its weights have seen the data",
                next_step="give the layer a reset_parameters method, or train with PrivateTraining from new weights",
            )
        layer.reset_parameters()
    return made
