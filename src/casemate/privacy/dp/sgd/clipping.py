"""Sums of clipped per-sample gradients, in one forward and one backward pass where every layer has a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from casemate.core.errors import CasemateError, DataError, TargetError, UsageError
from casemate.core.optional import require
from casemate.privacy.dp.sgd.probe import FEW, Probe
from casemate.privacy.dp.sgd.repair import refuse_problems
from casemate.privacy.dp.sgd.rules import RULES, Rule, unruled
from casemate.privacy.dp.sgd.weighing import Clipping, check_clipping, weigh

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

Losses = Callable[["Tensor", "Tensor"], "Tensor"]
"""From (n, ...) answers and (n, ...) labels to (n,) losses, one of every sample alone."""


ROUNDED: Final = 1e-4
"""By how much rounding may move losses, which can all be next to nothing."""
IGNORED: Final = -100
"""A label that cross entropy leaves out."""


@dataclass(frozen=True)
class Clipped:
    """The sum over a batch.

    Attributes:
        sums: by parameter, its gradients, each sample's whole gradient shortened to the clip norm, added up.
        norms: (n,) before that.
        fallback: why samples went one by one through `torch.func`, or "".
    """

    sums: dict[str, Tensor]
    norms: Tensor
    fallback: str


class Clipper:
    """Clips the gradients of a module's trained parameters.

    Args:
        module: in whatever mode it is trained.
        losses: one loss a sample; cross entropy by default.
        clipping: how gradients are shortened.

    Raises:
        TargetError: a layer mixes samples, or nothing is trained.
        UsageError: there is no such clipping.

    Example:
        >>> module = nn.Linear(3, 2)
        >>> found = Clipper(module)(torch.ones(5, 3), torch.tensor([0, 1, 0, 1, 1]), clip_norm=0.1)
        >>> bool((found.norms > 0.1).all()), found.fallback, tuple(found.sums["weight"].shape)
        (True, '', (2, 3))
    """

    def __init__(self, module: nn.Module, losses: Losses | None = None, clipping: Clipping = "flat") -> None:
        check_clipping(clipping)
        self.module, self.clipping, self._own = module, clipping, losses is None
        self.losses: Losses = losses or (
            lambda answers, labels: nn.functional.cross_entropy(answers, labels, reduction="none")
        )
        refuse_problems(module)
        self.trained = {name: each for name, each in module.named_parameters() if each.requires_grad}
        self.layers = {
            name: each
            for name, each in module.named_modules()
            if any(parameter.requires_grad for parameter in each.parameters(recurse=False))
        }
        self.fallback = self._unruled()

    def __call__(self, x: Tensor, y: Tensor, clip_norm: float) -> Clipped:
        """Clip a batch.

        Args:
            x: (n, ...) samples.
            y: (n, ...) labels.
            clip_norm: largest L2 norm of a sample's gradient.

        Raises:
            UsageError: the norm is not a positive number.
        """
        if not 0 < clip_norm < float("inf"):
            raise UsageError(f"gradients cannot be clipped to {clip_norm}", next_step="give a positive norm")
        if not len(x):
            return Clipped({name: torch.zeros_like(each) for name, each in self.trained.items()}, torch.zeros(0), "")
        found = None if self.fallback else self._ruled(x, y, clip_norm)
        if found is None:
            found = self._one_by_one(x, y, clip_norm)
        finite = found.norms.isfinite()
        if finite.all():
            return found
        # a gradient that is not finite has no bound, and weighs nothing: the others are taken without it
        rest = self(x[finite], y[finite], clip_norm)
        norms = found.norms.clone()
        norms[finite] = rest.norms
        return Clipped(rest.sums, norms, rest.fallback)

    def check(self, x: Tensor, y: Tensor) -> None:
        """Clip a few samples as a training would, so that what cannot be is known before anything is spent.

        Args:
            x: (n, ...) samples.
            y: (n, ...) labels.

        Raises:
            TargetError: samples are mixed, by the module or by the losses, or remembered; or torch cannot take them.
            UsageError: losses are not one a sample.
            DataError: a label is no class of the module's.
        """
        few, said = (x[: FEW + 1], y[: FEW + 1]), "the module or its losses cannot take these samples"
        try:
            with torch.random.fork_rng(devices=[]):
                Probe(self.module, {})(few[:1], {}, len(few[0]))
                self._check_labels(few[0], y)
                Probe(_Losing(self), {}, "the loss", ROUNDED)(few, {}, len(few[0]))
                said = "the module cannot be differentiated sample by sample"
                self(*few, 1.0)
        except CasemateError:
            raise
        except Exception as error:  # whatever torch, or somebody's module, makes of it
            raise TargetError(
                said,
                cause=f"{type(error).__name__}: {str(error)[:200]}",
                next_step="try the module and its losses on two samples, and build it of layers that have rules",
            ) from error

    def _check_labels(self, few: Tensor, y: Tensor) -> None:
        """Whether all labels are classes, where the losses are ours."""
        if not self._own or y.is_floating_point():
            return
        with torch.no_grad():
            classes = self.module(few).shape[1]
        if bool(((y < 0) & (y != IGNORED)).any()) or bool((y >= classes).any()):
            raise DataError(
                f"labels are not all among the {classes} classes that the module tells apart",
                next_step="number them from 0, and give the last layer an output for each",
            )

    def lost(self, x: Tensor, y: Tensor) -> Tensor:
        """(n, ...) losses.

        Raises:
            UsageError: they are not one a sample.
        """
        return _each(self.losses(self.module(x), y), len(x))

    def _unruled(self) -> str:
        """What is known before any pass of why rules do not do."""
        for name, each in self.layers.items():
            reason = unruled(each)
            if reason:
                return f"{name or 'the module'}: {reason}"
        owners: dict[int, str] = {}
        for name, layer in self.layers.items():
            for parameter in layer.parameters(recurse=False):
                if id(parameter) in owners:
                    return f"{name} shares parameters with {owners[id(parameter)]}"
                owners[id(parameter)] = name
        return ""

    def _ruled(self, x: Tensor, y: Tensor, clip_norm: float) -> Clipped | None:
        """By rules, or None where a layer was used more than once or its answer was overwritten."""
        captured: dict[str, list[tuple[Tensor, Tensor, int]]] = {name: [] for name in self.layers}
        with self._captured(captured), torch.enable_grad():
            total = self.lost(x, y).sum()
        if any(len(each) != 1 for each in captured.values()):
            self.fallback = "a layer is used more than once, or never"
            return None
        passes = {name: each[0] for name, each in captured.items()}
        if any(out._version != version for _, out, version in passes.values()):
            self.fallback = "a layer's answer is overwritten in place"
            return None
        slopes = torch.autograd.grad(total, [out for _, out, _ in passes.values()])
        rules: dict[str, Rule] = {
            name: RULES[type(self.layers[name])](self.layers[name], seen, slope)
            for (name, (seen, _, _)), slope in zip(passes.items(), slopes, strict=True)
        }
        with torch.no_grad():
            squares = torch.stack([rule.squares() for rule in rules.values()])
            norms, weights = weigh(squares, clip_norm, self.clipping, len(rules))
            sums = {
                f"{name}.{own}" if name else own: value
                for (name, rule), kept in zip(rules.items(), weights, strict=True)
                for own, value in rule.sums(kept).items()
            }
        return Clipped(sums, norms, "")

    @contextmanager
    def _captured(self, into: dict[str, list[tuple[Tensor, Tensor, int]]]) -> Iterator[None]:
        """Keep what goes into the layers and what comes out, and let no activation overwrite it."""

        def keep(name: str) -> Any:
            def hook(_: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
                into[name].append((given[0].detach(), out, out._version))

            return hook

        hooks = [layer.register_forward_hook(keep(name)) for name, layer in self.layers.items()]
        overwriting: list[Any] = [each for each in self.module.modules() if getattr(each, "inplace", False)]
        for each in overwriting:
            each.inplace = False
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
            for each in overwriting:
                each.inplace = True

    def _one_by_one(self, x: Tensor, y: Tensor, clip_norm: float) -> Clipped:
        """Every sample's gradient by itself, vectorized."""
        fixed = {name: each for name, each in self.module.named_parameters() if not each.requires_grad}
        buffers = dict(self.module.named_buffers())

        def loss(trained: dict[str, Tensor], sample: Tensor, label: Tensor) -> Tensor:
            answer = torch.func.functional_call(self.module, ({**trained, **fixed}, buffers), (sample[None],))
            return _each(self.losses(answer, label[None]), 1).sum()

        given = {name: each.detach() for name, each in self.trained.items()}
        each_alone = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0), randomness="different")(given, x, y)
        layers: dict[str, list[str]] = {}  # parameters that layers share belong to the first of them
        for name in self.trained:
            layers.setdefault(name.rpartition(".")[0], []).append(name)
        squares = torch.stack(
            [
                torch.stack([each_alone[name].flatten(1).square().sum(1) for name in names]).sum(0)
                for names in layers.values()
            ]
        )
        norms, weights = weigh(squares, clip_norm, self.clipping, len(layers))
        sums = {
            name: torch.tensordot(kept, each_alone[name], 1)
            for names, kept in zip(layers.values(), weights, strict=True)
            for name in names
        }
        return Clipped(sums, norms, self.fallback)


class _Losing(nn.Module):
    """From samples and labels to losses."""

    def __init__(self, clipper: Clipper) -> None:
        super().__init__()
        self.module, self.clipper = clipper.module, clipper

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.clipper.lost(x, y)


def _each(losses: Tensor, samples: int) -> Tensor:
    """The same if there is one a sample: of a mean, a record would move what all the others add."""
    if not losses.dim() or len(losses) != samples:
        raise UsageError(
            f"losses of shape {tuple(losses.shape)} are not one for each of {samples} samples",
            cause="in a mean over a batch each sample's gradient depends on how many others there are",
            next_step='give losses with reduction="none"',
        )
    return losses
