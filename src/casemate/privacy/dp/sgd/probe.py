"""Whether a module takes its samples one by one: asked with a few and with one more, before anything is released."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

FEW: Final = 3
"""Samples that a module is asked with: what mixes them is moved by one more in four, and hardly by one more in 256."""
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
    """Calls a module with a few samples and with one more, and leaves it as it was.

    Args:
        module: to be asked.
        layers: those that are trained, by name; each has to tell `note` of its answers.
        what: is asked, in words.
        spared: norm by which answers may be moved, however small they are.
    """

    def __init__(
        self, module: nn.Module, layers: dict[str, nn.Module], what: str = "the module", spared: float = 0.0
    ) -> None:
        self.module, self.layers, self.what, self.spared = module, layers, what, spared
        self._rows: dict[str, int] = {}

    def note(self, name: str, out: Any) -> None:
        """What a layer answered."""
        if isinstance(out, torch.Tensor):
            self._rows[name] = len(out) if out.dim() else 0

    def __call__(self, given: tuple[Any, ...], named: dict[str, Any], samples: int) -> None:
        """Ask it.

        Raises:
            TargetError: answers to some samples change with what is beside them, or buffers keep something of them.
            UsageError: a layer does not have the samples along its first axis.
        """
        few = min(max(samples - 1, 1), FEW)

        def asked(count: int) -> tuple[Any, dict[str, Tensor]]:
            def some(each: Any) -> Any:
                if isinstance(each, torch.Tensor) and each.dim() and len(each) == samples:
                    return each[:count] if count <= samples else torch.cat([each, each[:1]])
                return each

            with _restored(self.module) as kept:
                answer = self.module(*map(some, given), **{name: some(each) for name, each in named.items()})
                return answer, kept()

        with torch.no_grad(), torch.random.fork_rng(devices=[]), _without_dropout(self.module):
            (once, kept), (again, still) = asked(few), asked(few)
            self._rows.clear()
            more, changed = asked(few + 1)
        for name, rows in self._rows.items():
            if rows != few + 1:
                raise UsageError(
                    f"layer {name!r} does not have the samples along its first axis",
                    cause=f"it answered with {rows} rows to {few + 1} samples",
                    next_step="keep the first axis in every layer that is trained (positions: expand to all samples)",
                )
        for name, buffer in kept.items():
            if _same(buffer, still.get(name)) and not _same(buffer, changed.get(name)):
                raise TargetError(
                    f"{self.what} remembers something of its samples in the buffer {name!r}",
                    cause="what is kept there is neither clipped nor given noise, and is saved with the weights",
                    next_step="replace the layer that it belongs to by one that keeps no statistics",
                )
        if not all(isinstance(each, torch.Tensor) and each.is_floating_point() for each in (once, again, more)):
            return
        if not torch.equal(once, again):
            return  # answers are partly chance: nothing is told by comparing them
        if float((more[:few] - once).norm()) > MOVED * float(once.norm()) + self.spared:
            raise TargetError(
                f"{self.what} mixes samples: its answers change with what is beside a sample in the batch",
                cause="no gradient belongs to one sample alone then",
                next_step="replace layers that look at the whole batch (BatchNorm: casemate.privacy.dp.repaired)",
            )


@contextmanager
def _restored(module: nn.Module) -> Iterator[Callable[[], dict[str, Tensor]]]:
    """Put buffers back afterwards; yields what copies them as they are then."""

    def kept() -> dict[str, Tensor]:
        return {name: each.clone() for name, each in module.named_buffers()}

    before = kept()
    try:
        yield kept
    finally:
        for name, each in module.named_buffers():
            if name in before and not _same(each, before[name]):
                each.data = before[name]


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    """Equal, not numbers where the other has none either."""
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and torch.equal(one.nan_to_num(), other.nan_to_num())


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
