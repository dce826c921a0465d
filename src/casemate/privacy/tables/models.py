"""Privacy models: what must be true of each class of records that no quasi-identifier tells apart.

A search may skip nodes for two reasons, which each model answers for itself. ``growing``: a class that holds still
holds with any records added, so that generalizing never makes more records fail. ``merging``: two classes that hold
make one that holds, so that without suppression everything above a valid node is valid. ``may`` is a growing condition
that every class that holds fulfils; where even that fails for too many records, nothing below the node can be valid.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from casemate.core.errors import UsageError
from casemate.privacy.tables.coding import Histogram
from casemate.privacy.tables.groups import Classes
from casemate.privacy.tables.hierarchies import Flags, Floats, Whole

ROUNDING = 1e-12
"""Shares that differ from a threshold by no more than this meet it."""


class Model(ABC):
    """A condition on classes.

    Attributes:
        growing: what held holds with records added.
        merging: two classes that hold make one that holds.
        binding: it also binds classes that only the population has, which nothing can suppress.
    """

    growing: ClassVar[bool]
    merging: ClassVar[bool]
    binding: ClassVar[bool] = False

    @abstractmethod
    def holds(self, classes: Classes) -> Flags:
        """(classes,) whether each fulfils the condition; where a class has no record to release it does not matter."""

    def may(self, classes: Classes) -> Flags:
        """(classes,) false only where the class, and each part of it, fails."""
        return self.holds(classes) if self.growing else np.ones(len(classes), dtype=bool)

    @property
    def attribute(self) -> str:
        """The sensitive attribute that it looks at; empty if none."""
        return ""

    @property
    @abstractmethod
    def statement(self) -> str:
        """What is true of a released row when it holds."""

    @property
    @abstractmethod
    def limit(self) -> str:
        """What it does not protect against."""


@dataclass(frozen=True)
class KAnonymity(Model):
    """At least k records in each class.

    Samarati & Sweeney, Protecting privacy when disclosing information, SRI-CSL-98-04, 1998.

    Attributes:
        k: least number of records.
    """

    k: int

    growing = True
    merging = True

    def __post_init__(self) -> None:
        check_count("k", self.k)

    def holds(self, classes: Classes) -> Flags:
        """(classes,) whether each has k records."""
        return classes.inside >= self.k

    @property
    def statement(self) -> str:
        """What holds."""
        return f"k = {self.k}: each released row agrees with at least {self.k - 1} others on all quasi-identifiers"

    @property
    def limit(self) -> str:
        """What it leaves open."""
        return "rows that agree may have the same sensitive value, which is then disclosed without telling them apart"


@dataclass(frozen=True)
class KMap(Model):
    """At least k people of the population look like each record that is released.

    Sweeney, Computational disclosure control, PhD thesis, MIT 2001, section 4.3; El Emam & Dankar, JAMIA 15, 2008.

    Attributes:
        k: least number of records in the population, of which the released ones are a part.
    """

    k: int

    growing = True
    merging = True

    def __post_init__(self) -> None:
        check_count("k", self.k)

    def holds(self, classes: Classes) -> Flags:
        """(classes,) whether the population has k records of each."""
        return classes.population >= self.k

    @property
    def statement(self) -> str:
        """What holds."""
        return f"k-map with k = {self.k}: at least {self.k} rows of the population agree with each released row"

    @property
    def limit(self) -> str:
        """What it leaves open."""
        return "whoever knows that a person is among the released rows may find that person's row"


@dataclass(frozen=True)
class DeltaPresence(Model):
    """Of the people of the population who look alike, a share between two bounds is released.

    Nergiz, Atzori & Clifton, Hiding the presence of individuals from shared databases, SIGMOD 2007. A share of 0 is a
    share: with a lower bound above 0, a class of the population of which nobody is released breaks the condition, and
    no suppression mends that.

    Attributes:
        low, high: bounds of the share, from 0 to 1.
    """

    low: float
    high: float

    growing = False
    merging = True
    binding = True

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1 or self.high == 0:
            raise UsageError(
                f"shares from {self.low} to {self.high} are no bounds of presence",
                next_step="give two shares between 0 and 1, the lower one first",
            )

    def holds(self, classes: Classes) -> Flags:
        """(classes,) whether the share lies between the bounds."""
        share = classes.inside / classes.population
        return (share >= self.low) & (share <= self.high)

    def may(self, classes: Classes) -> Flags:
        """(classes,) whether there are enough people for one record, and a record at all where there must be one."""
        enough = classes.population * self.high >= 1 - ROUNDING
        return np.where(classes.inside > 0, enough, self.low == 0)

    @property
    def statement(self) -> str:
        """What holds."""
        return (
            f"delta-presence: of people who look alike, between {self.low:g} and {self.high:g} are in the released rows"
        )

    @property
    def limit(self) -> str:
        """What it leaves open."""
        return "shares are of this population; whoever knows more about who is in it can be surer"


def check_count(name: str, value: int) -> None:
    """Refuse what is no count from 1 up.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise UsageError(f"{name} = {value} is no count", next_step=f"give a whole {name} of at least 1")


def histogram(classes: Classes, attribute: str) -> Histogram:
    """The counts of a sensitive attribute.

    Raises:
        UsageError: they were not counted.
    """
    if attribute not in classes.histograms:
        raise UsageError(f"the attribute {attribute!r} was not counted", next_step="name it as a sensitive attribute")
    return classes.histograms[attribute]


def add_up(entries: Histogram, what: Floats | Whole, classes: Classes) -> Floats:
    """(classes,) sums of something said of each entry."""
    return np.asarray(np.bincount(entries.owner, weights=what, minlength=len(classes)), dtype=np.float64)
