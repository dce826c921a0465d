"""Models that compare a sensitive attribute in each class with the whole table: t-closeness and beta-likeness."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from casemate.core.errors import UsageError
from casemate.privacy.tables.coding import Histogram
from casemate.privacy.tables.groups import Classes
from casemate.privacy.tables.hierarchies import Flags, Floats, Hierarchy, Whole
from casemate.privacy.tables.models import ROUNDING, Model, add_up, histogram

BLOCK: Final = 1 << 21
"""So many cells of classes by values are held at a time."""


@dataclass(frozen=True)
class TCloseness(Model):
    """The distribution of a sensitive attribute in each class is at most t from that in the table, as earth is moved.

    Li, Li & Venkatasubramanian, t-closeness: privacy beyond k-anonymity and l-diversity, ICDE 2007.

    Attributes:
        of: the sensitive attribute.
        t: largest distance, from 0 to 1.
    """

    of: str
    t: float

    growing = False
    merging = True  # the distance is convex: that of a mixture is at most the largest of its parts'

    def __post_init__(self) -> None:
        if not 0 <= self.t <= 1:
            raise UsageError(f"t = {self.t} is no distance", next_step="give a t between 0 and 1")

    @property
    def attribute(self) -> str:
        """The sensitive attribute."""
        return self.of

    @abstractmethod
    def distances(self, classes: Classes) -> Floats:
        """(classes,) distance of each from the table."""

    def holds(self, classes: Classes) -> Flags:
        """(classes,) whether the distance is small enough."""
        return self.distances(classes) <= self.t + ROUNDING

    @property
    def statement(self) -> str:
        """What holds."""
        return f"{self.t:g}-closeness ({type(self).__name__}): rows that agree have {self.of!r} as it is in the table"

    @property
    def limit(self) -> str:
        """What it leaves open."""
        return f"what the whole table says of {self.of!r} is said of each row; rare values may become much likelier"


@dataclass(frozen=True)
class EqualDistance(TCloseness):
    """t-closeness where all values are equally far from each other: half the sum of all differences."""

    def distances(self, classes: Classes) -> Floats:
        """(classes,) total variation distance."""
        entries = histogram(classes, self.of)
        share, whole = _shares(entries, classes), entries.whole[entries.value]
        return 1 - add_up(entries, np.minimum(share, whole), classes)

    def may(self, classes: Classes) -> Flags:
        """(classes,) whether the values that are not there are rare enough: each of their shares must be moved."""
        return _absent(histogram(classes, self.of), classes) <= self.t + ROUNDING


@dataclass(frozen=True)
class OrderedDistance(TCloseness):
    """t-closeness where values lie one step apart in an order, the ends at a distance of 1.

    Attributes:
        order: the values as text, in their order; numbers by size and texts by code point without it.
    """

    order: tuple[str, ...] = ()

    def distances(self, classes: Classes) -> Floats:
        """(classes,) mean of the differences of the cumulated shares, over the steps."""
        entries = histogram(classes, self.of)
        place = _order(entries.labels, self.order)
        values = max(len(self.order), len(place))
        steps = max(values - 1, 1)
        whole = np.zeros(values)
        whole[place] = entries.whole

        def measure(shares: Floats) -> Floats:
            moved: Floats = np.abs(np.cumsum(shares - whole, axis=1)).sum(axis=1) / steps
            return moved

        return _by_blocks(entries, classes, place, values, measure)


@dataclass(frozen=True)
class HierarchicalDistance(TCloseness):
    """t-closeness where two values are as far apart as the level at which they share a label, over the height.

    Attributes:
        hierarchy: of the sensitive attribute; values of it that the table has not are counted as 0.
    """

    hierarchy: Hierarchy = field(kw_only=True)

    def distances(self, classes: Classes) -> Floats:
        """(classes,) what is moved across each label, times its level, over the height."""
        entries = histogram(classes, self.of)
        tree = self.hierarchy.rooted()
        known = {value: place for place, value in enumerate(tree.values)}
        place = np.array([known.get(label, -1) for label in entries.labels], dtype=np.int64)
        if (place < 0).any():
            raise UsageError(
                f"{int((place < 0).sum())} values of {self.of!r} are not in its hierarchy", next_step="add them to it"
            )
        whole = np.zeros(len(tree.values))
        whole[place] = entries.whole
        height = max(tree.height, 1)

        def measure(shares: Floats) -> Floats:
            extra, moved = shares - whole, np.zeros(len(shares))
            for level in range(1, tree.height + 1):
                up = _parents(tree.groups[level - 1], tree.groups[level])
                order = np.argsort(up, kind="stable")
                starts = np.flatnonzero(np.diff(up[order], prepend=-1))
                children = extra[:, order]
                more = np.add.reduceat(np.maximum(children, 0), starts, axis=1)
                less = np.add.reduceat(np.maximum(-children, 0), starts, axis=1)
                moved += level / height * np.minimum(more, less).sum(axis=1)
                extra = more - less
            return moved

        return _by_blocks(entries, classes, place, len(tree.values), measure)

    def may(self, classes: Classes) -> Flags:
        """(classes,) whether the values that are not there are rare enough, each moved by one level at least."""
        height = max(self.hierarchy.rooted().height, 1)
        return _absent(histogram(classes, self.of), classes) <= self.t * height + ROUNDING


@dataclass(frozen=True)
class BetaLikeness(Model):
    """No value is likelier in a class than in the table by more than a factor of 1 + beta.

    Cao & Karras, Publishing microdata with a robust privacy guarantee, PVLDB 5(11), 2012: basic beta-likeness, and with
    ``enhanced`` the stricter bound min(beta, -log of the share in the table), which keeps frequent values from
    certainty.

    Attributes:
        of: the sensitive attribute.
        beta: largest relative gain.
        enhanced: whether the stricter bound holds.
    """

    of: str
    beta: float
    enhanced: bool = False

    growing = False
    merging = True  # a share in a mixture is at most the largest of its parts'

    def __post_init__(self) -> None:
        if not self.beta > 0 or not np.isfinite(self.beta):
            raise UsageError(f"beta = {self.beta} is no gain", next_step="give a beta above 0")

    @property
    def attribute(self) -> str:
        """The sensitive attribute."""
        return self.of

    def _gain(self, entries: Histogram) -> Floats:
        """(entries,) largest gain of each."""
        whole = entries.whole[entries.value]
        return np.minimum(self.beta, -np.log(whole)) if self.enhanced else np.full(len(whole), float(self.beta))

    def holds(self, classes: Classes) -> Flags:
        """(classes,) whether no value gains too much."""
        entries = histogram(classes, self.of)
        whole = entries.whole[entries.value]
        gained = (_shares(entries, classes) - whole) / whole > self._gain(entries) + ROUNDING
        held: Flags = np.bincount(entries.owner[gained], minlength=len(classes)) == 0
        return held

    def may(self, classes: Classes) -> Flags:
        """(classes,) whether the values that are there can make up all of it."""
        entries = histogram(classes, self.of)
        most = add_up(entries, entries.whole[entries.value] * (1 + self._gain(entries)), classes)
        enough: Flags = most >= 1 - ROUNDING
        return enough

    @property
    def statement(self) -> str:
        """What holds."""
        kind = "enhanced" if self.enhanced else "basic"
        return (
            f"{kind} beta-likeness of {self.beta:g}: no value of {self.of!r} is likelier among rows that agree by more"
        )

    @property
    def limit(self) -> str:
        """What it leaves open."""
        return f"values of {self.of!r} may become rarer, and values that differ may mean the same"


def _shares(entries: Histogram, classes: Classes) -> Floats:
    """(entries,) share of each in its class."""
    total = add_up(entries, entries.count, classes)
    return entries.count / total[entries.owner]


def _absent(entries: Histogram, classes: Classes) -> Floats:
    """(classes,) share in the table of the values that a class does not hold."""
    return 1 - add_up(entries, entries.whole[entries.value], classes)


def _by_blocks(
    entries: Histogram, classes: Classes, place: Whole, values: int, measure: Callable[[Floats], Floats]
) -> Floats:
    """Ask for distances of some classes at a time, from their shares of each value laid out by ``place``."""
    order = np.argsort(entries.owner, kind="stable")
    owner, value, share = entries.owner[order], place[entries.value[order]], _shares(entries, classes)[order]
    size = max(BLOCK // values, 1)
    result = np.zeros(len(classes))
    for start in range(0, len(classes), size):
        stop = min(start + size, len(classes))
        low, high = np.searchsorted(owner, [start, stop])
        block = np.zeros((stop - start, values))
        block[owner[low:high] - start, value[low:high]] = share[low:high]
        result[start:stop] = measure(block)
    return result


def _order(labels: tuple[str, ...], order: tuple[str, ...]) -> Whole:
    if not order:
        return np.arange(len(labels))
    known = {value: place for place, value in enumerate(order)}
    if len(known) < len(order) or not known.keys() >= set(labels):
        raise UsageError(
            "the order of the sensitive values is not complete", next_step="name each value that the column holds once"
        )
    return np.array([known[label] for label in labels], dtype=np.int64)


def _parents(finer: Whole, coarser: Whole) -> Whole:
    """(groups of the finer level,) the group of the coarser one that each belongs to."""
    up = np.empty(int(finer.max()) + 1, dtype=np.int64)
    up[finer] = coarser
    return up
