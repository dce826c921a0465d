"""Whether a module takes its samples one by one: asked with one sample more, before anything is released."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from casemate.core.errors import TargetError, UsageError
from casemate.core.optional import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

MOVED: Final = 1e-2
"""Share of the answers' size by which one sample more moves them where samples are mixed; rounding moves them less."""


def samples_of(given: tuple[Any, ...], named: dict[str, Any]) -> Tensor:
    """The first tensor of a call, whose rows are samples.

    Raises:
        UsageError: there is none.
    """
    for each in (*given, *named.values()):
        if isinstance(each, torch.Tensor) and each.dim():
            return each
    raise UsageError(
        "the module was called without a tensor of samples",
        cause="samples are counted along the first axis of the first argument",
        next_step="give the module tensors, not lists or dictionaries of them",
    )


class Probe:
    """Calls a module with one sample more.

    Args:
        module: to be asked.
        layers: those that are trained, by name; each has to tell `note` of its answers.
    """

    def __init__(self, module: nn.Module, layers: dict[str, nn.Module]) -> None:
        self.module, self.layers = module, layers
        self._rows: dict[str, int] = {}

    def note(self, name: str, out: Any) -> None:
        """What a layer answered."""
        if isinstance(out, torch.Tensor):
            self._rows[name] = len(out) if out.dim() else 0

    def __call__(self, given: tuple[Any, ...], named: dict[str, Any], samples: int) -> None:
        """Ask it.

        Raises:
            TargetError: answers to some samples change with what is beside them.
            UsageError: a layer does not have the samples along its first axis.
        """

        def longer(each: Any) -> Any:
            if isinstance(each, torch.Tensor) and each.dim() and len(each) == samples:
                return torch.cat([each, each[:1]])
            return each

        with torch.no_grad(), torch.random.fork_rng(devices=[]), _without_dropout(self.module):
            once, again = self.module(*given, **named), self.module(*given, **named)
            self._rows.clear()
            more = self.module(*map(longer, given), **{name: longer(each) for name, each in named.items()})
        for name, rows in self._rows.items():
            if rows != samples + 1:
                raise UsageError(
                    f"layer {name!r} does not have the samples along its first axis",
                    cause=f"it answered with {rows} rows to {samples + 1} samples",
                    next_step="keep the first axis in every layer that is trained (positions: expand to all samples)",
                )
        if not all(isinstance(each, torch.Tensor) and each.is_floating_point() for each in (once, again, more)):
            return
        if not torch.equal(once, again):
            return  # answers are partly chance: nothing is told by comparing them
        if float((more[:samples] - once).norm()) > MOVED * float(once.norm()):
            raise TargetError(
                "the module mixes samples: its answers change with what is beside a sample in the batch",
                cause="no gradient belongs to one sample alone then",
                next_step="replace layers that look at the whole batch (BatchNorm: casemate.privacy.dp.repaired)",
            )


@contextmanager
def _without_dropout(module: nn.Module) -> Iterator[None]:
    """What is left out by chance would hide what is mixed."""
    dropping = [each for each in module.modules() if isinstance(each, nn.modules.dropout._DropoutNd) and each.training]
    for each in dropping:
        each.training = False
    try:
        yield
    finally:
        for each in dropping:
            each.training = True
