"""What an answer says about the model's logits: exact values, intervals, or only which one is largest.

A *contrast* compares class ``high`` with class ``low``: t = z[high] - z[low] = log p[high] - log p[low]. Every answer,
whatever the policy, becomes bounds on contrasts, so one estimator serves all policies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from casemate.targets.target import Target

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

FLOOR = 1e-300
"""Probabilities below this leave no finite logit."""


@dataclass(frozen=True)
class Bounds:
    """Bounds on contrasts, one a line.

    Attributes:
        row: (m,) the query the line belongs to.
        high, low: (m,) the two classes compared.
        lower, upper: (m,) bounds of z[high] - z[low]; equal for exact answers, infinite where nothing is known.
    """

    row: Codes
    high: Codes
    low: Codes
    lower: Floats
    upper: Floats

    @property
    def exact(self) -> bool:
        """Whether every line is an equation."""
        return bool(np.all(self.lower == self.upper))

    @classmethod
    def none(cls) -> Bounds:
        """Nothing asked yet."""
        nobody = np.empty(0, dtype=np.int64)
        return cls(nobody, nobody, nobody, np.empty(0), np.empty(0))

    def scale(self, softness: float, floor: float) -> Floats:
        """(m,) scale of a latent noise: in proportion to an interval's width, ``floor`` where it is one-sided."""
        width = self.upper - self.lower
        return np.where(np.isfinite(width), np.maximum(softness * width, 1e-9), floor)

    def after(self, earlier: Bounds, rows: int) -> Bounds:
        """``earlier``, which is about ``rows`` queries, followed by these."""
        return Bounds(
            np.concatenate([earlier.row, self.row + rows]),
            np.concatenate([earlier.high, self.high]),
            np.concatenate([earlier.low, self.low]),
            np.concatenate([earlier.lower, self.lower]),
            np.concatenate([earlier.upper, self.upper]),
        )


def ask(target: Target, rows: pd.DataFrame) -> Bounds:
    """Ask about these rows, each once, and say what the answers reveal under the target's policy."""
    if not target.gives_scores:
        return from_labels(target.labels(rows), len(target.classes))
    return from_scores(target.scores(rows), target.answers.digits)


def from_labels(labels: Codes, classes: int) -> Bounds:
    """The winner's logit is at least that of every other class."""
    rows, others = np.nonzero(np.arange(classes)[None, :] != labels[:, None])
    winners = labels[rows]
    return Bounds(rows, winners, others, np.zeros(len(rows)), np.full(len(rows), np.inf))


def from_scores(scores: Floats, digits: int | None) -> Bounds:
    """Contrasts of each row's most probable class with the others, known up to rounding.

    Example:
        >>> told = from_scores(np.array([[0.25, 0.75]]), None)
        >>> float(np.exp(told.lower[0]).round(12)), told.exact
        (3.0, True)
    """
    classes = scores.shape[1]
    best = scores.argmax(axis=1)
    rows, others = np.nonzero(np.arange(classes)[None, :] != best[:, None])
    half = 0.0 if digits is None else 0.5 * 10.0**-digits
    above = np.minimum(scores + half, 1.0)
    below = np.maximum(scores - half, 0.0)
    if half and classes == 2:  # both columns were rounded, and they add up to one
        above, below = np.minimum(above, 1.0 - below[:, ::-1]), np.maximum(below, 1.0 - above[:, ::-1])
    winner, other = best[rows], others
    with np.errstate(divide="ignore"):
        least = np.log(np.maximum(below[rows, winner], FLOOR)) - np.log(above[rows, other])
        most = np.log(above[rows, winner]) - np.log(below[rows, other])
    return Bounds(rows, winner, others, np.where(np.isfinite(least), least, -np.log(FLOOR)), most)
