"""What keeps a network from being trained privately, and the repair of each: a check without one is half a check."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Final, NamedTuple

from casemate.core.errors import TargetError
from casemate.core.optional import require
from casemate.privacy.dp.sgd.attention import Attention

if TYPE_CHECKING:
    import torch
    from torch import nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

MIXING: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
"""Layers that mix samples: no gradient belongs to one of them alone."""
REMEMBERING: Final = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
"""Layers that may keep statistics of the samples they saw, unclipped and without noise."""
GROUPS: Final = 32
"""Of channels, at most (Wu and He 2018, "Group normalization")."""


class Problem(NamedTuple):
    """Something in a network that private training cannot bear.

    Attributes:
        place: name of the layer.
        says: what is wrong with it.
        repair: what `repaired` puts in its place, in words; "" if only its owner can know.
    """

    place: str
    says: str
    repair: str


def problems(module: nn.Module) -> list[Problem]:
    """What is in the way, layer by layer; an empty list if nothing is."""
    found = []
    for name, layer in module.named_modules():
        if isinstance(layer, MIXING):
            found.append(Problem(name, "mixes the samples of a batch", "GroupNorm"))
        elif isinstance(layer, REMEMBERING) and layer.track_running_stats:
            found.append(Problem(name, "remembers statistics of samples", "the same layer without memory"))
        elif isinstance(layer, nn.Embedding) and layer.sparse:
            found.append(Problem(name, "has sparse gradients", "the same layer with dense gradients"))
    for name, parameter in module.named_parameters():
        if parameter.requires_grad and parameter.dtype not in (torch.float32, torch.float64):
            found.append(Problem(name, f"is {parameter.dtype}, in which norms cannot be bounded", "float32"))
    if not any(parameter.requires_grad for parameter in module.parameters()):
        found.append(Problem("", "has no parameter that is trained", ""))
    return found


def refuse_problems(module: nn.Module) -> None:
    """Go on only with a module that can be trained privately.

    Raises:
        TargetError: it names the first problem, and its repair.
    """
    for place, says, repair in problems(module):
        raise TargetError(
            f"{place or 'the module'!r} {says}",
            cause="what one sample does to a private training has to be bounded",
            next_step=f"casemate.privacy.dp.sgd.repair.repaired puts in its place: {repair}"
            if repair
            else "set requires_grad of parameters that are to be trained",
        )


def repaired(module: nn.Module) -> nn.Module:
    """A copy without the problems that can be repaired; weights of replaced layers are kept where they mean the same.

    Attention of torch, whose gradients can be seen one by one only, is replaced by the same made of linear layers.

    Example:
        >>> repaired(nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8)))[1].num_groups
        8
    """
    module = copy.deepcopy(module)
    module = _replaced(module)
    for parent in list(module.modules()):
        for name, layer in list(parent.named_children()):
            setattr(parent, name, _replaced(layer))
    for each in module.modules():
        if isinstance(each, REMEMBERING) and each.track_running_stats:
            each.track_running_stats = False
            each.running_mean = each.running_var = each.num_batches_tracked = None
        if isinstance(each, nn.Embedding):
            each.sparse = False
    for parameter in [*module.parameters(), *module.buffers()]:
        if parameter.dtype in (torch.float16, torch.bfloat16):
            parameter.data = parameter.data.float()
    return module


def _replaced(layer: nn.Module) -> nn.Module:
    """What takes a layer's place; mostly itself."""
    if isinstance(layer, MIXING):
        return _grouped(layer)
    return Attention(layer) if isinstance(layer, nn.MultiheadAttention) else layer


def _grouped(layer: nn.Module) -> nn.GroupNorm:
    channels = int(layer.num_features)  # type: ignore[arg-type]
    groups = math.gcd(channels, GROUPS)
    found = nn.GroupNorm(groups, channels, eps=float(layer.eps), affine=bool(layer.affine))  # type: ignore[arg-type]
    if layer.affine:
        found.load_state_dict({name: each for name, each in layer.state_dict().items() if name in ("weight", "bias")})
    return found.train(layer.training)
