"""What a budget leaves of a model's skill for so many rows, said before any of it is spent: no data are looked at."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression as Plain

from casemate.core.errors import UsageError

TRUTH: Final = 0.9
"""Share of labels that the best rule would give rightly."""
MOST: Final = 20_000
"""Rows that are imagined at most."""
TESTED: Final = 4_000
"""Rows to test on."""
TIMES: Final = 5
"""Repetitions."""


@dataclass(frozen=True)
class Forecast:
    """Accuracies in an imagined task of two equally frequent classes, where the best rule reaches ``TRUTH``.

    Attributes:
        private: mean over repetitions.
        deviation: between repetitions.
        plain: of a model without privacy that learns from as many rows.
    """

    private: float
    deviation: float
    plain: float

    def __str__(self) -> str:
        return (
            f"of an imagined task's {TRUTH:.0%} a model that is not private learns {self.plain:.1%} from so many "
            f"rows, this one {self.private:.1%} +- {self.deviation:.1%}; guessing gives 50.0%"
        )


def forecast(model: Any, rows: int, columns: int, *, seed: int = 0) -> Forecast:
    """Train a private classifier on imagined rows of one informative direction, repeatedly; nothing is spent.

    Args:
        model: a private classifier with ``random_state``, for example `casemate.privacy.dp.LogisticRegression`; its
            clones are trained with seeds and without its classes.
        rows: that will be trained on; more than ``MOST`` are imagined as so many, at a budget as much larger.
        columns: of them.
        seed: of the imagined rows.

    Raises:
        UsageError: there are fewer than 4 rows, or no columns.

    Example:
        >>> from casemate.privacy.dp import LogisticRegression
        >>> few, many = (forecast(LogisticRegression(0.5), rows, 10) for rows in (100, 10_000))
        >>> few.private < 0.75 < 0.8 < many.private
        True
    """
    if rows < 4 or columns < 1:
        raise UsageError(f"{rows} rows of {columns} columns teach nothing", next_step="give more rows")
    random = np.random.default_rng([seed, rows, columns])
    imagined = min(rows, MOST)
    scores = []
    for number in range(TIMES):
        way = random.normal(size=columns)
        x, y = _drawn(random, imagined, way)
        test, truth = _drawn(random, TESTED, way)
        private = clone(model).set_params(classes=(0, 1), random_state=number, epsilon=model.epsilon * rows / imagined)
        with warnings.catch_warnings(action="ignore"):
            found = [each.fit(x, y).predict(test) for each in (private, Plain())]
        scores.append([(each == truth).mean() for each in found])
    mean, deviation = np.mean(scores, axis=0), np.std(scores, axis=0, ddof=1)
    return Forecast(float(mean[0]), float(deviation[0]), float(mean[1]))


def _drawn(random: np.random.Generator, rows: int, way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of norm 1 at most, and labels that follow one direction but for a tenth."""
    x = random.normal(size=(rows, len(way)))
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    y = (x @ way > 0) ^ (random.random(rows) > TRUTH)
    y[:2] = (False, True)  # both classes occur, however few rows there are
    return x, y.astype(int)
