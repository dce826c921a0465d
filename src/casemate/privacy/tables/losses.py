"""What a generalization costs, and bounds of it that are known before it is looked at.

Every bound grows with generalization and with nothing else, so the bound of a node holds for all nodes above it: that is
what the search prunes by. Losses that count suppressed records are not monotone themselves, since what is generalized
further may suppress less. The other way round, records that fail a growing condition at a node fail it at every node below,
which bounds those nodes as well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np

from casemate.privacy.tables.coding import Coded
from casemate.privacy.tables.groups import Classes, Node
from casemate.privacy.tables.hierarchies import Flags, Floats


class Measure(ABC):
    """A loss over one table.

    Attributes:
        floor: (levels of column 1, levels of column 2, ...) a bound of each node before it is looked at.
    """

    floor: Floats

    def bound(self, node: Node, classes: Classes) -> float:
        """What the node and all above it lose at least."""
        return float(self.floor[node])

    def below(self, node: Node, classes: Classes, lost: Flags) -> Floats:
        """Bounds of the nodes from the bottom up to this one, (level 1 + 1, level 2 + 1, ...), when classes are lost.

        Args:
            node: the node.
            classes: its classes.
            lost: (classes,) those whose records are suppressed in every node below.
        """
        return self.floor[tuple(slice(0, level + 1) for level in node)]

    @abstractmethod
    def value(self, node: Node, classes: Classes, held: Flags) -> float:
        """What the node loses when only the classes that hold are kept."""


class Loss(ABC):
    """A way to count what is lost; less is better."""

    @abstractmethod
    def over(self, coded: Coded) -> Measure:
        """The loss over a table."""


@dataclass(frozen=True)
class Entropy(Loss):
    """Non-uniform entropy: bits needed to tell a record's value from its label, summed over records and columns.

    De Waal & Willenborg, Information loss through global recoding and local suppression, Netherlands Official Statistics
    14, 1999; Gionis & Tassa, k-anonymization with minimal loss of information, TKDE 21, 2009.

    Attributes:
        suppressed: whether the entropy of suppressed records, whose labels become one, is added; without, the loss is
            that of the generalization alone.
    """

    suppressed: bool = True

    def over(self, coded: Coded) -> Measure:
        """The loss over a table."""
        return _Entropy(coded, self.suppressed)


@dataclass(frozen=True)
class DomainShare(Loss):
    """Iyengar's loss metric: the share of a column's values that a label stands for, from 0 to 1, 1 if suppressed.

    Iyengar, Transforming data to satisfy privacy constraints, KDD 2002, section 4.

    Attributes:
        mean: how columns are put together: arithmetic, or geometric of 1 + loss, less 1.
    """

    mean: Literal["geometric", "arithmetic"] = "geometric"

    def over(self, coded: Coded) -> Measure:
        """The loss over a table."""
        return _DomainShare(coded, self.mean)


@dataclass(frozen=True)
class Discernibility(Loss):
    """Each record costs the size of its class, a suppressed one that of the table.

    Bayardo & Agrawal, Data privacy through optimal k-anonymization, ICDE 2005.

    Attributes:
        suppressed: whether suppressed records cost the size of the table; without, that of their class.
    """

    suppressed: bool = True

    def over(self, coded: Coded) -> Measure:
        """The loss over a table."""
        return _Discernibility(coded, self.suppressed)


@dataclass(frozen=True)
class AverageClassSize(Loss):
    """Records per class, all suppressed ones being one class (AECS).

    LeFevre, DeWitt & Ramakrishnan, Mondrian multidimensional k-anonymity, ICDE 2006, without the division by k.
    """

    def over(self, coded: Coded) -> Measure:
        """The loss over a table."""
        return _AverageClassSize(coded)


@dataclass(frozen=True)
class Precision(Loss):
    """1 less Sweeney's precision: the mean level over the height, 1 for suppressed records.

    Sweeney, Achieving k-anonymity privacy protection using generalization and suppression, IJUFKS 10(5), 2002.
    """

    def over(self, coded: Coded) -> Measure:
        """The loss over a table."""
        return _Precision(coded)


class _Entropy(Measure):
    def __init__(self, coded: Coded, suppressed: bool) -> None:
        self.coded, self.suppressed = coded, suppressed
        columns = []
        for codes, hierarchy in zip(coded.codes, coded.hierarchies, strict=True):
            leaves = np.bincount(codes, weights=coded.inside, minlength=len(hierarchy.values))
            labels = [np.bincount(groups, weights=leaves)[groups] for groups in hierarchy.groups]
            columns.append(np.array([_bits(leaves, label) for label in labels]))
        self.floor = _outer(columns, np.add)

    def below(self, node: Node, classes: Classes, lost: Flags) -> Floats:
        known = super().below(node, classes, lost)
        if not self.suppressed or not lost.any():
            return known
        # labels below tell more apart, and so do more records: both add bits
        return known + sum(self._suppressed(node, classes, lost))

    def value(self, node: Node, classes: Classes, held: Flags) -> float:
        loss = float(self.floor[node])
        lost = ~held & (classes.inside > 0)
        return loss + sum(self._suppressed(node, classes, lost)) if self.suppressed and lost.any() else loss

    def _suppressed(self, node: Node, classes: Classes, lost: Flags) -> list[float]:
        """Of each column, the bits that tell the labels of suppressed records apart."""
        count, rows = classes.inside[lost], classes.rows[lost]
        bits = []
        for codes, hierarchy, level in zip(self.coded.codes, self.coded.hierarchies, node, strict=True):
            labels = np.bincount(hierarchy.groups[level][codes[rows]], weights=count)
            bits.append(_bits(labels, np.full(len(labels), float(count.sum()))))
        return bits


class _DomainShare(Measure):
    def __init__(self, coded: Coded, mean: str) -> None:
        self.coded = coded
        self.mean = _geometric if mean == "geometric" else _arithmetic
        self._columns = []
        for codes, hierarchy in zip(coded.codes, coded.hierarchies, strict=True):
            shares = [share[groups[codes]] for share, groups in zip(hierarchy.shares, hierarchy.groups, strict=True)]
            self._columns.append(np.array([float(share @ coded.inside) for share in shares]))
        scaled = [self._scale(sums, at) for at, sums in enumerate(self._columns)]
        self.floor = self.mean(scaled)

    def _scale(self, sums: Floats, column: int) -> Floats:
        """From 0, where every value stands for itself, to 1, where it stands for nothing."""
        records, size = self.coded.records, len(self.coded.hierarchies[column].values)
        least = records / size
        span = records - least
        return np.maximum(sums - least, 0) / span if span > 0 else np.zeros_like(sums)

    def below(self, node: Node, classes: Classes, lost: Flags) -> Floats:
        if not lost.any():
            return super().below(node, classes, lost)
        added = self._added(node, classes, lost)  # labels below stand for less still
        scaled = [
            self._scale(sums[: level + 1] + more, at)
            for at, (sums, level, more) in enumerate(zip(self._columns, node, added, strict=True))
        ]
        return self.mean(scaled)

    def value(self, node: Node, classes: Classes, held: Flags) -> float:
        lost = ~held & (classes.inside > 0)
        if not lost.any():
            return float(self.floor[node])
        added = self._added(node, classes, lost)
        scaled = [
            self._scale(sums[level : level + 1] + more, at)
            for at, (sums, level, more) in enumerate(zip(self._columns, node, added, strict=True))
        ]
        return float(self.mean(scaled).item())

    def _added(self, node: Node, classes: Classes, lost: Flags) -> list[float]:
        """Of each column, what suppressed records cost more than their labels."""
        count, rows = classes.inside[lost], classes.rows[lost]
        added = []
        for codes, hierarchy, level in zip(self.coded.codes, self.coded.hierarchies, node, strict=True):
            share = hierarchy.shares[level][hierarchy.groups[level][codes[rows]]]
            added.append(float(((1 - share) * count).sum()))
        return added


class _Discernibility(Measure):
    def __init__(self, coded: Coded, suppressed: bool) -> None:
        self.suppressed, self.records = suppressed, coded.records
        self.floor = np.zeros([height + 1 for height in coded.heights])

    def bound(self, node: Node, classes: Classes) -> float:
        size = classes.inside.astype(np.float64)
        return float(size @ size)

    def value(self, node: Node, classes: Classes, held: Flags) -> float:
        size = classes.inside.astype(np.float64)
        return float(size @ np.where(held, size, self.records)) if self.suppressed else float(size @ size)

    def below(self, node: Node, classes: Classes, lost: Flags) -> Floats:
        known = super().below(node, classes, lost)
        return known + float(classes.inside[lost].sum()) * self.records if self.suppressed else known


class _AverageClassSize(Measure):
    def __init__(self, coded: Coded) -> None:
        self.records = coded.records
        self.floor = np.zeros([height + 1 for height in coded.heights])

    def bound(self, node: Node, classes: Classes) -> float:
        return self.records / int((classes.inside > 0).sum())

    def value(self, node: Node, classes: Classes, held: Flags) -> float:
        there = classes.inside > 0
        return self.records / (int((held & there).sum()) + bool((~held & there).any()))


class _Precision(Measure):
    def __init__(self, coded: Coded) -> None:
        self.records = coded.records
        self.floor = _outer([np.arange(height + 1) / max(height, 1) for height in coded.heights], np.add)
        self.floor /= len(coded.heights)

    def below(self, node: Node, classes: Classes, lost: Flags) -> Floats:
        share = int(classes.inside[lost].sum()) / self.records
        known: Floats = super().below(node, classes, lost) * (1 - share) + share
        return known

    def value(self, node: Node, classes: Classes, held: Flags) -> float:
        lost = int(classes.inside[~held].sum()) / self.records
        return float(self.floor[node]) * (1 - lost) + lost


Join = Callable[[Floats, Floats], Floats]


def _outer(columns: Sequence[Floats], join: Join) -> Floats:
    """Put one array a column together over all combinations of levels."""
    shaped = [
        each.reshape([-1 if at == axis else 1 for at in range(len(columns))]) for axis, each in enumerate(columns)
    ]
    return reduce(join, shaped)


def _geometric(columns: Sequence[Floats]) -> Floats:
    return _outer([(each + 1) ** (1 / len(columns)) for each in columns], np.multiply) - 1


def _arithmetic(columns: Sequence[Floats]) -> Floats:
    return _outer([each / len(columns) for each in columns], np.add)


def _bits(part: Floats, whole: Floats) -> float:
    """Bits to tell parts from wholes, over all records."""
    there = part > 0
    return float(-(part[there] * np.log2(part[there] / whole[there])).sum()) + 0.0
