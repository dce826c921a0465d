"""Which rows to ask about next when the logits are affine: sequential optimal design near the decision boundary.

An answer tells most where the probability is near one half: a rounded answer at p has a logit interval of width
delta / (p (1 - p)), and a label says nothing new far from the boundary. So candidates are blended towards the current
boundary (which costs no queries), and of those the rows are asked whose answers tell most about the logits of the
population.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from casemate.threats.extraction.affine import Affine
from casemate.threats.extraction.space import InputSpace

Floats = npt.NDArray[np.float64]


@dataclass
class Precision:
    """The inverse of the information gathered so far, for the d + 1 weights of one contrast."""

    inverse: Floats

    @classmethod
    def prior(cls, width: int, ridge: float) -> Precision:
        """Nothing asked yet."""
        return cls(np.eye(width) / ridge)

    def variance(self, design: Floats) -> Floats:
        """(n,) variance of the logit at each row."""
        return np.asarray(np.sum((design @ self.inverse) * design, axis=1))

    def add(self, row: Floats, weight: float) -> None:
        """Account for one more answer (rank-one update)."""
        along = self.inverse @ row
        self.inverse -= np.outer(along, along) * (weight / (1.0 + weight * float(row @ along)))


def candidates(space: InputSpace, now: Affine, count: int, spread: float, rng: np.random.Generator) -> Floats:
    """Rows near the current boundary between the two likeliest classes, in all directions.

    Args:
        space: what may be typed.
        now: the current estimate.
        count: how many.
        spread: standard deviation of the logit they are blended to.
        rng: where randomness comes from.

    Returns:
        (count, columns) values: own rows, mixes of columns and corners, each blended with another one such that the
        margin of its first class over its second comes close to a draw from N(0, spread^2).
    """
    third = count // 3 + 1
    pool = [space.sample(third, rng), space.corners(third, rng)]
    pool.append(
        space.sample(third, rng) if space.values is None else space.values[rng.integers(len(space.values), size=third)]
    )
    start = np.concatenate(pool)[rng.permutation(3 * third)[:count]]
    end = start[rng.permutation(count)]
    return blend(space, now, start, end, spread * rng.standard_normal(count))


def blend(space: InputSpace, now: Affine, start: Floats, end: Floats, aim: Floats) -> Floats:
    """Move each start row towards its end row until its margin is as near as possible to ``aim``.

    Numbers move along the line; the categories of the end row come in one by one along the way. Only the current
    estimate is consulted. The margin is that of the start's best class against the end's best other class.
    """
    rows = np.arange(len(start))
    first = now.logits(space.encode(start)).argmax(axis=1)
    rivals = now.logits(space.encode(end))
    rivals[rows, first] = -np.inf
    second = rivals.argmax(axis=1)
    numeric = np.array([not field.levels for field in space.fields])
    switch = (np.arange(len(space.fields)) + 0.5) / len(space.fields)
    best = start.copy()
    gap = np.full(len(start), np.inf)
    for share in np.linspace(0.0, 1.0, 9):
        moved = start + share * (end - start)
        holes = np.isnan(start) | np.isnan(end)
        jumped = np.where(switch < share, end, start)
        row = space.clip(np.where(numeric & ~holes, moved, jumped))
        z = now.logits(space.encode(row))
        off = np.abs(z[rows, first] - z[rows, second] - aim)
        better = off < gap
        best[better], gap[better] = row[better], off[better]
    return best


def choose(
    design: Floats, information: Floats, known: Precision, count: int, *, population: Floats, weight: Floats
) -> npt.NDArray[np.intp]:
    """Pick rows greedily so that the logits of the population become known; ``known`` is updated.

    One more answer at x with information w takes w c^2 / (1 + w v) from the variance of a logit whose covariance with
    the logit at x is c, where v is the variance at x.

    Args:
        design: (n, d + 1) candidates, with a first column of ones.
        information: (n,) what an answer at each would tell.
        known: what is known so far.
        count: how many to pick.
        population: (r, d + 1) rows whose logits matter.
        weight: (r,) how much they matter.

    Returns:
        Positions in ``design``.

    Reference:
        Fedorov 1972, "Theory of Optimal Experiments", chapter 3 (sequential V-optimality).
    """
    picks: list[int] = []
    left = np.ones(len(design), dtype=bool)
    across = design @ known.inverse @ population.T
    variance = known.variance(design)
    for _ in range(min(count, len(design))):
        gain = information * (across**2 @ weight) / (1.0 + information * variance)
        pick = int(np.where(left, gain, -1.0).argmax())
        picks.append(pick)
        left[pick] = False
        share = float(information[pick] / (1.0 + information[pick] * variance[pick]))
        here = design @ (known.inverse @ design[pick])
        there = across[pick].copy()
        known.add(design[pick], float(information[pick]))
        across -= share * np.outer(here, there)
        variance -= share * here**2
    return np.array(picks, dtype=np.intp)
