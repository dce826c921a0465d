"""Cyclic boosting: each turn, one feature's bins are cut into leaves at random, and residuals are summed by leaf.

Where bins are cut does not depend on the data, so a turn's only release is the sums of its leaves. A record is in one
leaf and its residual is clipped: that is the sensitivity, however many leaves there are. How many records a leaf holds
follows from the first histogram. Gaussian turns compose exactly, so there are many of them and each goes a short way;
Laplace turns are dear, so there are few.

Reference:
    Nori, Caruana, Bu, Shen and Kulkarni 2021, "Accuracy, interpretability, and differential privacy via explainable
    boosting", algorithm 2 and theorem 1. There residuals are not bounded by clipping but by the range of targets.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from casemate.privacy.dp.boosting.bins import Bins
from casemate.privacy.dp.linear.grid import Clip
from casemate.privacy.dp.sums import NoisySums, Query

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

RESIDUAL_BITS: Final = 16
"""Steps of residuals, as a power of two below 1."""
AIM: Final = 0.25
"""Deviation of a leaf's score by noise, at most, after all turns."""


@dataclass(frozen=True)
class Course:
    """How boosting goes, fixed beforehand.

    Attributes:
        epochs: turns of each feature.
        rate: share of a leaf's Newton step that is taken.
        steepness: curvature of one record's loss, at most.
        leaves: of a number, in a turn; with two, it is cut somewhere in the middle half of its bins.
    """

    epochs: int
    rate: float
    steepness: float
    leaves: int = 4


def boosted(
    ask: NoisySums,
    bins: list[Bins],
    places: Codes,
    residuals: Callable[[Floats], Floats],
    clip: Clip,
    outputs: int,
    course: Course,
    share: float,
    draw: np.random.Generator,
) -> list[Floats]:
    """The (bins, outputs) scores of every feature.

    Args:
        ask: is asked once a turn.
        bins: of every feature.
        places: (n, d) bins of records.
        residuals: from (n, outputs) scores to what they lack.
        clip: of residuals.
        outputs: scores of a record.
        course: how it goes.
        share: of the budget.
        draw: cuts bins; public.
    """
    tables = [np.zeros((len(each.counts), outputs)) for each in bins]
    scores = np.zeros((len(places), outputs))
    part = share / (course.epochs * len(bins))
    for _ in range(course.epochs):
        for at, each in enumerate(bins):
            leaves, many = _leaves(each, course.leaves, draw)
            leaf = leaves[places[:, at]]
            lacking = clip(residuals(scores))
            total = np.zeros((many, outputs))
            for output in range(outputs):
                total[:, output] = np.bincount(leaf, lacking[:, output], minlength=many)
            found = ask(Query(total, clip.steps, part))
            noise = float(found.deviation.max()) * 2.0**-RESIDUAL_BITS
            steep = course.steepness * np.bincount(leaves, each.counts, minlength=many)
            damped = steep + course.rate * math.sqrt(course.epochs) * noise / AIM
            step = course.rate * found.total * 2.0**-RESIDUAL_BITS / damped[:, None]
            tables[at] += step[leaves]
            scores += step[leaf]
    return tables


def _leaves(bins: Bins, wanted: int, draw: np.random.Generator) -> tuple[Codes, int]:
    """The leaf of each bin, and how many leaves there are: each category by itself, numbers cut at random."""
    size = len(bins.counts)
    if bins.nominal or size <= wanted:
        return np.arange(size), size
    if wanted == 2:
        cuts = draw.integers(size // 4, size - size // 4, 1).clip(1, size - 1)
    else:
        cuts = draw.choice(size - 1, wanted - 1, replace=False) + 1
    found = np.zeros(size, dtype=np.intp)
    found[cuts] = 1
    return np.cumsum(found), wanted
