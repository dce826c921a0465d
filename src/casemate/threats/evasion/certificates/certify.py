"""Certificates for a batch: cheap bounds for all, dearer ones for those still undecided, branch and bound for the rest.

The order is intervals, linear relaxation over intervals, linear relaxation everywhere, optimized slopes, a short walk
for a counterexample, and branch and bound. A sample leaves as soon as it is decided, so a certifiably trained network
costs little more than its intervals.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.threats.evasion.certificates.branch import Search, branch
from casemate.threats.evasion.certificates.crown import intermediate
from casemate.threats.evasion.certificates.intervals import Bounds
from casemate.threats.evasion.certificates.margins import STEPS, by_intervals, by_lines, by_slopes, differences, others
from casemate.threats.evasion.certificates.read import read
from casemate.threats.evasion.certificates.slopes import Pair, refine
from casemate.threats.evasion.certificates.suspects import Suspects

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")

Decided: TypeAlias = Literal[
    "misclassified", "ibp", "crown-ibp", "crown", "alpha-crown", "branch and bound", "counterexample", "undecided"
]
Effort: TypeAlias = Literal["ibp", "crown", "alpha-crown", "branch and bound"]
EFFORTS: tuple[Effort, ...] = ("ibp", "crown", "alpha-crown", "branch and bound")
BATCH = 32
"""Samples bounded at once."""


@dataclass(frozen=True)
class Certificate:
    """What is known about one sample.

    Attributes:
        certified: no input within the radius and the box is answered with another class than the label.
        margin: a lower bound of the label's logit minus any other within the radius; above 0 when certified.
        method: which step decided; "misclassified" samples are never certified, "undecided" ones may be robust or not.
        seconds: CPU time, this sample's share of what its batch took.
        example: float32 input within the radius that the module answers with another class, or None.
    """

    certified: bool
    margin: float
    method: Decided
    seconds: float
    example: npt.NDArray[np.float32] | None = None


def certify(
    module: Any,
    x: Any,
    y: Any,
    eps: float,
    *,
    box: tuple[float, float] = (0.0, 1.0),
    effort: Effort = "branch and bound",
    seconds: float = 10.0,
    search: Search | None = None,
) -> tuple[Certificate, ...]:
    """Prove that no change of at most ``eps`` in any coordinate turns an answer, or find one, or say neither.

    A certificate holds for the module as float32 computes it on this kind of machine, for every order of summation,
    as long as its multiplications are float32 (no reduced precision has been allowed). It says nothing about inputs
    farther away, other norms, or preprocessing in front of the module.

    Args:
        module: a ``torch.nn.Module`` in evaluation mode that returns logits, of layers that bounds are known for.
        x: (n, ...) inputs inside the box.
        y: (n,) labels.
        eps: radius in the largest coordinate, in units of inputs. It is widened by a hair, so that float32 inputs
            at the radius are inside.
        box: of valid inputs.
        effort: where to stop.
        seconds: CPU time that branch and bound may take for one sample.
        search: how it takes it; ``seconds`` is used in place of its own.

    Returns:
        One certificate a sample, in order. Whether a sample is certified does not depend on the others, except for
        branch and bound that ran out of time.

    Raises:
        TargetError: the module has a layer for which no bounds are known; its name and the next step are given.
        UsageError: shapes, labels, radius or values that cannot be.

    Example:
        >>> layer = torch.nn.Linear(2, 2)
        >>> _ = layer.weight.data.copy_(torch.eye(2)), layer.bias.data.zero_()
        >>> [each.certified for each in certify(layer, [[0.9, 0.1], [0.5, 0.4]], [0, 0], 0.1)]
        [True, False]
    """
    inputs, labels = _checked(x, y, eps, box)
    if effort not in EFFORTS:
        raise UsageError(f"there is no effort {effort!r}", next_step=f"use one of {', '.join(map(repr, EFFORTS))}")
    graph = read(module, tuple(inputs.shape[1:]))
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < graph.classes:
        raise UsageError(f"labels outside 0 to {graph.classes - 1}", next_step="give codes of the module's classes")
    pair = Pair.of(graph)
    made: list[Certificate] = []
    for start in range(0, len(inputs), BATCH):
        part = slice(start, start + BATCH)
        suspects = Suspects.of(module, inputs[part], labels[part], eps, box)
        made += _Batch(pair, suspects, EFFORTS.index(effort)).run(replace(search or Search(), seconds=seconds))
    return tuple(made)


def _checked(x: Any, y: Any, eps: float, box: tuple[float, float]) -> tuple[Tensor, Tensor]:
    inputs, labels = (each if isinstance(each, torch.Tensor) else torch.as_tensor(np.asarray(each)) for each in (x, y))
    inputs, labels = inputs.detach().cpu(), labels.detach().cpu()
    if not inputs.is_floating_point():
        raise UsageError(f"inputs are {inputs.dtype}", next_step="scale them to floats inside the box first")
    if labels.shape != inputs.shape[:1] or labels.is_floating_point():
        raise UsageError(
            f"labels of shape {tuple(labels.shape)} and type {labels.dtype} for {len(inputs)} inputs",
            next_step="give one integer a sample",
        )
    if not 0 <= eps < float("inf"):
        raise UsageError(f"a radius of {eps}", next_step="give 0 or more, in units of inputs")
    inside = (inputs >= box[0]) & (inputs <= box[1])
    if not bool(inside.all()):
        raise UsageError(
            f"{int((~inside.flatten(1).all(1)).sum())} inputs are not numbers or lie outside [{box[0]:g}, {box[1]:g}]",
            next_step="clip or scale them, or give the box they come from",
        )
    return inputs.float().contiguous(), labels.long()


class _Batch:
    """Samples on their way through the methods."""

    def __init__(self, pair: Pair, suspects: Suspects, effort: int) -> None:
        self.pair, self.graph, self.suspects, self.effort = pair, pair.exact, suspects, effort
        count, classes = len(suspects.x), self.graph.classes
        self.labels = suspects.y
        self.margin = torch.full((count, classes), -torch.inf, dtype=torch.float64)
        self.method: list[Decided] = ["undecided"] * count
        self.seconds = np.zeros(count)
        self.examples: dict[int, Tensor] = {}
        self.open = torch.arange(count)

    def run(self, how: Search) -> list[Certificate]:
        """All methods up to the effort."""
        self.step(self.answers)
        self.step(self.intervals)
        if self.effort >= EFFORTS.index("crown"):
            self.step(self.linear)
        if self.effort >= EFFORTS.index("alpha-crown") and self.graph.rectified:
            self.step(self.sloped)
        if self.effort >= EFFORTS.index("branch and bound"):
            self.step(self.walked)
            for sample in self.open.tolist() if self.graph.rectified else ():
                clock = time.process_time()
                self.branched(sample, how)
                self.seconds[sample] += time.process_time() - clock
        return [self.result(sample) for sample in range(len(self.labels))]

    def step(self, method: Callable[[], None]) -> None:
        """Run one method on the open samples and share its time among them."""
        if len(self.open):
            clock, there = time.process_time(), self.open.numpy()
            method()
            self.seconds[there] += (time.process_time() - clock) / len(there)

    def result(self, sample: int) -> Certificate:
        """What became of one sample."""
        method = self.method[sample]
        example = self.examples.get(sample)
        certified = method not in ("misclassified", "counterexample", "undecided")
        return Certificate(
            certified,
            float(self.margin[sample].min()),
            method,
            float(self.seconds[sample]),
            None if example is None else example.numpy(),
        )

    def answers(self) -> None:
        """Samples that the module answers wrongly as they are leave first."""
        with torch.no_grad():
            logits = self.suspects.logits(self.suspects.x)
        wrong = logits.argmax(1) != self.labels
        own = logits.gather(1, self.labels[:, None])
        self.margin[wrong] = (own - logits).double().scatter(1, self.labels[:, None], torch.inf)[wrong]
        self.leave(wrong.nonzero().flatten(), "misclassified")

    def intervals(self) -> None:
        """Interval bounds, then linear bounds of the margins over interval bounds of everything else."""
        self.bounds = intermediate(self.graph, self.suspects.corners(self.open), linear=False)
        self.better(others(self.labels[self.open], self.graph.classes), None)
        self.drop("ibp")
        if self.effort and len(self.open):
            self.better(self.wanted(), self.lines)
            self.drop("crown-ibp")

    def linear(self) -> None:
        """Linear bounds of every rectifier's input, then of the margins."""
        self.bounds = intermediate(self.graph, self.suspects.corners(self.open))
        self.better(others(self.labels[self.open], self.graph.classes), None)
        self.better(self.wanted(), self.lines)
        self.drop("crown")

    def sloped(self) -> None:
        """Optimized slopes for the margins still open."""
        self.better(self.wanted(), lambda wanted: by_slopes(self.pair, self.bounds, *self.own(wanted), STEPS, 0.0))
        self.drop("alpha-crown")

    def walked(self) -> None:
        """A short walk for a counterexample, from the corners where the linear bounds are lowest."""
        wanted = self.wanted()
        _, slopes = by_lines(self.graph, self.bounds, *self.own(wanted))
        which = wanted.nonzero()
        for at, example in self.suspects.walk(self.open[which[:, 0]], which[:, 1], slopes).items():
            self.broken(at, example)

    def branched(self, sample: int, how: Search) -> None:
        """Branch and bound on one sample, after better bounds for its rectifiers' inputs."""
        clock = time.process_time()
        at = int((self.open == sample).nonzero())
        bounds = pick(self.bounds, torch.tensor([at]))
        for place in self.graph.rectified:
            refine(self.pair, bounds, place, 10, clock + how.seconds / 4)
        which = (self.margin[sample] <= 0).nonzero()
        margins = differences(self.labels[sample : sample + 1], torch.cat([which * 0, which], 1), self.graph.classes)
        left = replace(how, seconds=how.seconds - (time.process_time() - clock))
        found = branch(self.pair, bounds, margins, self.suspects.checker(sample), left)
        if found.example is not None:
            self.margin[sample, which.flatten()] = torch.maximum(
                self.margin[sample, which.flatten()], torch.tensor(found.bound, dtype=torch.float64)
            )
            self.broken(sample, found.example)
            return
        self.margin[sample, which.flatten()] = self.margin[sample, which.flatten()].clamp_min(found.bound)
        if found.bound > 0:
            self.leave(torch.tensor([sample]), "branch and bound")

    def wanted(self) -> Tensor:
        """(open, classes) flags: margins not yet above 0."""
        return self.margin[self.open] <= 0

    def own(self, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Labels of the open samples, and the flags."""
        return self.labels[self.open], wanted

    def lines(self, wanted: Tensor) -> Tensor:
        """Margins by linear relaxation over the bounds at hand."""
        return by_lines(self.graph, self.bounds, *self.own(wanted))[0]

    def better(self, wanted: Tensor, method: Callable[[Tensor], Tensor] | None) -> None:
        """Keep margins that are higher than those known; no method means intervals."""
        if method is None:
            found = by_intervals(self.graph, self.bounds, self.labels[self.open])
        else:
            found = torch.full(wanted.shape, -torch.inf, dtype=torch.float64)
            found[wanted] = method(wanted)
        self.margin[self.open] = torch.maximum(self.margin[self.open], found)

    def drop(self, method: Decided) -> None:
        """Certified samples leave."""
        self.leave(self.open[(self.margin[self.open] > 0).all(1)], method)

    def leave(self, samples: Tensor, method: Decided) -> None:
        """Take samples out of the open ones, with what decided them."""
        for sample in samples.tolist():
            self.method[sample] = method
        staying = ~torch.isin(self.open, samples)
        if hasattr(self, "bounds"):
            self.bounds = pick(self.bounds, staying.nonzero().flatten())
        self.open = self.open[staying]

    def broken(self, sample: int, example: Tensor) -> None:
        """A counterexample decides a sample."""
        self.examples[sample] = example
        self.leave(torch.tensor([sample]), "counterexample")


def pick(bounds: Bounds, which: Tensor) -> Bounds:
    """Copies of the bounds of some samples."""
    box = {place: (low[which], high[which]) for place, (low, high) in bounds.box.items()}
    return Bounds(box, {place: lost[which] for place, lost in bounds.lost.items()})
