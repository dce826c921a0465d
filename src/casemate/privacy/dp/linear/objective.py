"""Logistic loss plus one random linear term, minimized: a pure budget is spent once, however long minimizing takes.

The minimum and the random term determine each other, so that the minimum's density is the term's, times a Jacobian that
one record changes by a bounded factor (its curvature against the ridge). A computer finds the minimum nearly, and the
term lies on a grid; what both are off by is bounded by the gradient that is left over the ridge, and a second, very
small noise covers it. Laplace noise and rows of bounded L1 norm suit rows of few entries, as codes of categories are.

References:
    Chaudhuri, Monteleoni and Sarwate 2011, "Differentially private empirical risk minimization", algorithm 2; Kifer,
    Smith and Thakurta 2012, "Private convex empirical risk minimization"; for minima that are nearly found, Iyengar et
    al. 2019, "Towards practical differentially private convex optimization", algorithm 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import expit, logsumexp, softmax

from casemate.core.errors import DataError
from casemate.privacy.dp.certificate import Certificate
from casemate.privacy.dp.linear.defaults import COVERING, slanting
from casemate.privacy.dp.linear.descent import Budget, Release
from casemate.privacy.dp.linear.grid import MOST, Floats
from casemate.privacy.dp.noise import DISTANCE, Entropy, laplace

FINE: Final = 2.0**28
"""Scale of the random term in steps of its grid."""
COARSE: Final = 2.0**10
"""What the covering noise hides, in steps of its own grid."""
SMALL: Final = 1e-6
"""Length of the gradient at which minimizing ends; the sum's, not the mean's."""
HEAVIEST: Final = 2.0**14
"""No minimum is as far away: see ``_left``."""
BLOCK: Final = 1024
"""Rows that are summed at once, so that rounding adds up over blocks and not over rows."""
DENSE: Final = 1500
"""Parameters up to which curvature is held as a matrix."""
TURNS: Final = 200
MISSED: Final = 4096
"""Parts into which the worst q is searched."""
ULP: Final = float(np.finfo(np.longdouble).eps)
"""Of the numbers in which the gradient that is left is looked at: where the machine has none that are longer than 64
bits, more noise has to cover what rounding leaves."""


@dataclass(frozen=True)
class Term:
    """How the budget is divided, from public numbers alone.

    Attributes:
        ridge: weight of the squared norm over two.
        scale: of the Laplace noise in each coordinate of the linear term.
        bound: one record's largest L1 norm in the gradient.
        cover: what hiding the distance to the minimum costs.
    """

    ridge: float
    scale: float
    bound: float
    cover: float


def divided(budget: float, rows: int, outputs: int, longest: float, square: float, pull: float) -> Term:
    """Ridge and noise for a pure budget.

    A record that is missed by q (1 minus the probability of its class) adds q to the gradient, or 2 q where there are
    more than two classes, times its norm; its curvature has the trace ``bow``, which is small where q is near 0 or 1,
    and the determinant grows most where that is spread evenly over its rank. What both cost together is charged at the
    worst q, which is less than the sum of the worst of each.

    Args:
        budget: epsilon.
        rows: how many there are, which is public.
        outputs: 1 for two classes, else classes.
        longest: largest L1 norm of a row, the intercept's constant included.
        square: largest squared L2 norm of it.
        pull: ridge that the user wants at least.
    """
    bound = longest * (1.0 if outputs == 1 else 2.0)
    cover = COVERING * budget
    rest = budget - cover
    missed = np.linspace(0.0, 1.0, MISSED + 1)
    bow, rank = square * bows(missed, outputs), max(outputs - 1, 1)
    between = np.maximum(bow[:-1], bow[1:])
    peak = int(bow.argmax())
    between[max(peak - 1, 0) : peak + 1] += 2 * square / MISSED**2  # curved by 2 at most, flat at the peak

    def scale(ridge: float) -> float:
        left = rest - rank * np.log1p(between / (rank * ridge))
        return float((bound * missed[1:] / left).max()) * (1 + 2.0**-40) if left.min() > 0 else math.inf

    low, high = between.max() / (rank * math.expm1(min(rest / rank, 500.0))), 2.0**40 / min(rest, 1.0)
    most = slanting(rows, budget)
    for _ in range(200):  # less noise and more ridge both move scores less
        middle = math.sqrt(low * high)
        low, high = (low, middle) if math.sqrt(2) * scale(middle) / middle <= most else (middle, high)
    ridge = max(high, pull)
    return Term(ridge, scale(ridge), bound, cover)


def bows(missed: Floats, outputs: int) -> Floats:
    """Largest trace of one record's curvature over its squared norm, if its class has probability 1 - ``missed``."""
    if outputs == 1:
        return missed * (1 - missed)
    return 1 - (1 - missed) ** 2 - missed**2 / (outputs - 1)


def perturbed(
    rows: Floats, codes: npt.NDArray[np.intp], outputs: int, term: Term, entropy: Entropy
) -> tuple[Floats, Release]:
    """The weights, and the release of what covers them.

    Args:
        rows: (n, d) rows within the bounds that ``term`` was made for.
        codes: (n,) classes.
        outputs: 1 for two classes, else classes.
        term: how the budget is divided.
        entropy: where noise comes from.

    Returns:
        (d, outputs) weights.

    Raises:
        DataError: there are too many rows, or the minimum was not found.
    """
    n, d = rows.shape
    if n > MOST:
        raise DataError(f"{n:,} rows are too many", cause=f"{MOST:,} are the most", next_step="train on a sample")
    size = d * outputs
    grid = term.scale / FINE
    slant: Floats = laplace(FINE, size, entropy).reshape(d, outputs) * np.float64(grid)
    loss = _Logistic(rows, codes, outputs, term.ridge, slant)
    weights = _minimum(loss)
    far = 2 * math.sqrt(size) * _left(n, size, grid) / term.ridge  # of two data sets, in L1
    step = far / COARSE
    release = Release(Budget(term.cover), 1, COARSE + size, (d, outputs), entropy)
    return release(np.rint(weights / step)) * step, release


def certificate(
    term: Term, budget: float, size: int, entropy: Entropy, assumed: tuple[str, ...], pull: float, norm: float
) -> Certificate:
    """What was spent, and on what."""
    return Certificate(
        mechanism="objective perturbation with rounded Laplace noise",
        relation="zero_out",
        epsilon=budget,
        delta=0.0,
        curve=(),
        sensitivity=term.bound / term.scale * FINE,
        noise=FINE,
        releases=1,
        grid=term.scale / FINE,
        sampler="every record in every release",
        entropy=entropy.name,
        trusted=entropy.trusted,
        distance=2 * size * DISTANCE,
        assumed=assumed,
        settings={"data_norm": norm, "ridge": term.ridge, "cover": term.cover, "pull": pull},
    )


def _left(rows: int, size: int, grid: float) -> float:
    """The gradient that is left at most: of minimizing, of the term's grid, of floating point.

    A score is off by ``size`` roundings of numbers below ``HEAVIEST`` (a residual moves by a quarter of that), a
    residual by some of its own, and sums by one a row of a block and one a block. The minimum is nearer than
    ``HEAVIEST``: at 0 the objective is n log 2, so the ridge keeps weights below its root's size, under 9,000 with
    ``MOST`` rows and a budget of 1, unless the random term is hundreds of times its scale.
    """
    floating = rows * ULP * (size * HEAVIEST / 4 + 16 + BLOCK + rows / BLOCK)
    return SMALL + math.sqrt(size) * grid / 2 + 2 * floating


class _Logistic:
    """The objective: sums over rows, ridge, linear term."""

    def __init__(self, rows: Floats, codes: npt.NDArray[np.intp], outputs: int, ridge: float, slant: Floats) -> None:
        self.rows, self.codes, self.outputs, self.ridge, self.slant = rows, codes, outputs, ridge, slant

    def value(self, weights: Floats) -> float:
        """The objective."""
        scores = self.rows @ weights
        if self.outputs == 1:
            loss = np.logaddexp(0.0, np.where(self.codes[:, None] == 1, -scores, scores)).sum()
        else:
            loss = (logsumexp(scores, axis=1) - scores[np.arange(len(scores)), self.codes]).sum()
        return float(loss + self.ridge / 2 * (weights**2).sum() + (self.slant * weights).sum())

    def said(self, weights: Floats) -> Floats:
        """(n, outputs) probabilities."""
        scores = self.rows @ weights
        return np.asarray(expit(scores) if self.outputs == 1 else softmax(scores, axis=1))

    def slope(self, weights: Floats, said: Floats) -> Floats:
        """(d, outputs) gradient, summed by blocks."""
        wanted = self.codes[:, None] == 1 if self.outputs == 1 else np.arange(self.outputs) == self.codes[:, None]
        residuals = said - wanted
        total = self.ridge * weights + self.slant
        for start in range(0, len(residuals), BLOCK):
            total += self.rows[start : start + BLOCK].T @ residuals[start : start + BLOCK]
        return np.asarray(total)

    def left(self, weights: Floats) -> float:
        """Length of the gradient in long numbers, whose rounding ``_left`` bounds."""
        long: Any = np.longdouble  # for the types it is a float, as all others here
        total: Floats = self.slant.astype(long) + long(self.ridge) * weights.astype(long)
        for start in range(0, len(self.rows), BLOCK):
            rows, codes = self.rows[start : start + BLOCK].astype(long), self.codes[start : start + BLOCK]
            part = _Logistic(rows, codes, self.outputs, 0.0, total)
            total = part.slope(np.zeros_like(total), part.said(weights.astype(long)))
        return float(np.linalg.norm(total.astype(np.float64)))

    def step(self, slope: Floats, said: Floats) -> Floats:
        """Newton's step."""
        if slope.size <= DENSE:
            return np.asarray(np.linalg.solve(self._curvature(said), slope.ravel()).reshape(slope.shape), np.float64)

        def bent(flat: Floats) -> Floats:
            moved = self.rows @ flat.reshape(slope.shape)
            pushed = said * (1 - said) * moved if self.outputs == 1 else said * moved
            if self.outputs > 1:
                pushed -= said * pushed.sum(axis=1, keepdims=True)
            found: Floats = (self.rows.T @ pushed).ravel() + self.ridge * flat
            return found

        operator = LinearOperator((slope.size, slope.size), matvec=bent, dtype=np.float64)
        exact = min(0.1, math.sqrt(float(np.linalg.norm(slope)) / len(said)))
        found, _ = cg(operator, slope.ravel(), rtol=exact, maxiter=slope.size)
        return np.asarray(found).reshape(slope.shape)

    def _curvature(self, said: Floats) -> Floats:
        d, outputs = self.rows.shape[1], self.outputs
        made = np.zeros((d, outputs, d, outputs))
        for one in range(outputs):
            for two in range(one + 1):
                share = said[:, one] * ((one == two) - said[:, two])
                made[:, one, :, two] = made[:, two, :, one] = (self.rows * share[:, None]).T @ self.rows
        flat = made.reshape(d * outputs, d * outputs)
        flat[np.diag_indices(d * outputs)] += self.ridge
        return flat


def _minimum(loss: _Logistic) -> Floats:
    """Newton's method, steps halved until the objective falls; each turn gains, for the objective is strongly convex.

    Raises:
        DataError: it ended without a gradient below ``SMALL``.
    """
    weights = np.zeros_like(loss.slant)
    for _ in range(TURNS):
        said = loss.said(weights)
        slope = loss.slope(weights, said)
        small = np.linalg.norm(slope) <= SMALL and np.abs(weights).max() <= HEAVIEST
        if small and loss.left(weights) <= SMALL:
            return weights
        step, before = loss.step(slope, said), loss.value(weights)
        length, fall = 1.0, float((slope * step).sum())
        # near the minimum values differ by less than they are rounded; there whole steps are right
        while length > 1e-6 and loss.value(weights - length * step) > before - 1e-4 * length * fall + 1e-9 * abs(
            before
        ):
            length /= 2
        weights = weights - length * step
    raise DataError(
        "the minimum of the perturbed loss was not found",
        cause=f"the gradient is still above {SMALL:g} after {TURNS} Newton steps",
        next_step="give delta=, whose method needs no minimum",
    )
