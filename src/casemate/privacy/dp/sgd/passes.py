"""What the passes of somebody else's loop tell of every sample's gradient: hooks that see, and sums of what is clipped.

A loop calls the module and goes backward from a loss that nobody here knows. Hooks keep what went into each trained
layer and the slope at what came out, which is all that rules need. Layers without a rule, used more than once, or with
shared parameters have their samples' gradients made by `torch.func`, a layer at a time, and what a sample adds to one
parameter is added up before it is clipped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from casemate.core.errors import TargetError, UsageError
from casemate.core.optional import require
from casemate.privacy.dp.sgd.parts import Part, Use, parts_of
from casemate.privacy.dp.sgd.probe import Probe, samples_of
from casemate.privacy.dp.sgd.repair import refuse_problems
from casemate.privacy.dp.sgd.rules import unruled
from casemate.privacy.dp.sgd.weighing import Clipping, weigh

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = require("torch", extra="torch")
    nn = torch.nn

CLOSE: Final = {torch.float64: 1e-6, torch.float32: 1e-3, torch.float16: 0.03, torch.bfloat16: 0.03}
"""Share of all samples' norms by which the loop's own gradient may differ from the sum of the samples'."""


@dataclass
class Pass:
    """One call of the module.

    Attributes:
        samples: how many went in.
        given: the tensor that holds them.
        alone: no other pass had left a gradient in the parameters before.
    """

    samples: int
    given: Tensor
    alone: bool
    uses: list[Use] = field(default_factory=list)

    @property
    def backward(self) -> bool:
        """Whether a loss of it went backward."""
        return any(each.slope is not None for each in self.uses)


class Passes:
    """Watches a module from now on, and adds up clipped gradients.

    Args:
        module: whose parameters are trained.
        clip_norm: largest L2 norm of what one sample adds.
        clipping: the way.
        mean: whether losses are means over the samples of a pass, and not sums.

    Attributes:
        trained: parameters that are trained, by name.
        total: (size,) sum of the clipped gradients since it was last reset, float64.
        samples: how many gradients that holds.
        fallback: layers whose gradients are made by torch.func, and why.

    Raises:
        TargetError: the module cannot be trained privately.
    """

    def __init__(self, module: nn.Module, clip_norm: float, clipping: Clipping, mean: bool) -> None:
        refuse_problems(module)
        for name, layer in module.named_modules():
            if isinstance(layer, nn.MultiheadAttention) and any(each.requires_grad for each in layer.parameters()):
                raise TargetError(
                    f"{name or 'the module'!r} uses parameters of a layer inside it without calling that layer",
                    cause="MultiheadAttention reads the weights of its out_proj, where no hook sees them",
                    next_step="casemate.privacy.dp.repaired puts the same in its place, made of linear layers",
                )
            if _drops(layer) and unruled(layer) and any(each.requires_grad for each in layer.parameters(recurse=False)):
                raise TargetError(
                    f"{name or 'the module'!r} has parameters of its own, and dropout inside",
                    cause="samples' gradients are made by calling it again, when other lots would be drawn",
                    next_step="put these parameters into a layer of their own, or use PrivateTraining, which can",
                )
        self.module, self.clip_norm, self.clipping, self.mean = module, clip_norm, clipping, mean
        self.trained = {name: each for name, each in module.named_parameters() if each.requires_grad}
        self.layers = {
            name: each
            for name, each in module.named_modules()
            if any(parameter.requires_grad for parameter in each.parameters(recurse=False))
        }
        self._at: dict[int, int] = {}
        size = 0
        for each in self.trained.values():
            self._at[id(each)] = size
            size += each.numel()
        self._device = next(iter(self.trained.values())).device.type
        self.total = torch.zeros(size, dtype=torch.float64)
        self.samples = 0
        self._given: list[Tensor] = []
        self.fallback: dict[str, str] = {}
        self._reasons = {name: unruled(each) for name, each in self.layers.items()}
        self._passes: list[Pass] = []
        self._now: Pass | None = None
        self._probe: Probe | None = Probe(module, self.layers)
        self._checked = self._busy = False
        self._hooks = [layer.register_forward_hook(_seeing(self, name, layer)) for name, layer in self.layers.items()]
        self._hooks += [
            module.register_forward_pre_hook(_opening(self), with_kwargs=True, prepend=True),
            module.register_forward_hook(_closing(self)),
        ]

    def remove(self) -> None:
        """Watch no longer."""
        for hook in self._hooks:
            hook.remove()

    def reset(self) -> None:
        """Forget all passes, and the sum."""
        self._passes.clear()
        self._given.clear()
        self.total.zero_()
        self.samples = 0

    def forget(self) -> None:
        """What went backward and was not yet collected; what only went forward still may."""
        self._passes = [each for each in self._passes if not each.backward]

    def check_trained(self) -> None:
        """Go on only if the same parameters are trained as in the beginning.

        Raises:
            UsageError: some were frozen or thawed since.
        """
        now = {id(each) for each in self.module.parameters() if each.requires_grad}
        if now != set(self._at):
            raise UsageError(
                "parameters were frozen, thawed or replaced after the module was made private",
                cause="clipping and noise were made for those that were trained then",
                next_step="set requires_grad first, then call make_private",
            )

    def untouched(self) -> bool:
        """Whether no parameter has a gradient."""
        return all(each.grad is None for each in self.trained.values())

    def collect(self) -> None:
        """Clip what went backward since the last time, and add it to the sum.

        Raises:
            UsageError: layers saw something else than samples along the first axis, or gradients came from elsewhere.
        """
        self._busy = True  # making gradients calls layers, which nobody should see
        try:
            with torch.autocast(self._device, enabled=False):  # in less precision norms would bound nothing
                self._collect()
        finally:
            self._busy = False

    def _collect(self) -> None:
        passes = [each for each in self._passes if each.backward]
        self._passes = [each for each in self._passes if each not in passes]
        for each in passes:
            if any(_overlap(each.given, other) for other in self._given):
                raise UsageError(
                    "the same samples went through the module twice in one batch",
                    cause="a record would add more than one clipped gradient",
                    next_step="call the module once, and add up what its answers lose",
                )
            self._given.append(each.given)
            self._add(each, checked=len(passes) == 1 and each.alone and not self.untouched())
            self.samples += each.samples

    def _add(self, one: Pass, *, checked: bool) -> None:
        uses = [each for each in one.uses if each.slope is not None]
        for use in uses:
            if len(use.seen) != one.samples or use.slope is None or len(use.slope) != one.samples:
                raise UsageError(
                    f"layer {use.name!r} was given {len(use.seen)} rows to {one.samples} samples of the module",
                    cause="samples have to stay along the first axis, or no gradient belongs to one of them alone",
                    next_step="keep the first axis in every layer that is trained (positions: expand to all samples)",
                )
            if use.seen._version != use.version:
                raise UsageError(
                    f"what went into layer {use.name!r} was overwritten afterwards",
                    next_step="use operations that are not in place",
                )
        with torch.no_grad():
            parts = self._parts(uses, one.samples)
            squares = torch.stack([each.squares() for each in parts])
            finite = squares.sum(0).isfinite()
            if not finite.all():  # a gradient that is not finite has no bound, and weighs nothing
                for use in uses:
                    use.seen, use.slope = _without(use.seen, ~finite), _without(use.slope, ~finite)
                parts = self._parts(uses, one.samples)
                squares = torch.stack([each.squares() for each in parts])
            norms, weights = weigh(squares, self.clip_norm, self.clipping, len(self.layers))
            if checked and not self._checked and bool(finite.all()):
                self._check_sources(parts, uses, norms)
            for part, kept in zip(parts, weights * finite, strict=True):
                for parameter, value in part.found(kept):
                    at = self._at[id(parameter)]
                    self.total[at : at + value.numel()] += value.flatten()

    def _parts(self, uses: list[Use], samples: int) -> list[Part]:
        return parts_of(uses, samples if self.mean else 1, self._reasons, self.fallback)

    def _check_sources(self, parts: list[Part], uses: list[Use], norms: Tensor) -> None:
        """Whether the loss reaches parameters through layers only: then autograd found the sum of the samples'."""
        plain = {id(each): torch.zeros_like(each) for each in self.trained.values()}
        ones = torch.full_like(norms, 1 / len(norms) if self.mean else 1.0)
        for part in parts:
            for parameter, value in part.found(ones):
                plain[id(parameter)] += value
        share = max(CLOSE[each.slope.dtype] for each in uses if each.slope is not None)
        allowed = share * float(norms @ ones) + 1e-12
        for name, parameter in self.trained.items():
            found = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            if float((found - plain[id(parameter)]).norm()) > allowed:
                raise UsageError(
                    f"the loss depends on {name!r} in another way than through the layer that has it",
                    cause="what a record adds that way is not seen, and would be left out of the gradient",
                    next_step="penalize weights by the optimizer's weight_decay, and call layers, not their weights",
                )
        self._checked = True


def _seeing(passes: Passes, name: str, watched: nn.Module) -> Any:
    """A closure and no method, so that a copy of the module watches nothing."""

    def hook(layer: nn.Module, given: tuple[Any, ...], out: Any) -> None:
        if layer is not watched or passes._busy:
            return
        if passes._probe is not None:
            passes._probe.note(name, out)
        if not isinstance(out, torch.Tensor):
            if torch.is_grad_enabled() and passes._now is not None:
                raise UsageError(
                    f"layer {name!r} answers with something that is not one tensor",
                    cause="the slope at its answer is what its samples' gradients are made of",
                    next_step="freeze it, or build it of linear, convolution and normalization layers",
                )
            return
        if not out.requires_grad:
            return
        if passes._now is None:
            if watched.training and passes.module.training:
                raise UsageError(
                    f"layer {name!r} was called by itself",
                    cause="the samples of a batch are counted where the whole module is called",
                    next_step="call the module that make_private was given; wrap the rest in torch.no_grad()",
                )
            return
        if len(given) != 1 or not isinstance(given[0], torch.Tensor):
            raise UsageError(
                f"layer {name!r} was given something else than one tensor",
                next_step="give a layer that is trained one tensor, by position",
            )
        use = Use(name, watched, given[0].detach(), given[0]._version)
        passes._now.uses.append(use)

        def slope(found: Tensor) -> None:
            use.slope = found.detach() if use.slope is None else use.slope + found.detach()

        out.register_hook(slope)  # type: ignore[no-untyped-call]  # torch has no types for it

    return hook


def _opening(passes: Passes) -> Any:
    def hook(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        if module is not passes.module or passes._busy or not torch.is_grad_enabled():
            return
        passes._now = None
        if not module.training:
            return
        passes.collect()
        first = samples_of(given, named)
        if passes._probe is not None and len(first):
            passes._probe(given, named, len(first))
            passes._probe = None
        alone = passes.untouched()
        passes._now = Pass(len(first), first, alone)
        passes._passes.append(passes._now)

    return hook


def _closing(passes: Passes) -> Any:
    def hook(module: nn.Module, _: Any, __: Any) -> None:
        if module is passes.module:
            passes._now = None

    return hook


def _without(given: Tensor | None, rows: Tensor) -> Tensor:
    if given is None:
        raise AssertionError("only passes that went backward are clipped")
    return given.masked_fill(rows.reshape(-1, *[1] * (given.dim() - 1)), 0)


def _drops(module: nn.Module) -> bool:
    """Whether something in a module, or itself, leaves out values by chance."""
    return any(isinstance(each, nn.modules.dropout._DropoutNd) and each.p > 0 for each in module.modules())


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors lie in the same memory, at least in part."""
    if one.untyped_storage().data_ptr() != other.untyped_storage().data_ptr() or not one.numel() or not other.numel():
        return False
    start, end = _reach(one)
    first, last = _reach(other)
    return start < last and first < end


def _reach(given: Tensor) -> tuple[int, int]:
    start = given.data_ptr()
    steps = sum((size - 1) * step for size, step in zip(given.shape, given.stride(), strict=True))
    return start, start + (steps + 1) * given.element_size()
