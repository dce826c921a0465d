"""What single calls of layers add to all samples' gradients: by rule, or made by torch.func where there is none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from casemate.core.optional import require
from casemate.privacy.dp.sgd.rules import RULES, Rule

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn


@dataclass(eq=False)
class Use:
    """One call of one layer."""

    name: str
    layer: nn.Module
    seen: Tensor
    version: int
    slope: Tensor | None = None


def parts_of(uses: list[Use], scale: int, reasons: dict[str, str], told: dict[str, str]) -> list[Part]:
    """Layers by rule, and all that have none, share parameters or are used more than once together.

    Args:
        uses: that went backward.
        scale: what slopes are multiplied by.
        reasons: why layers have no rule, or "", by name.
        told: is filled with the reasons that applied.
    """
    users: dict[int, int] = {}
    for use in uses:
        for parameter in use.layer.parameters(recurse=False):
            users[id(parameter)] = users.get(id(parameter), 0) + 1
    parts: list[Part] = []
    rest: list[Use] = []
    for use in uses:
        reason = reasons[use.name]
        if not reason and any(users[id(each)] > 1 for each in use.layer.parameters(recurse=False)):
            reason = "its parameters are used more than once"
        if reason:
            told[use.name] = reason
            rest.append(use)
        else:
            parts.append(_Ruled(use.layer, RULES[type(use.layer)](use.layer, _full(use.seen), _slope(use, scale))))
    if rest:
        parts.append(_Together(rest, scale))
    return parts


class Part(ABC):
    """Some layers' share of all samples' gradients."""

    @abstractmethod
    def squares(self) -> Tensor:
        """(n,) squared norms."""

    @abstractmethod
    def found(self, weights: Tensor) -> list[tuple[nn.Parameter, Tensor]]:
        """Parameters, and the sums of gradients times weights."""


@dataclass
class _Ruled(Part):
    layer: nn.Module
    rule: Rule

    def squares(self) -> Tensor:
        return self.rule.squares()

    def found(self, weights: Tensor) -> list[tuple[nn.Parameter, Tensor]]:
        return [(getattr(self.layer, own), each) for own, each in self.rule.sums(weights).items()]


class _Together(Part):
    """Gradients that are made, sample by sample, and added up where a parameter has several."""

    def __init__(self, uses: list[Use], scale: int) -> None:
        self.made: dict[int, tuple[nn.Parameter, Tensor]] = {}
        for use in uses:
            own = {name: each for name, each in use.layer.named_parameters(recurse=False) if each.requires_grad}
            for name, each in _alone(use, own, scale).items():
                before = self.made.get(id(own[name]))
                self.made[id(own[name])] = own[name], each if before is None else before[1] + each

    def squares(self) -> Tensor:
        return torch.stack([each.flatten(1).square().sum(1) for _, each in self.made.values()]).sum(0)

    def found(self, weights: Tensor) -> list[tuple[nn.Parameter, Tensor]]:
        return [(parameter, torch.tensordot(weights, each, 1)) for parameter, each in self.made.values()]


def _alone(use: Use, own: dict[str, nn.Parameter], scale: int) -> dict[str, Tensor]:
    """(n, ...) gradients of a layer's own parameters, by name."""
    given = {name: each.detach() for name, each in own.items()}
    rest = {
        name: each.detach()
        for name, each in [*use.layer.named_parameters(), *use.layer.named_buffers()]
        if name not in given
    }

    def pulled(seen: Tensor, slope: Tensor) -> dict[str, Tensor]:
        def answer(trained: dict[str, Tensor]) -> Tensor:
            value: Tensor = torch.func.functional_call(use.layer, {**rest, **trained}, (seen[None],))
            return value

        back = torch.func.vjp(answer, given)[1]
        found: dict[str, Tensor] = back(slope[None])[0]
        return found

    with torch.enable_grad():
        made: dict[str, Tensor] = torch.func.vmap(pulled, randomness="different")(_full(use.seen), _slope(use, scale))
    return made


def _slope(use: Use, scale: int) -> Tensor:
    if use.slope is None:
        raise AssertionError("only passes that went backward are clipped")
    slope = _full(use.slope)
    return slope * scale if scale != 1 else slope


def _full(given: Tensor) -> Tensor:
    """In a precision in which norms can be bounded, whatever autocast made of it."""
    return given.float() if given.dtype in (torch.float16, torch.bfloat16) else given
