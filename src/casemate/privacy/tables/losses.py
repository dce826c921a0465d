"""What a generalization costs, and bounds of it that are known before it is looked at.

Every bound grows with generalization and with nothing else, so the bound of a node holds for all nodes above it: that
is what the search prunes by. Losses that count suppressed records are not monotone themselves, since what is
generalized further may suppress less.
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
from casemate.privacy.tables.hierarchies import Flags, Floats, Whole


class Measure(ABC):
    """A loss over one table.

    Attributes:
        floor: (levels of column 1, levels of column 2, ...) a bound of each node before it is looked at.
    """

    floor: Floats

    def bound(self, node: Node, classes: Classes) -> float:
        """What the node and all above it lose at least."""
        return float(self.floor[node])

    def least(self, suppressed: int) -> float:
        """What is lost at least where so many records are suppressed, whatever the node."""
        return 0.0

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

    De Waal & Willenborg, Information loss through global recoding and local suppression, Netherlands Official
    Statistics 14, 1999; Gionis & Tassa, k-anonymization with minimal loss of information, TKDE 21, 2009.

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
            leaves = _counted(codes, coded.inside, len(hierarchy.values))
            labels = [_counted(groups, leaves)[groups] for groups in hierarchy.groups]
            columns.append(np.array([_bits(leaves, label) for label in labels]))
        self.floor = _outer(columns, np.add)

    def value(self, node: Node, classes: Classes, held: Flags) -> float:
        loss = float(self.floor[node])
        lost = ~held & (classes.inside > 0)
        if self.suppressed and lost.any():
            count, rows = classes.inside[lost], classes.rows[lost]
            for codes, hierarchy, level in zip(self.coded.codes, self.coded.hierarchies, node, strict=True):
                labels = _counted(hierarchy.groups[level][codes[rows]], count)
                loss += _bits(labels, np.full(len(labels), float(count.sum())))
        return loss


class _DomainShare(Measure):
    def __init__(self, coded: Coded, mean: str) -> None:
        self.coded, self.geometric = coded, mean == "geometric"
        sizes = np.array([len(each.values) for each in coded.hierarchies])
        self._least = coded.records / sizes  # where every value stands for itself
        self._span = np.where(sizes > 1, coded.records - self._least, 1)
        self._sums, self._rest = [], []
        for codes, hierarchy in zip(coded.codes, coded.hierarchies, strict=True):
            leaves = _counted(codes, coded.inside, len(hierarchy.values))
            shares = [share[groups] for share, groups in zip(hierarchy.shares, hierarchy.groups, strict=True)]
            self._sums.append(np.array([share @ leaves for share in shares]))
            self._rest.append([1 - share for share in shares])
        scaled = [self._scale(sums, at) for at, sums in enumerate(self._sums)]
        if self.geometric:
            self.floor = _outer([(each + 1) ** (1 / len(scaled)) for each in scaled], np.multiply) - 1
        else:
            self.floor = _outer([each / len(scaled) for each in scaled], np.add)

    def _scale(self, sums: Floats, columns: int | slice) -> Floats:
        """From 0, where every value stands for itself, to 1, where it stands for nothing."""
        scaled: Floats = np.maximum(sums - self._least[columns], 0) / self._span[columns]
        return scaled

    def least(self, suppressed: int) -> float:
        # a suppressed record costs 1 in each column, but those of one value have nothing to lose
        share, columns = (
            suppressed / self.coded.records,
            np.mean([len(each.values) > 1 for each in self.coded.hierarchies]),
        )
        return float((1 + share) ** columns - 1 if self.geometric else share * columns)

    def value(self, node: Node, classes: Classes, held: Flags) -> float:
        lost = ~held & (classes.inside > 0)
        if not lost.any():
            return float(self.floor[node])
        count, rows = classes.inside[lost].astype(np.float64), classes.rows[lost]
        sums = np.array([each[level] for each, level in zip(self._sums, node, strict=True)])
        for at, (codes, rest, level) in enumerate(zip(self.coded.codes, self._rest, node, strict=True)):
            if rest[level].any():
                sums[at] += rest[level][codes[rows]] @ count
        scaled = self._scale(sums, slice(None))
        return float(np.prod(scaled + 1) ** (1 / len(scaled)) - 1 if self.geometric else scaled.mean())


class _Discernibility(Measure):
    def __init__(self, coded: Coded, suppressed: bool) -> None:
        self.suppressed, self.records = suppressed, coded.records
        self.floor = np.zeros([height + 1 for height in coded.heights])

    def bound(self, node: Node, classes: Classes) -> float:
        size = classes.inside.astype(np.float64)
        return float(size @ size)

    def least(self, suppressed: int) -> float:
        return float(suppressed) * self.records if self.suppressed else 0.0

    def value(self, node: Node, classes: Classes, held: Flags) -> float:
        size = classes.inside.astype(np.float64)
        return float(size @ np.where(held, size, self.records)) if self.suppressed else float(size @ size)


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

    def least(self, suppressed: int) -> float:
        return suppressed / self.records

    def value(self, node: Node, classes: Classes, held: Flags) -> float:
        lost = int(classes.inside[~held].sum()) / self.records
        return float(self.floor[node]) * (1 - lost) + lost


def _outer(columns: Sequence[Floats], join: Callable[[Floats, Floats], Floats]) -> Floats:
    """Put one array a column together over all combinations of levels."""
    shaped = [
        each.reshape([-1 if at == axis else 1 for at in range(len(columns))]) for axis, each in enumerate(columns)
    ]
    return reduce(join, shaped)


def _counted(codes: Whole, weights: Whole | Floats, least: int = 0) -> Floats:
    """Sums of weights by code."""
    return np.asarray(np.bincount(codes, weights=weights, minlength=least), dtype=np.float64)


def _bits(part: Floats, whole: Floats) -> float:
    """Bits to tell parts from wholes, over all records."""
    there = part > 0
    return float(-(part[there] * np.log2(part[there] / whole[there])).sum()) + 0.0
