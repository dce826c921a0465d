"""l-diversity: each class holds several values of a sensitive attribute, none too often.

Machanavajjhala, Kifer, Gehrke & Venkitasubramaniam, l-diversity: privacy beyond k-anonymity, TKDD 1(1), 2007.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from casemate.core.errors import UsageError
from casemate.privacy.tables.coding import Histogram
from casemate.privacy.tables.groups import Classes
from casemate.privacy.tables.hierarchies import Flags, Floats, Whole
from casemate.privacy.tables.models import ROUNDING, Model, add_up, check_count, histogram


@dataclass(frozen=True)
class _Diversity(Model):
    """What the kinds of diversity share.

    Attributes:
        of: the sensitive attribute.
        l: how diverse each class is at least.
    """

    of: str
    l: float  # noqa: E741 the field's name

    growing = False
    merging = True

    def __post_init__(self) -> None:
        if not self.l >= 1 or not np.isfinite(self.l):
            raise UsageError(f"l = {self.l} is no diversity", next_step="give an l of at least 1")

    @property
    def attribute(self) -> str:
        """The sensitive attribute."""
        return self.of

    def may(self, classes: Classes) -> Flags:
        """(classes,) whether each has l values at all."""
        return _values(histogram(classes, self.of), classes) >= math.ceil(self.l)

    @property
    def limit(self) -> str:
        """What it leaves open."""
        return (
            f"values of {self.of!r} that differ may mean the same, and one may still be far likelier than in the table"
        )


@dataclass(frozen=True)
class DistinctDiversity(_Diversity):
    """At least l different values in each class."""

    growing = True

    def __post_init__(self) -> None:
        check_count("l", self.l)  # type: ignore[arg-type]

    def holds(self, classes: Classes) -> Flags:
        """(classes,) whether each has l values."""
        return self.may(classes)

    @property
    def statement(self) -> str:
        """What holds."""
        return f"distinct l = {self.l:g}: rows that agree have at least {self.l:g} values of {self.of!r}"


@dataclass(frozen=True)
class EntropyDiversity(_Diversity):
    """The entropy of the values in each class is at least log l, and there are at least l of them.

    Attributes:
        estimator: ``shannon`` takes shares for probabilities; ``grassberger`` corrects for few records (Grassberger,
            Entropy estimates from insufficient samplings, arXiv:physics/0307138), with G of the total in place of its
            logarithm, which makes a class of one value have no entropy.
    """

    estimator: Literal["shannon", "grassberger"] = "shannon"

    @property
    def merging(self) -> bool:  # type: ignore[override]
        """Entropy of a mixture is at least the least of its parts'; its corrected estimate need not be."""
        return self.estimator == "shannon"

    def holds(self, classes: Classes) -> Flags:
        """(classes,) whether the entropy is large enough."""
        entries = histogram(classes, self.of)
        total = add_up(entries, entries.count, classes)
        psi = np.log if self.estimator == "shannon" else grassberger
        parts = add_up(entries, entries.count * psi(entries.count), classes)
        present = np.maximum(total, 1)
        enough = parts <= total * (psi(present) - np.log(self.l)) + ROUNDING * total
        held: Flags = enough & self.may(classes)
        return held

    @property
    def statement(self) -> str:
        """What holds."""
        return f"entropy l = {self.l:g} ({self.estimator}): {self.of!r} has entropy log l or more among rows that agree"


@dataclass(frozen=True)
class RecursiveDiversity(_Diversity):
    """The most frequent value of each class is rarer than c times all from the l-th most frequent on.

    Attributes:
        c: the factor.
    """

    c: float

    def __post_init__(self) -> None:
        check_count("l", self.l)  # type: ignore[arg-type]
        if not self.c > 0 or not np.isfinite(self.c):
            raise UsageError(f"c = {self.c} is no factor", next_step="give a c above 0")

    def holds(self, classes: Classes) -> Flags:
        """(classes,) whether the most frequent value is rare enough."""
        entries = histogram(classes, self.of)
        order = np.lexsort((-entries.count, entries.owner))
        owner, count = entries.owner[order], entries.count[order]
        starts = np.searchsorted(owner, np.arange(len(classes)))
        rank = np.arange(len(owner)) - starts[owner]
        most = np.bincount(owner, weights=np.where(rank == 0, count, 0), minlength=len(classes))
        rest = np.bincount(owner, weights=np.where(rank >= self.l - 1, count, 0), minlength=len(classes))
        held: Flags = most < self.c * rest
        return held

    @property
    def statement(self) -> str:
        """What holds."""
        return (
            f"recursive (c, l) = ({self.c:g}, {self.l:g}): among rows that agree, the commonest value of {self.of!r} "
            f"is rarer than {self.c:g} times all from the {self.l:g}th on"
        )


def grassberger(count: Whole | Floats) -> Floats:
    """G of counts, in place of logarithms: G(2n) = G(2n + 1) = -gamma - log 2 + sum of 2 / (2j - 1) for j up to n."""
    pairs = np.asarray(count, dtype=np.int64) // 2
    known, place = np.unique(pairs, return_inverse=True)
    exact = min(int(known.max(initial=0)), 64)
    terms = np.concatenate([[0.0], np.cumsum(2 / (2 * np.arange(1, exact + 1) - 1))]) - np.euler_gamma - np.log(2)
    large = np.maximum(known, 1).astype(np.float64)
    # psi(n + 1/2) + log 2 by its asymptotic series; past 64 what is left out is below 1e-16
    series = np.log(2 * large) + 1 / (24 * large**2) - 7 / (960 * large**4) + 31 / (8064 * large**6)
    return np.where(known <= exact, terms[np.minimum(known, exact)], series)[place].reshape(np.shape(count))


def _values(entries: Histogram, classes: Classes) -> Whole:
    return np.bincount(entries.owner, minlength=len(classes))
