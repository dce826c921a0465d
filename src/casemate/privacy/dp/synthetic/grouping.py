"""Codes with few records are joined, judged by noisy counts alone, so that later marginals have cells worth measuring.

What is joined is told apart again when records are drawn: by the noisy counts of its members.

Reference:
    McKenna, Miklau and Sheldon 2021, "Winning the NIST contest", section 4.3 (arXiv 2108.04978): rare categories are
    joined to one. For numbers, neighboring bins are joined instead, into intervals that hold about equally many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from casemate.privacy.dp.synthetic.meter import Floats, Measured, Whole

RARE: Final = 3.0
"""Deviations of the noise below which a category is rare."""
INTERVALS: Final = 32
"""Of a column of numbers that are kept apart, at most, about."""


@dataclass(frozen=True, eq=False)
class Groups:
    """How the codes of a column are joined.

    Attributes:
        group: (codes,) number of the group of each.
        within: (codes,) share of its group's records that have it.
        measured: the marginal, in groups.
    """

    group: Whole
    within: Floats
    measured: Measured

    @property
    def size(self) -> int:
        """How many groups there are."""
        return int(self.measured.counts.size)

    def draw(self, groups: Whole, random: np.random.Generator) -> Whole:
        """A code for each group in a list."""
        order = np.argsort(self.group, kind="stable")
        edges = np.cumsum(self.within[order]) + 0.0
        start = np.concatenate([[0.0], edges])[np.searchsorted(self.group[order], np.arange(self.size))]
        # shares of a group add up to 1, so each group is an interval of length 1
        at = np.searchsorted(edges, start[groups] + random.random(len(groups)) * (1 - 1e-9), side="right")
        return order[np.minimum(at, len(order) - 1)]


def grouped(measured: Measured, ordered: bool, missing: bool) -> Groups:
    """Join the codes of a column.

    Args:
        measured: its marginal.
        ordered: whether neighbors are joined.
        missing: whether the last code stands for missing values, which are no neighbor of any.
    """
    counts, variance = measured.counts, 1 / measured.precision
    limit = RARE * np.sqrt(variance)
    if ordered:
        group = _neighbors(counts, variance, len(counts) - missing)
    else:
        rare = counts < limit
        group = np.empty(len(counts), dtype=np.int64)
        group[~rare] = np.arange(int((~rare).sum()))
        group[rare] = int((~rare).sum())
    size = int(group.max()) + 1
    joined, noise = (np.bincount(group, each, size).astype(np.float64) for each in (counts, variance))
    positive = np.maximum(counts, 0.0)
    whole = np.bincount(group, positive, size)
    even = 1 / np.bincount(group, minlength=size)
    within = np.where(whole[group] > 0, positive / np.maximum(whole[group], 1e-300), even[group])
    return Groups(group, within, Measured(measured.columns, joined, 1 / noise))


def _neighbors(counts: Floats, variance: Floats, bins: int) -> Whole:
    """From left to right: an interval ends once it holds enough to stand out, and its part of all records."""
    part = max(float(counts.sum()), 0.0) / INTERVALS
    group, number, held, doubt = np.zeros(len(counts), dtype=np.int64), 0, 0.0, 0.0
    for place in range(bins):
        group[place] = number
        held, doubt = held + counts[place], doubt + variance[place]
        if held >= max(RARE * float(np.sqrt(doubt)), part):
            number, held, doubt = number + 1, 0.0, 0.0
    if held or doubt:  # what is left over joins the last interval, if there is one
        group[group == number] = max(number - 1, 0)
        number = max(number, 1)
    group[bins:] = number
    return group
