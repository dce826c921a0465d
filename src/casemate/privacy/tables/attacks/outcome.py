"""What came of an attack: a rate with its bounds, and what would have come of it without the release."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from casemate.core.errors import UsageError
from casemate.core.measurement import Interval
from casemate.privacy.tables.hierarchies import Floats, Whole
from casemate.stats import Estimate, clopper_pearson, clustered_proportion, mover, paired_difference_bounds

ONE_SIDED: Final = 0.9
"""The upper end of a two-sided interval of this confidence is a one-sided bound of 95 %."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """Trials of one attack.

    Attributes:
        attack: which.
        setting: the attacker's knowledge in a few words.
        successes: (trials,) chance that each trial succeeds, over the attacker's own choices; 0 to 1.
        without: (trials,) the same for what the attacker could do without the release, or None where that is nothing.
        control: another outcome, of people who are not in the release; what succeeds there is no leak.
        classes: (trials,) number of the class that each trial's row is in, where trials are about rows.
    """

    attack: str
    setting: str
    successes: Floats
    without: Floats | None = None
    control: Outcome | None = field(default=None)
    classes: Whole | None = None

    def __post_init__(self) -> None:
        if not len(self.successes):
            raise UsageError("there is nobody to attack", next_step="give people whose rows are released")

    @property
    def trials(self) -> int:
        """How many."""
        return len(self.successes)

    @property
    def expected(self) -> float:
        """Expected number of successes."""
        return float(np.clip(self.successes.sum(), 0, self.trials))

    @property
    def rate(self) -> float:
        """Expected successes a trial."""
        return self.expected / self.trials

    @property
    def interval(self) -> Interval:
        """Two-sided, of 95 %: Clopper and Pearson's of as many whole successes.

        Trials are drawn independently from all people. A chance between 0 and 1 varies less than the success it stands
        for, so that the interval is wider than it had to be.
        """
        return clopper_pearson(self.expected, self.trials)

    @property
    def upper(self) -> float:
        """One-sided upper bound of 95 % on the rate."""
        return clopper_pearson(self.expected, self.trials, ONE_SIDED).high

    @property
    def clustered(self) -> Estimate:
        """The rate with an interval for tables like this one: rows of one class succeed and fail together.

        ``interval`` is about this table, of which people are drawn; where all are attacked, that one says too little.
        """
        if self.classes is None or len(np.unique(self.classes)) < 2:
            return Estimate(self.rate, self.interval, n=self.trials)
        _, place, trials = np.unique(self.classes, return_inverse=True, return_counts=True)
        successes = np.minimum(np.bincount(place, weights=self.successes), trials)
        return clustered_proportion(successes, trials)

    @property
    def worst(self) -> float:
        """The largest chance of a single trial."""
        return float(self.successes.max())

    @property
    def gain(self) -> Estimate:
        """The rate, less that of the attacker without the release, trial by trial."""
        before = np.zeros(self.trials) if self.without is None else self.without
        return change(before, self.successes)

    @property
    def excess(self) -> Estimate:
        """The gain, less that on people who are not in the release.

        Raises:
            UsageError: there are no such people.
        """
        if self.control is None:
            raise UsageError("there is no control group", next_step="give people who are not in the release")
        own, theirs = self.gain, self.control.gain
        low, high = mover((theirs.value, theirs.low, theirs.high), (own.value, own.low, own.high))
        interval = Interval(max(float(low), -1.0), min(float(high), 1.0), 0.95, "mover")
        return Estimate(own.value - theirs.value, interval, n=own.n + theirs.n)


def change(before: Floats, after: Floats) -> Estimate:
    """How a rate changed on the same trials, whose outcomes may be chances: both ways are bounded, and joined."""
    more, less = float(np.maximum(after - before, 0).sum()), float(np.maximum(before - after, 0).sum())
    low, high = paired_difference_bounds(less, more, len(before))
    interval = Interval(float(low), float(high), 0.95, "mover-clopper-pearson-paired")
    return Estimate((more - less) / len(before), interval, n=len(before))
