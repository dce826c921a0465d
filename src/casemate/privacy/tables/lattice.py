"""Exact search for the node of the full-domain lattice that loses least among those that hold.

A node is a level for each quasi-identifier; the records of classes for which a model fails are suppressed, and there
may be so many. The open node with the least bound is next. From it a chain of least bounds goes up, and the lowest
valid node of the chain is looked for by halving (Kohlmayer et al., Flash, PASSAT 2012), because a node high up says
more:

- where it is valid, its loss prunes all nodes with a bound that is no less;
- its own bound holds for all nodes above it;
- where it is hopeless, so is all below it. Hopeless is a node in which more records than may be suppressed are in
  classes that fail a growing condition (see ``models``), or a class that cannot be suppressed fails one, or, when
  nothing may be suppressed and the models are merging, any node that is not valid.

What is neither pruned nor hopeless is looked at, so the result is an optimum for every model and loss. Each round looks
at one open node at least, and there are finitely many: the search ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from casemate.core.errors import UsageError
from casemate.privacy.tables.coding import Coded
from casemate.privacy.tables.groups import Classes, Grouping, Node
from casemate.privacy.tables.hierarchies import Flags
from casemate.privacy.tables.losses import Loss
from casemate.privacy.tables.models import ROUNDING, Model

MOST_NODES: Final = 20_000_000
"""Bounds of so many nodes are held."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """What a search found.

    Attributes:
        node: the level of each quasi-identifier; None if no node that was looked at is valid.
        loss: what it loses; infinite without a node.
        suppressed: records in classes that fail.
        classes: how many classes are released.
        looked: nodes that were grouped.
        nodes: nodes there are.
        proven: whether no node loses less (or none is valid, if there is none); else time was up.
        bound: no valid node loses less than this.
    """

    node: Node | None
    loss: float
    suppressed: int
    classes: int
    looked: int
    nodes: int
    proven: bool
    bound: float


@dataclass(frozen=True, eq=False)
class Verdict:
    """What one node is.

    Attributes:
        held: (classes,) which classes hold; of a hopeless node, which fulfil the growing conditions.
        suppressed: records in the others.
        valid: whether they may be suppressed.
        hopeless: whether no node below can be valid.
    """

    held: Flags
    suppressed: int
    valid: bool
    hopeless: bool


def judge(classes: Classes, models: Sequence[Model], limit: int) -> Verdict:
    """Whether a node is valid with up to ``limit`` records suppressed, and whether any below it can be."""
    absent = classes.inside == 0
    if limit < int(classes.inside.sum()) or any(model.binding for model in models):
        held, broken = _all(classes, models, absent, "may")
        suppressed = int(classes.inside[~held].sum())
        if broken or suppressed > limit:  # what follows is stricter, and need not be asked
            return Verdict(held, suppressed, valid=False, hopeless=True)
    held, broken = _all(classes, models, absent, "holds")
    suppressed = int(classes.inside[~held].sum())
    valid = suppressed <= limit and not broken
    hopeless = not valid and limit == 0 and all(model.merging for model in models)
    return Verdict(held, suppressed, valid, hopeless)


def _all(classes: Classes, models: Sequence[Model], absent: Flags, ask: Literal["may", "holds"]) -> tuple[Flags, bool]:
    """Which classes fulfil a condition of all models, and whether one fails that cannot be suppressed."""
    held, broken = np.ones(len(classes), dtype=bool), False
    for model in models:
        fulfilled: Flags = getattr(model, ask)(classes)
        held &= fulfilled
        broken |= model.binding and bool((absent & ~fulfilled).any())
    return held, broken


def search(
    coded: Coded,
    models: Sequence[Model],
    loss: Loss,
    limit: int = 0,
    seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Optimum:
    """Find the node that loses least.

    Args:
        coded: the table.
        models: all must hold in each class that is released.
        loss: what is minimized.
        limit: so many records may be suppressed.
        seconds: of search at most; the first node is looked at anyway.
        clock: tells the time in seconds.

    Raises:
        UsageError: there are more nodes than fit, no models, or a limit that is no number of records.
    """
    if not models:
        raise UsageError("there is no privacy model", next_step="give KAnonymity(5), for example")
    if limit < 0:
        raise UsageError(f"{limit} records cannot be suppressed", next_step="give a limit of 0 or more")
    nodes = int(np.prod([height + 1 for height in coded.heights], dtype=np.float64))
    if nodes > MOST_NODES:
        raise UsageError(
            f"there are {nodes:,} ways to generalize {len(coded.heights)} columns",
            cause=f"the exact search holds {MOST_NODES:,} at most",
            next_step="use Mondrian, fewer quasi-identifiers or lower hierarchies",
        )
    return _Search(coded, models, loss, limit).run(clock, clock() + seconds if seconds is not None else np.inf)


class _Search:
    """The state: bounds of all nodes, those that need no look being infinite."""

    def __init__(self, coded: Coded, models: Sequence[Model], loss: Loss, limit: int) -> None:
        self.models, self.limit = models, limit
        self.measure = loss.over(coded)
        self.bound = self.measure.floor.copy()
        self.grouping = Grouping(coded)
        self.best = Optimum(None, np.inf, 0, 0, 0, self.bound.size, proven=False, bound=0.0)
        self.looked = 0

    def run(self, clock: Callable[[], float], end: float) -> Optimum:
        while True:
            start = self._next()
            least = float(self.bound[start])
            proven = not least < self.best.loss
            if proven or (self.looked and clock() >= end):
                self._descend(clock, end)
                found = self.best
                bound = found.loss if proven else least
                return Optimum(
                    found.node, found.loss, found.suppressed, found.classes, self.looked, found.nodes, proven, bound
                )
            self._halve(self._chain(start), clock, end)

    def _descend(self, clock: Callable[[], float], end: float) -> None:
        """Of what loses the same, suppress less, then generalize less: first the top, then down from the best node."""
        if self.best.suppressed and clock() < end:
            self._look(tuple(size - 1 for size in self.bound.shape))
        column = 0
        while self.best.node is not None and column < len(self.best.node) and clock() < end:
            node = self.best.node  # it sinks, or the next column is tried: this ends
            lower = (*node[:column], node[column] - 1, *node[column + 1 :])
            if node[column]:
                self._look(lower)
            column = 0 if self.best.node != node else column + 1

    def _kinder(self, node: Node, loss: float, suppressed: int) -> bool:
        """Whether a node is to be preferred to the best one, though it loses the same."""
        if self.best.node is None or loss > self.best.loss * (1 + ROUNDING):
            return False
        fewer = suppressed < self.best.suppressed
        return fewer or (suppressed == self.best.suppressed and _below(node, self.best.node))

    def _next(self) -> Node:
        return tuple(int(at) for at in np.unravel_index(int(self.bound.argmin()), self.bound.shape))

    def _chain(self, node: Node) -> list[Node]:
        """Up from a node through open nodes with the least bounds."""
        chain = [node]
        while True:  # a level rises each time
            above = [
                (*node[:at], level + 1, *node[at + 1 :])
                for at, level in enumerate(node)
                if level + 1 < self.bound.shape[at]
            ]
            above = [each for each in above if self.bound[each] < self.best.loss]
            if not above:
                return chain
            node = min(above, key=self.bound.__getitem__)
            chain.append(node)

    def _halve(self, chain: list[Node], clock: Callable[[], float], end: float) -> None:
        """Look at nodes of a chain, one at least, until its lowest valid one is found."""
        while chain:  # at least the middle one is taken out each time
            middle = len(chain) // 2
            chain = chain[middle + 1 :] if self._look(chain[middle]) else chain[:middle]
            chain = [node for node in chain if self.bound[node] < self.best.loss]
            if clock() >= end:
                return

    def _look(self, node: Node) -> bool:
        """Look at a node and close it; whether it is hopeless."""
        classes = self.grouping.classes(node)
        verdict = judge(classes, self.models, self.limit)
        self.looked += 1
        above = self.bound[tuple(slice(level, None) for level in node)]
        np.maximum(above, self.measure.bound(node, classes), out=above)
        if verdict.valid and self.measure.least(verdict.suppressed) * (1 - ROUNDING) <= self.best.loss:
            value = self.measure.value(node, classes, verdict.held)
            if value < self.best.loss or self._kinder(node, value, verdict.suppressed):
                kept = int((verdict.held & (classes.inside > 0)).sum())
                self.best = Optimum(node, value, verdict.suppressed, kept, 0, self.best.nodes, proven=False, bound=0.0)
        if verdict.hopeless:
            self.bound[tuple(slice(0, level + 1) for level in node)] = np.inf
        self.bound[node] = np.inf
        return verdict.hopeless


def _below(node: Node, other: Node) -> bool:
    """Whether a node generalizes no column more than another."""
    return all(level <= most for level, most in zip(node, other, strict=True))
