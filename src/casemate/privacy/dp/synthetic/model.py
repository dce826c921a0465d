"""Distributions over records, products of potentials on a junction tree; which of them fits noisy marginals best.

Among all distributions over whole records whose marginals come as near to the noisy ones as possible, in squares that
count as much as their noise is small, the one of most entropy is a product of potentials. Mirror descent finds it: each
step moves the potentials against the slope, and belief propagation gives the marginals, exactly.

Reference:
    McKenna, Sheldon and Miklau 2019, "Graphical-model based estimation and inference for differential privacy",
    algorithm 1 (arXiv 1901.09136).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from casemate.privacy.dp.synthetic.meter import Floats, Measured, Sets
from casemate.privacy.dp.synthetic.tree import JunctionTree, junction_tree

MOST: Final = 1000
"""Steps of the descent."""
STILL: Final = 1e-5
"""Share of the loss that a step has to gain; below it for ``PATIENCE`` steps in a row, the descent ends."""
PATIENCE: Final = 20
FASTEST: Final = 1e12
"""Length of a step, at most."""
FLOOR: Final = -700.0
"""Least logarithm of a probability, relative to the largest of its clique."""


@dataclass(frozen=True, eq=False)
class Model:
    """A distribution of records.

    Attributes:
        sizes: how many values each column has.
        tree: its cliques.
        potentials: of each clique, logarithms.
        total: how many records there seem to be.
        beliefs: of each clique, its marginal: probabilities.
    """

    sizes: tuple[int, ...]
    tree: JunctionTree
    potentials: tuple[Floats, ...]
    total: float
    beliefs: tuple[Floats, ...]

    def marginal(self, columns: Sets) -> Floats:
        """Expected number of records of each combination, for any columns (rising)."""
        home = self.tree.home(columns, self.sizes)
        if home >= 0:
            return self.total * summed(self.beliefs[home], self.tree.cliques[home], columns)
        factors = list(self._conditionals(columns))
        left = {each for scope, _ in factors for each in scope} - set(columns)
        while left:  # each turn sums one column out
            column = min(left, key=lambda at: self._joined(factors, at))
            left.discard(column)
            touched = [each for each in factors if column in each[0]]
            factors = [each for each in factors if column not in each[0]]
            scope, values = _product(touched)
            factors.append((rest := tuple(each for each in scope if each != column), summed(values, scope, rest)))
        scope, values = _product([((), np.array(self.total)), *factors])
        return values

    def _joined(self, factors: list[tuple[Sets, Floats]], column: int) -> int:
        scopes = {each for scope, _ in factors if column in scope for each in scope}
        return math.prod(self.sizes[each] for each in scopes)

    def _conditionals(self, columns: Sets) -> list[tuple[Sets, Floats]]:
        """Cliques given their separators, of that part of the tree on which these columns depend."""
        needed, found = set(columns), list[tuple[Sets, Floats]]()
        for place in reversed(range(len(self.tree.cliques))):
            clique, separator = self.tree.cliques[place], self.tree.separators[place]
            own = set(clique) - set(separator)
            if not own & needed:
                continue
            keep = tuple(each for each in clique if each in needed or each in separator)
            needed |= set(separator)
            belief = summed(self.beliefs[place], clique, keep)
            given = summed(belief, keep, separator)
            found.append((keep, belief / np.maximum(spread(given, separator, keep), 1e-300)))
        return found


def fit(sizes: Sequence[int], measured: Sequence[Measured], start: Model | None = None, most: int = MOST) -> Model:
    """The distribution that fits noisy marginals best.

    Args:
        sizes: how many values each column has.
        measured: marginals with noise.
        start: where to begin; its cliques need not be the same.
        most: steps.
    """
    tree = junction_tree([each.columns for each in measured], sizes)
    total = estimated_total(measured)
    homes = [tree.home(each.columns, sizes) for each in measured]
    potentials = _started(tree, sizes, start)
    messages, losses = Messages(tree, sizes), _Losses(tree, homes, measured, total)
    beliefs = messages(potentials)
    loss, slopes = losses(beliefs)
    steepest = max(float(np.abs(each).max()) for each in slopes)
    rate, still = min(1 / steepest, FASTEST) if steepest else FASTEST, 0
    for _ in range(most):
        moved = [old - rate * slope for old, slope in zip(potentials, slopes, strict=True)]
        reached = messages(moved)
        lower, steeper = losses(reached)
        gain = sum(np.vdot(slope, old - new) for slope, old, new in zip(slopes, beliefs, reached, strict=True))
        if loss - lower < 0.5 * gain * total or not math.isfinite(lower):
            rate /= 2
            if rate < 1e-30:
                break
            continue
        still = still + 1 if loss - lower < STILL * loss else 0
        potentials, beliefs, loss, slopes = moved, reached, lower, steeper
        rate = min(1.25 * rate, FASTEST)
        if still >= PATIENCE:
            break
    return Model(tuple(sizes), tree, tuple(potentials), total, tuple(beliefs))


def _started(tree: JunctionTree, sizes: Sequence[int], start: Model | None) -> list[Floats]:
    """Potentials to begin with: those of another model, where its cliques find a place, else none."""
    potentials = [np.zeros(tuple(sizes[each] for each in clique)) for clique in tree.cliques]
    places = [tree.home(clique, sizes) for clique in start.tree.cliques] if start else []
    if start is None or min(places) < 0:  # a smaller clique than before cannot hold what it knew
        return potentials
    for place, clique, values in zip(places, start.tree.cliques, start.potentials, strict=True):
        potentials[place] = potentials[place] + spread(values, clique, tree.cliques[place])
    return potentials


class Messages:
    """Belief propagation on a tree: from potentials to the marginals of all cliques, as probabilities.

    Which axes are summed and into which shapes messages go is worked out once.
    """

    def __init__(self, tree: JunctionTree, sizes: Sequence[int]) -> None:
        self.parents = tree.parents
        self.up: list[tuple[int, ...]] = []
        self.down: list[tuple[int, ...]] = []
        self.into_parent: list[tuple[int, ...]] = []
        self.into_own: list[tuple[int, ...]] = []
        for clique, parent, separator in zip(tree.cliques, tree.parents, tree.separators, strict=True):
            above = tree.cliques[max(parent, 0)]
            self.up.append(_others(clique, separator))
            self.down.append(_others(above, separator))
            self.into_parent.append(tuple(sizes[each] if each in separator else 1 for each in above))
            self.into_own.append(tuple(sizes[each] if each in separator else 1 for each in clique))

    def __call__(self, potentials: Sequence[Floats]) -> list[Floats]:
        """Messages up the tree and down again."""
        beliefs = list(potentials)
        sent: list[Floats] = [np.zeros(())] * len(beliefs)
        for place in range(len(beliefs) - 1, 0, -1):
            parent = self.parents[place]
            sent[place] = _log_summed(beliefs[place], self.up[place])
            beliefs[parent] = beliefs[parent] + sent[place].reshape(self.into_parent[place])
        for place in range(1, len(beliefs)):
            down = _log_summed(beliefs[self.parents[place]], self.down[place]) - sent[place]
            beliefs[place] = beliefs[place] + down.reshape(self.into_own[place])
        found = []
        for belief in beliefs:
            values = np.exp(belief - belief.max())
            found.append(values / values.sum())
        return found


class _Losses:
    """Half of the weighted squares by which marginals miss, and their slope in the expected counts of each clique."""

    def __init__(self, tree: JunctionTree, homes: list[int], measured: Sequence[Measured], total: float) -> None:
        self.total = total
        self.parts = []
        for home, each in zip(homes, measured, strict=True):
            clique, shape = tree.cliques[home], iter(each.counts.shape)
            onto = tuple(next(shape) if column in each.columns else 1 for column in clique)
            self.parts.append((home, _others(clique, each.columns), onto, each.counts, each.precision))

    def __call__(self, beliefs: list[Floats]) -> tuple[float, list[Floats]]:
        loss, slopes = 0.0, [np.zeros_like(each) for each in beliefs]
        for home, out, onto, counts, precision in self.parts:
            off = self.total * beliefs[home].sum(axis=out) - counts
            weighted = precision * off
            loss += float(np.vdot(weighted, off)) / 2
            slopes[home] += weighted.reshape(onto)
        return loss, slopes


def estimated_total(measured: Sequence[Measured]) -> float:
    """How many records there seem to be: sums of marginals, each counting as much as its noise is small."""
    weights = np.array([1 / (1 / each.precision).sum() for each in measured])
    sums = np.array([each.counts.sum() for each in measured])
    return max(float((weights * sums).sum() / weights.sum()), 1.0)


def summed(values: Floats, columns: Sets, kept: Sets) -> Floats:
    """Sum over all columns that are not kept."""
    return np.asarray(values.sum(axis=_others(columns, kept)))


def spread(values: Floats, columns: Sets, onto: Sets) -> Floats:
    """The same values in a shape that goes with more columns."""
    sizes = iter(values.shape)
    return values.reshape(tuple(next(sizes) if each in columns else 1 for each in onto))


def _others(columns: Sets, kept: Sets) -> tuple[int, ...]:
    """Axes of the columns that are not kept."""
    return tuple(at for at, each in enumerate(columns) if each not in kept)


def _log_summed(values: Floats, out: tuple[int, ...]) -> Floats:
    if not out:
        return values
    most = values.max(axis=out, keepdims=True)
    sums = np.log(np.exp(np.maximum(values - most, FLOOR)).sum(axis=out))
    return np.asarray(sums + most.reshape(sums.shape))


def _product(factors: list[tuple[Sets, Floats]]) -> tuple[Sets, Floats]:
    scope = tuple(sorted({each for columns, _ in factors for each in columns}))
    values = np.ones(())
    for columns, factor in factors:
        values = values * spread(factor, columns, scope)
    return scope, values
