"""Training the last layers alone, on top of ones that have learned from public data.

Noise grows with the number of coordinates it is added to; a network that is pretrained needs few of them to be moved
(Tramer and Boneh 2021, "Differentially private learning needs better features", arXiv 2011.11660).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from casemate.core.errors import UsageError
from casemate.core.optional import require

if TYPE_CHECKING:
    from torch import nn
else:
    nn = require("torch", extra="torch").nn


@contextmanager
def only_last(module: nn.Module, layers: int | None) -> Iterator[None]:
    """Freeze all but the last layers, as long as this lasts; what is frozen goes forward without gradients.

    Args:
        module: its layers come in the order in which it was given them.
        layers: how many of those with parameters that are trained stay so; None for all.

    Raises:
        UsageError: there are not as many.

    Example:
        >>> module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> with only_last(module, 1):
        ...     [name for name, each in module.named_parameters() if each.requires_grad]
        ['2.weight', '2.bias']
    """
    if layers is None:
        yield
        return
    trained = [
        own
        for each in module.modules()
        if (own := [parameter for parameter in each.parameters(recurse=False) if parameter.requires_grad])
    ]
    if len(trained) < layers:
        raise UsageError(
            f"{layers} layers cannot be trained of {len(trained)} that have parameters to be trained",
            next_step="give fewer layers, or leave it out to train all",
        )
    kept = {id(parameter) for own in trained[-layers:] for parameter in own}
    frozen = [parameter for own in trained for parameter in own if id(parameter) not in kept]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
